package acl

import (
	"fmt"
	"io"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// MaxLineBytes is the longest line that [Read] reads, without its line break. A
// line of the ZooKeeper format holds a whole node, and no node is larger than
// 1 MiB unless somebody has raised ZooKeeper's jute.maxbuffer.
const MaxLineBytes = 1 << 20

// Read reads all bindings of r, in the order of the file, repeated ones
// included. Blank lines are skipped. Every binding passes [Binding.ValidateStored]:
// hosts that Kafka can have stored are read, whatever they mean.
//
// It is all or nothing: if anything is wrong with the file, no binding is
// returned, and the error is a [ParseErrors] that says everything that is wrong,
// where, and what to write instead. An error of r itself is wrapped and returned
// instead. An empty file holds no binding and is no error.
//
// file is the name of the file in errors and may be empty. Memory grows with what
// is read; texts that occur many times are kept once.
//
// Source: Kafka's AclCommand and AccessControlEntry.toString (text), AclEntry and
// ZkData (ZooKeeper).
func Read(r io.Reader, file string, format Format) ([]Binding, error) {
	d := reader{lines: lines.NewReader(r, MaxLineBytes), errors: errorList{file: file}, texts: map[string]string{}}
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
	texts    map[string]string // every text kept, so that equal ones are kept once and no line is kept for a part of it
}

func (d *reader) readAll() error {
	for d.lines.Next() {
		problems := d.readLine(d.lines.Text)
		for i := range problems {
			problems[i].Offset += d.lines.Offset
		}
		d.errors.add(d.lines.Number, problems...)
		if d.parser == nil {
			return nil // nothing sensible can be said of what follows
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
	if len(problems) > 0 || len(d.errors.list) > 0 {
		d.bindings = nil // none will be returned
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
