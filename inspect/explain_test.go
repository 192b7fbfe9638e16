package inspect_test

import (
	"slices"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// explained returns the model's answer to a question, with the semantics in the
// Explanation: the ACLs that match, in order.
func explained(w refmodel.World, semantics snapshot.Semantics, s refmodel.Subject, r refmodel.Request) []acl.Binding {
	if s.Principal == (principal.Principal{}) || !s.Host.IsValid() || !r.Type.IsConcrete() ||
		r.Operation != ops.Unknown && !r.Operation.IsKnown() {
		return nil
	}
	matching := w.Explain(s, r)
	if semantics == snapshot.Documented {
		return matching
	}
	kafka := refmodel.World{Exact: true, Networks: semantics == snapshot.KafkaExact44}
	return slices.DeleteFunc(matching, func(b acl.Binding) bool {
		skipped := b.Pattern.IsWildcard() && len(r.Name) > 1 && r.Name[0] == '*'
		return skipped || !kafka.IsFromText(b.Entry, s.Host)
	})
}

// TestExplainAgainstModel compares explanations with the model: the decision, the
// matches in order, which of them decides, and that the near misses are the ACLs that
// match once one field is changed.
func TestExplainAgainstModel(t *testing.T) {
	const worlds, questions = 500, 8
	matches, decided, misses, undocumented := 0, 0, map[inspect.Field]int{}, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := gen.World(src)
		n := snapshotOf(t, w)
		for range questions {
			s, r := gen.Question(src, w.ACLs)
			x := inspect.Explain(n, snapshot.Subject(s), snapshot.Request(r), 0)
			if d := n.Check(snapshot.Subject(s), r.Operation, r.Type, r.Name); x.Decision != d {
				t.Fatalf("seed %d: explains %v, but decides %v", seed, x.Decision, d)
			}
			answer := w.Check(s, r)
			if w.Exact && answer.Rule != refmodel.SuperUser && answer.Rule != refmodel.NotReady && answer.ACL != nil &&
				answer.Fallback != (x.Semantics == snapshot.Documented) {
				t.Fatalf("seed %d: %v by %v, but the model falls back: %t\n%+v", seed, r, x.Semantics, answer.Fallback, w)
			}
			if !w.Exact && x.Semantics != snapshot.Documented {
				t.Fatalf("seed %d: %v", seed, x.Semantics)
			}
			want := explained(w, x.Semantics, s, r)
			var got []acl.Binding
			decides := 0
			for _, m := range x.Matches {
				got = append(got, m.Binding)
				if m.Decides {
					decides++
					if b, _ := x.Decision.Binding(); b != m.Binding {
						t.Fatalf("seed %d: %v does not decide", seed, m.Binding)
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v for %v matches %v, want %v", seed, r, s, got, want)
			}
			if _, named := x.Decision.Binding(); named != (decides == 1) || decides > 1 {
				t.Fatalf("seed %d: %d ACLs decide %v", seed, decides, x.Decision)
			}
			matches += len(got)
			decided += decides
			if w.Exact && x.Semantics == snapshot.Documented {
				undocumented++
			}
			for _, m := range x.NearMisses {
				misses[m.Field]++
			}
			wantNearMisses(t, seed, w, x, s, r)
		}
	}
	t.Logf("%d matches, %d decide, near misses by field %v, %d without an answer of Kafka", matches, decided, misses, undocumented)
	for f := inspect.FieldOperation; f <= inspect.FieldPrincipal; f++ {
		if misses[f] < 30 {
			t.Errorf("%d near misses by %v, want 30", misses[f], f)
		}
	}
}

// wantNearMisses compares the near misses with the model. They must be exactly the ACLs
// that do not match but would with one field changed.
func wantNearMisses(t *testing.T, seed uint64, w refmodel.World, x inspect.Explanation, s refmodel.Subject, r refmodel.Request) {
	t.Helper()
	told := map[acl.Binding]inspect.NearMiss{}
	for i, m := range x.NearMisses {
		told[m.Binding] = m
		if i > 0 && (x.NearMisses[i-1].Field > m.Field || x.NearMisses[i-1].Field == m.Field && x.NearMisses[i-1].Binding.Compare(m.Binding) >= 0) {
			t.Fatalf("seed %d: %v comes before %v", seed, x.NearMisses[i-1], m)
		}
	}
	semantics := snapshot.Documented
	if w.Exact {
		semantics = snapshot.KafkaExact
		if w.Networks {
			semantics = snapshot.KafkaExact44
		}
	}
	for _, b := range w.Select(acl.AnyBinding) {
		matches := slices.ContainsFunc(x.Matches, func(m inspect.Match) bool { return m.Binding == b })
		m, near := told[b]
		if near && matches {
			t.Fatalf("seed %d: %v is both a match and a near miss", seed, b)
		}
		if near {
			fixed := refmodel.World{ACLs: []acl.Binding{m.Fixed}}
			if differences(b, m.Fixed) != 1 || len(explained(fixed, semantics, s, r)) != 1 {
				t.Fatalf("seed %d: %v, fixed %v", seed, m, m.Fixed)
			}
			// The world with the fixed ACL, whether or not Kafka then gives an answer.
			all := w
			all.ACLs = append(slices.DeleteFunc(slices.Clone(w.ACLs), func(o acl.Binding) bool { return o == b }), m.Fixed)
			after := inspect.Explain(snapshotOf(t, all), snapshot.Subject(s), snapshot.Request(r), 0)
			if !slices.ContainsFunc(after.Matches, func(x inspect.Match) bool { return x.Binding == m.Fixed }) {
				t.Fatalf("seed %d: %v fixed is %v, which is not among %v", seed, m, m.Fixed, after.Matches)
			}
		}
		if !near && !matches && couldMatch(x.Semantics, semantics, b, s, r) {
			t.Fatalf("seed %d: %v is not a near miss of %v by %v from %v\n%+v", seed, b, r, s.Principal, s.Host, w)
		}
	}
}

// couldMatch reports whether an ACL that does not match would with one field changed.
func couldMatch(now, then snapshot.Semantics, b acl.Binding, s refmodel.Subject, r refmodel.Request) bool {
	changes := []func(*acl.Binding){
		func(b *acl.Binding) { b.Entry.Principal = principal.Wildcard },
		func(b *acl.Binding) { b.Entry.Host = acl.WildcardHost },
		func(b *acl.Binding) { b.Entry.Operation = ops.All },
		func(b *acl.Binding) { b.Entry.Permission = acl.Allow },
		func(b *acl.Binding) { b.Pattern = resource.LiteralPattern(r.Type, r.Name) },
	}
	for _, change := range changes {
		fixed := b
		change(&fixed)
		alone := refmodel.World{ACLs: []acl.Binding{fixed}}
		if b.Pattern.Type == r.Type && len(explained(alone, now, s, r)) == 1 && len(explained(alone, then, s, r)) == 1 {
			return true
		}
	}
	return false
}

func differences(a, b acl.Binding) int {
	n := 0
	for _, differs := range []bool{a.Pattern != b.Pattern, a.Entry.Principal != b.Entry.Principal, a.Entry.Host != b.Entry.Host,
		a.Entry.Operation != b.Entry.Operation, a.Entry.Permission != b.Entry.Permission} {
		if differs {
			n++
		}
	}
	return n
}
