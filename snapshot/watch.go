package snapshot

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/portcullis-authz/portcullis/acl"
)

// Change is what one transaction did. Added and Removed are sorted as
// [acl.Binding.Compare] sorts; no binding is in both. Both are empty for a
// transaction that only made the store ready, or that undid what it did. The slices
// are the receiver's own.
type Change struct {
	Generation     uint64 // of the snapshot that the transaction published
	Added, Removed []acl.Binding
}

// Watch yields the change of each transaction after the snapshot of generation
// from: in order, without gap or repeat, and, when it has yielded all there are,
// each further one as it is published. To follow a store, take a snapshot and watch
// from its [Snapshot.Generation].
//
// The sequence does not end by itself but with an error, which comes with the zero
// Change:
//
//   - the error of ctx, once that is done;
//   - a [*ResyncError] if the store does not remember the next change: because the
//     receiver was too slow (the last 1,024 transactions are remembered, and 65,536
//     changes of bindings in them), because the transaction was larger than that, or
//     because from is no generation of the store yet.
//
// Writers never wait for a receiver, nor do they keep anything for one. Watch
// starts no goroutine; the sequence may be used more than once, and begins again at
// from each time. Yielding a change costs what it takes to sort it. Do not receive
// within [Store.Update], which would wait for itself.
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

// after waits for the snapshot after generation at, and returns what changed with
// it.
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

// ResyncError tells a watcher that the next change is not to be had. Take over
// Snapshot, for instance with [Diff], and watch from its generation.
type ResyncError struct {
	Missing  uint64    // the generation whose change was to come next
	Snapshot *Snapshot // the one in force
}

// Error names the generation that is missing, and the one to go on from.
func (e *ResyncError) Error() string {
	return fmt.Sprintf("resynchronise: the change to generation %d is not remembered: take the snapshot of generation %d and watch from there",
		e.Missing, e.Snapshot.Generation())
}

// waiters is who waits for the next snapshot of a store. A publication costs them
// nothing while nobody does.
type waiters struct {
	mu   sync.Mutex
	next chan struct{} // closed when a snapshot is published; nil while nobody waits
}

// after returns a channel that is closed once a snapshot after n is in force in s.
func (w *waiters) after(s *Store, n *Snapshot) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.current.Load() != n { // published before the lock was had
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

// closed is a channel that needs no waiting for.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
