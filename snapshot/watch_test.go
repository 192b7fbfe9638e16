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

	"github.com/portcullis-authz/portcullis/acl"
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
		if err != nil {
			t.Fatal(err)
		}
		if changes = append(changes, c); c.Generation == until {
			break
		}
	}
	return changes
}

func TestWatch(t *testing.T) {
	a, b, c := allow("User:alice", ops.Read, topic("a")), deny("User:alice", ops.Read, topic("a")), allow("User:alice", ops.Read, topic("c"))
	store := newStore(t, snapshot.Config{AwaitInitialLoad: true}, c, a)
	if err := store.Update(func(tx *snapshot.Tx) error {
		tx.Remove(a)
		tx.Add(a) // back again: no change
		tx.Add(b)
		tx.Remove(b)
		tx.Add(b)
		tx.Remove(c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	store.CompleteInitialLoad()
	want := []snapshot.Change{{Generation: 1, Added: []acl.Binding{a, c}}, {Generation: 2, Added: []acl.Binding{b}, Removed: []acl.Binding{c}}, {Generation: 3}}
	equal := func(x, y snapshot.Change) bool {
		return x.Generation == y.Generation && slices.Equal(x.Added, y.Added) && slices.Equal(x.Removed, y.Removed)
	}
	for from := range want {
		if got := received(t, store, uint64(from)); !slices.EqualFunc(got, want[from:], equal) {
			t.Errorf("from %d: got %v, want %v", from, got, want[from:])
		}
	}

	// A watcher that has all waits for the next, or for its context.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for c, err := range store.Watch(ctx, 3) {
		if !errors.Is(err, context.DeadlineExceeded) || c.Generation != 0 {
			t.Errorf("got %v, %v", c, err)
		}
	}
	for c, err := range store.Watch(ctx, 0) {
		if !errors.Is(err, context.DeadlineExceeded) || c.Generation != 0 {
			t.Errorf("a context that is over: got %v, %v", c, err)
		}
	}
	for _, from := range []uint64{4, math.MaxUint64} {
		for _, err := range store.Watch(t.Context(), from) {
			var resync *snapshot.ResyncError
			if !errors.As(err, &resync) || resync.Snapshot != store.Load() || resync.Missing != from+1 {
				t.Errorf("from %d: got %v", from, err)
			}
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
	a := allow("User:alice", ops.Read, topic("a"))
	add(t, &store, a)
	if c := <-got; c.Generation != 1 || !slices.Equal(c.Added, []acl.Binding{a}) {
		t.Errorf("got %v", c)
	}
	if (&snapshot.Store{}).Load().Len() != 0 {
		t.Error("zero stores share a snapshot that changes")
	}
}

// TestSlowWatcher leaves a watcher behind in each way there is.
func TestSlowWatcher(t *testing.T) {
	wantResync := func(store *snapshot.Store, from, missing uint64) {
		t.Helper()
		at := from
		for c, err := range store.Watch(t.Context(), from) {
			if err == nil {
				if at++; c.Generation != at {
					t.Fatalf("generation %d after %d", c.Generation, at-1)
				}
				continue
			}
			var resync *snapshot.ResyncError
			if !errors.As(err, &resync) || resync.Missing != missing || at+1 != missing || resync.Snapshot != store.Load() {
				t.Errorf("from %d: got %v, want %d to be missing", from, err, missing)
			}
		}
	}
	flip := func(store *snapshot.Store, b acl.Binding) {
		if err := store.Update(func(tx *snapshot.Tx) error { _ = tx.Remove(b) || tx.Add(b); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	a := allow("User:alice", ops.Read, topic("a"))

	// Too many transactions.
	store := snapshot.NewStore(snapshot.Config{})
	for range 1024 + 10 {
		flip(store, a)
	}
	wantResync(store, 0, 1)
	wantResync(store, 9, 10)
	if got := received(t, store, 10); len(got) != 1024 {
		t.Errorf("got %d changes, want 1024", len(got))
	}

	// A transaction too large, and what was before and after it.
	var many []acl.Binding
	for i := range 1<<16 + 1 {
		many = append(many, allow("User:alice", ops.Read, topic(fmt.Sprint(i))))
	}
	store = newStore(t, snapshot.Config{}, a)
	add(t, store, many...)
	flip(store, a)
	wantResync(store, 0, 2)
	wantResync(store, 1, 2)
	if got := received(t, store, 2); len(got) != 1 {
		t.Errorf("got %v", got)
	}

	// Several that are too large together.
	store = newStore(t, snapshot.Config{}, many[:1<<15]...)
	flip(store, a)
	add(t, store, many[1<<15:1<<16-1]...)
	if got := received(t, store, 0); len(got) != 3 {
		t.Errorf("got %d changes, want 3", len(got))
	}
	flip(store, a)
	wantResync(store, 0, 1)
	if got := received(t, store, 1); len(got) != 3 {
		t.Errorf("got %d changes, want 3", len(got))
	}
	add(t, store, many[1<<16])
	wantResync(store, 0, 1)
	if err := store.Replace(slices.Values(many[:1])); err != nil {
		t.Fatal(err)
	}
	if got := received(t, store, 5); len(got) != 1 || len(got[0].Removed) != 1<<16-1 {
		t.Errorf("got %d changes", len(got))
	}
}

// TestWatchersAgainstWriters has watchers rebuild the ACLs from what they are given,
// while several writers flip random ones, and others are lost on the way and begin
// afresh. In the end all must hold what the store holds.
func TestWatchersAgainstWriters(t *testing.T) {
	const writers, updates, watchers = 4, 1500, 4
	store := snapshot.NewStore(snapshot.Config{})
	list := make([]acl.Binding, 40)
	for i := range list {
		list[i] = allow("User:alice", ops.Read, topic(fmt.Sprint(i)))
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
		tx.Add(allow("User:alice", ops.Read, topic("payments")))
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
