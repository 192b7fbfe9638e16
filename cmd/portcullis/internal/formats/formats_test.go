package formats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

const formatsData = "../../testdata/formats/"

// A file with more bytes than the limit.
func TestForeignFormatsAreBounded(t *testing.T) {
	for _, f := range []foreign{strimzi, rpk, ksm, kafkaUI} {
		f.maxBytes = 9
		t.Run(f.name, func(t *testing.T) {
			got, err := f.read(strings.NewReader("\n\n12345678"), "file")
			require.EqualError(t, err, "file:3:9: found more than 9 bytes, expected a smaller file: split it")
			assert.Nil(t, got)
			_, err = f.read(io.MultiReader(strings.NewReader("a"), iotest.ErrReader(errors.New("no space left"))), "file")
			require.EqualError(t, err, "file: no space left")
		})
	}
}

// binding returns an ACL of a valid one, with changes.
func binding(changes ...func(b *acl.Binding)) acl.Binding {
	b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"), Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}}
	for _, change := range changes {
		change(&b)
	}
	return b
}

func TestForeignFormatsRefuseACLs(t *testing.T) {
	const name = "the principal must be User:name or User:CN=name, with the name of a Kubernetes resource: lower case letters, digits, - and ."
	who := func(text string) func(b *acl.Binding) { return func(b *acl.Binding) { b.Entry.Principal = text } }
	what := func(o ops.Operation) func(b *acl.Binding) { return func(b *acl.Binding) { b.Entry.Operation = o } }
	on := func(p resource.Pattern) func(b *acl.Binding) { return func(b *acl.Binding) { b.Pattern = p } }
	for _, test := range []struct {
		format foreign
		acl    acl.Binding
		reason string
	}{
		{strimzi, binding(who("User:*")), name},
		{strimzi, binding(who("User:Alice")), name},
		{strimzi, binding(who("User:")), name},
		{strimzi, binding(who("Group:alice")), name},
		{strimzi, binding(who("User:CN=alice,OU=x")), name},
		{strimzi, binding(who("User:CN=CN=alice")), name},
		{strimzi, binding(who("User:cn=alice")), name},
		{strimzi, binding(who("User:alice\n")), name},
		{strimzi, binding(who("User:a..b")), name},
		{strimzi, binding(who("User:" + strings.Repeat("a", 254))), name},
		{strimzi, binding(who("User:" + strings.Repeat("a", 253))), ""},
		{strimzi, binding(who("User:CN=" + strings.Repeat("a", 65))), name},
		{strimzi, binding(who("User:CN=" + strings.Repeat("a", 64))), ""},
		{strimzi, binding(on(resource.LiteralPattern(resource.DelegationToken, "t"))), "it knows no resource type DelegationToken"},
		{strimzi, binding(on(resource.LiteralPattern(resource.User, "User:a"))), "it knows no resource type User"},
		{strimzi, binding(what(ops.TwoPhaseCommit)), "it knows no operation TwoPhaseCommit"},
		{strimzi, binding(what(ops.CreateTokens)), "it knows no operation CreateTokens"},
		{strimzi, binding(on(resource.LiteralPattern(resource.Cluster, "*"))), "in Strimzi the cluster has only the name kafka-cluster"},
		{strimzi, binding(on(resource.Pattern{Type: resource.Cluster, PatternType: resource.Prefixed, Name: resource.ClusterName})), "in Strimzi the cluster has only the name kafka-cluster"},
		{strimzi, binding(on(resource.LiteralPattern(resource.Cluster, resource.ClusterName))), ""},
		{rpk, binding(what(ops.TwoPhaseCommit)), "it knows no operation TWO_PHASE_COMMIT"},
		{rpk, binding(what(ops.DescribeTokens)), ""},
		{rpk, binding(who("User:<&>\u2028")), ""},
		{ksm, binding(on(resource.LiteralPattern(resource.User, "User:a"))), "it knows no resource type User"},
		{ksm, binding(what(ops.CreateTokens)), "it knows no operation CreateTokens"},
		{ksm, binding(on(resource.LiteralPattern(resource.Group, "a\r\nb"))), "a carriage return in CSV is read as the end of a line"},
		{ksm, binding(on(resource.LiteralPattern(resource.Group, " a\nb\",\\."))), ""},
		{rpk, binding(who("alice")), ""},
		{ksm, binding(who("alice")), ""},
		{strimzi, binding(who("alice")), name},
		{ksm, binding(on(resource.LiteralPattern(resource.Group, "\xff"))), `invalid name: "\xff" is not valid UTF-8: expected the text that a Kafka client would send`},
	} {
		t.Run(test.format.name+" "+cli.ACLText(test.acl), func(t *testing.T) {
			var out bytes.Buffer
			err := test.format.write(&out, slices.Values([]acl.Binding{binding(), test.acl}))
			if test.reason == "" {
				require.NoError(t, err)
				assert.NotZero(t, out.Len())
				return
			}
			require.EqualError(t, err, fmt.Sprintf("the ACL %s cannot be written as %s: %s", cli.ACLText(test.acl), test.format.name, test.reason))
			assert.Zero(t, out.Len())
		})
	}
	// If two principals would be the same KafkaUser, neither is written.
	both := []acl.Binding{binding(), binding(who("User:CN=alice")), binding(who("User:bob"))}
	var out bytes.Buffer
	err := strimzi.write(&out, slices.Values(both))
	var want []string
	for _, b := range []acl.Binding{both[1], both[0]} {
		want = append(want, "the ACL "+cli.ACLText(b)+" cannot be written as strimzi: User:alice and User:CN=alice cannot both be the KafkaUser alice")
	}
	require.EqualError(t, err, strings.Join(want, "\n"))
	assert.Zero(t, out.Len())
}

// A text with another meaning is not written.
func TestForeignFormatsReadBack(t *testing.T) {
	one, two := binding(), binding(func(b *acl.Binding) { b.Entry.Host = "::1" })
	for want, render := range map[string][]acl.Binding{
		"cannot be written as ksm: it would be read back as another ACL": {two},
		"cannot be written as ksm: it would be read back twice":          {one, one},
	} {
		t.Run(want, func(t *testing.T) {
			f := ksm
			f.render = func([]acl.Binding) ([]byte, error) { return ksm.render(render) }
			var out bytes.Buffer
			require.ErrorContains(t, f.write(&out, slices.Values([]acl.Binding{one})), want)
			assert.Zero(t, out.Len())
		})
	}
	f := ksm
	f.render = func([]acl.Binding) ([]byte, error) { return []byte("no CSV"), nil }
	require.ErrorContains(t, f.write(io.Discard, slices.Values([]acl.Binding{one})), "reading them back fails")
}

// holds says of each format which ACLs it can hold, as its documentation does.
var holds = map[string]func(b acl.Binding) bool{
	"strimzi": func(b acl.Binding) bool {
		isCluster := b.Pattern == resource.LiteralPattern(resource.Cluster, "kafka-cluster")
		return regexp.MustCompile(`^User:(CN=)?[a-z0-9.-]+$`).MatchString(b.Entry.Principal) && b.Entry.Operation < ops.CreateTokens &&
			(isCluster || slices.Contains([]resource.Type{resource.Topic, resource.Group, resource.TransactionalID}, b.Pattern.Type))
	},
	"rpk": func(b acl.Binding) bool { return b.Entry.Operation < ops.TwoPhaseCommit },
	"ksm": func(b acl.Binding) bool {
		return b.Entry.Operation < ops.CreateTokens && b.Pattern.Type != resource.User
	},
}

// genACLs draws ACLs that Kafka would create, of all types and operations.
func genACLs(t *rapid.T) []acl.Binding {
	src := gen.Rapid(t)
	alice := gen.Pick(src, []string{"User:alice", "User:CN=alice"})
	list := make([]acl.Binding, src.IntN(8))
	for i := range list {
		b := gen.Valid(src)
		if gen.Bool(src) {
			b.Entry.Principal = gen.Pick(src, []string{alice, "User:CN=a.b-c", "User:true", "User:12"})
		}
		if b.Entry.Principal == "User:alice" {
			b.Entry.Principal = alice // they cannot both be in a list
		}
		switch src.IntN(4) {
		case 0:
			b.Pattern.Type = gen.Pick(src, resource.Types())
		case 1:
			b.Pattern = resource.LiteralPattern(resource.Cluster, resource.ClusterName)
		case 2:
			b.Pattern.Name = gen.Pick(src, []string{"null", "~", "1e3", "0x1", "yes", "- a", "a: b", "#", "'", `"`, "\n", "a\tb", "\u0085", "\u2028", ",", "é", "\U0001F600", "---", "{", "&a", "!!int"})
		}
		switch src.IntN(8) {
		case 0:
			b.Entry.Operation = ops.All + ops.Operation(src.IntN(int(ops.TwoPhaseCommit-ops.All)+1))
		case 1:
			b.Entry.Operation = ops.TwoPhaseCommit
		}
		list[i] = b
	}
	slices.SortFunc(list, acl.Binding.Compare)
	return slices.Compact(list)
}

// TestForeignFormatsRoundTrip writes the ACLs that a format can hold and reads them back.
// All others are refused by name.
func TestForeignFormatsRoundTrip(t *testing.T) {
	written, refused := map[string]int{}, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		all := genACLs(t)
		for _, f := range []foreign{strimzi, rpk, ksm} {
			held := slices.DeleteFunc(slices.Clone(all), func(b acl.Binding) bool { return !holds[f.name](b) })
			var out bytes.Buffer
			require.NoError(t, f.write(&out, slices.Values(held)), "%s: %v", f.name, held)
			set, err := f.read(&out, "")
			require.NoError(t, err, f.name)
			require.Empty(t, set.Apart, f.name)
			got := set.ACLs
			slices.SortFunc(got, acl.Binding.Compare)
			require.Equal(t, held, append([]acl.Binding{}, got...), f.name)
			written[f.name] += len(held)
			if len(held) == len(all) {
				continue
			}
			err = f.write(&out, slices.Values(all))
			require.Error(t, err, "%s: %v", f.name, all)
			require.Zero(t, out.Len())
			for _, b := range all {
				named := strings.Contains(err.Error(), "the ACL "+cli.ACLText(b)+" cannot be written")
				require.NotEqual(t, holds[f.name](b), named, "%s: %v in %v", f.name, b, err)
			}
			refused[f.name]++
		}
	})
	t.Logf("written %v, lists refused %v", written, refused)
	if testing.Short() {
		return // rapid draws a fifth: too few to count on
	}
	for _, f := range []foreign{strimzi, rpk, ksm} {
		assert.GreaterOrEqual(t, written[f.name], 50, f.name)
		assert.GreaterOrEqual(t, refused[f.name], 3, f.name)
	}
}

// FuzzForeignFormats reads any text as each format. The ACLs that are read are valid,
// and those that the format can hold can be written and read back.
func FuzzForeignFormats(f *testing.F) {
	formats := []foreign{strimzi, rpk, ksm, kafkaUI}
	files, err := filepath.Glob(formatsData + "*")
	require.NoError(f, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		for i := range formats {
			f.Add(i, string(text))
		}
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		if which < 0 || which >= len(formats) {
			return
		}
		format := formats[which]
		format.maxBytes = 1 << 16
		set, err := format.read(strings.NewReader(text), "file")
		if err != nil {
			require.Nil(t, set, err)
			return
		}
		list := set.ACLs
		for _, b := range list {
			require.NoError(t, b.ValidateTypes(), b)
		}
		for _, a := range set.Apart {
			require.Error(t, a.ACL.ValidateTypes(), a)
		}
		if format.render == nil {
			return
		}
		slices.SortFunc(list, acl.Binding.Compare)
		list = slices.Compact(list)
		why := format.refuse(list)
		list = slices.DeleteFunc(list, func(b acl.Binding) bool { return why(b) != "" })
		format = formats[which]
		require.NoError(t, format.write(io.Discard, slices.Values(list)))
	})
}
