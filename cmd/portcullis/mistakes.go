package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// mistakes gathers what is wrong with a file.
type mistakes struct {
	file string
	list acl.ParseErrors
}

// add adds what is wrong at a place, unless enough is gathered.
func (m *mistakes) add(line, column int, found, expected string) {
	if !m.full() {
		m.list = append(m.list, &acl.ParseError{File: m.file, Line: line, Column: column, Found: found, Expected: expected})
	}
}

// full reports whether enough is gathered.
func (m *mistakes) full() bool { return len(m.list) >= acl.MaxParseErrors }

// err returns all that is gathered, or nil if that is nothing.
func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	if m.full() {
		last := *m.list[len(m.list)-1]
		last.Found, last.Expected = "more errors than are worth reading", "the ones above to be mended first"
		return append(m.list, &last)
	}
	return m.list
}

// place finds lines and columns of a text. It is asked for offsets that grow, so
// that all of them together cost one reading of the text.
type place struct {
	text   string
	offset int
	line   int // line breaks before offset
	start  int // of the line
}

// of returns the line and the column of an offset, both from 1.
func (p *place) of(offset int) (line, column int) {
	if offset < p.offset {
		*p = place{text: p.text}
	}
	passed := p.text[p.offset:offset]
	p.line += strings.Count(passed, "\n")
	if i := strings.LastIndexByte(passed, '\n'); i >= 0 {
		p.start = p.offset + i + 1
	}
	p.offset = offset
	return p.line + 1, offset - p.start + 1
}

// problem adds what is wrong at an offset of the text of p.
func (m *mistakes) problem(p *place, wrong *lines.Problem) {
	line, column := p.of(wrong.Offset)
	m.add(line, column, wrong.Found, wrong.Expected)
}

// nextRecord returns a record of CSV, or nil if something is wrong with it.
func (m *mistakes) nextRecord(c *csv.Reader) ([]string, error) {
	record, err := c.Read()
	var syntax *csv.ParseError
	if !errors.As(err, &syntax) {
		return record, err
	}
	if errors.Is(err, csv.ErrFieldCount) {
		m.add(syntax.Line, syntax.Column, fmt.Sprintf("%d fields", len(record)), fmt.Sprintf("%d as in the header", c.FieldsPerRecord))
	} else {
		m.add(syntax.Line, syntax.Column, syntax.Err.Error(), "double quotes only around a whole field, and twice inside of it")
	}
	return nil, nil
}
