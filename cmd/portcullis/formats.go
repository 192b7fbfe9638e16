package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// fileFormat is a text format for ACLs. write writes nothing if the format cannot hold
// one of the ACLs.
type fileFormat struct {
	name string
	// escapes says that the format can escape every character, as JSON can. The output then
	// escapes characters that are not printable.
	escapes bool
	read    func(r io.Reader, file string) ([]acl.Binding, error)
	write   func(w io.Writer, bindings iter.Seq[acl.Binding]) error // nil: read only
}

// fileFormats are all formats: those of package acl and those of other tools.
var fileFormats = func() (list []fileFormat) {
	for f := acl.FormatAuto; f <= acl.FormatZooKeeper; f++ {
		own := fileFormat{
			name: f.String(), escapes: f == acl.FormatJSON,
			read: func(r io.Reader, file string) ([]acl.Binding, error) { return acl.Read(r, file, f) },
		}
		if f != acl.FormatAuto {
			own.write = func(w io.Writer, bindings iter.Seq[acl.Binding]) error { return acl.Write(w, f, bindings) }
		}
		list = append(list, own)
	}
	for _, f := range []foreignFormat{strimziFormat, rpkFormat, ksmFormat} {
		list = append(list, fileFormat{f.name, f.escapes, f.read, f.write})
	}
	return list
}()

// findFormat returns the format with this name for which serves is true.
func findFormat(name string, serves func(fileFormat) bool) (fileFormat, bool) {
	i := slices.IndexFunc(fileFormats, func(f fileFormat) bool { return f.name == name && serves(f) })
	if i < 0 {
		return fileFormat{}, false
	}
	return fileFormats[i], true
}

func canRead(fileFormat) bool    { return true }
func canWrite(f fileFormat) bool { return f.write != nil }

// formatNames returns the names of the formats for which serves is true.
func formatNames(serves func(fileFormat) bool) (names []string) {
	for _, f := range fileFormats {
		if serves(f) {
			names = append(names, f.name)
		}
	}
	return names
}

// foreignFormat is a format of another tool. An ACL that it cannot hold is refused,
// never changed.
type foreignFormat struct {
	name    string
	escapes bool // as in fileFormat
	// maxBytes limits the size of a file, because the whole file is read into memory.
	maxBytes int
	// parse returns the ACLs in a text of valid UTF-8. It adds errors to m.
	parse func(text string, m *mistakes) []acl.Binding
	// refuse returns a function that says why the format cannot hold a valid ACL of the
	// list, or "" if it can.
	refuse func(list []acl.Binding) (why func(b acl.Binding) string)
	// render returns the text of ACLs that refuse accepts.
	render func(list []acl.Binding) ([]byte, error)
}

// read returns the ACLs in a file, or all its errors.
func (f foreignFormat) read(r io.Reader, file string) ([]acl.Binding, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(f.maxBytes)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	m := &mistakes{file: file}
	text, _ := bytes.CutPrefix(data, []byte("\uFEFF"))
	p := &place{text: string(text)}
	if len(data) > f.maxBytes {
		m.problem(p, &lines.Problem{Offset: len(text), Found: fmt.Sprintf("more than %d bytes", f.maxBytes), Expected: "a smaller file: split it"})
		return nil, m.err()
	}
	if wrong := lines.CheckUTF8(p.text); wrong != nil {
		m.problem(p, wrong)
		return nil, m.err()
	}
	list := f.parse(p.text, m)
	if err := m.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// write writes ACLs in the order of the format. It reads them back before it writes to
// w, so that it never writes text with another meaning.
func (f foreignFormat) write(w io.Writer, bindings iter.Seq[acl.Binding]) error {
	list := slices.SortedFunc(bindings, acl.Binding.Compare)
	if err := f.refusal(list); err != nil {
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

// refusal returns an error for each ACL that the format cannot hold, up to
// acl.MaxParseErrors.
func (f foreignFormat) refusal(list []acl.Binding) error {
	var refused []error
	why := f.refuse(list)
	for _, b := range list {
		var reason string
		if err := b.Validate(); err != nil {
			reason = err.Error()
		} else {
			reason = why(b)
		}
		if reason != "" && len(refused) < acl.MaxParseErrors {
			refused = append(refused, fmt.Errorf("the ACL %s cannot be written as %s: %s", aclText(b), f.name, reason))
		}
	}
	return errors.Join(refused...)
}

// readBack returns an error unless text is read back as exactly the ACLs in list.
func (f foreignFormat) readBack(text []byte, list []acl.Binding) error {
	got, err := f.read(bytes.NewReader(text), "")
	if err != nil {
		return fmt.Errorf("the ACLs cannot be written as %s: reading them back fails: %w", f.name, err)
	}
	slices.SortFunc(got, acl.Binding.Compare)
	for i, b := range list {
		if i >= len(got) || got[i] != b {
			return fmt.Errorf("the ACL %s cannot be written as %s: it would be read back as another ACL", aclText(b), f.name)
		}
	}
	if len(got) != len(list) {
		return fmt.Errorf("the ACL %s cannot be written as %s: it would be read back twice", aclText(got[len(list)]), f.name)
	}
	return nil
}

// eachByItself makes the refuse function of a format that checks each ACL alone.
func eachByItself(why func(b acl.Binding) string) func([]acl.Binding) func(acl.Binding) string {
	return func([]acl.Binding) func(acl.Binding) string { return why }
}
