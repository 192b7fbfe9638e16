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
	// Form is the authorizer that writes such a line, with its releases, such as FormACL. It is
	// "" for a log that Kafka does not write.
	Form string
}

// The forms of Kafka's own log. A line of StandardAuthorizer shows the release only if it
// has an ACL.
//
// Source: logAuditMessage of Kafka's SimpleAclAuthorizer (0.9, 2.0) and AclAuthorizer (2.4);
// StandardAuthorizerData.buildAuditMessage (3.2, 4.2).
const (
	FormSimple09   = "SimpleAclAuthorizer (Kafka 0.9 to 1.1)"
	FormSimple20   = "SimpleAclAuthorizer (Kafka 2.0 to 2.8)"
	FormACL        = "AclAuthorizer (Kafka 2.4 to 3.9)"
	FormStandard   = "StandardAuthorizer"
	FormStandard32 = "StandardAuthorizer (Kafka 3.2 to 4.1)"
	FormStandard42 = "StandardAuthorizer (Kafka 4.2 or later)"
)

// NoDecisionError says that a line of a log has no decision: it is of another logger, or one of
// the lines at level DEBUG that AclAuthorizer writes between its decisions.
type NoDecisionError struct {
	Err *acl.ParseError // where the line is, and what it begins with
}

// Error returns the text of Err.
func (e *NoDecisionError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *NoDecisionError) Unwrap() error { return e.Err }

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
	// TraceKafka is Kafka's own audit log, of each release since 0.9, with the text that log4j,
	// docker and Kubernetes print before and after a line. A line may be the only text of a
	// JSON object that looks like one, as log collectors write them.
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
// errors. After an error of r, reading stops. No line is skipped silently: one that has no
// decision is a [*NoDecisionError], of which there may be any number. Memory holds
// only one line at a time, and the super users that a log of AclAuthorizer names.
//
// Kafka does not escape names. In TraceKafka, an ambiguous line is an error, and so are lines
// with a request among lines without one: one kind of them is cut. But a name
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
	case bytes.Contains(first, []byte(`"principal":`)) || bytes.Contains(first, []byte(`"operation":`)):
		return TraceJSON
	}
	return TraceAuto // of a log collector
}

func readTrace(l *lines.Reader, file string, format TraceFormat, yield func(Record, error) bool) {
	parse, ok := parsers[format]
	if !ok {
		parse = (&lineReader{format: format}).read
	}
	for problems := 0; problems < lines.MaxErrors && l.Next(); {
		record, wrong := Record{}, l.Check()
		if wrong == nil {
			record, wrong = parse(l.Text)
		}
		record.Line = l.Number
		var err error
		if wrong != nil {
			record = Record{}
			found := &acl.ParseError{File: file, Line: l.Number, Column: l.Offset + wrong.Offset + 1, Found: wrong.Found, Expected: wrong.Expected}
			if wrong == noDecision {
				err = &NoDecisionError{noDecisionAt(found, l.Text)}
			} else {
				problems++
				err = found
			}
		}
		if !yield(record, err) {
			return
		}
	}
	if err := l.Err(); err != nil {
		yield(Record{}, fmt.Errorf("%s: %w", file, err))
	}
}
