package acl

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// ParseError is an error at one position in a file. Text from the file is quoted and
// truncated in its messages.
type ParseError struct {
	File     string // the name given to Read; may be empty
	Line     int    // from 1
	Column   int    // in bytes, from 1; one past the end of the line if something is missing there
	Found    string
	Expected string
	// Unknown is the ACL at this position, if it has a word that is not known and no other
	// error: a resource type, a pattern type, an operation or a permission of another release
	// of Kafka, or of a program that speaks its protocol. Such words are zero in it, which is
	// UNKNOWN. It is nil for every other error.
	Unknown *Binding
}

// Error returns "file:line:column: found …, expected …", or without the last part if
// Expected is empty.
func (e *ParseError) Error() string {
	position := fmt.Sprintf("%d:%d", e.Line, e.Column)
	if e.File != "" {
		position = e.File + ":" + position
	}
	if e.Expected == "" {
		return position + ": " + e.Found
	}
	return fmt.Sprintf("%s: found %s, expected %s", position, e.Found, e.Expected)
}

// ParseErrors are all errors in a file, in the order of the file. There is at least
// one. After 10,000 errors, a last one has the number of errors that are not
// shown, and no Expected.
type ParseErrors []*ParseError

// Error returns the errors, one a line.
func (e ParseErrors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors for errors.As.
func (e ParseErrors) Unwrap() []error {
	list := make([]error, len(e))
	for i, err := range e {
		list[i] = err
	}
	return list
}

// errorList collects the errors in a file.
type errorList struct {
	file string
	lines.Capped[*ParseError]
}

// err returns all errors, or nil if there are none.
func (l *errorList) err() error {
	switch {
	case len(l.List) == 0:
		return nil
	case l.More == 0:
		return ParseErrors(l.List)
	}
	last := *l.Omitted
	last.Unknown = nil
	last.Found, last.Expected = fmt.Sprintf("%d more errors not shown", l.More), ""
	return ParseErrors(append(l.List, &last))
}
