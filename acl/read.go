package acl

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Read reads all bindings from r, in the order of the file, including duplicates. Blank
// lines are skipped. A line may have 1 MiB. A file has what some release of Kafka stored, and
// that is more than what Kafka creates: every text is accepted as a name, a principal and a
// host, for example a principal without a colon. [Binding.Validate] says whether Kafka would
// create a binding.
//
// If anything in the file is wrong, no binding is returned. The error is then a
// [ParseErrors], which lists every error with its position and what is expected. An
// error of r itself is wrapped and returned instead. An empty file has no bindings and
// is not an error.
//
// The one exception are ACLs with a word that is not known, such as the operation of a later
// release. If every error is about such an ACL, and has it ([ParseError.Unknown]), Read
// returns all other bindings together with the error.
//
// file is the name of the file in errors and may be empty. Memory grows with the number
// of bindings; equal texts are stored once.
//
// Source: Kafka's AclCommand and AccessControlEntry.toString (text), AclEntry and
// ZkData (ZooKeeper).
func Read(r io.Reader, file string, format Format) ([]Binding, error) {
	d := reader{lines: lines.NewReader(r, lines.MaxBytes), errors: errorList{file: file}, texts: map[string]string{}}
	if format != FormatAuto {
		c, err := codecOf(format)
		if err != nil {
			return nil, err
		}
		d.parser = c.newParser()
	}
	if err := d.readAll(); err != nil {
		return nil, fmt.Errorf("acl: read %q: %w", file, err)
	}
	return d.bindings, d.errors.err()
}

// reader reads one file.
type reader struct {
	lines    *lines.Reader
	parser   lineParser // nil until the format is known
	bindings []Binding
	errors   errorList
	failed   bool              // no binding is returned
	texts    map[string]string // every text that was kept, so that equal texts share memory and no line stays in memory for a part of it
}

func (d *reader) readAll() error {
	for d.lines.Next() {
		found := findings{bindings: d.bindings}
		d.readLine(&found, d.lines.Text)
		d.keep(&found)
		if d.parser == nil {
			return nil // the rest of the file cannot be checked
		}
	}
	return d.lines.Err()
}

func (d *reader) readLine(found *findings, line string) {
	wrong := d.lines.Check()
	if wrong == nil && d.parser == nil {
		var format Format
		if format, wrong = detect(line); wrong == nil {
			d.parser = codecs[format].newParser()
		}
	}
	if wrong != nil {
		found.problems = append(found.problems, *wrong)
		return
	}
	d.parser.parseLine(found, line)
}

// keep keeps what was found in the current line.
func (d *reader) keep(found *findings) {
	var errs []*ParseError
	add := func(p problem, unknown *Binding) {
		errs = append(errs, &ParseError{d.errors.file, d.lines.Number, d.lines.Offset + p.Offset + 1, p.Found, p.Expected, unknown})
	}
	for _, p := range found.problems {
		add(p, nil)
	}
	for i := range found.unknown {
		u := &found.unknown[i]
		d.own(&u.binding)
		add(u.word, &u.binding)
	}
	slices.SortStableFunc(errs, func(a, b *ParseError) int { return a.Column - b.Column })
	for _, err := range errs {
		d.errors.Add(err)
	}
	if d.failed = d.failed || len(found.problems) > 0 || d.errors.More > 0; d.failed {
		d.bindings = nil
		return
	}
	for i := len(d.bindings); i < len(found.bindings); i++ {
		d.own(&found.bindings[i])
	}
	d.bindings = found.bindings
}

// own makes the texts of b independent of its line.
func (d *reader) own(b *Binding) {
	for _, text := range []*string{&b.Pattern.Name, &b.Entry.Principal, &b.Entry.Host} {
		*text = d.intern(*text)
	}
}

func (d *reader) intern(s string) string {
	kept, ok := d.texts[s]
	if !ok {
		kept = strings.Clone(s)
		d.texts[kept] = kept
	}
	return kept
}
