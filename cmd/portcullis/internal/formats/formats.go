// Package formats reads and writes ACLs in Kafka's formats and in those of other tools.
package formats

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Format is a text format for ACLs.
type Format struct {
	name string
	// escapes says that the format can escape every character, as JSON can. The output then
	// escapes characters that are not printable.
	escapes bool
	// read returns what a file holds, or all its errors.
	read func(r io.Reader, file string) (*Set, error)
	// write writes nothing if the format cannot hold one of the ACLs. It is nil for a format
	// that is only read.
	write func(w io.Writer, bindings iter.Seq[acl.Binding]) error
}

// all are the formats of package acl and those of other tools.
var all = func() (list []Format) {
	for f := acl.FormatAuto; f <= acl.FormatZooKeeper; f++ {
		own := Format{name: f.String(), escapes: f == acl.FormatJSON, read: readACL(f)}
		if f != acl.FormatAuto {
			own.write = func(w io.Writer, bindings iter.Seq[acl.Binding]) error { return acl.Write(w, f, bindings) }
		}
		list = append(list, own)
	}
	for _, f := range []foreign{strimzi, rpk, ksm, kafkaUI} {
		other := Format{name: f.name, escapes: f.escapes, read: f.read}
		if f.render != nil {
			other.write = f.write
		}
		list = append(list, other)
	}
	return list
}()

// Readable and Writable are the names of the formats that can be read and written.
var Readable, Writable = func() (readable, writable []string) {
	for _, f := range all {
		readable = append(readable, f.name)
		if f.write != nil {
			writable = append(writable, f.name)
		}
	}
	return readable, writable
}()

// Find returns the format with one of these names. The error is about the flag that
// gives the name.
func Find(flag, name string, names []string) (Format, error) {
	i := slices.IndexFunc(all, func(f Format) bool { return f.name == name })
	if i < 0 || !slices.Contains(names, name) {
		return Format{}, cli.BadFlag(flag, name, "one of "+strings.Join(names, ", "))
	}
	return all[i], nil
}

// Print prints ACLs as JSON lines or as kafka-acls prints them. See [Format.Print].
func Print(w io.Writer, asJSON bool, bindings iter.Seq[acl.Binding]) error {
	format := all[acl.FormatText]
	if asJSON {
		format = all[acl.FormatJSON]
	}
	return format.Print(w, bindings)
}

// Print writes ACLs to an output so that they can be read back. A format without escapes
// therefore refuses characters that act on a terminal: escaped in the output, the ACL
// would be read back as another ACL.
func (f Format) Print(w io.Writer, bindings iter.Seq[acl.Binding]) error {
	list := slices.Collect(bindings)
	if !f.escapes {
		if err := refuse(f.name, list, describeUnprintable); err != nil {
			return err
		}
	}
	return f.write(w, slices.Values(list))
}

// refuse returns an error for each ACL that cannot be written, up to lines.MaxErrors.
// why returns the reason, or "" if the ACL can be written.
func refuse(format string, list []acl.Binding, why func(b acl.Binding) string) error {
	var errs cli.Errors
	for _, b := range list {
		if reason := why(b); reason != "" && len(errs) < lines.MaxErrors {
			errs.Refuse("the ACL %s cannot be written as %s: %s", cli.ACLText(b), format, reason)
		}
	}
	return errs.Join()
}

// describeUnprintable says which texts of b have characters that act on a terminal.
func describeUnprintable(b acl.Binding) string {
	var parts []string
	for _, part := range []struct{ name, text string }{{"name", b.Pattern.Name}, {"principal", b.Entry.Principal}, {"host", b.Entry.Host}} {
		if !lines.IsPrintable(part.text) {
			parts = append(parts, part.name)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "the " + strings.Join(parts, " and the ") + " has unprintable characters; only the formats json and rpk can escape them"
}

// foreign is a format of another tool. An ACL that it cannot hold is refused, never
// changed.
type foreign struct {
	name    string
	escapes bool // as in Format
	// maxBytes limits the size of a file, because the whole file is read into memory.
	maxBytes int
	// parse adds what the text of a file holds, which is valid UTF-8, to s, and errors to p.
	parse func(p *cli.Problems, s *Set)
	// refuse returns a function that says why the format cannot hold a valid ACL of the
	// list, or "" if it can.
	refuse func(list []acl.Binding) (why func(b acl.Binding) string)
	// render returns the text of ACLs that refuse accepts. It is nil for a format that is only
	// read.
	render func(list []acl.Binding) ([]byte, error)
}

// read returns what a file holds, or all its errors.
func (f foreign) read(r io.Reader, file string) (*Set, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(f.maxBytes)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	text, _ := bytes.CutPrefix(data, []byte("\uFEFF"))
	p := &cli.Problems{File: file, Text: withoutFences(string(text))}
	s := &Set{}
	if len(data) > f.maxBytes {
		p.AddAt(&lines.Problem{Offset: len(p.Text), Found: fmt.Sprintf("more than %d bytes", f.maxBytes), Expected: "a smaller file: split it"})
	} else if wrong := lines.CheckUTF8(p.Text); wrong != nil {
		p.AddAt(wrong)
	} else {
		f.parse(p, s)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// write writes ACLs in the order of the format. It reads them back before it writes to
// w, so that it never writes text with another meaning.
func (f foreign) write(w io.Writer, bindings iter.Seq[acl.Binding]) error {
	list := slices.SortedFunc(bindings, acl.Binding.Compare)
	why := f.refuse(list)
	if err := refuse(f.name, list, func(b acl.Binding) string {
		if err := b.ValidateTypes(); err != nil {
			return err.Error()
		}
		return why(b)
	}); err != nil {
		return err
	}
	text, err := f.render(list)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if err := f.readBack(text, list); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// readBack returns an error unless text is read back as exactly the ACLs in list.
func (f foreign) readBack(text []byte, list []acl.Binding) error {
	s, err := f.read(bytes.NewReader(text), "")
	if err != nil {
		return fmt.Errorf("the ACLs cannot be written as %s: reading them back fails: %w", f.name, err)
	}
	got := s.ACLs
	slices.SortFunc(got, acl.Binding.Compare)
	for i, b := range list {
		if i >= len(got) || got[i] != b {
			return fmt.Errorf("the ACL %s cannot be written as %s: it would be read back as another ACL", cli.ACLText(b), f.name)
		}
	}
	if len(got) != len(list) {
		return fmt.Errorf("the ACL %s cannot be written as %s: it would be read back twice", cli.ACLText(got[len(list)]), f.name)
	}
	return nil
}
