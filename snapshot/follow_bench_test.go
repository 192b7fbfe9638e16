package snapshot_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// toggle adds or removes one binding, in turn.
func toggle(b *testing.B, store *snapshot.Store, i int) {
	extra := acltest.Allow("User:test-user", ops.Write, acltest.Topic("foo-bar35_resource-1"))
	err := store.Update(func(tx *snapshot.Tx) error {
		_ = tx.Remove(extra) || tx.Add(extra)
		return nil
	})
	require.NoError(b, err)
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

// BenchmarkMatching searches the ACLs of one topic: of a snapshot that was searched before,
// and of one that is new each time, with the update that makes it. All goes through
// everything.
func BenchmarkMatching(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		store := newStore(b, snapshot.Config{}, flat(n)...)
		ofOneTopic := acl.Filter{Pattern: resource.PatternFilter{Type: resource.Topic, PatternType: resource.PatternAny}, Entry: acl.AnyBinding.Entry}
		search := func(b *testing.B, i int) {
			name := fmt.Sprint("foo-bar35_resource-", 1+i*7919%(n/10)/10*10)
			ofOneTopic.Pattern.Name = &name
			found := 0
			for range store.Load().Matching(ofOneTopic) {
				found++
			}
			if found < 10 {
				b.Fatalf("%d ACLs of %s", found, name)
			}
		}
		b.Run(fmt.Sprintf("one-topic/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				search(b, i)
			}
		})
		b.Run(fmt.Sprintf("one-topic-after-an-update/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				toggle(b, store, i)
				search(b, i)
			}
		})
		b.Run(fmt.Sprintf("all/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				found := 0
				for range store.Load().All() {
					found++
				}
				if found < n {
					b.Fatalf("%d of %d ACLs", found, n)
				}
			}
		})
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
