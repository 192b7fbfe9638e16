package acl_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// fuzz.TestConformance replays Kafka's own rows about filters and validation.

var valid = acl.Binding{
	Pattern: resource.LiteralPattern(resource.Topic, "payments"),
	Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow},
}

// TestValidateNamesTheField makes one field invalid at a time. The error must name the
// field and say what is expected.
func TestValidateNamesTheField(t *testing.T) {
	require.NoError(t, valid.Validate())
	for _, tt := range []struct {
		breakIt     func(b *acl.Binding)
		field, mend string
	}{
		{func(b *acl.Binding) { b.Pattern.Type = resource.Any }, "resourceType", "TOPIC"},
		{func(b *acl.Binding) { b.Pattern.Type = 99 }, "resourceType", "TOPIC"},
		{func(b *acl.Binding) { b.Pattern.PatternType = resource.PatternMatch }, "patternType", "LITERAL or PREFIXED"},
		{func(b *acl.Binding) { b.Pattern.PatternType = 99 }, "patternType", "LITERAL or PREFIXED"},
		{func(b *acl.Binding) { b.Pattern.Name = "" }, "name", `"*"`},
		{func(b *acl.Binding) { b.Entry.Operation = ops.Any }, "operation", "READ"},
		{func(b *acl.Binding) { b.Entry.Operation = ops.Unknown }, "operation", "READ"},
		{func(b *acl.Binding) { b.Entry.Permission = acl.PermissionAny }, "permissionType", "ALLOW or DENY"},
		{func(b *acl.Binding) { b.Entry.Permission = -1 }, "permissionType", "ALLOW or DENY"},
		{func(b *acl.Binding) { b.Pattern.Name = "\xff" }, "name", "UTF-8"},
		{func(b *acl.Binding) { b.Entry.Principal = "User:\xff" }, "principal", "UTF-8"},
		{func(b *acl.Binding) { b.Entry.Host = "\xff" }, "host", "UTF-8"},
		{func(b *acl.Binding) { b.Entry.Principal = "alice" }, "principal", "User:alice"},
		{func(b *acl.Binding) { b.Entry.Host = "" }, "host", `"*"`},
		{func(b *acl.Binding) { b.Entry.Host = "10.0.0.0/33" }, "host", "10.0.0.0/8"},
		{func(b *acl.Binding) { b.Entry.Host = "example.com/test" }, "host", "10.0.0.0/8"},
		{func(b *acl.Binding) { b.Entry.Host = "fe80::1%eth0/64" }, "host", "10.0.0.0/8"},
	} {
		t.Run(tt.field, func(t *testing.T) {
			b := valid
			tt.breakIt(&b)
			var invalid *acl.InvalidError
			err := b.Validate()
			require.ErrorAs(t, err, &invalid, "%v: got %v, want field %s and %q", b, err, tt.field, tt.mend)
			assert.Equal(t, tt.field, invalid.Field, "%v: got %v, want field %s and %q", b, err, tt.field, tt.mend)
			assert.Contains(t, invalid.Msg, tt.mend, "%v: got %v, want field %s and %q", b, err, tt.field, tt.mend)
		})
	}
	for _, host := range []string{"10.0.0.0/8", "10.1.2.3/8", "2001:db8::/32", "::/0", "example.com", "10.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			b := valid
			b.Entry.Host = host
			assert.NoError(t, b.Validate())
		})
	}
	require.Error(t, (acl.Binding{}).Validate(), "a zero value is valid, or the filter for all is not")
	require.Error(t, (acl.Filter{}).Validate(), "a zero value is valid, or the filter for all is not")
	assert.NoError(t, acl.AnyBinding.Validate(), "a zero value is valid, or the filter for all is not")
}

// TestCompareSorts checks the order of listings with pairs that differ in one field.
func TestCompareSorts(t *testing.T) {
	change := func(f func(b *acl.Binding)) acl.Binding { b := valid; f(&b); return b }
	sorted := []acl.Binding{
		change(func(b *acl.Binding) { b.Pattern.Name = "a" }),
		valid,
		change(func(b *acl.Binding) { b.Entry.Permission = acl.Deny; b.Entry.Operation = ops.Write }),
		change(func(b *acl.Binding) { b.Entry.Operation = ops.Write }),
		change(func(b *acl.Binding) { b.Entry.Host = "10.0.0.1" }),
		change(func(b *acl.Binding) { b.Entry.Principal = "User:bob" }),
		change(func(b *acl.Binding) { b.Pattern.PatternType = resource.Prefixed }),
		change(func(b *acl.Binding) { b.Pattern.Type = resource.Group }),
	}
	for i, a := range sorted {
		t.Run(fmt.Sprint(a), func(t *testing.T) {
			for j, b := range sorted {
				got := a.Compare(b)
				assert.Equal(t, i < j, got < 0, "%v and %v compare %d", a, b, got)
				assert.Equal(t, i == j, got == 0, "%v and %v compare %d", a, b, got)
			}
		})
	}
}

// TestFilterOfSelectsOnlyItself checks every pair of some bindings.
func TestFilterOfSelectsOnlyItself(t *testing.T) {
	other := valid
	other.Entry.Principal = "User:*"
	star := valid
	star.Pattern.Name = "*"
	all := []acl.Binding{valid, other, star}
	for i, b := range all {
		t.Run(fmt.Sprintf("%+v", b), func(t *testing.T) {
			f := acl.FilterOf(b)
			assert.NoError(t, f.Validate(), "%v", f)
			got := slices.IndexFunc(all, f.Matches)
			assert.Equal(t, i, got, "%v selects %d, want %d", f, got, i)
		})
	}
}

func TestPermissionTypeRoundTrip(t *testing.T) {
	for code := -128; code <= 127; code++ {
		p := acl.PermissionType(code)
		known := code >= 0 && code <= 3
		text, err := p.MarshalText()
		assert.Equal(t, known, err == nil, "%v: text %q, %v", p, text, err)
		assert.Equal(t, known, (acl.PermissionTypeFromCode(int8(code)) == p), "%v: text %q, %v", p, text, err)
		var back acl.PermissionType
		if known && (back.UnmarshalText([]byte(p.DisplayName())) != nil || back != p) {
			t.Errorf("%v: read back as %v", p, back)
		}
	}
}

func TestHostAddress(t *testing.T) {
	assert.Equal(t, "", acl.HostAddress(netip.Addr{}))
	for addr, want := range map[string]string{
		"10.0.0.1":         "10.0.0.1",
		"::ffff:10.0.0.1":  "10.0.0.1",
		"::":               "0:0:0:0:0:0:0:0",
		"::1":              "0:0:0:0:0:0:0:1",
		"2001:DB8::A:0:10": "2001:db8:0:0:0:a:0:10",
		"100:2::":          "100:2:0:0:0:0:0:0",
		"fe80::1%eth0":     "fe80:0:0:0:0:0:0:1%eth0",
	} {
		t.Run(addr, func(t *testing.T) {
			got := acl.HostAddress(netip.MustParseAddr(addr))
			assert.Equal(t, want, got, "%s is printed as %s, want %s", addr, got, want)
		})
	}
}
