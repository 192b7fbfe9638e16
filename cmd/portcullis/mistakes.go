package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// mistakes collects the errors in a file, up to acl.MaxParseErrors.
type mistakes struct {
	file string
	list acl.ParseErrors
}

// add adds an error at a position, unless the list is full.
func (m *mistakes) add(line, column int, found, expected string) {
	if !m.full() {
		m.list = append(m.list, &acl.ParseError{File: m.file, Line: line, Column: column, Found: found, Expected: expected})
	}
}

// full reports whether the list is full.
func (m *mistakes) full() bool { return len(m.list) >= acl.MaxParseErrors }

// err returns the errors, or nil if there are none.
func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	if m.full() {
		last := *m.list[len(m.list)-1]
		last.Found, last.Expected = "more errors not shown", ""
		return append(m.list, &last)
	}
	return m.list
}

// place converts offsets in a text to lines and columns. Ask for offsets in ascending
// order: then all of them together cost one pass over the text.
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

// problem adds an error at an offset in the text of p.
func (m *mistakes) problem(p *place, wrong *lines.Problem) {
	line, column := p.of(wrong.Offset)
	m.add(line, column, wrong.Found, wrong.Expected)
}

// nextRecord returns a CSV record, or nil if the record has an error.
func (m *mistakes) nextRecord(c *csv.Reader) ([]string, error) {
	record, err := c.Read()
	var syntax *csv.ParseError
	if !errors.As(err, &syntax) {
		return record, err
	}
	if errors.Is(err, csv.ErrFieldCount) {
		m.add(syntax.Line, syntax.Column, fmt.Sprintf("%d fields", len(record)), fmt.Sprintf("%d as in the header", c.FieldsPerRecord))
	} else {
		m.add(syntax.Line, syntax.Column, syntax.Err.Error(), "double quotes only around a whole field, and doubled inside it")
	}
	return nil, nil
}
