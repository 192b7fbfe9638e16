package inspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// tally counts the findings about the ACLs of many worlds.
type tally struct {
	removable         map[inspect.Code]int
	needed, unclaimed int
}

// TestRemovableAgainstBruteForce removes each ACL of generated worlds, and checks
// whether any decision changes: for subjects of one and of two principals, at every
// cell of names and addresses. The result must agree with the findings.
func TestRemovableAgainstBruteForce(t *testing.T) {
	const worlds = 24
	count := tally{removable: map[inspect.Code]int{}}
	for seed := range uint64(worlds) {
		w := gen.World(gen.Seeded(seed))
		w.Loading = false
		count.add(t, seed, w)
	}
	t.Logf("%+v", count)
	for _, code := range []inspect.Code{inspect.CodeShadowed, inspect.CodeRedundant, inspect.CodeIdle, inspect.CodeDeadHost, inspect.CodeNoPrincipal, inspect.CodeDeadOperation, inspect.CodeSuperUser} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			assert.NotEqual(t, 0, count.removable[code], "no removable ACL is %s", code)
		})
	}
	assert.GreaterOrEqual(t, count.needed, worlds, "%d ACLs are needed, want %d", count.needed, worlds)
}

// TestRemovableOfManyHosts does the same in worlds with many nested and adjacent hosts
// on few patterns.
func TestRemovableOfManyHosts(t *testing.T) {
	const worlds, acls = 8, 22
	patterns := []resource.Pattern{acltest.Topic("*"), acltest.Topics("a"), acltest.Topic("ab"), acltest.Topics("a"), acltest.Topics("")}
	principals := []string{principal.Wildcard, "User:alice", "User:bob"}
	hosts := []string{acl.WildcardHost, "10.0.0.0/31", "10.0.0.0", "10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "10.0.0.0/30", "10.0.0.2/31",
		"11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "::ffff:0:0/95", "::fffe:0:0/96"}
	count := tally{removable: map[inspect.Code]int{}}
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := refmodel.World{AllowIfNoACL: src.IntN(4) == 0}
		crowded := gen.Pick(src, patterns)
		for range acls {
			b := acltest.AllowFrom(gen.Pick(src, principals), gen.Pick(src, hosts), gen.Pick(src, []ops.Operation{ops.Create, ops.All, ops.Create}), crowded)
			if src.IntN(3) == 0 {
				b.Entry.Permission = acl.Deny
			}
			if src.IntN(6) == 0 {
				b.Pattern = gen.Pick(src, patterns)
			}
			w.ACLs = append(w.ACLs, b)
		}
		if seed%4 == 0 { // everyone may do everything on some prefixes, which have no other ACLs
			w = refmodel.World{AllowIfNoACL: true}
			for _, p := range []resource.Pattern{acltest.Topics("a"), acltest.Topics("ab"), acltest.Topic("ab"), acltest.Topic("b")} {
				w.ACLs = append(w.ACLs, acltest.AllowFrom(principal.Wildcard, acl.WildcardHost, gen.Pick(src, []ops.Operation{ops.All, ops.All, ops.Read}), p))
			}
		}
		count.add(t, seed, w)
	}
	t.Logf("%+v", count)
	require.GreaterOrEqual(t, count.removable[inspect.CodeShadowed], worlds, "too few of the ACLs are of some kind")
	require.GreaterOrEqual(t, count.removable[inspect.CodeRedundant], worlds, "too few of the ACLs are of some kind")
	require.GreaterOrEqual(t, count.needed, worlds, "too few of the ACLs are of some kind")
	assert.LessOrEqual(t, count.unclaimed, 0, "too few of the ACLs are of some kind")
}

// add compares the findings about each ACL of a world with the effect of its removal.
func (c *tally) add(t *testing.T, seed uint64, w refmodel.World) {
	t.Helper()
	w.ACLs = w.Select(acl.AnyBinding)
	store := storeOf(t, w)
	findings := map[acl.Binding][]inspect.Finding{}
	for _, f := range must(inspect.Lint(store.Load(), inspect.LintOptions{})) {
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
			t.Fatalf("seed %d: without %v, which is reported as removable, %s\n%v\n%+v", seed, b, changed, findings[b], w)
		case !said && changed == "" && w.Exact && partOfSilence(b):
			c.unclaimed++
		case !said && changed == "":
			t.Fatalf("seed %d: without %v nothing changes, but %v\n%+v", seed, b, findings[b], w)
		}
		if said {
			for _, f := range findings[b] {
				c.removable[f.Code]++
			}
		} else {
			c.needed++
		}
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

// changes returns a check that two stores decide differently, among those that an ACL
// can affect, or "".
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
