// Package playground answers questions about pasted ACLs in a page: with the commands of the
// tool, compiled to WebAssembly. [WritePage] writes the page.
package playground

import (
	"bytes"
	"fmt"
	"io"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/check"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/lint"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/principal"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/program"
)

const (
	// MaxInput is how many bytes may be pasted: about 40,000 ACLs.
	MaxInput = 4 << 20
	// MaxArgs is how many bytes the flags may have together.
	MaxArgs = 64 << 10
	// MaxOutput is how many bytes of an answer the page shows. A browser shows a megabyte only
	// after seconds.
	MaxOutput = 200 << 10
)

// Answer is what a command prints.
type Answer struct {
	Status         int // the exit status: see package program
	Stdout, Stderr string
}

// Run runs a command of the tool with input as standard input. It opens no file. Input from
// a stranger costs at most what [MaxInput] bytes can; the page also ends each question after
// some seconds.
func Run(args []string, input []byte) Answer {
	size := 0
	for _, a := range args {
		size += len(a)
	}
	if len(input) > MaxInput || size > MaxArgs {
		return Answer{Status: program.ExitError, Stderr: fmt.Sprintf("portcullis: the page takes at most %d bytes of text, and %d in the other fields: use the command for more\n", MaxInput, MaxArgs)}
	}
	root := program.NewRoot(check.New(), check.NewExplain(), check.NewWhoCan(), check.NewWhatCan(), lint.New(), principal.New())
	var stdout, stderr cut
	status := program.Run(root, args, bytes.NewReader(input), &stdout, &stderr)
	return Answer{status, stdout.text(), stderr.text()}
}

// cut keeps the first MaxOutput bytes that are written to it, and counts the others.
type cut struct {
	bytes.Buffer
	more int
}

var _ io.Writer = (*cut)(nil)

// Write never fails: the rest of an answer is missing, and said to be.
func (c *cut) Write(p []byte) (int, error) {
	kept := min(len(p), MaxOutput-c.Len())
	c.Buffer.Write(p[:kept])
	c.more += len(p) - kept
	return len(p), nil
}

func (c *cut) text() string {
	if c.more == 0 {
		return c.String()
	}
	return fmt.Sprintf("%s\n… %d more bytes are not shown: use the command\n", bytes.ToValidUTF8(c.Bytes(), nil), c.more)
}
