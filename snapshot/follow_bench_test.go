package snapshot_test

import (
	"fmt"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// toggle adds or removes one binding, in turn.
func toggle(b *testing.B, store *snapshot.Store, i int) {
	extra := allow("User:test-user", ops.Write, topic("foo-bar35_resource-1"))
	if err := store.Update(func(tx *snapshot.Tx) error {
		_ = tx.Remove(extra) || tx.Add(extra)
		return nil
	}); err != nil {
		b.Fatal(i, err)
	}
}

// BenchmarkUpdateKeepIDs is BenchmarkUpdate on a store that gives its bindings ids.
func BenchmarkUpdateKeepIDs(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		store := newStore(b, snapshot.Config{KeepIDs: true}, flat(n)...)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				toggle(b, store, i)
			}
		})
	}
}

// BenchmarkWatch yields 1,000 remembered changes of one binding each; the time is of
// all of them.
func BenchmarkWatch(b *testing.B) {
	const changes = 1000
	store := newStore(b, snapshot.Config{}, flat(10_000)...)
	from := store.Load().Generation()
	for i := range changes {
		toggle(b, store, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		at := from
		for c, err := range store.Watch(b.Context(), from) {
			if err != nil {
				b.Fatal(err)
			}
			if at = c.Generation; at == from+changes {
				break
			}
		}
	}
}

// BenchmarkDiff compares snapshots of one store that are 100 transactions apart,
// which it remembers, and snapshots of two stores, of which all is compared.
func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		store := newStore(b, snapshot.Config{}, flat(n)...)
		from := store.Load()
		for i := range 101 {
			toggle(b, store, i)
		}
		to, other := store.Load(), newStore(b, snapshot.Config{}, flat(n)...).Load()
		for name, old := range map[string]*snapshot.Snapshot{"remembered": from, "other-store": other} {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if added, removed := snapshot.Diff(old, to); len(added) != 1 || len(removed) != 0 {
						b.Fatalf("added %v, removed %v", added, removed)
					}
				}
			})
		}
	}
}
