package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	// longRun is the number of questions from which a bar is shown: about half a second.
	longRun = 100_000
	// progressStep is the number of questions between two updates of the bar.
	progressStep = 1000
	// longWait is the time after which a bar is shown for work of unknown length.
	longWait = 500 * time.Millisecond
)

// progress is a progress bar. A nil progress shows nothing.
type progress struct {
	bar  *progressbar.ProgressBar
	done int
}

// newProgress returns a bar of total steps on w, or nil if w is not a terminal or the
// work is short.
func newProgress(w io.Writer, total int) *progress {
	if total < longRun || !isTerminal(w) {
		return nil
	}
	return &progress{bar: newBar(w, "checking", total)}
}

func newBar(w io.Writer, what string, total int) *progressbar.ProgressBar {
	if o, ok := w.(output); ok {
		w = o.bare
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

// work shows the progress of a function of package inspect, which reports it. A nil work
// shows nothing.
type work struct {
	w       io.Writer
	what    string
	started time.Time
	bar     *progressbar.ProgressBar // nil until longWait has passed
}

// newWork returns the progress of work that begins now, or nil if w is not a terminal.
func newWork(w io.Writer, what string) *work {
	if !isTerminal(w) {
		return nil
	}
	return &work{w: w, what: what, started: time.Now()}
}

// set shows the progress once longWait has passed. It ignores errors from drawing.
func (p *work) set(done, total int) {
	if p == nil || p.bar == nil && time.Since(p.started) < longWait {
		return
	}
	if p.bar == nil {
		p.bar = newBar(p.w, p.what, total)
	}
	_ = p.bar.Set(done)
}

// finish removes the bar.
func (p *work) finish() {
	if p != nil && p.bar != nil {
		_ = p.bar.Finish()
	}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// add counts a step. It ignores errors from drawing.
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
