package fuzz_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// addWorlds adds seeds that spell pseudo-random worlds, long enough for all that a
// target draws.
func addWorlds(f *testing.F) {
	for seed := range uint64(24) {
		src := gen.Seeded(seed)
		data := make([]byte, 0, 512)
		for len(data) < cap(data) {
			data = binary.LittleEndian.AppendUint32(data, uint32(src.IntN(1<<31)))
		}
		f.Add(data)
	}
}

// maxFuzzBytes is how much input a target draws from: about what the largest world
// takes.
const maxFuzzBytes = 1 << 10

// FuzzCheck holds checks, by-type checks and the ACLs they name, in any world of
// either semantics, against the reference model.
func FuzzCheck(f *testing.F) {
	addWorlds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzBytes {
			return
		}
		equalToModel(t, gen.Bytes(data))
		namedACLDecides(t, gen.Bytes(data))
	})
}

// FuzzTransactions takes a store through transactions and holds it against a new
// store of the same ACLs, which has no history.
func FuzzTransactions(f *testing.F) {
	addWorlds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzBytes {
			return
		}
		src := gen.Bytes(data)
		w := gen.World(src)
		w.Loading = false
		store := storeOf(t, w)
		for range 1 + src.IntN(6) {
			come, f := gen.Next(src, w.ACLs), gen.Filter(src, w.ACLs)
			change(t, store, []acl.Binding{come}, nil)
			w.ACLs = append(w.ACLs, come)
			if gen.Bool(src) {
				if err := store.Update(func(tx *snapshot.Tx) error { tx.RemoveMatching(f); return nil }); err != nil {
					t.Fatal(err)
				}
				w.ACLs = slices.DeleteFunc(slices.Clone(w.ACLs), func(b acl.Binding) bool { return refmodel.Selects(f, b) })
			}
		}
		fresh := storeOf(t, w)
		if got, want := slices.Collect(store.Load().All()), slices.Collect(fresh.Load().All()); !slices.Equal(got, want) {
			t.Fatalf("holds %v, want %v", got, want)
		}
		for range 4 {
			s, r := gen.Question(src, w.ACLs)
			d, want := ask(store, s, r), ask(fresh, s, r)
			by, _ := d.Binding()
			wantBy, _ := want.Binding()
			if d.Reason() != want.Reason() || by != wantBy {
				t.Fatalf("%+v asks %+v of %v: %v, a new store: %v", s, r, w.ACLs, d, want)
			}
		}
	})
}

// FuzzFilter holds what a filter says of ACLs, and what a snapshot lists and removes
// by it, against the reference model.
func FuzzFilter(f *testing.F) {
	addWorlds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzBytes {
			return
		}
		src := gen.Bytes(data)
		w := gen.World(src)
		store := storeOf(t, w)
		filter := gen.Filter(src, w.ACLs)
		for _, b := range w.ACLs {
			if got, want := filter.Matches(b), refmodel.Selects(filter, b); got != want {
				t.Fatalf("%v selects %v: %t, want %t", filter, b, got, want)
			}
		}
		want := w.Select(filter)
		if got := slices.Collect(store.Load().Matching(filter)); !slices.Equal(got, want) {
			t.Fatalf("%v lists %v, want %v", filter, got, want)
		}
		err := store.Update(func(tx *snapshot.Tx) error {
			if got := tx.RemoveMatching(filter); !slices.Equal(got, want) {
				t.Fatalf("%v removes %v, want %v", filter, got, want)
			}
			return nil
		})
		if err != nil || store.Load().Len() != len(w.Select(acl.AnyBinding))-len(want) {
			t.Fatalf("%v leaves %d: %v", filter, store.Load().Len(), err)
		}
	})
}
