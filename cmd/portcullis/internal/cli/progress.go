//go:build !js

package cli

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress is a progress bar. A nil Progress shows nothing.
type Progress struct {
	w    io.Writer
	what string
	from time.Time // the bar is shown from then on
	bar  *progressbar.ProgressBar
}

// NewProgress returns a bar on w for work that begins now, or nil if w is not a
// terminal. The bar is not shown before wait has passed.
func NewProgress(w io.Writer, what string, wait time.Duration) *Progress {
	if o, ok := w.(Writer); ok {
		w = o.bare
	}
	if f, ok := w.(interface{ Fd() uintptr }); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &Progress{w: w, what: what, from: time.Now().Add(wait)}
}

// Set shows how much is done. It ignores errors from drawing.
func (p *Progress) Set(done, total int) {
	if p == nil || p.bar == nil && time.Now().Before(p.from) {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(p.w),
			progressbar.OptionSetDescription(p.what),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	_ = p.bar.Set(done)
}

// Finish removes the bar.
func (p *Progress) Finish() {
	if p != nil && p.bar != nil {
		_ = p.bar.Finish()
	}
}
