package acl

import (
	"fmt"
	"io"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Read reads all bindings from r, in the order of the file, including duplicates. Blank
// lines are skipped. A line may have 1 MiB. Every binding is one that some
// release of Kafka can have stored: its types, operation and permission are specific, its
// name is not empty, and its principal has a colon. Any host that Kafka
// can have stored is accepted.
//
// If anything in the file is wrong, no binding is returned. The error is then a
// [ParseErrors], which lists every error with its position and what is expected. An
// error of r itself is wrapped and returned instead. An empty file has no bindings and
// is not an error.
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
	if err := d.errors.err(); err != nil {
		return nil, err
	}
	return d.bindings, nil
}

// reader reads one file.
type reader struct {
	lines    *lines.Reader
	parser   lineParser // nil until the format is known
	bindings []Binding
	errors   errorList
	texts    map[string]string // every text that was kept, so that equal texts share memory and no line stays in memory for a part of it
}

func (d *reader) readAll() error {
	for d.lines.Next() {
		problems := d.readLine(d.lines.Text)
		for i := range problems {
			problems[i].Offset += d.lines.Offset
		}
		d.errors.add(d.lines.Number, problems...)
		if d.parser == nil {
			return nil // the rest of the file cannot be checked
		}
	}
	return d.lines.Err()
}

func (d *reader) readLine(line string) []lines.Problem {
	if wrong := d.lines.Check(); wrong != nil {
		return []lines.Problem{*wrong}
	}
	if d.parser == nil {
		format, wrong := detect(line)
		if wrong != nil {
			return []lines.Problem{*wrong}
		}
		d.parser = codecs[format].newParser()
	}
	return d.parseLine(line)
}

func (d *reader) parseLine(line string) []lines.Problem {
	old := len(d.bindings)
	all, problems := d.parser.appendLine(d.bindings, line)
	if len(problems) > 0 || len(d.errors.List) > 0 {
		d.bindings = nil // they will not be returned
		return problems
	}
	d.bindings = all
	for i := old; i < len(all); i++ {
		b := &all[i]
		for _, text := range []*string{&b.Pattern.Name, &b.Entry.Principal, &b.Entry.Host} {
			*text = d.intern(*text)
		}
	}
	return nil
}

func (d *reader) intern(s string) string {
	kept, ok := d.texts[s]
	if !ok {
		kept = strings.Clone(s)
		d.texts[kept] = kept
	}
	return kept
}
