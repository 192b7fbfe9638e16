package acl

import (
	"fmt"
	"strings"
)

// MaxParseErrors is how many errors of one file [Read] reports. What mends a file
// with more mistakes is another file, and a hostile one must not fill memory with
// messages.
const MaxParseErrors = 10_000

// ParseError says what is wrong at one place of a file, and what is expected
// there. What it repeats of the file is quoted and cut.
type ParseError struct {
	File     string // as given to Read; may be empty
	Line     int    // from 1
	Column   int    // in bytes, from 1; one past the end of the line if something is missing there
	Found    string
	Expected string
}

// Error returns "file:line:column: found …, expected …".
func (e *ParseError) Error() string {
	position := fmt.Sprintf("%d:%d", e.Line, e.Column)
	if e.File != "" {
		position = e.File + ":" + position
	}
	return fmt.Sprintf("%s: found %s, expected %s", position, e.Found, e.Expected)
}

// ParseErrors is all that is wrong with a file, in the order of the file, and
// never empty. Beyond [MaxParseErrors] one more error says how many are left out.
type ParseErrors []*ParseError

// Error returns the errors, one a line.
func (e ParseErrors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one, for errors.As.
func (e ParseErrors) Unwrap() []error {
	list := make([]error, len(e))
	for i, err := range e {
		list[i] = err
	}
	return list
}

// problem is what is wrong at one place of a line.
type problem struct {
	offset          int // in bytes, from 0
	found, expected string
}

// errorList gathers the errors of a file, up to MaxParseErrors.
type errorList struct {
	file     string
	list     ParseErrors
	leftOut  int
	from, at int // line and column of the first that is left out
}

func (l *errorList) add(line int, problems ...problem) {
	for _, p := range problems {
		if len(l.list) < MaxParseErrors {
			l.list = append(l.list, &ParseError{l.file, line, p.offset + 1, p.found, p.expected})
			continue
		}
		if l.leftOut == 0 {
			l.from, l.at = line, p.offset+1
		}
		l.leftOut++
	}
}

// err returns all errors, or nil if there is none.
func (l *errorList) err() error {
	switch {
	case len(l.list) == 0:
		return nil
	case l.leftOut == 0:
		return l.list
	}
	return append(l.list, &ParseError{l.file, l.from, l.at,
		fmt.Sprintf("%d more errors from here on", l.leftOut), "the ones above to be mended first"})
}
