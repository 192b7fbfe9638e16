package snapshot_test

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// What follows a store: logs of ids, watchers, and differences of snapshots.

func (m *management) replay() {
	from := rapid.SampledFrom([]int{0, len(m.log) - 1}).Draw(m.t, "from")
	before := m.store.Load()
	apply(m.t, m.store, m.log[max(from, 0):]...)
	if !sameBindings(m.store.Load(), before) {
		m.t.Fatalf("the log of %v, once more, ends in %v", slices.Collect(before.All()), slices.Collect(m.store.Load().All()))
	}
	fresh := snapshot.NewStore(snapshot.Config{KeepIDs: true})
	for _, r := range m.log {
		apply(m.t, fresh, r)
	}
	if !sameBindings(fresh.Load(), before) || !maps.Equal(fresh.Load().AllIDs(), m.ids) {
		m.t.Fatalf("the log ends in %v, want %v", fresh.Load().AllIDs(), m.ids)
	}
}

// watch gives the follower what it has not had yet.
func (m *management) watch() {
	until := m.store.Load().Generation()
	if m.at == until {
		return
	}
	for c, err := range m.store.Watch(m.t.Context(), m.at) {
		if m.isForgotten(m.at, err) {
			m.follower, m.at = map[acl.Binding]bool{}, until
			for _, b := range m.held() {
				m.follower[b] = true
			}
			return
		}
		if err != nil || c.Generation != m.at+1 {
			m.t.Fatalf("generation %d after %d: %v", c.Generation, m.at, err)
		}
		for _, b := range c.Added {
			if m.follower[b] {
				m.t.Fatalf("%v added twice", b)
			}
			m.follower[b] = true
		}
		for _, b := range c.Removed {
			if !m.follower[b] {
				m.t.Fatalf("%v removed twice", b)
			}
			delete(m.follower, b)
		}
		if m.at = c.Generation; m.at == until {
			break
		}
	}
	if got := slices.SortedFunc(maps.Keys(m.follower), acl.Binding.Compare); !slices.Equal(got, m.held()) {
		m.t.Fatalf("the follower holds %v, want %v", got, m.held())
	}
}

// remembered is how many transactions a store remembers for its watchers.
const remembered = 1024

// isForgotten reports whether a watcher that has all until generation at is told to
// resynchronise. It is if the next change is no longer remembered, and only then;
// what it is told to go on from is the snapshot in force.
func (m *management) isForgotten(at uint64, err error) bool {
	now := m.store.Load()
	var resync *snapshot.ResyncError
	told := errors.As(err, &resync)
	if told != (now.Generation() > at+remembered || now.Generation() < at) {
		m.t.Fatalf("watches from generation %d of %d: %v", at, now.Generation(), err)
	}
	if told && (resync.Missing != at+1 || resync.Snapshot != now) {
		m.t.Fatalf("watches from generation %d of %d: told to take %d, since %d is missing", at, now.Generation(), resync.Snapshot.Generation(), resync.Missing)
	}
	if told {
		m.done["resynchronised"]++
	}
	return told
}

// watchAgain watches from any generation that there was, or is to come, and rebuilds
// what the store held from what it held then.
func (m *management) watchAgain() {
	generations := slices.Sorted(maps.Keys(m.past))
	if len(generations) == 0 {
		return
	}
	at := rapid.SampledFrom(generations).Draw(m.t, "from")
	if rapid.IntRange(0, 5).Draw(m.t, "to come") == 0 {
		at = m.store.Load().Generation() + 1
	}
	then := m.past[at]
	held := slices.Clone(then.bindings)
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	if at == m.store.Load().Generation() {
		cancel() // there is nothing to come
	}
	for c, err := range m.store.Watch(ctx, at) {
		if errors.Is(err, context.Canceled) {
			return
		}
		if m.isForgotten(at, err) {
			if then.snapshot == nil {
				return
			}
			added, removed := snapshot.Diff(then.snapshot, m.store.Load())
			held = append(without(held, removed), added...)
			break
		}
		if err != nil || c.Generation != at+1 {
			m.t.Fatalf("generation %d after %d: %v", c.Generation, at, err)
		}
		if gone := without(c.Removed, held); len(gone) > 0 || len(without(c.Added, held)) != len(c.Added) {
			m.t.Fatalf("%v changes %v", c, held)
		}
		held = append(without(held, c.Removed), c.Added...)
		at = c.Generation
		if past, ok := m.past[at]; ok {
			slices.SortFunc(held, acl.Binding.Compare)
			if !slices.Equal(held, past.bindings) {
				m.t.Fatalf("generation %d held %v, want %v", at, held, past.bindings)
			}
		}
		if at == m.store.Load().Generation() {
			break
		}
	}
	slices.SortFunc(held, acl.Binding.Compare)
	if !slices.Equal(held, m.held()) {
		m.t.Fatalf("the watcher holds %v, want %v", held, m.held())
	}
}

// fallBehind makes, now and then, as many transactions as a store remembers, or one
// more. They change nothing in the end.
func (m *management) fallBehind() {
	if rapid.IntRange(0, 9).Draw(m.t, "behind") > 0 {
		return
	}
	passing := acltest.Allow("User:passing", ops.Read, acltest.Topic("passing"))
	for range remembered + rapid.IntRange(0, 1).Draw(m.t, "one more") {
		if err := m.store.Update(func(tx *snapshot.Tx) error {
			if !tx.Add(passing) || !tx.Remove(passing) {
				m.t.Fatal("it was there, or was not")
			}
			return nil
		}); err != nil {
			m.t.Fatal(err)
		}
	}
}

func storeOf(t rapid.TB, list []acl.Binding) *snapshot.Snapshot {
	store := snapshot.NewStore(snapshot.Config{})
	require.NoError(t, store.Replace(slices.Values(list)))
	return store.Load()
}

// diff compares the store with what it was, and with another that was built of the
// same: what is remembered and what is compared must agree.
func (m *management) diff() {
	now := managedVersion{m.store.Load(), m.held()}
	for _, v := range append(m.versions, now) {
		for _, old := range []*snapshot.Snapshot{v.snapshot, storeOf(m.t, v.bindings)} {
			for _, turn := range []struct {
				from, to     *snapshot.Snapshot
				lists, other []acl.Binding
			}{{old, now.snapshot, v.bindings, now.bindings}, {now.snapshot, old, now.bindings, v.bindings}} {
				added, removed := snapshot.Diff(turn.from, turn.to)
				wantAdded, wantRemoved := without(turn.other, turn.lists), without(turn.lists, turn.other)
				if !slices.Equal(added, wantAdded) || !slices.Equal(removed, wantRemoved) {
					m.t.Fatalf("from %v to %v: added %v, removed %v", turn.lists, turn.other, added, removed)
				}
			}
		}
	}
	m.versions = append(m.versions, now)
}

func without(list, others []acl.Binding) []acl.Binding {
	return slices.DeleteFunc(slices.Clone(list), func(b acl.Binding) bool { return slices.Contains(others, b) })
}

// sameBindings reports whether the snapshots have the same bindings.
func sameBindings(n, o *snapshot.Snapshot) bool {
	added, removed := snapshot.Diff(n, o)
	return len(added)+len(removed) == 0
}
