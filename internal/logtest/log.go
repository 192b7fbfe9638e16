// Package logtest has a log that tests read while others write it.
package logtest

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log keeps what is written to it. The zero Log is empty. It is safe for concurrent use by any
// number of goroutines, and must not be copied after first use.
type Log struct {
	mu     sync.Mutex
	writes []string
}

// Write adds one write, which is one line if a logger makes it. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, string(p))
	return len(p), nil
}

// From returns the writes behind the first n.
func (l *Log) From(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.writes[n:])
}

// Len returns the number of writes.
func (l *Log) Len() int { return len(l.From(0)) }

// With returns the writes that hold all the words.
func (l *Log) With(words ...string) []string {
	return slices.DeleteFunc(l.From(0), func(line string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
	})
}

// WaitFor returns the writes that hold all the words, once there are so many of them, or after a
// minute: an answer may be there before its line.
func (l *Log) WaitFor(t testing.TB, count int, words ...string) []string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if found := l.With(words...); len(found) >= count || time.Now().After(deadline) {
			return found
		}
	}
}

// String returns all that was written.
func (l *Log) String() string { return strings.Join(l.From(0), "") }

// Logger returns a logger that writes here, with all levels.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
