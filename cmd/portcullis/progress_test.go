package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// terminal is a writer that the program takes for a terminal.
type terminal struct {
	bytes.Buffer
	pty *os.File
}

func (t *terminal) Fd() uintptr { return t.pty.Fd() }

func TestProgressBar(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	defer pty.Close()
	questions := func(n int) string {
		return "principal,operation,resourceType,name\n" + strings.Repeat("User:a,Read,Topic,a\n", n)
	}
	check := func(stderr interface{ Write([]byte) (int, error) }, n int) (stdout string) {
		var out bytes.Buffer
		status := run(askFile(t, "--host", "10.0.0.1"), strings.NewReader(questions(n)), &out, stderr)
		require.Equal(t, exitDone, status, "%d questions", n)
		return out.String()
	}
	const longRun = 100_000
	const summary = "questions: 100000, allowed: 100000, denied: 0\n"

	long := &terminal{pty: pty}
	answers := check(long, longRun)
	assert.Contains(t, long.String(), "checking")
	assert.Contains(t, long.String()[len(long.String())-len(summary):], summary)
	assert.NotContains(t, answers, "checking")
	short := &terminal{pty: pty}
	check(short, longRun-1000)
	assert.Equal(t, "questions: 99000, allowed: 99000, denied: 0\n", short.String())
	var noTerminal bytes.Buffer
	assert.True(t, check(&noTerminal, longRun) == answers, "the answers differ")
	assert.Equal(t, summary, noTerminal.String())
}

// A bar is shown after a time, on a terminal.
func TestProgress(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	defer pty.Close()
	screen := &terminal{pty: pty}
	p := cli.NewProgress(screen, "comparing", time.Hour)
	p.Set(1, 10)
	p.Finish()
	assert.Empty(t, screen.String(), "after a short wait")
	p = cli.NewProgress(screen, "comparing", 0)
	p.Set(5, 10)
	p.Finish()
	assert.Contains(t, screen.String(), "comparing")
	assert.Contains(t, screen.String(), "5/10")
	none := cli.NewProgress(&bytes.Buffer{}, "comparing", 0)
	assert.Nil(t, none, "a file has a progress bar")
	none.Set(1, 2)
	none.Finish()
}
