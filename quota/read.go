package quota

import (
	"io"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Read reads quotas as kafka-configs prints them, one entity a line:
//
//	Quota configs for user-principal 'alice', client-id 'app' are producer_byte_rate=1024.0, request_percentage=50.0
//	Quota configs for the default user-principal are consumer_byte_rate=2048.0
//	Quota configs for ip '127.0.0.1' are connection_creation_rate=5.0
//
// So "kafka-configs --describe --entity-type users --entity-type clients", and the same for users alone,
// clients alone and ips, write such a file. Blank lines, lines that begin with "#" and the lines that
// kafka-configs prints about SCRAM credentials are skipped. File is for errors and may be empty.
//
// The error is an *acl.ParseError for what is no such line, and that of the reader otherwise; New says
// whether the quotas are ones that Kafka has. A quote in a name is an error, since kafka-configs does
// not escape it; so is a kind of quota that is not known, since somebody would be limited less than
// the file says. The time and memory that it takes are proportional to the file.
func Read(r io.Reader, file string) ([]Entry, error) {
	l := lines.NewReader(r, lines.MaxBytes)
	var entries []Entry
	for l.Next() {
		wrong := l.Check()
		if wrong == nil {
			entries, wrong = readLine(entries, lines.Span{Text: l.Text, Offset: l.Offset})
		}
		if wrong != nil {
			return nil, &acl.ParseError{File: file, Line: l.Number, Column: wrong.Offset + 1, Found: wrong.Found, Expected: wrong.Expected}
		}
	}
	return entries, l.Err()
}

const (
	linePrefix  = "Quota configs for "
	scramPrefix = "SCRAM credential configs for "
	form        = `a line such as "Quota configs for user-principal 'alice' are producer_byte_rate=1024.0"`
)

func readLine(entries []Entry, line lines.Span) ([]Entry, *lines.Problem) {
	if strings.HasPrefix(line.Text, "#") || strings.HasPrefix(line.Text, scramPrefix) {
		return entries, nil
	}
	rest, ok := line.CutPrefix(linePrefix)
	if !ok {
		return nil, line.Unlike("line", form)
	}
	var entity Entity
	for more := true; more; {
		var wrong *lines.Problem
		if rest, more, wrong = readPart(&entity, rest); wrong != nil {
			return nil, wrong
		}
	}
	for more := true; more; {
		var one lines.Span
		one, rest, more = rest.Cut(", ")
		key, value, _ := one.Cut("=")
		kind, ok := ParseKind(key.Text)
		if !ok {
			return nil, key.Unlike("key", "one of "+strings.Join(keys[1:], ", "))
		}
		limit, err := strconv.ParseFloat(value.Text, 64)
		if err != nil {
			return nil, value.Unlike("value", "a number")
		}
		entries = append(entries, Entry{entity, kind, limit})
	}
	return entries, nil
}

// parts are the words of kafka-configs.
var parts = []struct {
	word string
	of   func(*Entity) *Part
}{
	{"user-principal", func(e *Entity) *Part { return &e.User }},
	{"client-id", func(e *Entity) *Part { return &e.ClientID }},
	{"ip", func(e *Entity) *Part { return &e.IP }},
}

// readPart reads "user-principal 'alice'" or "the default user-principal", and the separator after it.
func readPart(entity *Entity, from lines.Span) (rest lines.Span, more bool, wrong *lines.Problem) {
	word, isDefault := from.CutPrefix("the default ")
	for _, part := range parts {
		after, ok := word.CutPrefix(part.word)
		if !ok {
			continue
		}
		to := part.of(entity)
		if *to != (Part{}) {
			return rest, false, &lines.Problem{Offset: word.Offset, Found: "another " + part.word, Expected: "one"}
		}
		if *to = Default; !isDefault {
			if after, ok = after.CutPrefix(" '"); !ok {
				return rest, false, after.Unlike("name", "a name in quotes")
			}
			var name lines.Span
			if name, after, ok = after.Cut("'"); !ok {
				return rest, false, name.End().Problem("the end of the line", "the end of the name, a quote")
			}
			*to = Literal(name.Text)
		}
		if rest, ok = after.CutPrefix(", "); ok {
			return rest, true, nil
		}
		if rest, ok = after.CutPrefix(" are "); ok {
			return rest, false, nil
		}
		return rest, false, after.Unlike("text", `", " or " are " after a name without quotes in it`)
	}
	return rest, false, &lines.Problem{Offset: from.Offset, Found: enum.Quote(from.Text), Expected: "user-principal, client-id or ip, or the default one"}
}
