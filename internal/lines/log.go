package lines

import (
	"context"
	"fmt"
	"log/slog"
)

// maxLogValue is the maximum number of bytes of a message or a value in a log line. A
// few names of maximum length fit.
const maxLogValue = 4096

// NewLogHandler returns a handler that truncates and escapes the message and every
// attribute before it passes them to h. Text from outside then cannot make a line very
// long, look like two lines, or control a terminal.
func NewLogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ to slog.Handler }

func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.to.Enabled(ctx, level)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, logText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(logAttr(a))
		return true
	})
	return h.to.Handle(ctx, clean)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = logAttr(a)
	}
	return logHandler{h.to.WithAttrs(clean)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.to.WithGroup(logText(name))}
}

func logText(s string) string { return Escape(Cut(s, maxLogValue)) }

func logAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(logText(v.String()))
	case slog.KindAny:
		v = logAny(v.Any())
	case slog.KindGroup:
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i := range group {
			clean[i] = logAttr(group[i])
		}
		v = slog.GroupValue(clean...)
	}
	return slog.Attr{Key: logText(a.Key), Value: v}
}

// logAny escapes a value without a kind. A list of texts remains a list, as handlers for JSON
// show it; all others become text.
func logAny(v any) slog.Value {
	list, ok := v.([]string)
	if !ok {
		return slog.StringValue(logText(fmt.Sprint(v)))
	}
	clean := make([]string, len(list))
	for i, text := range list {
		clean[i] = logText(text)
	}
	return slog.AnyValue(clean)
}
