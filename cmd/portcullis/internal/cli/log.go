package cli

import (
	"io"
	"log/slog"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// NewLogger returns the logger of a server: as text or as JSON, from a level on. Text from outside is
// escaped.
func NewLogger(w io.Writer, asJSON bool, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if asJSON {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(lines.NewLogHandler(handler))
}
