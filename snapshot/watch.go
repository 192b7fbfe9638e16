package snapshot

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/portcullis-authz/portcullis/acl"
)

// Change has the changes of one transaction. Added and Removed are sorted by
// [acl.Binding.Compare]; no binding is in both. Both are empty for a transaction that only made
// the store ready, or that undid its own changes. The receiver may keep and modify the slices.
type Change struct {
	Generation     uint64 // the one that the transaction published
	Added, Removed []acl.Binding
}

// Watch yields the change of each transaction after generation from, in order, without gaps or
// repeats. When it has yielded all of them, it waits for the next one. To follow a store, take a
// snapshot and watch from its [Snapshot.Generation].
//
// The sequence ends only with an error, which comes with the zero Change:
//
//   - the error of ctx, when ctx is done;
//   - a [*ResyncError] if the next change is not available: the receiver was too slow (a store
//     remembers the last 1,024 transactions, and 65,536 changes of bindings in them), the
//     transaction was larger than that, or the store has not reached generation from.
//
// Writers never wait for a receiver and keep nothing for it. Watch starts no goroutine. The
// sequence may be used again; it then begins at from again. Each change is sorted when it is
// yielded. Do not receive within [Store.Update]: it would wait for itself.
func (s *Store) Watch(ctx context.Context, from uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for at := from; ; at++ {
			changes, err := s.after(ctx, at)
			if err != nil {
				yield(Change{}, err)
				return
			}
			c := Change{Generation: at + 1}
			c.Added, c.Removed = net(changes)
			if !yield(c, nil) {
				return
			}
		}
	}
}

// after waits for the snapshot after generation at, and returns its changes.
func (s *Store) after(ctx context.Context, at uint64) ([]change, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := s.begin()
		if n.generation == at {
			select {
			case <-ctx.Done():
			case <-s.waiting.after(s, n):
			}
			continue
		}
		if n.generation > at {
			if changes, ok := n.history.step(at + 1); ok {
				return changes, nil
			}
		}
		return nil, &ResyncError{Missing: at + 1, Snapshot: n}
	}
}

// ResyncError says that the next change is no longer available: reload from Snapshot, for
// example with [Diff], and watch from its generation.
type ResyncError struct {
	Missing  uint64    // the generation of the next change
	Snapshot *Snapshot // the one in force
}

// Error names the missing generation, and the one to continue from.
func (e *ResyncError) Error() string {
	return fmt.Sprintf("resynchronise: the change to generation %d is not available: take the snapshot of generation %d and watch from there",
		e.Missing, e.Snapshot.Generation())
}

// waiters lets goroutines wait for the next snapshot of a store. Publishing is cheap while nobody
// waits.
type waiters struct {
	mu   sync.Mutex
	next chan struct{} // closed when a snapshot is published; nil if nobody waits
}

// after returns a channel that is closed when a snapshot after n is in force in s.
func (w *waiters) after(s *Store, n *Snapshot) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.current.Load() != n { // published before this locked mu
		return closed
	}
	if w.next == nil {
		w.next = make(chan struct{})
	}
	return w.next
}

// wake is called when a snapshot has been published.
func (w *waiters) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next != nil {
		close(w.next)
		w.next = nil
	}
}

// closed is a channel that is closed already.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
