// Package question reads authorization questions from flags and from files.
package question

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	membership "github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// DefaultHost is the host of a question without one. Every answer shows the host.
const DefaultHost = "127.0.0.1"

// Question is one authorization check to answer.
type Question struct {
	Subject snapshot.Subject
	Request snapshot.Request
	line    int // in the file of questions; 0 for none
}

// The parts of a question, with their names in files.
const (
	Principal    = "principal"
	groups       = "groups"
	Host         = "host"
	Operation    = "operation"
	ResourceType = "resourceType"
	Name         = "name"
)

var (
	requiredParts = []string{Principal, Operation, ResourceType, Name}
	optionalParts = []string{Host, groups}
)

// parts says how each part is read from text. set reports whether the text is valid.
var parts = map[string]struct {
	expected string
	set      func(q *Question, text string) bool
}{
	Principal: {"Type:name, such as User:alice", func(q *Question, text string) bool {
		p, err := principal.Parse(text)
		q.Subject.Principal = p
		return err == nil && !p.IsZero()
	}},
	// One at a time.
	groups: {"principals of the form Type:name, such as Group:developers", func(q *Question, text string) bool {
		p, err := principal.Parse(text)
		q.Subject.Groups = append(q.Subject.Groups, p)
		return err == nil && !p.IsZero()
	}},
	Host: {"an IP address, such as 10.0.0.1 or 2001:db8::1", func(q *Question, text string) bool {
		addr, err := netip.ParseAddr(text)
		q.Subject.Host = addr.Unmap()
		return err == nil
	}},
	Operation: {"one of " + strings.Join(cli.OperationNames(), ", "), func(q *Question, text string) bool {
		o, err := cli.ParseOperation(text)
		q.Request.Operation = o
		return err == nil && o.IsKnown() && o != ops.Any
	}},
	ResourceType: {"one of " + strings.Join(cli.DisplayNames(slices.Values(resource.Types())), ", "), func(q *Question, text string) bool {
		t, err := resource.ParseType(text)
		q.Request.Type = t
		return err == nil && t.IsConcrete()
	}},
	Name: {"the name of one resource", func(q *Question, text string) bool {
		q.Request.Name = text
		return text != ""
	}},
}

// Set reads a part of q from text. It returns "" if the text is valid, and otherwise
// what is expected.
func (q *Question) Set(part, text string) (expected string) {
	if !utf8.ValidString(text) {
		return "valid UTF-8"
	}
	if p := parts[part]; !p.set(q, text) {
		return p.expected
	}
	return ""
}

// SetFlag is Set for the value of a flag.
func (q *Question) SetFlag(part, flag, text string) error {
	if expected := q.Set(part, text); expected != "" {
		return cli.BadFlag(flag, text, expected)
	}
	return nil
}

// Warn warns of questions that Kafka never asks. They are answered, but are probably a
// mistake. It warns once for each operation and resource type.
func Warn(w io.Writer, file string, questions ...Question) {
	warned := map[string]bool{}
	for _, q := range questions {
		supported := ops.Supported(q.Request.Type)
		if supported.Has(q.Request.Operation) {
			continue
		}
		text := fmt.Sprintf("warning: Kafka never asks for %s on %s, only for %s", q.Request.Operation.DisplayName(),
			q.Request.Type.DisplayName(), strings.Join(cli.DisplayNames(supported.All()), ", "))
		if warned[text] {
			continue
		}
		warned[text] = true
		if q.line > 0 {
			text = fmt.Sprintf("%s:%d: %s", file, q.line, text)
		}
		fmt.Fprintln(w, text)
	}
}

// Flags are the flags of a question: the subject, the request, or both, depending on the
// command.
type Flags struct {
	Host *cli.Once

	cmd                  *cobra.Command
	principal, operation *cli.Once
	groups               []string
	groupFile            *cli.Once
	resources            cli.Resources
}

// AddSubject adds the flags of the subject. host is the default of --host; with "" the
// question has no host.
func (f *Flags) AddSubject(cmd *cobra.Command, host, hostUsage string) {
	f.cmd = cmd
	f.principal = cli.OnceFlag(cmd, "principal", "", "the principal: `Type:name`, such as User:alice")
	cmd.Flags().StringArrayVar(&f.groups, "group-principal", nil, "a further principal of the client, such as a group: `Type:name`; may be repeated")
	f.groupFile = cli.OnceFlag(cmd, "groups", "", "`file` of groups and their members, JSON lines: the client has the groups that it is in")
	cli.Must(cmd.MarkFlagFilename("groups"))
	f.Host = cli.OnceFlag(cmd, "host", host, hostUsage)
}

// AddRequest adds the flags of the request.
func (f *Flags) AddRequest(cmd *cobra.Command) {
	f.cmd = cmd
	f.operation = cli.OnceFlag(cmd, "operation", "", "the `operation`, such as Read", cli.OperationNames()...)
	f.resources = cli.AddResources(cmd, "ask about ", false)
}

// CheckUsage returns an error for each missing or superfluous flag. or names the
// alternative to several resources, for the error.
func (f *Flags) CheckUsage(or string) error {
	var errs cli.Errors
	for _, name := range []string{"principal", "operation"} {
		if flag := f.cmd.Flags().Lookup(name); flag != nil && !flag.Changed {
			errs.Refuse("--%s is missing: see %s --help", name, f.cmd.CommandPath())
		}
	}
	if f.operation == nil {
		return errs.Join()
	}
	switch given := cli.GivenResources(f.cmd); {
	case len(given) == 0:
		errs.Refuse("no resource is given: expected one of %s", cli.AllResourceFlags())
	case len(given) > 1:
		errs.Refuse("%s are given: expected one of them%s", strings.Join(given, ", "), or)
	}
	return errs.Join()
}

// AddGroups adds to each question the groups that its principal, and the groups that it names,
// are in by the file of --groups, if that is given.
func (f *Flags) AddGroups(questions []Question) error {
	if f.groupFile == nil || !f.groupFile.Given {
		return nil
	}
	file := f.groupFile.Text
	if file == "" || file == cli.StandardInput {
		return cli.BadFlag("groups", file, "the name of a file")
	}
	table, err := membership.ReadTable(file)
	if err != nil {
		return err
	}
	for i := range questions {
		s := &questions[i].Subject
		for _, who := range append([]principal.Principal{s.Principal}, s.Groups...) {
			in, err := table.Groups(f.cmd.Context(), who)
			if err != nil {
				return fmt.Errorf("%s: %w", cli.FileName(file), err)
			}
			s.Groups = membership.Union(s.Groups, in)
		}
	}
	return nil
}

// Question returns the question from the flags.
func (f *Flags) Question() (Question, error) {
	var q Question
	var errs cli.Errors
	if f.principal != nil {
		errs.Add(q.SetFlag(Principal, "principal", f.principal.Text))
		for _, group := range f.groups {
			errs.Add(q.SetFlag(groups, "group-principal", group))
		}
		if f.Host.Given || f.Host.Text != "" {
			errs.Add(q.SetFlag(Host, "host", f.Host.Text))
		}
	}
	if f.operation != nil {
		errs.Add(q.SetFlag(Operation, "operation", f.operation.Text))
		for r, name := range f.resources.All() {
			q.Request.Type = r.Type
			errs.Add(q.SetFlag(Name, r.Name, name))
		}
	}
	if len(errs) == 0 {
		one := []Question{q}
		errs.Add(f.AddGroups(one))
		q = one[0]
	}
	return q, errs.Join()
}

// fileReader reads all questions in a file, or collects the errors in it.
type fileReader struct {
	cli.Problems
	host      string // of questions without one
	questions []Question
}

// ReadFile reads questions as JSON lines or as CSV with a header. A file that begins
// with a brace is JSON: no header does. host is the host of questions without one.
func ReadFile(r io.Reader, file, host string) ([]Question, error) {
	f := &fileReader{Problems: cli.Problems{File: file}, host: host}
	input := bufio.NewReader(r)
	start, err := input.Peek(input.Size())
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	const byteOrderMark = "\uFEFF"
	if bytes.HasPrefix(bytes.TrimLeft(start, byteOrderMark+" \t\r\n"), []byte("{")) {
		err = f.readJSON(lines.NewReader(input, lines.MaxBytes))
	} else {
		if bytes.HasPrefix(start, []byte(byteOrderMark)) {
			input.Discard(len(byteOrderMark)) // cannot fail: the bytes are buffered
		}
		all := slices.Concat(requiredParts, optionalParts)
		columns := cli.Columns{All: all, Optional: optionalParts, Times: "at most once", Expected: "a header such as " + strings.Join(all, ",") + ", or JSON lines"}
		err = f.ReadCSV(input, columns, f.readRecord)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(f.questions) == 0 && len(f.List) == 0 {
		f.Add(1, 1, "no question", "at least one")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return f.questions, nil
}

// newQuestion returns a question with the default host and without its required parts.
func (f *fileReader) newQuestion(line int) Question {
	q := Question{line: line}
	q.Set(Host, f.host)
	return q
}

// readJSON reads one object a line: the required parts and "host" are strings,
// "groups" is an array of strings.
func (f *fileReader) readJSON(l *lines.Reader) error {
	for !f.Full() && l.Next() {
		wrong := l.Check()
		if wrong == nil {
			wrong = f.readObject(l)
		}
		if wrong != nil {
			f.Add(l.Number, l.Offset+wrong.Offset+1, wrong.Found, wrong.Expected)
		}
	}
	return l.Err()
}

func (f *fileReader) readObject(l *lines.Reader) *lines.Problem {
	j := lines.NewJSON(l.Text, 0)
	q := f.newQuestion(l.Number)
	readString := func(part string) *lines.Problem {
		text, offset, wrong := j.String()
		if wrong == nil {
			f.set(&q, part, text, l.Number, l.Offset+offset+1)
		}
		return wrong
	}
	wrong := j.Object(requiredParts, optionalParts, func(part string) *lines.Problem {
		if part == groups {
			return j.Array(func() *lines.Problem { return readString(part) })
		}
		return readString(part)
	})
	if wrong == nil {
		wrong = j.End()
	}
	f.questions = append(f.questions, q)
	return wrong
}

// set sets a part of q, or adds an error at a position.
func (f *fileReader) set(q *Question, part, text string, line, column int) {
	if expected := q.Set(part, text); expected != "" {
		f.Add(line, column, part+" "+enum.Quote(text), expected)
	}
}

// readRecord reads a question from a CSV record. Semicolons separate groups. An empty
// host means the default host.
func (f *fileReader) readRecord(c *csv.Reader, header, record []string) {
	line, _ := c.FieldPos(0)
	q := f.newQuestion(line)
	for i, part := range header {
		texts := []string{record[i]}
		if part == groups {
			texts = strings.Split(record[i], ";")
		}
		line, column := c.FieldPos(i)
		for _, text := range texts {
			if part == groups {
				text = strings.TrimSpace(text)
			}
			if text != "" || part != groups && part != Host {
				f.set(&q, part, text, line, column)
			}
		}
	}
	f.questions = append(f.questions, q)
}
