package snapshot_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Of these few words nearly every world holds ACLs that Kafka's scan trips over, or
// comes to just before or just behind the one that decides: principals without a
// colon, names below "*", both kinds of pattern on one name.
var (
	trippingNames      = []string{"a", "ab", "*", "*", "!", "!a", "!ab", "!x", "**", "\"", "b", "", "hard", "hardcode"}
	trippingPrincipals = []string{"User:alice", "User:alice", "alice", "bob", "User:*", "User:bob", "Zoe", ""}
	trippingHosts      = []string{"*", "*", "10.0.0.1", "10.0.0.2", "10.0.0.0/8", "0"}
	trippingOperations = []ops.Operation{ops.Read, ops.All, ops.Write, ops.Describe}
)

// narrowed are fewer still, so that on one pattern stand a DENY, one before it that
// only the documented rules see, and one without a principal before or behind it.
var (
	narrowedNames      = []string{"a", "ab", "!a", "!x", "!", "*"}
	narrowedPrincipals = []string{"User:alice", "User:alice", "Zoe", "alice"}
	narrowedHosts      = []string{"*", "*", "10.0.0.0/8"}
)

func tripping(src gen.Source) acl.Binding {
	if src.IntN(3) > 0 {
		return acl.Binding{
			Pattern: resource.Pattern{Type: resource.Group, PatternType: gen.Pick(src, []resource.PatternType{resource.Literal, resource.Prefixed}), Name: gen.Pick(src, narrowedNames)},
			Entry: acl.Entry{Principal: gen.Pick(src, narrowedPrincipals), Host: gen.Pick(src, narrowedHosts),
				Operation: gen.Pick(src, trippingOperations), Permission: gen.Pick(src, []acl.PermissionType{acl.Deny, acl.Allow})},
		}
	}
	return acl.Binding{
		Pattern: resource.Pattern{Type: resource.Group, PatternType: gen.Pick(src, []resource.PatternType{resource.Literal, resource.Prefixed}), Name: gen.Pick(src, trippingNames)},
		Entry: acl.Entry{Principal: gen.Pick(src, trippingPrincipals), Host: gen.Pick(src, trippingHosts),
			Operation: gen.Pick(src, trippingOperations), Permission: gen.Pick(src, []acl.PermissionType{acl.Deny, acl.Allow})},
	}
}

// TestKafkaExactWhereKafkaTrips compares checks and by-type checks with the model in
// worlds in which Kafka's scan gives no answer as often as not, after ACLs have come
// and gone.
func TestKafkaExactWhereKafkaTrips(t *testing.T) {
	const worlds = 2000
	fallbacks, anyFallbacks, questions := 0, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := refmodel.World{Exact: true, AllowIfNoACL: gen.Bool(src)}
		var gone []acl.Binding
		for range 1 + src.IntN(6) {
			w.ACLs = append(w.ACLs, tripping(src))
			if extra := tripping(src); gen.Bool(src) && !slices.Contains(w.ACLs, extra) {
				gone = append(gone, extra)
			}
		}
		gone = slices.DeleteFunc(gone, func(b acl.Binding) bool { return slices.Contains(w.ACLs, b) })
		store := newStore(t, configOf(w), append(slices.Clone(w.ACLs), gone...)...)
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			for _, b := range gone {
				tx.Remove(b)
			}
			return nil
		}))
		s := refmodel.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}
		for _, name := range trippingNames {
			r := refmodel.Request{Operation: gen.Pick(src, trippingOperations), Type: resource.Group, Name: name + gen.Pick(src, []string{"", "", "b", "!"})}
			session, want := store.Session(snapshot.Subject(s)), w.Check(s, r)
			wantAnswer(named{t, seed, s, r}, session.Check(r.Operation, r.Type, r.Name), want)
			wantAny := w.CheckAny(s, r.Operation, r.Type)
			if got := session.CheckAny(r.Operation, r.Type); got.Allowed() != wantAny.Allowed() {
				t.Fatalf("seed %d, %v: any %v: got %v, want %v", seed, w.ACLs, r.Operation, got, wantAny)
			}
			questions++
			if want.Fallback {
				fallbacks++
			}
			if wantAny.Fallback {
				anyFallbacks++
			}
		}
	}
	t.Logf("%d questions, of which Kafka does not answer %d, and %d by type", questions, fallbacks, anyFallbacks)
	if fallbacks < questions/10 || anyFallbacks < questions/10 {
		t.Errorf("Kafka answers too many")
	}
}

// TestMalformedBesideTheDeny has an ACL without a principal on the pattern of the
// DENY that decides. If Kafka's scan comes to it first, Kafka throws, and the
// documented rules name a DENY that only they see.
func TestMalformedBesideTheDeny(t *testing.T) {
	group := func(p resource.Pattern, who, host string, op ops.Operation, permission acl.PermissionType) acl.Binding {
		return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: op, Permission: permission}}
	}
	prefix, literal := resource.PrefixedPattern(resource.Group, "a"), resource.LiteralPattern(resource.Group, "ab")
	deny := group(prefix, "User:alice", "*", ops.Read, acl.Deny)
	documented := group(literal, "User:alice", "10.0.0.0/8", ops.Read, acl.Deny)
	for _, test := range []struct {
		malformed acl.Binding
		throws    bool
	}{
		{group(prefix, "Zoe", "*", ops.All, acl.Allow), true},
		{group(prefix, "Bob", "10.0.0.9", ops.Read, acl.Deny), true},
		{group(prefix, "Zoe", "*", ops.Read, acl.Allow), false},
		{group(prefix, "Bob", "*", ops.Write, acl.Deny), false},
		{group(literal, "Zoe", "*", ops.Write, acl.Deny), true},
		{group(resource.LiteralPattern(resource.Group, "a"), "Zoe", "*", ops.All, acl.Deny), false},
		{group(resource.PrefixedPattern(resource.Group, ""), "Zoe", "*", ops.All, acl.Deny), false},
	} {
		t.Run(fmt.Sprint(test.malformed), func(t *testing.T) {
			store := newStore(t, snapshot.Config{Semantics: snapshot.KafkaExact}, deny, documented, test.malformed)
			want := deny
			if test.throws {
				want = documented
			}
			d := store.Load().Check(snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}, ops.Read, resource.Group, "ab")
			if by, _ := d.Binding(); d.Reason() != snapshot.MatchingDeny || by != want {
				t.Errorf("beside %v: %v, want %v", test.malformed, d, want)
			}
		})
	}
}
