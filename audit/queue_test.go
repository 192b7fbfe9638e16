package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func newQueue(t testing.TB, next audit.Handler, capacity int, o audit.Overflow, report func(*audit.LossError)) *audit.Queue {
	t.Helper()
	q, err := audit.NewQueue(next, capacity, o, report)
	require.NoError(t, err)
	return q
}

// numbered returns an event with a number.
func numbered(i int) *audit.Event { return &audit.Event{Call: audit.Call{References: i}} }

func TestQueueRefusesArguments(t *testing.T) {
	for _, test := range []struct {
		next     audit.Handler
		capacity int
		overflow audit.Overflow
		want     string
	}{
		{nil, 1, 0, "audit: the next handler of a queue is nil"},
		{&recorder{}, 0, 0, "audit: queue with capacity 0: expected 1 or more"},
		{&recorder{}, 1, 3, "audit: unknown overflow 3: expected DenyWhenFull, WaitWhenFull or DropWhenFull"},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			q, err := audit.NewQueue(test.next, test.capacity, test.overflow, nil)
			assert.Nil(t, q)
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestZeroQueueRefuses(t *testing.T) {
	var q audit.Queue
	assert.ErrorIs(t, q.Handle(numbered(0)), audit.ErrFull, "Handle")
	assert.ErrorIs(t, q.Run(t.Context()), audit.ErrClosed, "Run")
	q.Close()
	got, want := q.Counts(), (audit.QueueCounts{Denied: 1})
	assert.Equal(t, want, got, "counts %+v, want %+v", got, want)
}

func TestQueueDeniesWhenFull(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	var r recorder
	q := newQueue(t, &r, 2, audit.DenyWhenFull, nil)
	session := (&audit.Auditor{Handler: q, Level: slog.LevelDebug}).Session(store, alice)
	var allowed []bool
	for range 4 {
		allowed = append(allowed, session.Check(audit.Call{}, ops.Read, resource.Topic, "a").Allowed())
	}
	q.Close()
	allowed = append(allowed, session.Check(audit.Call{}, ops.Read, resource.Topic, "a").Allowed())
	got, want := fmt.Sprint(allowed), "[true true false false false]"
	assert.Equal(t, want, got, "allowed")
	if got, want := q.Counts(), (audit.QueueCounts{Delivered: 2, Denied: 3}); got != want || len(r.events) != 2 {
		t.Errorf("counts %+v, want %+v; %d events", got, want, len(r.events))
	}
}

func TestQueueDropsAndTells(t *testing.T) {
	var order []string
	r := handlerFunc(func(e *audit.Event) error {
		order = append(order, fmt.Sprint(e.Call.References))
		if e.Call.References == 1 {
			return errors.New("no space")
		}
		return nil
	})
	q := newQueue(t, r, 2, audit.DropWhenFull, func(l *audit.LossError) { order = append(order, l.Error()) })
	for i := range 5 {
		assert.NoError(t, q.Handle(numbered(i)), "event %d", i)
	}
	q.Close()
	q.Close()
	got, want := fmt.Sprintf("%q", order), `["audit: 3 events are lost" "0" "1" "audit: 1 events are lost: no space"]`
	assert.Equal(t, want, got)
	if got, want := q.Counts(), (audit.QueueCounts{Delivered: 1, Dropped: 3, Failed: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	assert.ErrorIs(t, q.Handle(numbered(9)), audit.ErrClosed, "after Close")
	cause := errors.New("cause")
	assert.ErrorIs(t, &audit.LossError{Err: cause}, cause, "a LossError hides its cause")
}

type handlerFunc func(e *audit.Event) error

func (f handlerFunc) Handle(e *audit.Event) error { return f(e) }

func TestQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := newQueue(t, &r, 1, audit.WaitWhenFull, nil)
		var errs []error
		go func() {
			for i := range 3 {
				errs = append(errs, q.Handle(numbered(i)))
			}
		}()
		synctest.Wait() // the second event waits for room
		require.Len(t, errs, 1, "%d events were accepted, want 1", len(errs))
		done := make(chan error)
		go func() { done <- q.Run(t.Context()) }()
		synctest.Wait() // Run waits for work
		require.Len(t, errs, 3, "%v, %d events", errs, len(r.events))
		require.Len(t, r.events, 3, "%v, %d events", errs, len(r.events))
		assert.Equal(t, 2, r.events[2].Call.References, "%v, %d events", errs, len(r.events))
		q.Close()
		assert.NoError(t, <-done)
	})
}

// A check that waits for room is refused when the queue is closed and does not hang,
// even if nothing empties the queue.
func TestQueueCloseWakes(t *testing.T) {
	for _, end := range []string{"Close", "Run"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				q := newQueue(t, &r, 1, audit.WaitWhenFull, nil)
				require.NoError(t, q.Handle(numbered(0)))
				refused := make(chan error, 3)
				for i := range 3 {
					go func() { refused <- q.Handle(numbered(1 + i)) }()
				}
				synctest.Wait()
				delivered := 1
				if end == "Close" {
					q.Close()
				} else {
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					_ = q.Run(ctx)
					delivered = 0
				}
				for range 3 {
					assert.ErrorIs(t, <-refused, audit.ErrClosed)
				}
				assert.Len(t, r.events, delivered, "%d events, want %d", len(r.events), delivered)
			})
		})
	}
}

func TestQueueRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var losses []uint64
		entered, leave := make(chan struct{}, 8), make(chan struct{})
		q := newQueue(t, handlerFunc(func(*audit.Event) error { entered <- struct{}{}; <-leave; return nil }), 4, audit.DenyWhenFull,
			func(l *audit.LossError) {
				losses = append(losses, l.Lost)
				assert.ErrorIs(t, l, context.Canceled, "lost for %v", l.Err)
			})
		for i := range 3 {
			require.NoError(t, q.Handle(numbered(i)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- q.Run(ctx) }()
		<-entered
		cancel()
		synctest.Wait()
		close(leave)
		err := <-done
		assert.ErrorIs(t, err, context.Canceled, "Run ends with %v", err)
		got, want := q.Counts(), (audit.QueueCounts{Delivered: 1, Failed: 2})
		assert.Equal(t, want, got, "counts %+v, losses %v", got, losses)
		assert.Equal(t, "[2]", fmt.Sprint(losses), "counts %+v, losses %v", got, losses)
		assert.ErrorIs(t, q.Handle(numbered(9)), audit.ErrClosed, "after the end")
	})
}

// A handler that panics does not leave the queue locked.
func TestQueueSurvivesPanic(t *testing.T) {
	first := true
	q := newQueue(t, handlerFunc(func(*audit.Event) error {
		if first {
			first = false
			panic("handler")
		}
		return nil
	}), 4, audit.DenyWhenFull, nil)
	for i := range 2 {
		require.NoError(t, q.Handle(numbered(i)))
	}
	func() {
		defer func() { _ = recover() }()
		q.Close()
	}()
	q.Close()
	got := q.Counts().Delivered
	assert.Equal(t, uint64(1), got, "%d events delivered after a panic, want 1", got)
}

// TestQueueAccountsForAll: for any combination of writers, capacity and failing
// handler, each event is delivered or counted as lost.
func TestQueueAccountsForAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		writers, each := rapid.IntRange(1, 4).Draw(rt, "writers"), rapid.IntRange(0, 60).Draw(rt, "events")
		overflow := audit.Overflow(rapid.IntRange(0, 2).Draw(rt, "overflow"))
		failEvery := rapid.IntRange(2, 9).Draw(rt, "failEvery")
		delivered, lost := 0, uint64(0)
		last := make(map[int]int) // the last event of each writer
		q := newQueue(t, handlerFunc(func(e *audit.Event) error {
			writer, i := e.Call.References%8, e.Call.References/8
			if before, ok := last[writer]; ok && before >= i {
				t.Errorf("event %d of writer %d after %d", i, writer, before)
			}
			last[writer] = i
			if i%failEvery == 1 {
				return errors.New("refused")
			}
			delivered++
			return nil
		}), rapid.IntRange(1, 20).Draw(rt, "capacity"), overflow, func(l *audit.LossError) { lost += l.Lost })
		done := make(chan error, 1)
		go func() { done <- q.Run(context.Background()) }()
		var denied sync.Map
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range each {
					if err := q.Handle(numbered(i*8 + w)); err != nil {
						denied.Store(i*8+w, err)
					}
				}
			})
		}
		group.Wait()
		q.Close()
		require.NoError(rt, <-done)
		refused := uint64(0)
		denied.Range(func(any, any) bool { refused++; return true })
		c := q.Counts()
		require.Equal(rt, uint64(delivered), c.Delivered, "counts %+v; %d delivered, %d refused, %d reported lost, of %d", c, delivered, refused, lost, writers*each)
		require.Equal(rt, refused, c.Denied, "counts %+v; %d delivered, %d refused, %d reported lost, of %d", c, delivered, refused, lost, writers*each)
		require.Equal(rt, lost, c.Dropped+c.Failed, "counts %+v; %d delivered, %d refused, %d reported lost, of %d", c, delivered, refused, lost, writers*each)
		require.Equal(rt, uint64(writers*each), c.Delivered+c.Dropped+c.Denied+c.Failed, "counts %+v; %d delivered, %d refused, %d reported lost, of %d", c, delivered, refused, lost, writers*each)
		require.False(rt, overflow != audit.DenyWhenFull && refused != 0, "overflow %d: %+v", overflow, c)
		require.False(rt, overflow != audit.DropWhenFull && c.Dropped != 0, "overflow %d: %+v", overflow, c)
	})
}

// batchRecorder records events in batches.
type batchRecorder struct {
	recorder
	sizes []int
	allow int // events that it still records
}

func (b *batchRecorder) HandleBatch(events []audit.Event) (int, error) {
	b.sizes = append(b.sizes, len(events))
	n := min(len(events), b.allow)
	b.allow -= n
	for i := range n {
		_ = b.Handle(&events[i])
	}
	if n < len(events) {
		return n, errors.New("full")
	}
	return n, nil
}

// A queue passes all events that it has, in order and up to a number, to a handler that takes
// several at once, and counts those that it did not record.
func TestQueueDeliversBatches(t *testing.T) {
	const events = 2*audit.MaxBatch + 3
	b := &batchRecorder{allow: events - 1}
	var losses []string
	q := newQueue(t, b, events, audit.DropWhenFull, func(e *audit.LossError) { losses = append(losses, e.Error()) })
	for i := range events + 2 {
		require.NoError(t, q.Handle(numbered(i)))
	}
	q.Close()
	assert.Equal(t, []int{audit.MaxBatch, audit.MaxBatch, 3}, b.sizes)
	require.Len(t, b.events, events-1)
	for i := range b.events {
		require.Equal(t, i, b.events[i].Call.References)
	}
	assert.Equal(t, []string{"audit: 2 events are lost", "audit: 1 events are lost: full"}, losses)
	assert.Equal(t, audit.QueueCounts{Delivered: events - 1, Dropped: 2, Failed: 1}, q.Counts())
}
