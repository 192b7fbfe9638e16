package audit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Record is one decision from a log. The zero Record is a denial.
type Record struct {
	Subject snapshot.Subject // without groups if the log has none
	Request snapshot.Request // Name is "" if ByType is set
	ByType  bool
	Allowed bool
	// SuperUser says that no ACL was needed. It is false for a log without reasons.
	SuperUser bool
	Line      int // line number in its file, from 1
}

// TraceFormat is a format of recorded decisions. The zero TraceFormat is TraceAuto.
type TraceFormat uint8

// The formats.
const (
	// TraceAuto is TraceJSON for a file that begins with a brace. Otherwise it accepts
	// lines that mean the same in TraceKafka and TraceEscaped. A line with quoted text
	// is refused, because Kafka does not quote.
	TraceAuto TraceFormat = iota
	// TraceJSON is the format of [NewJSONWriter]. A line needs principal, host,
	// operation, resourceType and name. Without allowed it is an allow. Other keys are
	// ignored.
	TraceJSON
	// TraceKafka is Kafka's own audit log, in either style, with the text that Kafka's
	// log4j pattern prints before and after a line.
	TraceKafka
	// TraceEscaped is the format of [NewLineWriter].
	TraceEscaped
)

var traceFormatNames = enum.Names{"AUTO", "JSON", "KAFKA", "ESCAPED"}

// ParseTraceFormat parses "auto", "json", "kafka" or "escaped". Case is ignored. On
// error the result is TraceAuto.
func ParseTraceFormat(s string) (TraceFormat, error) {
	code, err := traceFormatNames.ParseFold("trace format", s)
	if err != nil {
		return TraceAuto, fmt.Errorf("unknown format %s: expected auto, json, kafka or escaped", enum.Quote(s))
	}
	return TraceFormat(code), nil
}

// ReadTrace yields the records of a file in order, one for each line that is not blank.
// An error is yielded with the zero Record. If it is an [*acl.ParseError], with the
// position in file, reading continues with the next line, up to acl.MaxParseErrors
// errors. After an error of r, reading stops. No line is skipped silently. Memory holds
// only one line at a time.
//
// Kafka does not escape names. In TraceKafka, an ambiguous line is an error. But a name
// with a line break, which a group can have, makes two lines that each look genuine. Do
// not trust such a log blindly.
func ReadTrace(r io.Reader, file string, format TraceFormat) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		input := bufio.NewReader(r)
		if format == TraceAuto {
			start, err := input.Peek(input.Size())
			if err != nil && err != io.EOF {
				yield(Record{}, fmt.Errorf("%s: %w", file, err))
				return
			}
			if bytes.HasPrefix(bytes.TrimLeft(start, "\uFEFF \t\r\n"), []byte("{")) {
				format = TraceJSON
			}
		}
		readTrace(lines.NewReader(input, acl.MaxLineBytes), file, format, yield)
	}
}

func readTrace(l *lines.Reader, file string, format TraceFormat, yield func(Record, error) bool) {
	parse := parseJSON
	if format != TraceJSON {
		parse = func(text string) (Record, *lines.Problem) { return parseLine(text, format) }
	}
	for problems := 0; problems < acl.MaxParseErrors && l.Next(); {
		record, wrong := Record{}, l.Check()
		if wrong == nil {
			record, wrong = parse(l.Text)
		}
		record.Line = l.Number
		var err error
		if wrong != nil {
			problems++
			record = Record{}
			err = &acl.ParseError{File: file, Line: l.Number, Column: l.Offset + wrong.Offset + 1, Found: wrong.Found, Expected: wrong.Expected}
		}
		if !yield(record, err) {
			return
		}
	}
	if err := l.Err(); err != nil {
		yield(Record{}, fmt.Errorf("%s: %w", file, err))
	}
}
