package inspect_test

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/inspect"
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
	switch src.IntN(8) {
	case 0:
		w.Exact = !w.Exact
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
	checks, gained, lost, excepted := 0, 0, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		a := gen.World(src)
		b := neighbour(src, a)
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
							if checks%16 == 0 && (a.Check(refmodel.Subject(s), r).Allowed() != before || b.Check(refmodel.Subject(s), r).Allowed() != after) {
								t.Fatalf("seed %d: the engine and the model differ on %v for %v", seed, r, s)
							}
							if got := times(mine.Gained, r, host); got != oneIf(after && !before) {
								t.Fatalf("seed %d: %v from %v gains %v %d times: %v\n%+v\n%+v", seed, p, host, r, got, changes, a, b)
							}
							if got := times(mine.Lost, r, host); got != oneIf(before && !after) {
								t.Fatalf("seed %d: %v from %v loses %v %d times: %v\n%+v\n%+v", seed, p, host, r, got, changes, a, b)
							}
							checks++
							gained += oneIf(after && !before)
							lost += oneIf(before && !after)
						}
					}
				}
			}
		}
		for _, c := range changes {
			if len(c.Gained)+len(c.Lost) == 0 {
				excepted += len(c.Principals)
			}
		}
	}
	t.Logf("%d checks, %d gained, %d lost, %d exceptions", checks, gained, lost, excepted)
	if gained < checks/100 || lost < checks/100 || excepted < worlds/8 {
		t.Errorf("too few of %d checks are gained (%d), lost (%d), or with exceptions (%d)", checks, gained, lost, excepted)
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
