package cloudevents

import (
	"io"
	"sync"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// NewWriter returns a handler that writes each event to w as [New] makes it: in the
// JSON format of CloudEvents, one event per line, in one call of Write. Characters that are
// not printable are escaped. It is safe for concurrent use; only one event is written at a
// time. Handle returns errors of New and of w.
func NewWriter(w io.Writer, source string) audit.Handler { return &writer{w: w, source: source} }

type writer struct {
	source string

	mu sync.Mutex
	w  io.Writer
}

func (w *writer) Handle(e *audit.Event) error {
	line, err := Append(nil, e, w.source)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.w.Write(append(line, '\n'))
	return err
}

// Append appends e as [New] makes it, as one line without a line break, and returns the
// extended slice. Characters that are not printable are escaped.
func Append(dst []byte, e *audit.Event, source string) ([]byte, error) {
	c, err := New(e, source)
	if err != nil {
		return nil, err
	}
	return lines.AppendObject(dst, c) // it escapes what is not printable
}
