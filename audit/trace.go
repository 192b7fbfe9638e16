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

// Record is what a log says of one decision. The zero Record is a denial.
type Record struct {
	Subject snapshot.Subject // without groups where the log has none
	Request snapshot.Request // Name is "" where ByType is set
	ByType  bool
	Allowed bool
	// SuperUser says that no ACL was needed. A log that does not give the reason
	// leaves it false.
	SuperUser bool
	Line      int // in its file, from 1
}

// TraceFormat is a format of recorded decisions. The zero TraceFormat is TraceAuto.
type TraceFormat uint8

// The formats.
const (
	// TraceAuto is TraceJSON for a file that begins with a brace, and otherwise
	// TraceKafka or TraceEscaped, where the two mean the same: a line with text in
	// quotation marks, which Kafka prints as it is, is refused.
	TraceAuto TraceFormat = iota
	// TraceJSON is what [NewJSONWriter] writes. A line needs principal, host,
	// operation, resourceType and name; without allowed it is an allow. The other keys
	// of such a line are not looked at.
	TraceJSON
	// TraceKafka is the audit log of Kafka itself, of either spelling, with what
	// Kafka's log4j pattern prints before and behind a line.
	TraceKafka
	// TraceEscaped is what [NewLineWriter] writes.
	TraceEscaped
)

var traceFormatNames = enum.Names{"AUTO", "JSON", "KAFKA", "ESCAPED"}

// ParseTraceFormat reads "auto", "json", "kafka" or "escaped", without regard to
// case. On error the result is TraceAuto.
func ParseTraceFormat(s string) (TraceFormat, error) {
	code, err := traceFormatNames.ParseFold("trace format", s)
	if err != nil {
		return TraceAuto, fmt.Errorf("unknown format %s: expected auto, json, kafka or escaped", enum.Quote(s))
	}
	return TraceFormat(code), nil
}

// ReadTrace yields the records of a file, in their order, one a line that is not
// blank. An error comes with the zero Record: an [*acl.ParseError] with its line and
// column in the file of that name, after which the next line is read, up to
// acl.MaxParseErrors of them; or an error of r, after which nothing is. No line is
// passed over in silence. It keeps no more of the file than a line.
//
// Kafka does not escape names. A line of TraceKafka that can be read in more than one
// way is an error, but a name with a line break in it, as a group can have, makes two
// lines of which each looks genuine: what is read from such a log needs a second look.
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
