package audit

import (
	"context"
	"log/slog"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// NewLogHandler returns a handler that logs each event with l: the message "allowed" or
// "denied", at the event's level and time, with the attributes principal, groups, host,
// operation, resourceType, name or byType, request, clientId, reason, acl, roles and
// generation. Empty groups, clientId, acl and roles are omitted. Characters that are not printable
// are escaped in all text, as in a Go string, and a text is cut to 4,096 bytes: the handlers
// of log/slog escape little more than line breaks, and their output is read on terminals.
//
// Events below the level of l's own handler are dropped, as in Kafka, and count as
// recorded. Handle returns errors of l's handler.
func NewLogHandler(l *slog.Logger) Handler { return logHandler{lines.NewLogHandler(l.Handler())} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(e *Event) error {
	ctx := context.Background()
	if !h.Enabled(ctx, e.Level()) {
		return nil
	}
	message := "denied"
	if e.Decision.Allowed() {
		message = "allowed"
	}
	r := slog.NewRecord(e.Time, e.Level(), message, 0)
	r.AddAttrs(slog.String("principal", e.Subject.Principal.String()))
	if groups := groupTexts(e); len(groups) > 0 {
		r.AddAttrs(slog.Any("groups", groups))
	}
	r.AddAttrs(
		slog.String("host", acl.HostAddress(e.Subject.Host)),
		slog.String("operation", e.Request.Operation.String()),
		slog.String("resourceType", e.Request.Type.String()),
	)
	if e.ByType {
		r.AddAttrs(slog.Bool("byType", true))
	} else {
		r.AddAttrs(slog.String("name", e.Request.Name))
	}
	r.AddAttrs(slog.String("request", e.Call.API.String()))
	if e.Call.ClientID != "" {
		r.AddAttrs(slog.String("clientId", e.Call.ClientID))
	}
	r.AddAttrs(slog.String("reason", e.Decision.Reason().String()))
	if b, ok := e.Decision.Binding(); ok {
		r.AddAttrs(slog.String("acl", b.String()))
	}
	if len(e.Roles) > 0 {
		r.AddAttrs(slog.Any("roles", e.Roles))
	}
	r.AddAttrs(slog.Uint64("generation", e.Decision.Generation()))
	return h.Handler.Handle(ctx, r)
}

// groupTexts returns the subject's groups as text.
func groupTexts(e *Event) []string {
	var texts []string
	for _, g := range e.Subject.Groups {
		texts = append(texts, g.String())
	}
	return texts
}
