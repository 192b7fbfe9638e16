package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestRemovableAgainstBruteForce removes each ACL of generated worlds, and holds
// whether any decision changes against what the findings say: for subjects of one
// and of two principals, at every cell of names and addresses.
func TestRemovableAgainstBruteForce(t *testing.T) {
	const worlds = 40
	removable, needed, unclaimed := map[inspect.Code]int{}, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := gen.World(src)
		w.Loading = false
		w.ACLs = w.Select(acl.AnyBinding)
		store := storeOf(t, w)
		findings := map[acl.Binding][]inspect.Finding{}
		for _, f := range inspect.Lint(store.Load(), inspect.LintOptions{}) {
			findings[f.Binding] = append(findings[f.Binding], f)
		}
		subjects := pairsOf(w)
		for i, b := range w.ACLs {
			without := w
			without.ACLs = slices.Delete(slices.Clone(w.ACLs), i, i+1)
			changed := changes(t, store, storeOf(t, without), w, b, subjects)
			said := len(findings[b]) > 0 && findings[b][0].Removable
			switch {
			case said && changed != "":
				t.Fatalf("seed %d: without %v, said to be removable, %s\n%v\n%+v", seed, b, changed, findings[b], w)
			case !said && changed == "" && w.Exact && partOfSilence(b):
				unclaimed++
			case !said && changed == "":
				t.Fatalf("seed %d: without %v nothing changes, but %v\n%+v", seed, b, findings[b], w)
			}
			if said {
				removable[findings[b][0].Code]++
			} else {
				needed++
			}
		}
	}
	t.Logf("removable %v, needed %d, no claim is made of %d", removable, needed, unclaimed)
	for _, code := range []inspect.Code{inspect.CodeShadowed, inspect.CodeRedundant, inspect.CodeIdle, inspect.CodeDeadHost, inspect.CodeNoPrincipal, inspect.CodeDeadOperation, inspect.CodeSuperUser} {
		if removable[code] == 0 {
			t.Errorf("no removable ACL is %s", code)
		}
	}
	if needed < worlds {
		t.Errorf("%d ACLs are needed, want %d", needed, worlds)
	}
}

// partOfSilence reports whether Lint makes no claim about an ACL in KafkaExact.
func partOfSilence(b acl.Binding) bool {
	name := b.Pattern.Name
	return !strings.Contains(b.Entry.Principal, ":") || name != "" && name[0] < '*' || name == "*" && !b.Pattern.IsWildcard()
}

// pairsOf returns subjects of one and of two principals of the world.
func pairsOf(w refmodel.World) []snapshot.Subject {
	var subjects []snapshot.Subject
	principals := principalsOf(w)
	for i, p := range principals {
		if p == principal.User("*") && w.Exact {
			continue // Kafka gives it no answer
		}
		subjects = append(subjects, snapshot.Subject{Principal: p})
		for _, q := range principals[i+1:] {
			subjects = append(subjects, snapshot.Subject{Principal: p, Groups: []principal.Principal{q}})
		}
	}
	return subjects
}

// changes returns a check that is decided otherwise by two stores, of those that an
// ACL can have to do with, or "".
func changes(t *testing.T, from, to *snapshot.Store, w refmodel.World, b acl.Binding, subjects []snapshot.Subject) string {
	t.Helper()
	names, hosts := namesOf(w.ACLs, b.Pattern.Type), hostsOf(w.ACLs)
	for _, s := range subjects {
		for _, host := range hosts {
			s.Host = host
			before, after := from.Session(s).View(), to.Session(s).View()
			for _, name := range names {
				for op := range ops.Supported(b.Pattern.Type).All() {
					if before.Allowed(op, b.Pattern.Type, name) != after.Allowed(op, b.Pattern.Type, name) {
						return strings.Join([]string{s.Principal.String(), "from", host.String(), "is decided otherwise:", op.String(), name}, " ")
					}
				}
			}
		}
	}
	return ""
}
