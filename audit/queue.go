package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Overflow says what becomes of an event when a [Queue] is full. The zero Overflow is
// DenyWhenFull.
type Overflow uint8

// The choices.
const (
	// DenyWhenFull refuses the event with ErrFull: the check is denied.
	DenyWhenFull Overflow = iota
	// WaitWhenFull makes the check wait for room.
	WaitWhenFull
	// DropWhenFull counts the event as lost and lets the check go on.
	DropWhenFull
)

// ErrFull says that a queue had no room. ErrClosed says that it takes no more events.
var (
	ErrFull   = errors.New("audit: the queue is full")
	ErrClosed = errors.New("audit: the queue is closed")
)

// LossError says how many events are lost since the last LossError: dropped, refused
// by the next handler, or left in a queue whose Run was ended by its context.
type LossError struct {
	Lost uint64
	Err  error // the last error of the next handler, or nil
}

// Error names the number and the error.
func (e *LossError) Error() string {
	text := fmt.Sprintf("audit: %d events are lost", e.Lost)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *LossError) Unwrap() error { return e.Err }

// QueueCounts says what has become of the events that came to a queue: each is in one
// of them, or still in the queue.
type QueueCounts struct {
	Delivered uint64 // taken by the next handler
	Dropped   uint64 // with DropWhenFull
	Denied    uint64 // refused to the check: the queue was full or closed
	Failed    uint64 // refused by the next handler, or left over when Run was ended
}

// Queue is a handler that takes events at once and hands them on, one after the other
// and in their order, in the goroutine that called Run. It is safe for concurrent use
// by any number of goroutines.
//
// Nothing is lost in silence: what is lost is counted, and told to the report. It must
// not be copied after first use. The zero Queue has no room and refuses every event.
type Queue struct {
	next     Handler
	overflow Overflow
	report   func(*LossError)

	mu      sync.Mutex
	work    sync.Cond // there is an event, or the queue is closed
	room    sync.Cond // there is room, or the queue is closed
	ring    []Event   // of fixed size
	first   int
	n       int
	closed  bool
	running bool      // somebody hands events on
	idle    sync.Cond // nobody does any more
	counts  QueueCounts
	loss    LossError // not yet reported
}

// NewQueue returns a queue with room for capacity events, which must be positive. An
// Event is about 230 bytes; all of the room is allocated at once. report is called in
// the goroutine of Run or Close, before the next event is handed on and at the end,
// when events were lost; nil leaves it at the counts. A capacity that is not positive
// and a nil next are errors.
func NewQueue(next Handler, capacity int, overflow Overflow, report func(*LossError)) (*Queue, error) {
	switch {
	case next == nil:
		return nil, errors.New("audit: a queue needs a handler to hand events on to")
	case capacity <= 0:
		return nil, fmt.Errorf("audit: a queue for %d events: expected 1 or more", capacity)
	case overflow > DropWhenFull:
		return nil, fmt.Errorf("audit: overflow %d is none of DenyWhenFull, WaitWhenFull and DropWhenFull", overflow)
	}
	q := &Queue{next: next, overflow: overflow, report: report, ring: make([]Event, capacity)}
	q.work.L, q.room.L, q.idle.L = &q.mu, &q.mu, &q.mu
	return q, nil
}

// Handle puts e in the queue. The error is ErrFull or ErrClosed.
func (q *Queue) Handle(e *Event) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.overflow == WaitWhenFull && q.n == len(q.ring) && !q.closed {
		q.room.Wait()
	}
	switch {
	case q.closed:
		q.counts.Denied++
		return ErrClosed
	case q.n < len(q.ring):
		q.ring[(q.first+q.n)%len(q.ring)] = *e
		q.n++
		q.work.Signal()
		return nil
	case q.overflow == DropWhenFull:
		q.counts.Dropped++
		q.loss.Lost++
		return nil
	default:
		q.counts.Denied++
		return ErrFull
	}
}

// Run hands events on until the queue is closed and empty, and then returns nil, or
// until ctx is done: then it closes the queue, counts the events that are left in it
// as lost, and returns the error of ctx. A handler that is at work is waited for.
// Only one Run may be under way; another one waits for it. The zero Queue has nothing
// to run: the error is ErrClosed.
func (q *Queue) Run(ctx context.Context) error {
	if q.next == nil {
		return ErrClosed
	}
	stop := context.AfterFunc(ctx, q.close)
	defer stop()
	q.deliver(ctx)
	return ctx.Err()
}

// Close takes no more events, and returns once those in the queue are handed on: by
// the Run that is under way, or else by itself. Checks that wait for room are denied.
// It may be called again.
func (q *Queue) Close() {
	q.close()
	if q.next != nil {
		q.deliver(context.Background())
	}
}

// Counts returns the counts so far.
func (q *Queue) Counts() QueueCounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}

func (q *Queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.work.Broadcast()
	q.room.Broadcast()
}

// deliver hands events on until there is no more to do. It is done by one goroutine
// at a time, so that events stay in order.
func (q *Queue) deliver(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.running {
		q.idle.Wait()
	}
	q.running = true
	defer func() { // also if the handler panics
		q.running = false
		q.idle.Broadcast()
	}()
	for q.await(ctx) {
		q.deliverOne()
	}
	q.tellLoss()
}

// await waits for an event, and reports whether there is one to hand on.
func (q *Queue) await(ctx context.Context) bool {
	for q.n == 0 && !q.closed {
		q.tellLoss()
		if q.n == 0 && !q.closed {
			q.work.Wait()
		}
	}
	if ctx.Err() != nil {
		q.lose(uint64(q.n), ctx.Err())
		clear(q.ring)
		q.n = 0
	}
	return q.n > 0
}

// deliverOne hands the first event on, without the lock.
func (q *Queue) deliverOne() {
	q.tellLoss()
	e := q.ring[q.first]
	q.ring[q.first] = Event{} // keeps nothing alive
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	q.room.Signal()
	var err error
	q.unlocked(func() { err = q.next.Handle(&e) })
	if err != nil {
		q.lose(1, err)
	} else {
		q.counts.Delivered++
	}
}

// unlocked calls f without the lock, which is held again afterwards, even if f panics.
func (q *Queue) unlocked(f func()) {
	q.mu.Unlock()
	defer q.mu.Lock()
	f()
}

func (q *Queue) lose(n uint64, err error) {
	q.counts.Failed += n
	q.loss.Lost += n
	if n > 0 {
		q.loss.Err = err
	}
}

// tellLoss reports what is lost, without the lock.
func (q *Queue) tellLoss() {
	if q.loss.Lost == 0 || q.report == nil {
		return
	}
	loss := q.loss
	q.loss = LossError{}
	q.unlocked(func() { q.report(&loss) })
}
