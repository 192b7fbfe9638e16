package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// output is standard output or standard error. Everything that the program prints goes
// through an output, so that no character from a file, a flag or the network acts on a
// terminal. See [lines.NewWriter].
type output struct {
	io.Writer
	bare io.Writer // for progress bars, which need control characters
}

func newOutput(w io.Writer) output { return output{lines.NewWriter(w), w} }

// Fd returns the file descriptor, or an invalid one if the output is not a file.
func (o output) Fd() uintptr {
	if f, ok := o.bare.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// outputFormat returns the format in which commands print ACLs, by --output.
func outputFormat(asJSON bool) fileFormat {
	name := acl.FormatText.String()
	if asJSON {
		name = acl.FormatJSON.String()
	}
	f, _ := findFormat(name, canWrite)
	return f
}

// print writes ACLs to an output so that they can be read back. A format without escapes
// therefore refuses characters that act on a terminal: escaped in the output, the ACL
// would be read back as another ACL.
func (f fileFormat) print(w io.Writer, bindings iter.Seq[acl.Binding]) error {
	list := slices.Collect(bindings)
	if !f.escapes {
		if err := refuseUnprintable(f.name, list); err != nil {
			return err
		}
	}
	return f.write(w, slices.Values(list))
}

// refuseUnprintable returns an error for each ACL with characters that act on a
// terminal, up to acl.MaxParseErrors.
func refuseUnprintable(format string, list []acl.Binding) error {
	var refused []error
	for _, b := range list {
		var parts []string
		for _, part := range []struct{ name, text string }{
			{"name", b.Pattern.Name}, {"principal", b.Entry.Principal}, {"host", b.Entry.Host},
		} {
			if !lines.IsPrintable(part.text) {
				parts = append(parts, part.name)
			}
		}
		if len(parts) > 0 && len(refused) < acl.MaxParseErrors {
			refused = append(refused, fmt.Errorf("the ACL %s cannot be written as %s: the %s has unprintable characters; only the formats json and rpk can escape them",
				aclText(b), format, strings.Join(parts, " and the ")))
		}
	}
	return errors.Join(refused...)
}
