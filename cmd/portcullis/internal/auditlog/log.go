// Package auditlog writes audit events to a file, to standard output or to a topic, and
// says what happens when they cannot be written.
package auditlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/pause"
)

// Failure says what happens to requests when events cannot be written as fast as they come.
// The zero Failure is Drop.
type Failure uint8

// The values of Failure.
const (
	// Drop lets requests go on. Events beyond the queue are counted and lost.
	Drop Failure = iota
	// Block makes requests wait until their events are in the queue. No event is lost
	// unless the process ends first.
	Block
	// Deny refuses all requests while events cannot be written. While they can, it is
	// Block.
	Deny
)

var failureNames = enum.Names{"DROP", "BLOCK", "DENY"}

// ParseFailure parses "drop", "block" or "deny".
func ParseFailure(s string) (Failure, error) {
	code, err := failureNames.ParseFold("failure mode", s)
	if err != nil {
		return Drop, fmt.Errorf("unknown failure mode %s: expected drop, block or deny", enum.Quote(s))
	}
	return Failure(code), nil
}

const (
	// capacity is the number of events that wait to be written: as many as a file takes in
	// some tens of milliseconds. They take 2 MB, and 35 MB with the longest names.
	capacity = 8192
	// minPause and maxPause are the times between attempts to write what could not be
	// written. The first is short because a full queue stops requests.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
	// stallTime is the time after which a write counts as failed though it goes on: an
	// event must not be in memory only for longer.
	stallTime = 5 * time.Second
	// remindTime is the time between lines of the log about a failure that lasts.
	remindTime = time.Minute
)

// sink is where events go. One goroutine calls it.
type sink interface {
	// check returns an error if nothing can be written yet.
	check(ctx context.Context) error
	// write writes lines, which end with a line break, and returns how many it has written
	// in full, and an error unless these are all. After an error it is called again with
	// the others, in the order in which write has left them. It returns soon after ctx is done.
	// A [*tooLargeError] is about lines that it will never take.
	write(ctx context.Context, lines [][]byte) (int, error)
	close() error
}

// tooLargeError says that the sink takes no lines as large as the first ones of those that are left.
type tooLargeError struct {
	lines int
	err   error
}

// Error returns the text of the sink's error.
func (e *tooLargeError) Error() string { return e.err.Error() }

// Unwrap returns the sink's error.
func (e *tooLargeError) Unwrap() error { return e.err }

// Log is a handler that writes events. It is safe for concurrent use. Make it with [New].
type Log struct {
	queue   *audit.Queue
	sink    sink
	encode  Encoder
	failure Failure
	log     *slog.Logger

	ended context.Context // done when Close has waited long enough
	end   context.CancelFunc
	done  chan struct{} // Run has returned

	failing atomic.Bool // events cannot be written

	mu       sync.Mutex
	since    time.Time     // of the failure
	reminded time.Time     // when the log said so last
	attempt  uint64        // number of the attempt that goes on
	progress chan struct{} // closed when there is room, or when failing changes

	errors, unencodable, dropped, cut prometheus.Counter
}

// New returns a log that writes to where, as encode renders events. It starts a goroutine,
// which [Log.Close] ends.
func New(where sink, encode Encoder, failure Failure, log *slog.Logger) (*Log, error) {
	l := &Log{sink: where, encode: encode, failure: failure, log: log, done: make(chan struct{}), progress: make(chan struct{}),
		errors:      newCounter("audit_log_write_errors_total", "Attempts to write to the audit log that failed. They are repeated."),
		unencodable: newCounter("audit_log_unencodable_total", "Events that the format of the audit log cannot represent. They are lost."),
		dropped:     newCounter("audit_log_dropped_total", "Events that are not in the audit log because too many waited to be written (drop)."),
		cut:         newCounter("audit_log_cut_total", "Events whose texts from the client were cut to 256 bytes, because the topic takes no larger record."),
	}
	overflow := audit.DenyWhenFull // and Handle waits, unless nothing can be written
	if failure == Block {
		overflow = audit.WaitWhenFull
	}
	var err error
	if l.queue, err = audit.NewQueue(writer{l}, capacity, overflow, nil); err != nil {
		return nil, err
	}
	l.ended, l.end = context.WithCancel(context.Background())
	go func() {
		defer close(l.done)
		l.begin()
		_ = l.queue.Run(l.ended) // the error says that Close has ended it
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wake()
	}()
	return l, nil
}

// Refusing reports whether all requests are to be refused, because events cannot be
// written.
func (l *Log) Refusing() bool { return l.failure == Deny && l.failing.Load() }

// Handle takes an event to be written. It returns an error if the decision must not count.
func (l *Log) Handle(e *audit.Event) error {
	for {
		l.mu.Lock()
		progress := l.progress
		l.mu.Unlock()
		err := l.queue.Handle(e)
		switch {
		case err == nil:
			return nil
		case l.failure == Drop:
			l.dropped.Inc()
			return nil
		case !errors.Is(err, audit.ErrFull) || l.failing.Load():
			return err
		}
		<-progress
	}
}

// Close writes what waits, up to the time, and closes the log. It returns an error with the
// number of events that were lost with it.
func (l *Log) Close(within time.Duration) error {
	stop := time.AfterFunc(within, l.end)
	defer stop.Stop()
	l.queue.Close()
	<-l.done
	l.end()
	err := l.sink.close()
	if failed := l.queue.Counts().Failed; failed > 0 {
		err = errors.Join(fmt.Errorf("%d events could not be written before the end", failed), err)
	}
	return err
}

// EndWithin lets nobody wait for longer than the time: then what waits is given up.
func (l *Log) EndWithin(limit time.Duration) { time.AfterFunc(limit, l.end) }

// writer is what the queue passes the events to.
type writer struct{ *Log }

// Handle writes an event.
func (w writer) Handle(e *audit.Event) error {
	_, err := w.HandleBatch([]audit.Event{*e})
	return err
}

// HandleBatch writes events. It tries until it has written all, or until the log ends.
func (w writer) HandleBatch(events []audit.Event) (int, error) {
	var lines [][]byte
	origins := map[*byte]*audit.Event{} // by the first byte of the line
	unencodable := 0
	for i := range events {
		line, err := w.encode(nil, clean(&events[i]))
		if err != nil {
			unencodable++
			w.unencodable.Inc()
			w.log.Error("audit event lost: the format cannot represent it", "reason", err.Error())
			continue
		}
		line = append(line, '\n')
		lines, origins[&line[0]] = append(lines, line), &events[i]
	}
	for wait := minPause; len(lines) > 0; wait = min(2*wait, maxPause) {
		n, err := w.try(func() (int, error) { return w.write(lines, origins) })
		if lines = lines[n:]; err == nil {
			continue
		}
		if !pause.Sleep(w.ended, wait) {
			return len(events) - unencodable - len(lines), err
		}
	}
	if unencodable > 0 {
		return len(events) - unencodable, errors.New("the format cannot represent an event")
	}
	return len(events), nil
}

// write writes lines, and cuts the texts of those that are too large for the sink: a client that
// chooses long names must not keep the events of all others out. What is too large even so is the
// sink's failure, since no client can make it larger.
func (w writer) write(lines [][]byte, origins map[*byte]*audit.Event) (int, error) {
	n, err := w.sink.write(w.ended, lines)
	var large *tooLargeError
	if !errors.As(err, &large) {
		return n, err
	}
	shorter := 0
	for i, line := range lines[n : n+large.lines] {
		e, ok := origins[&line[0]]
		if !ok { // it is cut already
			continue
		}
		if short, err := w.encode(nil, cut(e, shortText)); err == nil && len(short) < len(line)-1 {
			lines[n+i] = append(short, '\n')
			shorter++
			w.cut.Inc()
		}
	}
	if shorter == 0 {
		return n, err
	}
	more, err := w.sink.write(w.ended, lines[n:])
	return n + more, err
}

// begin returns when the sink can be written to, or when the log ends.
func (l *Log) begin() {
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		_, err := l.try(func() (int, error) { return 0, l.sink.check(l.ended) })
		if err == nil || !pause.Sleep(l.ended, wait) {
			return
		}
	}
}

// try does something with the sink, and notes whether that works, fails, or takes too long.
func (l *Log) try(do func() (int, error)) (int, error) {
	l.mu.Lock()
	l.attempt++
	number := l.attempt
	l.mu.Unlock()
	stalled := time.AfterFunc(stallTime, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.attempt == number { // it still goes on
			l.note(fmt.Errorf("there is no answer after %v", stallTime))
		}
	})
	defer stalled.Stop()
	n, err := do()
	if err != nil {
		l.errors.Inc()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempt++
	l.note(err)
	return n, err
}

// wake wakes those who wait for room. It is called with the lock.
func (l *Log) wake() {
	close(l.progress)
	l.progress = make(chan struct{})
}

var consequences = [...]string{
	Drop:  "events that do not fit in the queue are lost",
	Block: "requests wait once the queue is full",
	Deny:  "all requests are refused",
}

// note notes whether the sink works, logs what changes, and wakes those who wait. It is
// called with the lock.
func (l *Log) note(err error) {
	l.wake()
	now := time.Now()
	switch {
	case err == nil && l.failing.Load():
		l.failing.Store(false)
		l.log.Info("the audit log is written again", "after", now.Sub(l.since).Round(time.Millisecond).String())
	case err == nil || l.ended.Err() != nil:
	case !l.failing.Load():
		l.failing.Store(true)
		l.since, l.reminded = now, now
		l.log.Error("the audit log cannot be written", "reason", err.Error(), "consequence", consequences[l.failure])
	case now.Sub(l.reminded) >= remindTime:
		l.reminded = now
		l.log.Error("the audit log still cannot be written", "reason", err.Error(), "consequence", consequences[l.failure],
			"for", now.Sub(l.since).Round(time.Second).String())
	}
}

// newCounter returns a counter of the audit log.
func newCounter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "portcullis", Name: name, Help: help})
}

// Collectors returns the metrics of the log.
func (l *Log) Collectors() []prometheus.Collector {
	of := func(name, help string, value func(audit.QueueCounts) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "portcullis", Name: name, Help: help},
			func() float64 { return float64(value(l.queue.Counts())) })
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "portcullis", Name: name, Help: help}, value)
	}
	return []prometheus.Collector{l.errors, l.unencodable, l.dropped, l.cut,
		of("audit_log_written_total", "Events written to the audit log.", func(c audit.QueueCounts) uint64 { return c.Delivered }),
		gauge("audit_log_waiting", "Events that wait to be written.", func() float64 { return float64(l.queue.Counts().Waiting) }),
		gauge("audit_log_failing", "1 while the audit log cannot be written.", func() float64 {
			if l.failing.Load() {
				return 1
			}
			return 0
		}),
	}
}
