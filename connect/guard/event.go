package guard

import (
	"context"
	"log/slog"
	"time"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
)

// Event is the decision about one request. Those of package audit are about resources and
// operations of Kafka, and name the ACL that decided; these are about a request over HTTP, which
// may need several rights. The zero Event is a denial.
type Event struct {
	Time time.Time
	Who  httpauth.Identity
	// Method and Path are those that are sent to the worker. If the request has no form that the
	// guard knows, they are those of the client, up to 249 bytes each, and may have any character.
	Method, Path string
	Operations   []Operation // that it needs; none for a list, which has what the client may see
	Connector    string      // "" if the request is not about one
	Allowed      bool
	Reason       string
}

// maxEventText is how much of a text from a client is in an event, in bytes.
const maxEventText = maxNameBytes

// Recorder records events. It is called in the goroutine of the request, before the worker is
// asked, possibly by several goroutines at once. An error means that the event was not recorded:
// the request is then denied.
type Recorder interface{ Record(e *Event) error }

// NewLogRecorder returns a Recorder that logs each event with l: the message "allowed" at the level
// DEBUG or "denied" at INFO, as Kafka does. Texts are escaped and cut.
func NewLogRecorder(l *slog.Logger) Recorder { return &logRecorder{l.Handler()} }

type logRecorder struct{ handler slog.Handler }

// Record logs an event.
func (r *logRecorder) Record(e *Event) error {
	level, message := slog.LevelInfo, "denied"
	if e.Allowed {
		level, message = slog.LevelDebug, "allowed"
	}
	ctx := context.Background()
	if !r.handler.Enabled(ctx, level) {
		return nil
	}
	text := func(key, value string) slog.Attr {
		return slog.String(key, lines.Escape(lines.Cut(value, maxEventText)))
	}
	record := slog.NewRecord(e.Time, level, message, 0)
	record.AddAttrs(text("principal", e.Who.Principal.String()), slog.String("host", e.Who.Host.String()), text("login", string(e.Who.Method)))
	if len(e.Who.Groups) > 0 {
		groups := make([]string, len(e.Who.Groups))
		for i, g := range e.Who.Groups {
			groups[i] = lines.Name(g.String())
		}
		record.AddAttrs(slog.Any("groups", groups))
	}
	record.AddAttrs(text("method", e.Method), text("path", e.Path))
	if len(e.Operations) > 0 {
		record.AddAttrs(slog.Any("operations", e.Operations))
	}
	if e.Connector != "" {
		record.AddAttrs(text("connector", e.Connector))
	}
	record.AddAttrs(text("reason", e.Reason))
	return r.handler.Handle(ctx, record)
}
