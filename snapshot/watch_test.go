package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// received gathers what a watcher of a store is given up to its present generation.
func received(t testing.TB, store *snapshot.Store, from uint64) (changes []snapshot.Change) {
	t.Helper()
	until := store.Load().Generation()
	if from == until {
		return nil
	}
	for c, err := range store.Watch(t.Context(), from) {
		require.NoError(t, err)
		if changes = append(changes, c); c.Generation == until {
			break
		}
	}
	return changes
}

func TestWatch(t *testing.T) {
	a, b, c := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Deny("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topic("c"))
	store := newStore(t, snapshot.Config{AwaitInitialLoad: true}, c, a)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		tx.Remove(a)
		tx.Add(a) // back again: no change
		tx.Add(b)
		tx.Remove(b)
		tx.Add(b)
		tx.Remove(c)
		return nil
	}))
	store.CompleteInitialLoad()
	want := []snapshot.Change{{Generation: 1, Added: []acl.Binding{a, c}}, {Generation: 2, Added: []acl.Binding{b}, Removed: []acl.Binding{c}}, {Generation: 3}}
	equal := func(x, y snapshot.Change) bool {
		return x.Generation == y.Generation && slices.Equal(x.Added, y.Added) && slices.Equal(x.Removed, y.Removed)
	}
	for from := range want {
		got := received(t, store, uint64(from))
		assert.True(t, slices.EqualFunc(got, want[from:], equal), "from %d: got %v, want %v", from, got, want[from:])
	}

	// A watcher that has all waits for the next, or for its context.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for c, err := range store.Watch(ctx, 3) {
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, uint64(0), c.Generation)
	}
	for c, err := range store.Watch(ctx, 0) {
		assert.ErrorIs(t, err, context.DeadlineExceeded, "a context that is over")
		assert.Equal(t, uint64(0), c.Generation, "a context that is over")
	}
	for _, from := range []uint64{4, math.MaxUint64} {
		for _, err := range store.Watch(t.Context(), from) {
			var resync *snapshot.ResyncError
			require.ErrorAs(t, err, &resync, "from %d", from)
			assert.Same(t, store.Load(), resync.Snapshot, "from %d", from)
			assert.Equal(t, from+1, resync.Missing, "from %d", from)
		}
	}
}

// TestWatchZeroStore watches a store before anybody has written to it.
func TestWatchZeroStore(t *testing.T) {
	var store snapshot.Store
	started, got := make(chan struct{}), make(chan snapshot.Change)
	go func() {
		next := store.Watch(t.Context(), 0)
		close(started)
		for c := range next {
			got <- c
			return
		}
	}()
	<-started
	a := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
	add(t, &store, a)
	c := <-got
	assert.Equal(t, uint64(1), c.Generation)
	assert.Equal(t, []acl.Binding{a}, c.Added)
	assert.Equal(t, 0, (&snapshot.Store{}).Load().Len(), "zero stores share a snapshot that changes")
}

// TestSlowWatcher leaves a watcher behind in each way there is.
func TestSlowWatcher(t *testing.T) {
	wantResync := func(store *snapshot.Store, from, missing uint64) {
		t.Helper()
		at := from
		for c, err := range store.Watch(t.Context(), from) {
			if err == nil {
				at++
				require.Equal(t, at, c.Generation, "generation %d after %d", c.Generation, at-1)
				continue
			}
			var resync *snapshot.ResyncError
			require.ErrorAs(t, err, &resync, "from %d: got %v, want %d to be missing", from, err, missing)
			assert.Equal(t, missing, resync.Missing, "from %d: got %v, want %d to be missing", from, err, missing)
			assert.Equal(t, missing, at+1, "from %d: got %v, want %d to be missing", from, err, missing)
			assert.Same(t, store.Load(), resync.Snapshot, "from %d: got %v, want %d to be missing", from, err, missing)
		}
	}
	flip := func(store *snapshot.Store, b acl.Binding) {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { _ = tx.Remove(b) || tx.Add(b); return nil }))
	}
	a := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))

	// Too many transactions.
	store := snapshot.NewStore(snapshot.Config{})
	for range 1024 + 10 {
		flip(store, a)
	}
	wantResync(store, 0, 1)
	wantResync(store, 9, 10)
	got := received(t, store, 10)
	assert.Len(t, got, 1024, "got %d changes, want 1024", len(got))

	// A transaction too large, and what was before and after it.
	var many []acl.Binding
	for i := range 1<<16 + 1 {
		many = append(many, acltest.Allow("User:alice", ops.Read, acltest.Topic(fmt.Sprint(i))))
	}
	store = newStore(t, snapshot.Config{}, a)
	add(t, store, many...)
	flip(store, a)
	wantResync(store, 0, 2)
	wantResync(store, 1, 2)
	assert.Len(t, received(t, store, 2), 1)

	// Several that are too large together.
	store = newStore(t, snapshot.Config{}, many[:1<<15]...)
	flip(store, a)
	add(t, store, many[1<<15:1<<16-1]...)
	got = received(t, store, 0)
	assert.Len(t, got, 3, "got %d changes, want 3", len(got))
	flip(store, a)
	wantResync(store, 0, 1)
	got = received(t, store, 1)
	assert.Len(t, got, 3, "got %d changes, want 3", len(got))
	add(t, store, many[1<<16])
	wantResync(store, 0, 1)
	require.NoError(t, store.Replace(slices.Values(many[:1])))
	got = received(t, store, 5)
	require.Len(t, got, 1, "got %d changes", len(got))
	assert.Len(t, got[0].Removed, 1<<16-1, "got %d changes", len(got))
}

// TestWatchersAgainstWriters has watchers rebuild the ACLs from what they are given,
// while several writers flip random ones, and others are lost on the way and begin
// afresh. In the end all must hold what the store holds.
func TestWatchersAgainstWriters(t *testing.T) {
	const writers, updates, watchers = 4, 1500, 4
	store := snapshot.NewStore(snapshot.Config{})
	list := make([]acl.Binding, 40)
	for i := range list {
		list[i] = acltest.Allow("User:alice", ops.Read, acltest.Topic(fmt.Sprint(i)))
	}
	const last = writers * updates
	var all sync.WaitGroup
	resyncs := make([]int, watchers)
	for w := range watchers {
		all.Go(func() {
			held := map[acl.Binding]bool{}
			var at uint64
			for at < last {
				for c, err := range store.Watch(t.Context(), at) {
					var resync *snapshot.ResyncError
					if errors.As(err, &resync) {
						resyncs[w]++
						clear(held)
						for b := range resync.Snapshot.All() {
							held[b] = true
						}
						at = resync.Snapshot.Generation()
						break
					}
					if err != nil || c.Generation != at+1 {
						t.Errorf("generation %d after %d: %v", c.Generation, at, err)
						return
					}
					for _, b := range c.Added {
						if held[b] {
							t.Errorf("%v was added twice", b)
							return
						}
						held[b] = true
					}
					for _, b := range c.Removed {
						if !held[b] {
							t.Errorf("%v was removed twice", b)
							return
						}
						delete(held, b)
					}
					if at = c.Generation; at == last {
						break
					}
					if w == 0 && at%100 == 0 {
						time.Sleep(10 * time.Millisecond) // a slow one
					}
				}
			}
			n := store.Load()
			for b := range n.All() {
				if !held[b] {
					t.Errorf("watcher %d lacks %v", w, b)
				}
			}
			if n.Len() != len(held) {
				t.Errorf("watcher %d holds %d, want %d", w, len(held), n.Len())
			}
		})
	}
	for w := range writers {
		all.Go(func() {
			for i := range updates {
				if err := store.Update(func(tx *snapshot.Tx) error {
					for k := range 1 + i%3 {
						b := list[(i*7+w*13+k*5)%len(list)]
						_ = tx.Remove(b) || tx.Add(b)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("resynchronised %v times", resyncs)
}

func ExampleStore_Watch() {
	store := snapshot.NewStore(snapshot.Config{})
	generation := store.Load().Generation()
	if err := store.Update(func(tx *snapshot.Tx) error {
		tx.Add(acltest.Allow("User:alice", ops.Read, acltest.Topic("payments")))
		return nil
	}); err != nil {
		panic(err)
	}
	for change, err := range store.Watch(context.Background(), generation) {
		if err != nil {
			panic(err) // of the context, or a *ResyncError
		}
		fmt.Println(change.Generation, change.Added)
		break
	}
	// Output: 1 [(pattern=ResourcePattern(resourceType=TOPIC, name=payments, patternType=LITERAL), entry=(principal=User:alice, host=*, operation=READ, permissionType=ALLOW))]
}
