package cli

import (
	"io"
	"time"
)

// Progress shows nothing: a page in a browser has no terminal.
type Progress struct{}

// NewProgress returns nil.
func NewProgress(io.Writer, string, time.Duration) *Progress { return nil }

// Set does nothing.
func (p *Progress) Set(done, total int) {}

// Finish does nothing.
func (p *Progress) Finish() {}
