package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Overflow says what happens to an event if a [Queue] is full. The zero Overflow is
// DenyWhenFull.
type Overflow uint8

// The values of Overflow.
const (
	// DenyWhenFull refuses the event with ErrFull: the check is denied.
	DenyWhenFull Overflow = iota
	// WaitWhenFull makes the check wait for room.
	WaitWhenFull
	// DropWhenFull counts the event as lost and lets the check go on.
	DropWhenFull
)

// ErrFull means that the queue is full. ErrClosed means that it no longer accepts
// events.
var (
	ErrFull   = errors.New("audit: the queue is full")
	ErrClosed = errors.New("audit: the queue is closed")
)

// LossError has the number of events lost since the last LossError: dropped, refused by
// the next handler, or left in the queue when the context ended Run.
type LossError struct {
	Lost uint64
	Err  error // the last error of the next handler, or nil
}

// Error returns the number and the error.
func (e *LossError) Error() string {
	text := fmt.Sprintf("audit: %d events are lost", e.Lost)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *LossError) Unwrap() error { return e.Err }

// QueueCounts are the counts of a queue. Each event is counted in one of them.
type QueueCounts struct {
	Waiting   uint64 // in the queue, or being delivered
	Delivered uint64 // accepted by the next handler
	Dropped   uint64 // with DropWhenFull
	Denied    uint64 // refused because the queue was full or closed
	Failed    uint64 // refused by the next handler, or left when Run ended
}

// Queue is a handler that stores events and passes them on in order, one at a time, in
// the goroutine that called Run; several at a time if the next handler is a [BatchHandler]. It is safe for concurrent use, but must not be copied
// after first use.
//
// Every lost event is counted and reported. The zero Queue has no capacity and refuses
// every event.
type Queue struct {
	next     Handler
	batches  BatchHandler // next, if it takes several events at once; or nil
	overflow Overflow
	report   func(*LossError)

	mu         sync.Mutex
	work       sync.Cond // there is an event, or the queue is closed
	room       sync.Cond // there is room, or the queue is closed
	ring       []Event   // of fixed size
	first      int
	n          int
	batch      []Event // what is being delivered
	delivering int     // len(batch) until the next handler has returned
	closed     bool
	running    bool      // a goroutine is delivering events
	idle       sync.Cond // no goroutine is delivering events
	counts     QueueCounts
	loss       LossError // not yet reported
}

// NewQueue returns a queue for up to capacity events, which must be positive. An Event
// takes about 230 bytes; memory for all of them is allocated now. If events were lost,
// report is called before the next event is delivered and at the end, in the goroutine
// of Run or Close. A nil report only counts. A capacity that is not positive and a nil
// next are errors.
func NewQueue(next Handler, capacity int, overflow Overflow, report func(*LossError)) (*Queue, error) {
	switch {
	case next == nil:
		return nil, errors.New("audit: the next handler of a queue is nil")
	case capacity <= 0:
		return nil, fmt.Errorf("audit: queue with capacity %d: expected 1 or more", capacity)
	case overflow > DropWhenFull:
		return nil, fmt.Errorf("audit: unknown overflow %d: expected DenyWhenFull, WaitWhenFull or DropWhenFull", overflow)
	}
	q := &Queue{next: next, overflow: overflow, report: report, ring: make([]Event, capacity)}
	q.batches, _ = next.(BatchHandler)
	q.work.L, q.room.L, q.idle.L = &q.mu, &q.mu, &q.mu
	return q, nil
}

// Handle puts e into the queue. The error is ErrFull or ErrClosed.
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

// Run delivers events until the queue is closed and empty, and then returns nil. If ctx
// is done earlier, it closes the queue, counts the remaining events as lost, and
// returns the error of ctx. It waits for a handler that is running. Only one Run
// delivers at a time; another one waits for it. For the zero Queue, Run returns
// ErrClosed.
func (q *Queue) Run(ctx context.Context) error {
	if q.next == nil {
		return ErrClosed
	}
	stop := context.AfterFunc(ctx, q.close)
	defer stop()
	q.deliver(ctx)
	return ctx.Err()
}

// Close stops accepting events, and returns when all events in the queue are delivered:
// by the current Run, otherwise by Close itself. Checks that wait for room are denied.
// Close may be called again.
func (q *Queue) Close() {
	q.close()
	if q.next != nil {
		q.deliver(context.Background())
	}
}

// Counts returns the current counts.
func (q *Queue) Counts() QueueCounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	counts := q.counts
	counts.Waiting = uint64(q.n + q.delivering)
	return counts
}

func (q *Queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.work.Broadcast()
	q.room.Broadcast()
}

// deliver delivers events until there is no more to do. Only one goroutine delivers at
// a time, so that events stay in order.
func (q *Queue) deliver(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.running {
		q.idle.Wait()
	}
	q.running = true
	defer func() { // also if the handler panics
		q.running, q.delivering = false, 0
		q.idle.Broadcast()
	}()
	for q.await(ctx) {
		q.deliverNext()
	}
	q.tellLoss()
}

// await waits for an event, and reports whether there is one to deliver.
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

// deliverNext delivers the first events, without holding the lock.
func (q *Queue) deliverNext() {
	q.tellLoss()
	q.take()
	recorded := 0
	var err error
	q.delivering = len(q.batch)
	q.unlocked(func() {
		if q.batches != nil {
			recorded, err = q.batches.HandleBatch(q.batch)
		} else if err = q.next.Handle(&q.batch[0]); err == nil {
			recorded = 1
		}
	})
	q.delivering = 0
	q.counts.Delivered += uint64(recorded)
	q.lose(uint64(len(q.batch)-recorded), err)
	if q.batches == nil {
		q.batch = nil // the handler may keep the event
	} else {
		clear(q.batch) // so that the events can be freed
	}
}

// take moves the first events from the ring to the batch.
func (q *Queue) take() {
	count := 1
	if q.batches != nil {
		count = min(q.n, MaxBatch)
	}
	q.batch = q.batch[:0]
	for range count {
		q.batch = append(q.batch, q.ring[q.first])
		q.ring[q.first] = Event{} // so that the event can be freed
		q.first = (q.first + 1) % len(q.ring)
		q.n--
		q.room.Signal()
	}
}

// unlocked calls f without the lock, and takes the lock again even if f panics.
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

// tellLoss reports lost events, without holding the lock.
func (q *Queue) tellLoss() {
	if q.loss.Lost == 0 || q.report == nil {
		return
	}
	loss := q.loss
	q.loss = LossError{}
	q.unlocked(func() { q.report(&loss) })
}
