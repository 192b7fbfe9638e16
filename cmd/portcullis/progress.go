package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	// longRun is how many questions take long enough, about half a second, for
	// somebody at a terminal to wonder.
	longRun = 100_000
	// progressStep is how many questions pass between two looks at the clock.
	progressStep = 1000
)

// progress is a progress bar. A nil progress shows nothing.
type progress struct {
	bar  *progressbar.ProgressBar
	done int
}

// newProgress returns a bar of total steps on w, or nil if w is no terminal or the
// work is short.
func newProgress(w io.Writer, total int) *progress {
	if total < longRun || !isTerminal(w) {
		return nil
	}
	return &progress{bar: progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("checking"),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// isTerminal reports whether w is a file that is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// add counts a step. What cannot be drawn is not worth an error.
func (p *progress) add() {
	if p == nil {
		return
	}
	p.done++
	if p.done%progressStep == 0 {
		_ = p.bar.Set(p.done)
	}
}

// finish removes the bar.
func (p *progress) finish() {
	if p != nil {
		_ = p.bar.Finish()
	}
}
