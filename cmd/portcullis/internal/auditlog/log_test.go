package auditlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// numbered returns a denial about a topic with a number.
func numbered(i int) *audit.Event {
	return &audit.Event{
		Subject: snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")},
		Request: snapshot.Request{Operation: ops.Write, Type: resource.Topic, Name: fmt.Sprint("topic-", i)},
	}
}

// namesIn returns the names in a log, in order, and requires that suggest can read it.
func namesIn(t testing.TB, text []byte) (names []string) {
	t.Helper()
	for r, err := range audit.ReadTrace(bytes.NewReader(text), "log", audit.TraceAuto) {
		require.NoError(t, err)
		names = append(names, r.Request.Name)
	}
	return names
}

// numbers returns the names of the events from 0 to n.
func numbers(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("topic-", i))
	}
	return names
}

// fakeSink keeps what is written, and fails or waits as it is told.
type fakeSink struct {
	mu    sync.Mutex
	err   error
	slow  time.Duration // that each write takes
	text  bytes.Buffer
	lines lineWriter
}

func (f *fakeSink) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeSink) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *fakeSink) check(context.Context) error { return f.failure() }

func (f *fakeSink) write(ctx context.Context, lines [][]byte) (int, error) {
	if f.slow > 0 {
		select {
		case <-time.After(f.slow):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if err := f.failure(); err != nil {
		return 0, err
	}
	return f.lines.write(&f.text, lines)
}

func (f *fakeSink) close() error { return nil }

// open returns a log that writes JSON to a sink, and the log of the process.
func open(t testing.TB, to sink, failure Failure) (*Log, *logtest.Log) {
	t.Helper()
	text := &logtest.Log{}
	l, err := New(to, audit.AppendJSON, failure, slog.New(slog.NewTextHandler(text, nil)))
	require.NoError(t, err)
	return l, text
}

// values returns the metrics of a log.
func values(t testing.TB, l *Log) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(l.Collectors()...)
	found, err := registry.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, family := range found {
		m := family.GetMetric()[0]
		all[strings.TrimPrefix(family.GetName(), "portcullis_audit_log_")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return all
}

// While the sink works, however slowly, block and deny lose nothing, keep the order and refuse
// nothing; drop does not wait, and counts what it loses.
func TestSlowSink(t *testing.T) {
	const events = 3 * capacity
	for failure, name := range map[Failure]string{Block: "block", Deny: "deny", Drop: "drop"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := &fakeSink{slow: time.Second}
				l, log := open(t, to, failure)
				began := time.Now()
				for i := range events {
					require.NoError(t, l.Handle(numbered(i)))
					require.False(t, l.Refusing())
				}
				waited := time.Since(began)
				require.NoError(t, l.Close(time.Hour))
				written, lost := len(namesIn(t, to.text.Bytes())), int(values(t, l)["dropped_total"])
				if failure == Drop {
					assert.Zero(t, waited)
					assert.Positive(t, lost)
					assert.Equal(t, events, written+lost)
					return
				}
				assert.Positive(t, waited)
				assert.Zero(t, lost)
				assert.Equal(t, numbers(events), namesIn(t, to.text.Bytes()))
				assert.Empty(t, log.String())
			})
		})
	}
}

// While the sink fails, block waits and loses nothing, drop counts what it loses, and deny
// refuses until the sink works again. All of them then go on by themselves.
func TestFailingSink(t *testing.T) {
	const more = 100
	for failure, name := range map[Failure]string{Block: "block", Deny: "deny", Drop: "drop"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := &fakeSink{}
				l, log := open(t, to, failure)
				require.NoError(t, l.Handle(numbered(0)))
				synctest.Wait()
				to.fail(errors.New("no space"))
				require.NoError(t, l.Handle(numbered(1)))
				synctest.Wait()
				assert.Equal(t, failure == Deny, l.Refusing())
				assert.Contains(t, log.String(), `level=ERROR msg="the audit log cannot be written" reason="no space" consequence=`)
				assert.Equal(t, 1.0, values(t, l)["failing"])

				refused := 0
				accepted := []string{"topic-0", "topic-1"}
				done := make(chan struct{})
				go func() {
					defer close(done)
					for i := 2; i < 2+capacity+more; i++ {
						if l.Handle(numbered(i)) != nil {
							refused++
						} else {
							accepted = append(accepted, numbered(i).Request.Name)
						}
					}
				}()
				time.Sleep(10 * time.Minute)
				select {
				case <-done:
					assert.NotEqual(t, Block, failure, "block waits")
				default:
					assert.Equal(t, Block, failure, "the others do not wait")
				}
				assert.Equal(t, failure == Deny, l.Refusing())
				assert.Equal(t, 9, strings.Count(log.String(), "still cannot be written"), "a line for more than a minute, and no more")

				to.fail(nil)
				time.Sleep(maxPause)
				synctest.Wait()
				<-done
				assert.False(t, l.Refusing())
				assert.Contains(t, log.String(), `msg="the audit log is written again"`)
				require.NoError(t, l.Handle(numbered(9999)))
				require.NoError(t, l.Close(time.Minute))
				lost := values(t, l)["dropped_total"]
				names := namesIn(t, to.text.Bytes())
				switch failure {
				case Block:
					assert.Zero(t, refused)
					assert.Zero(t, lost)
					assert.Equal(t, append(numbers(2+capacity+more), "topic-9999"), names)
				case Deny:
					assert.Equal(t, more, refused)
					assert.Equal(t, append(accepted, "topic-9999"), names, "what was accepted is written")
				case Drop:
					assert.Zero(t, refused)
					assert.Equal(t, float64(more), lost)
					assert.Len(t, names, 2+capacity+1)
				}
			})
		})
	}
}

// A write that goes on for long counts as a failure: deny refuses, and those who wait are
// refused too.
func TestHangingSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSink{slow: time.Hour}
		l, log := open(t, to, Deny)
		results := make(chan error, 1)
		go func() {
			for i := 0; ; i++ {
				if err := l.Handle(numbered(i)); err != nil {
					results <- err
					return
				}
			}
		}()
		time.Sleep(stallTime - time.Second)
		assert.False(t, l.Refusing())
		assert.Empty(t, results, "it waits")
		time.Sleep(2 * time.Second)
		assert.True(t, l.Refusing())
		assert.ErrorIs(t, <-results, audit.ErrFull)
		assert.Contains(t, log.String(), "there is no answer after 5s")
		time.Sleep(time.Hour - stallTime)
		synctest.Wait()
		assert.False(t, l.Refusing(), "between two writes")
		l.end()
		synctest.Wait()
		assert.Error(t, l.Handle(numbered(0)), "the log has ended")
		assert.Error(t, l.Close(time.Minute))
	})
}

// A sink that does not work at the start refuses from the start.
func TestSinkThatDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSink{err: errors.New("no such topic")}
		l, _ := open(t, to, Deny)
		synctest.Wait()
		assert.True(t, l.Refusing())
		require.NoError(t, l.Handle(numbered(0)))
		to.fail(nil)
		time.Sleep(maxPause)
		synctest.Wait()
		assert.False(t, l.Refusing())
		require.NoError(t, l.Close(time.Minute))
		assert.Equal(t, numbers(1), namesIn(t, to.text.Bytes()))
	})
}

// Close writes what waits. If that takes too long, it counts what is lost, and nobody waits any
// longer.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSink{slow: time.Second}
		l, _ := open(t, to, Block)
		for i := range 2 * audit.MaxBatch {
			require.NoError(t, l.Handle(numbered(i)))
		}
		require.NoError(t, l.Close(time.Minute))
		assert.Len(t, namesIn(t, to.text.Bytes()), 2*audit.MaxBatch)

		failing := &fakeSink{err: errors.New("no space")}
		l, _ = open(t, failing, Block)
		done := make(chan error)
		go func() {
			var err error
			for i := 0; err == nil; i++ {
				err = l.Handle(numbered(i))
			}
			done <- err
		}()
		synctest.Wait()
		l.EndWithin(time.Minute)
		began := time.Now()
		assert.ErrorIs(t, <-done, audit.ErrClosed)
		assert.Equal(t, time.Minute, time.Since(began))
		assert.EqualError(t, l.Close(time.Hour), fmt.Sprintf("%d events could not be written before the end", capacity))
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

// Whatever a client chooses, its event is written.
func TestTextThatNoFormatHas(t *testing.T) {
	for _, format := range []string{JSON, CloudEvents, OCSF} {
		t.Run(format, func(t *testing.T) {
			encode, err := EncoderOf(format, "/portcullis")
			require.NoError(t, err)
			to := &fakeSink{}
			l, err := New(to, encode, Deny, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			e := numbered(1)
			e.Subject.Principal.Name = "a\xff" + strings.Repeat("b", 100_000)
			e.Request.Name = "\xff\n"
			require.NoError(t, l.Handle(e))
			require.NoError(t, l.Close(time.Minute))
			assert.Equal(t, []string{"\uFFFD\n"}, namesIn(t, to.text.Bytes()))
			assert.Less(t, to.text.Len(), 10_000)
			assert.Equal(t, 1, strings.Count(to.text.String(), "\n"))
		})
	}
	_, err := EncoderOf("xml", "")
	assert.EqualError(t, err, "expected json, cloudevents or ocsf")
	_, err = EncoderOf(CloudEvents, "")
	assert.EqualError(t, err, "expected a URI reference, such as crn:///kafka=ID or /portcullis")
}

// An event that cannot be encoded is counted, and does not keep others out.
func TestEventThatCannotBeEncoded(t *testing.T) {
	to := &fakeSink{}
	text := &logtest.Log{}
	encode := func(dst []byte, e *audit.Event) ([]byte, error) {
		if e.Request.Name == "topic-1" {
			return nil, errors.New("not this one")
		}
		return audit.AppendJSON(dst, e)
	}
	l, err := New(to, encode, Block, slog.New(slog.NewTextHandler(text, nil)))
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, l.Handle(numbered(i)))
	}
	assert.EqualError(t, l.Close(time.Minute), "1 events could not be written before the end")
	assert.Equal(t, []string{"topic-0", "topic-2"}, namesIn(t, to.text.Bytes()))
	assert.Equal(t, 1.0, values(t, l)["unencodable_total"])
	assert.Equal(t, 2.0, values(t, l)["written_total"])
}

func TestParseFailure(t *testing.T) {
	for text, want := range map[string]Failure{"drop": Drop, "Block": Block, "deny": Deny} {
		got, err := ParseFailure(text)
		assert.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := ParseFailure("fail")
	assert.EqualError(t, err, `unknown failure mode "fail": expected drop, block or deny`)
}
