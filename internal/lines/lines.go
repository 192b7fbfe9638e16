// Package lines reads the text files of this module line by line, and JSON within
// a line, and says where something is wrong. It is for input of unknown origin:
// nothing is guessed, repaired or dropped in silence.
package lines

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteOrderMark may stand at the beginning of a file and means nothing.
const byteOrderMark = "\uFEFF"

// Problem is what is wrong at one place of a line.
type Problem struct {
	Offset   int // in bytes, from 0
	Found    string
	Expected string
}

// Reader reads the lines of a file that are not blank. Lines end in LF or CRLF. A
// byte order mark at the beginning of the file is skipped.
type Reader struct {
	// Text is the line without its line break, or the beginning of one that is too
	// long.
	Text   string
	Number int // of the line, from 1
	Offset int // of Text in the line: where a byte order mark ends, or 0

	input   *bufio.Reader
	max     int
	buffer  []byte
	tooLong bool
	err     error
}

// NewReader returns a Reader of input that keeps no more than maxBytes of a line.
func NewReader(input io.Reader, maxBytes int) *Reader {
	return &Reader{input: bufio.NewReader(input), max: maxBytes}
}

// Err returns the error of the input that ended the file, if it was not io.EOF.
func (l *Reader) Err() error { return l.err }

// Next moves on to the next line that is not blank, and reports whether there is
// one.
func (l *Reader) Next() bool {
	for l.readLine() {
		if l.tooLong || strings.Trim(l.Text, " \t") != "" {
			return true
		}
	}
	return false
}

// readLine reads one line. What is too much is passed over, not kept.
func (l *Reader) readLine() bool {
	l.buffer, l.tooLong, l.Offset = l.buffer[:0], false, 0
	for l.err == nil {
		part, err := l.input.ReadSlice('\n')
		if room := l.max + len("\r\n") - len(l.buffer); len(part) > room {
			part, l.tooLong = part[:room], true
		}
		l.buffer = append(l.buffer, part...)
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err != nil && err != io.EOF:
			l.err = err
			return false
		case err == io.EOF && len(l.buffer) == 0:
			return false
		}
		l.finishLine()
		return true
	}
	return false
}

func (l *Reader) finishLine() {
	l.Number++
	l.Text = strings.TrimSuffix(strings.TrimSuffix(string(l.buffer), "\n"), "\r")
	l.tooLong = l.tooLong || len(l.Text) > l.max
	if l.Number > 1 {
		return
	}
	if text, ok := strings.CutPrefix(l.Text, byteOrderMark); ok {
		l.Text, l.Offset = text, len(byteOrderMark)
	}
}

// Check says what is wrong with the line whatever its format, or returns nil.
func (l *Reader) Check() *Problem {
	if l.tooLong {
		return &Problem{l.max, "a longer line", fmt.Sprintf("no line of more than %d bytes", l.max)}
	}
	return CheckUTF8(l.Text)
}

// CheckUTF8 finds the first byte of s that is no part of a character, or returns
// nil.
func CheckUTF8(s string) *Problem {
	if utf8.ValidString(s) {
		return nil
	}
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			return &Problem{i, "the byte " + strconv.Quote(s[i:i+1]), "valid UTF-8"}
		}
	}
	return nil
}
