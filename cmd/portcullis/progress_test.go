package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// terminal is a writer that the program takes for a terminal.
type terminal struct {
	bytes.Buffer
	pty *os.File
}

func (t *terminal) Fd() uintptr { return t.pty.Fd() }

func TestProgressBar(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	questions := func(n int) string {
		return "principal,operation,resourceType,name\n" + strings.Repeat("User:a,Read,Topic,a\n", n)
	}
	check := func(stderr interface{ Write([]byte) (int, error) }, n int) (stdout string) {
		var out bytes.Buffer
		if status := run(askFile(t, "--host", "10.0.0.1"), strings.NewReader(questions(n)), &out, stderr); status != exitDone {
			t.Errorf("%d questions end with status %d", n, status)
		}
		return out.String()
	}
	const summary = "questions: 100000, allowed: 100000, denied: 0\n"

	long := &terminal{pty: pty}
	answers := check(long, longRun)
	if got := long.String(); !strings.Contains(got, "checking") || !strings.HasSuffix(got, summary) || strings.Contains(answers, "checking") {
		t.Errorf("a long run shows on a terminal: %.200q", got)
	}
	short := &terminal{pty: pty}
	check(short, longRun-progressStep)
	if got := short.String(); got != "questions: 99000, allowed: 99000, denied: 0\n" {
		t.Errorf("a short run shows on a terminal: %.200q", got)
	}
	var noTerminal bytes.Buffer
	if check(&noTerminal, longRun) != answers || noTerminal.String() != summary {
		t.Errorf("a long run shows elsewhere: %.200q", noTerminal.String())
	}
}

// Work of unknown length shows a bar after longWait.
func TestProgressOfWork(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	screen := &terminal{pty: pty}
	p := newWork(screen, "comparing")
	p.started = time.Now().Add(time.Hour)
	p.set(1, 10)
	p.finish()
	if screen.Len() != 0 {
		t.Errorf("a short wait shows %q", screen)
	}
	p.started = time.Now().Add(-longWait)
	p.set(5, 10)
	p.finish()
	if got := screen.String(); !strings.Contains(got, "comparing") || !strings.Contains(got, "5/10") {
		t.Errorf("a long wait shows %q", got)
	}
	none := newWork(&bytes.Buffer{}, "comparing")
	if none != nil {
		t.Error("a file has a progress bar")
	}
	none.set(1, 2)
	none.finish()
}
