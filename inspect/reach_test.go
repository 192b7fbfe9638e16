package inspect_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestReachAgainstModel compares the names that a pattern reaches, and the patterns
// among them, with the model. All ACLs allow, so that no DENY decides before Kafka
// reaches the ACL for which it gives no answer.
func TestReachAgainstModel(t *testing.T) {
	const worlds = 300
	covered, inside, fallbacks := 0, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := refmodel.World{Exact: gen.Bool(src), ACLs: gen.ACLs(src, 10)}
		b := gen.Pick(src, w.ACLs)
		b.Entry = acl.Entry{Principal: "User:*", Host: acl.WildcardHost, Operation: ops.All, Permission: acl.Allow}
		for i := range w.ACLs {
			w.ACLs[i].Entry.Permission = acl.Allow
		}
		w.ACLs = append(w.ACLs, b)
		everyone := refmodel.Subject{Principal: fresh, Host: hostsOf(nil)[0]}
		reaches := func(name string) bool {
			r := refmodel.Request{Operation: ops.Describe, Type: b.Pattern.Type, Name: name}
			fallback := w.Check(everyone, r).Fallback
			if fallback {
				fallbacks++
			}
			alone := refmodel.World{ACLs: []acl.Binding{b}}
			return len(explained(alone, semanticsOf(w.Exact && !fallback), everyone, r)) == 1
		}
		names, patterns := inspect.Reach(snapshotOf(t, w), b.Pattern)
		for _, name := range namesOf(w.ACLs, b.Pattern.Type) {
			want := reaches(name)
			if got := names.Contains(name); got != want {
				t.Fatalf("seed %d: %v reaches %q: %t, want %t: %v\n%+v", seed, b.Pattern, name, got, want, names, w)
			}
			if want {
				covered++
			}
		}
		for _, o := range w.ACLs {
			if o.Pattern.Type != b.Pattern.Type || o.Pattern == b.Pattern || o.Pattern.IsWildcard() {
				continue
			}
			// All names of a pattern are reached if its own name is and the next longer
			// one. For all names, one with an asterisk must also be.
			want := reaches(o.Pattern.Name)
			if o.Pattern.PatternType == resource.Prefixed {
				want = want && reaches(o.Pattern.Name+"\u2603") && (o.Pattern.Name != "" || !w.Exact)
			}
			if slices.Contains(patterns, o.Pattern) != want {
				t.Fatalf("seed %d: %v is within %v: %t, want %t\n%+v", seed, o.Pattern, b.Pattern, !want, want, w)
			}
		}
		inside += len(patterns)
	}
	t.Logf("%d names covered, %d patterns inside, %d names without an answer of Kafka", covered, inside, fallbacks)
	if covered < worlds || inside < worlds/4 || fallbacks < worlds {
		t.Errorf("too few names are covered (%d) or silent (%d), or patterns inside (%d)", covered, fallbacks, inside)
	}
	for _, p := range []resource.Pattern{{}, resource.LiteralPattern(resource.Any, "a"), {Type: resource.Topic, PatternType: resource.PatternMatch, Name: "a"}} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			if names, patterns := inspect.Reach(snapshotOf(t, refmodel.World{}), p); names != nil || patterns != nil {
				t.Errorf("%v reaches %v and %v", p, names, patterns)
			}
		})
	}
}
