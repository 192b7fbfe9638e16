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
	// TraceAuto is TraceOCSF, TraceCloudEvents or TraceJSON for a file that begins with a
	// brace, depending on the keys of its first line. Otherwise it accepts lines that mean
	// the same in TraceKafka and TraceEscaped. A line with quoted text is refused, because
	// Kafka does not quote.
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
	// TraceOCSF is the format of [NewOCSFWriter].
	TraceOCSF
	// TraceCloudEvents is the format of the module audit/cloudevents.
	TraceCloudEvents
)

var traceFormatNames = enum.Names{"AUTO", "JSON", "KAFKA", "ESCAPED", "OCSF", "CLOUDEVENTS"}

// parsers are the formats with one JSON object a line.
var parsers = map[TraceFormat]func(text string) (Record, *lines.Problem){
	TraceJSON: parseJSON, TraceOCSF: parseOCSF, TraceCloudEvents: parseCloudEvent,
}

// ParseTraceFormat parses "auto", "json", "kafka", "escaped", "ocsf" or "cloudevents". Case
// is ignored. On error the result is TraceAuto.
func ParseTraceFormat(s string) (TraceFormat, error) {
	code, err := traceFormatNames.ParseFold("trace format", s)
	if err != nil {
		return TraceAuto, fmt.Errorf("unknown format %s: expected auto, json, kafka, escaped, ocsf or cloudevents", enum.Quote(s))
	}
	return TraceFormat(code), nil
}

// ReadTrace yields the records of a file in order, one for each line that is not blank.
// An error is yielded with the zero Record. If it is an [*acl.ParseError], with the
// position in file, reading continues with the next line, up to lines.MaxErrors
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
			format = formatOf(bytes.TrimLeft(start, "\uFEFF \t\r\n"))
		}
		readTrace(lines.NewReader(input, lines.MaxBytes), file, format, yield)
	}
}

// formatOf returns the format of a file that begins with start. A quotation mark in a JSON
// string is escaped, so that no name can be taken for a key.
func formatOf(start []byte) TraceFormat {
	first, _, _ := bytes.Cut(start, []byte("\n"))
	switch {
	case !bytes.HasPrefix(first, []byte("{")):
		return TraceAuto
	case bytes.Contains(first, []byte(`"class_uid":`)):
		return TraceOCSF
	case bytes.Contains(first, []byte(`"specversion":`)):
		return TraceCloudEvents
	}
	return TraceJSON
}

func readTrace(l *lines.Reader, file string, format TraceFormat, yield func(Record, error) bool) {
	parse, ok := parsers[format]
	if !ok {
		parse = func(text string) (Record, *lines.Problem) { return parseLine(text, format) }
	}
	for problems := 0; problems < lines.MaxErrors && l.Next(); {
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
