package cli

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Problems collects the errors in a file, up to lines.MaxErrors.
type Problems struct {
	File string
	List acl.ParseErrors
	// Text is the text of the file, for AddAt.
	Text string

	offset int // of the last AddAt
	line   int // line breaks before offset
	start  int // of the line
}

// Add adds an error at a position, unless the list is full.
func (p *Problems) Add(line, column int, found, expected string) {
	if !p.Full() {
		p.List = append(p.List, &acl.ParseError{File: p.File, Line: line, Column: column, Found: found, Expected: expected})
	}
}

// AddAt adds an error at an offset in Text. Add errors in ascending order: then all of
// them together cost one pass over the text.
func (p *Problems) AddAt(wrong *lines.Problem) {
	line, column := p.Position(wrong.Offset)
	p.Add(line, column, wrong.Found, wrong.Expected)
}

// Position returns the line and the column of an offset in Text, from 1. Ask in ascending order:
// then all calls together cost one pass over the text.
func (p *Problems) Position(offset int) (line, column int) {
	if offset < p.offset {
		p.offset, p.line, p.start = 0, 0, 0
	}
	passed := p.Text[p.offset:offset]
	p.line += strings.Count(passed, "\n")
	if i := strings.LastIndexByte(passed, '\n'); i >= 0 {
		p.start = p.offset + i + 1
	}
	p.offset = offset
	return p.line + 1, offset - p.start + 1
}

// Full reports whether the list is full.
func (p *Problems) Full() bool { return len(p.List) >= lines.MaxErrors }

// Err returns the errors, or nil if there are none.
func (p *Problems) Err() error {
	if len(p.List) == 0 {
		return nil
	}
	if p.Full() {
		last := *p.List[len(p.List)-1]
		last.Found, last.Expected = "more errors not shown", ""
		return append(p.List, &last)
	}
	return p.List
}

// Columns describes the header of a CSV file.
type Columns struct {
	All, Optional []string
	Times         string // how often each column may be there: "once" or "at most once"
	Separator     rune   // between columns; 0 is a comma
	Expected      string // the header, for errors
}

// ReadCSV reads CSV with a header that has the columns in any order. It calls read for
// each record that has the right number of fields. The error is that of input.
func (p *Problems) ReadCSV(input io.Reader, columns Columns, read func(c *csv.Reader, header, record []string)) error {
	c := csv.NewReader(input)
	c.Comma = cmp.Or(columns.Separator, ',')
	header, err := p.nextRecord(c)
	if header != nil && !p.checkHeader(c, header, columns) {
		return nil
	}
	for header != nil && err == nil && !p.Full() {
		var record []string
		if record, err = p.nextRecord(c); record != nil {
			read(c, header, record)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// nextRecord returns a record, or nil if the record has an error.
func (p *Problems) nextRecord(c *csv.Reader) ([]string, error) {
	record, err := c.Read()
	var syntax *csv.ParseError
	if !errors.As(err, &syntax) {
		return record, err
	}
	if errors.Is(err, csv.ErrFieldCount) {
		p.Add(syntax.Line, syntax.Column, fmt.Sprintf("%d fields", len(record)), fmt.Sprintf("%d as in the header", c.FieldsPerRecord))
	} else {
		p.Add(syntax.Line, syntax.Column, syntax.Err.Error(), "double quotes only around a whole field, and doubled inside it")
	}
	return nil, nil
}

// checkHeader reports whether the header is valid.
func (p *Problems) checkHeader(c *csv.Reader, header []string, columns Columns) bool {
	for i, name := range header {
		if !slices.Contains(columns.All, name) || slices.Contains(header[:i], name) {
			line, column := c.FieldPos(i)
			p.Add(line, column, "the column "+enum.Quote(name), "each of "+strings.Join(columns.All, ", ")+" "+columns.Times)
		}
	}
	for _, name := range columns.All {
		if !slices.Contains(header, name) && !slices.Contains(columns.Optional, name) {
			line, column := c.FieldPos(0)
			p.Add(line, column, "a header without "+name, columns.Expected)
		}
	}
	return len(p.List) == 0
}
