package cloudevents

import (
	"encoding/json"
	"io"
	"sync"

	"github.com/portcullis-authz/portcullis/audit"
)

// NewWriter returns a handler that writes each event to w as [New] makes it: in the
// JSON format of CloudEvents, one event per line, in one call of Write. It is safe for
// concurrent use; only one event is written at a time. Handle returns errors of New and
// of w.
func NewWriter(w io.Writer, source string) audit.Handler { return &writer{w: w, source: source} }

type writer struct {
	source string

	mu sync.Mutex
	w  io.Writer
}

func (w *writer) Handle(e *audit.Event) error {
	c, err := New(e, w.source)
	if err != nil {
		return err
	}
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.w.Write(append(line, '\n'))
	return err
}
