package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// questionReader reads all questions in a file, or collects the errors in it.
type questionReader struct {
	mistakes
	host      string // of questions without one
	questions []question
}

// readQuestions reads questions as JSON lines or as CSV with a header. A file that
// begins with a brace is JSON: no header does.
func readQuestions(r io.Reader, file, host string) ([]question, error) {
	q := &questionReader{mistakes: mistakes{file: file}, host: host}
	input := bufio.NewReader(r)
	start, err := input.Peek(input.Size())
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	read := q.readCSV
	if bytes.HasPrefix(bytes.TrimLeft(start, "\uFEFF \t\r\n"), []byte("{")) {
		read = q.readJSON
	}
	if err := read(input); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(q.questions) == 0 && len(q.list) == 0 {
		q.add(1, 1, "no question", "at least one")
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	return q.questions, nil
}

// newQuestion returns a question with the default host and without its required parts.
func (r *questionReader) newQuestion(line int) question {
	q := question{line: line}
	q.set(hostPart, r.host)
	return q
}

// readJSON reads one object a line: the required parts and "host" are strings,
// "groups" is an array of strings.
func (r *questionReader) readJSON(input io.Reader) error {
	l := lines.NewReader(input, acl.MaxLineBytes)
	for !r.full() && l.Next() {
		wrong := l.Check()
		if wrong == nil {
			wrong = r.readObject(l)
		}
		if wrong != nil {
			r.add(l.Number, l.Offset+wrong.Offset+1, wrong.Found, wrong.Expected)
		}
	}
	return l.Err()
}

func (r *questionReader) readObject(l *lines.Reader) *lines.Problem {
	j := lines.NewJSON(l.Text, 0)
	q := r.newQuestion(l.Number)
	readString := func(part string) *lines.Problem {
		text, offset, wrong := j.String()
		if wrong != nil {
			return wrong
		}
		if expected := q.set(part, text); expected != "" {
			r.add(l.Number, l.Offset+offset+1, part+" "+enum.Quote(text), expected)
		}
		return nil
	}
	wrong := j.Object(requiredParts, optionalParts, func(part string) *lines.Problem {
		if part == groupsPart {
			return j.Array(func() *lines.Problem { return readString(part) })
		}
		return readString(part)
	})
	if wrong == nil {
		wrong = j.End()
	}
	r.questions = append(r.questions, q)
	return wrong
}

// readCSV reads a header with the names of the parts in any order, and one question from
// each record. Semicolons separate groups. An empty host means the default host.
func (r *questionReader) readCSV(input io.Reader) error {
	c := csv.NewReader(skipByteOrderMark(input))
	header, err := r.nextRecord(c)
	if header != nil && r.checkHeader(c, header) {
		err = r.readRecords(c, header)
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (r *questionReader) readRecords(c *csv.Reader, header []string) error {
	for !r.full() {
		record, err := r.nextRecord(c)
		if err != nil {
			return err
		}
		if record != nil {
			r.readRecord(c, header, record)
		}
	}
	return nil
}

func skipByteOrderMark(input io.Reader) io.Reader {
	const mark = "\uFEFF"
	b := bufio.NewReader(input)
	if start, err := b.Peek(len(mark)); err == nil && string(start) == mark {
		b.Discard(len(mark)) // cannot fail: the bytes are buffered
	}
	return b
}

// checkHeader reports whether the header is valid.
func (r *questionReader) checkHeader(c *csv.Reader, header []string) bool {
	parts := slices.Concat(requiredParts, optionalParts)
	for i, name := range header {
		if !slices.Contains(parts, name) || slices.Contains(header[:i], name) {
			line, column := c.FieldPos(i)
			r.add(line, column, "the column "+enum.Quote(name), "each of "+strings.Join(parts, ", ")+" at most once")
		}
	}
	for _, part := range requiredParts {
		if !slices.Contains(header, part) {
			line, column := c.FieldPos(0)
			r.add(line, column, "a header without "+part, "a header such as "+strings.Join(parts, ",")+", or JSON lines")
		}
	}
	return len(r.list) == 0
}

func (r *questionReader) readRecord(c *csv.Reader, header, record []string) {
	line, _ := c.FieldPos(0)
	q := r.newQuestion(line)
	for i, part := range header {
		line, column := c.FieldPos(i)
		for _, text := range cellTexts(part, record[i]) {
			if expected := q.set(part, text); expected != "" {
				r.add(line, column, part+" "+enum.Quote(text), expected)
			}
		}
	}
	r.questions = append(r.questions, q)
}

// cellTexts returns the texts of a part in a cell: any number of groups, otherwise one.
func cellTexts(part, cell string) []string {
	switch {
	case part == hostPart && cell == "":
		return nil
	case part != groupsPart:
		return []string{cell}
	}
	var groups []string
	for group := range strings.SplitSeq(cell, ";") {
		if group = strings.TrimSpace(group); group != "" {
			groups = append(groups, group)
		}
	}
	return groups
}
