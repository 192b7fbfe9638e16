package inspect_test

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

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

// neighbour returns a world that differs from w in some ACLs, or in the configuration.
func neighbour(src gen.Source, w refmodel.World) refmodel.World {
	w.ACLs = slices.Clone(w.ACLs)
	for range src.IntN(4) {
		if len(w.ACLs) > 0 && gen.Bool(src) {
			i := src.IntN(len(w.ACLs))
			w.ACLs = slices.Delete(w.ACLs, i, i+1)
		} else {
			w.ACLs = append(w.ACLs, gen.Next(src, w.ACLs))
		}
	}
	switch src.IntN(9) {
	case 0:
		w.Exact = !w.Exact
	case 4:
		w.Networks = !w.Networks
	case 1:
		w.AllowIfNoACL = !w.AllowIfNoACL
	case 2:
		w.SuperUsers = []principal.Principal{principal.User("bob")}
	case 3:
		w.Loading = !w.Loading
	}
	return w
}

// TestDiffAgainstModel compares what a diff says for each principal, name, host and
// operation with the model's answers in both worlds, in both directions.
func TestDiffAgainstModel(t *testing.T) {
	const worlds = 20
	var c diffCounts
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		a := gen.World(src)
		c.compare(t, seed, a, neighbour(src, a))
	}
	t.Logf("%+v", c)
	if c.gained < c.checks/100 || c.lost < c.checks/100 || c.excepted < worlds/8 {
		t.Errorf("too few questions of a kind: %+v", c)
	}
}

// TestDiffOfSemantics compares one set of ACLs by the rules of two releases, and by the
// documented ones: a question is in the diff if and only if its answer differs.
func TestDiffOfSemantics(t *testing.T) {
	const worlds = 15
	by := []struct {
		name            string
		exact, networks bool
	}{{"kafka-exact=4.2", true, false}, {"kafka-exact=4.4", true, true}, {"documented", false, false}}
	for i, from := range by {
		for _, to := range by[i+1:] {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				var c diffCounts
				for seed := range uint64(worlds) {
					src := gen.Seeded(1000 + seed)
					a := gen.World(src)
					a.Loading = false
					for range 1 + src.IntN(6) {
						b := gen.Next(src, a.ACLs)
						b.Entry.Host = gen.Pick(src, networkHosts)
						b.Entry.Permission = gen.Pick(src, []acl.PermissionType{acl.Allow, acl.Deny})
						a.ACLs = append(a.ACLs, b)
					}
					p := gen.Pick(src, a.ACLs).Pattern // with something to take away, and something to give
					p.PatternType = resource.Prefixed
					a.ACLs = append(a.ACLs, acltest.AllowFrom(principal.Wildcard, acl.WildcardHost, ops.Write, p), acltest.AllowFrom(principal.Wildcard, "::1", ops.Create, p),
						acltest.DenyFrom(principal.Wildcard, gen.Pick(src, networkHosts), ops.All, p))
					a.Exact, a.Networks = from.exact, from.networks
					b := a
					b.Exact, b.Networks = to.exact, to.networks
					c.compare(t, seed, a, b)
				}
				t.Logf("%+v", c)
				if least := 100; c.gained < least || c.lost < least {
					t.Errorf("too few questions of a kind: %+v", c)
				}
			})
		}
	}
}

// networkHosts are hosts that some release or the documentation treats differently.
var networkHosts = []string{"10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "::/0", "010.0.0.0/08", "[2001:db8::]/+32", "fe80::1%eth0/64", "fe80::/10", "10.0.0.0/33", "::ffff:10.0.0.0/104",
	"::1", "0:0:0:0:0:0:0:1/128", "::ffff:10.0.0.1"}

// diffCounts counts the questions that were compared with a diff.
type diffCounts struct{ checks, gained, lost, excepted int }

// compare compares the diff of two worlds with all questions that may differ.
func (c *diffCounts) compare(t *testing.T, seed uint64, a, b refmodel.World) {
	t.Helper()
	fromStore, toStore := storeOf(t, a), storeOf(t, b)
	from, to := fromStore.Load(), toStore.Load()
	changes := diff(t, from, to)
	wantMirror(t, seed, changes, diff(t, to, from))
	if same := diff(t, from, from); len(same) != 0 {
		t.Fatalf("seed %d: differs from itself: %v", seed, same)
	}
	both := refmodel.World{ACLs: slices.Concat(a.ACLs, b.ACLs), SuperUsers: slices.Concat(a.SuperUsers, b.SuperUsers)}
	for _, p := range principalsOf(both) {
		if isImpossible(p, a) || isImpossible(p, b) {
			continue
		}
		for _, typ := range typesOf(both.ACLs) {
			for _, host := range hostsOf(both.ACLs) {
				s := snapshot.Subject{Principal: p, Host: host}
				in, out := fromStore.Session(s).View(), toStore.Session(s).View()
				for _, name := range namesOf(both.ACLs, typ) {
					mine := changeOf(changes, p, typ, name)
					for op := range ops.Supported(typ).All() {
						r := refmodel.Request{Operation: op, Type: typ, Name: name}
						before, after := in.Allowed(op, typ, name), out.Allowed(op, typ, name)
						if c.checks%16 == 0 && (a.Check(refmodel.Subject(s), r).Allowed() != before || b.Check(refmodel.Subject(s), r).Allowed() != after) {
							t.Fatalf("seed %d: the engine and the model differ on %v for %v", seed, r, s)
						}
						if got := times(mine.Gained, r, host); got != oneIf(after && !before) {
							t.Fatalf("seed %d: %v from %v gains %v %d times: %v\n%+v\n%+v", seed, p, host, r, got, changes, a, b)
						}
						if got := times(mine.Lost, r, host); got != oneIf(before && !after) {
							t.Fatalf("seed %d: %v from %v loses %v %d times: %v\n%+v\n%+v", seed, p, host, r, got, changes, a, b)
						}
						c.checks++
						c.gained += oneIf(after && !before)
						c.lost += oneIf(before && !after)
					}
				}
			}
		}
	}
	for _, change := range changes {
		if len(change.Gained)+len(change.Lost) == 0 {
			c.excepted += len(change.Principals)
		}
	}
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// changeOf returns the change in a diff that applies to one principal and name.
func changeOf(changes []inspect.Change, p principal.Principal, typ resource.Type, name string) inspect.Change {
	for _, own := range []bool{true, false} {
		for _, c := range changes {
			if c.Type == typ && c.IsEveryoneElse() != own && (!own || slices.Contains(c.Principals, p.String())) && c.Names.Contains(name) {
				return c
			}
		}
	}
	return inspect.Change{}
}

func times(list []inspect.Access, r refmodel.Request, host netip.Addr) int {
	n := 0
	for _, a := range list {
		if a.Operations.Has(r.Operation) && a.Names.Contains(r.Name) && a.Hosts.Contains(host) {
			n++
		}
	}
	return n
}

func wantMirror(t *testing.T, seed uint64, changes, back []inspect.Change) {
	t.Helper()
	for i := range back {
		back[i].Gained, back[i].Lost = back[i].Lost, back[i].Gained
	}
	if !reflect.DeepEqual(changes, back) {
		t.Fatalf("seed %d: %v\nreversed is %v", seed, changes, back)
	}
}

func diff(t testing.TB, from, to *snapshot.Snapshot) []inspect.Change {
	t.Helper()
	changes, err := inspect.Diff(from, to, nil)
	require.NoError(t, err)
	return changes
}
