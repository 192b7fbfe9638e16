package acl

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// MaxParseErrors is how many errors in one file [Read] reports. Nobody corrects more
// mistakes one by one, and a hostile file must not fill memory with messages.
const MaxParseErrors = 10_000

// ParseError is an error at one position in a file. Text from the file is quoted and
// truncated in its messages.
type ParseError struct {
	File     string // the name given to Read; may be empty
	Line     int    // from 1
	Column   int    // in bytes, from 1; one past the end of the line if something is missing there
	Found    string
	Expected string
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
// one. After [MaxParseErrors] errors, a last one has the number of errors that are not
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

// errorList collects the errors in a file, up to MaxParseErrors.
type errorList struct {
	file     string
	list     ParseErrors
	leftOut  int
	from, at int // line and column of the first error that is not shown
}

func (l *errorList) add(line int, problems ...lines.Problem) {
	for _, p := range problems {
		if len(l.list) < MaxParseErrors {
			l.list = append(l.list, &ParseError{l.file, line, p.Offset + 1, p.Found, p.Expected})
			continue
		}
		if l.leftOut == 0 {
			l.from, l.at = line, p.Offset+1
		}
		l.leftOut++
	}
}

// err returns all errors, or nil if there are none.
func (l *errorList) err() error {
	switch {
	case len(l.list) == 0:
		return nil
	case l.leftOut == 0:
		return l.list
	}
	return append(l.list, &ParseError{l.file, l.from, l.at,
		fmt.Sprintf("%d more errors not shown", l.leftOut), ""})
}
