package acl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestValidationOnCreation changes one thing at a time in a valid binding. Each row
// says which check refuses the result, and for which field.
func TestValidationOnCreation(t *testing.T) {
	const taken, strictly, always = "taken", "refused strictly", "refused"
	long := strings.Repeat("x", 32767) // the maximum of a signed 16-bit length
	for _, tt := range []struct {
		name   string
		change func(*acl.Binding)
		want   string
		field  string
	}{
		{"nothing", func(b *acl.Binding) {}, taken, ""},
		{"zero", func(b *acl.Binding) { *b = acl.Binding{} }, always, "resourceType"},
		{"ANY type", func(b *acl.Binding) { b.Pattern.Type = resource.Any }, always, "resourceType"},
		{"MATCH", func(b *acl.Binding) { b.Pattern.PatternType = resource.PatternMatch }, always, "patternType"},
		{"ANY operation", func(b *acl.Binding) { b.Entry.Operation = ops.Any }, always, "operation"},
		{"no permission", func(b *acl.Binding) { b.Entry.Permission = 0 }, always, "permissionType"},
		{"empty name", func(b *acl.Binding) { b.Pattern.Name = "" }, always, "name"},
		{"longest name", func(b *acl.Binding) { b.Pattern.Name = long }, taken, ""},
		{"longer name", func(b *acl.Binding) { b.Pattern.Name = long + "x" }, always, "name"},
		{"longer principal", func(b *acl.Binding) { b.Entry.Principal = "User:" + long }, always, "principal"},
		{"longer host", func(b *acl.Binding) { b.Entry.Host = long + "x" }, always, "host"},
		{"no colon", func(b *acl.Binding) { b.Entry.Principal = "alice" }, always, "principal"},
		{"empty host", func(b *acl.Binding) { b.Entry.Host = "" }, always, "host"},
		{"wrong network", func(b *acl.Binding) { b.Entry.Host = "10.0.0.0/33" }, always, "host"},
		{"the cluster", func(b *acl.Binding) {
			b.Pattern, b.Entry.Operation = resource.LiteralPattern(resource.Cluster, resource.ClusterName), ops.Create
		}, taken, ""},
		{"another cluster", func(b *acl.Binding) {
			b.Pattern, b.Entry.Operation = resource.LiteralPattern(resource.Cluster, "*"), ops.Create
		}, always, "name"},

		{"unsupported operation", func(b *acl.Binding) { b.Entry.Operation = ops.IdempotentWrite }, strictly, "operation"},
		{"ALL", func(b *acl.Binding) { b.Entry.Operation = ops.All }, taken, ""},
		{"host name", func(b *acl.Binding) { b.Entry.Host = "broker.example.com" }, strictly, "host"},
		{"host pattern", func(b *acl.Binding) { b.Entry.Host = "10.0.0.*" }, strictly, "host"},
		{"address", func(b *acl.Binding) { b.Entry.Host = "::1" }, taken, ""},
		{"network", func(b *acl.Binding) { b.Entry.Host = "10.0.0.0/8" }, taken, ""},
		{"PREFIXED star", func(b *acl.Binding) { b.Pattern = resource.PrefixedPattern(resource.Topic, "*") }, strictly, "patternType"},
		{"PREFIXED star and more", func(b *acl.Binding) { b.Pattern = resource.PrefixedPattern(resource.Topic, "*a") }, taken, ""},
		{"LITERAL star", func(b *acl.Binding) { b.Pattern.Name = "*" }, taken, ""},
		{"everyone", func(b *acl.Binding) { b.Entry.Principal = "User:*" }, taken, ""},
		{"every group", func(b *acl.Binding) { b.Entry.Principal = "Group:*" }, strictly, "principal"},
		{"lower case", func(b *acl.Binding) { b.Entry.Principal = "user:*" }, strictly, "principal"},
		{"every type", func(b *acl.Binding) { b.Entry.Principal = "*:alice" }, strictly, "principal"},
		{"space", func(b *acl.Binding) { b.Entry.Principal = "User: *" }, strictly, "principal"},
		{"quotes", func(b *acl.Binding) { b.Entry.Principal = "User:'*'" }, strictly, "principal"},
		{"wildcard certificate", func(b *acl.Binding) { b.Entry.Principal = "User:CN=*.example.com" }, taken, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"),
				Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}}
			tt.change(&b)
			for _, v := range []struct {
				err    error
				refuse bool
			}{{b.ValidateNew(0), tt.want == always}, {b.ValidateStrict(0), tt.want != taken}} {
				var invalid *acl.InvalidError
				assert.Equal(t, v.refuse, v.err != nil, "got %v, want %s for %s", v.err, tt.want, tt.field)
				assert.False(t, v.refuse && (!errors.As(v.err, &invalid) || invalid.Field != tt.field || len(v.err.Error()) > 400), "got %v, want %s for %s", v.err, tt.want, tt.field)
			}
		})
	}
}
