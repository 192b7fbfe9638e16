// Package lines reads the text files of this module line by line, and JSON within a
// line, and reports the position of errors. The input may come from anyone, so nothing
// is guessed, repaired or silently dropped.
package lines

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteOrderMark is allowed at the beginning of a file and ignored.
const byteOrderMark = "\uFEFF"

// Problem is an error at one position in a line.
type Problem struct {
	Offset   int // in bytes, from 0
	Found    string
	Expected string
	// IsUnknownWord says that the text is an ACL, and that only a word at Offset is not known.
	IsUnknownWord bool
}

// Reader reads the lines of a file that are not blank. Lines end in LF or CRLF. A byte
// order mark at the beginning of the file is skipped.
type Reader struct {
	// Text is the line without its line break, or the beginning of a line that is too
	// long.
	Text   string
	Number int // line number, from 1
	Offset int // offset of Text in the line: the length of a byte order mark, or 0

	input   *bufio.Reader
	max     int
	buffer  []byte
	tooLong bool
	err     error
}

// NewReader returns a Reader of input that keeps at most maxBytes of a line.
func NewReader(input io.Reader, maxBytes int) *Reader {
	return &Reader{input: bufio.NewReader(input), max: maxBytes}
}

// Err returns the error of the input, unless it is io.EOF.
func (l *Reader) Err() error { return l.err }

// Next advances to the next line that is not blank, and reports whether there is one.
func (l *Reader) Next() bool {
	for l.readLine() {
		if l.tooLong || strings.Trim(l.Text, " \t") != "" {
			return true
		}
	}
	return false
}

// readLine reads one line. It skips what exceeds the maximum.
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

// Check returns a problem if the line is invalid in every format, or nil.
func (l *Reader) Check() *Problem {
	if l.tooLong {
		return &Problem{Offset: l.max, Found: "a longer line", Expected: fmt.Sprintf("no line of more than %d bytes", l.max)}
	}
	return CheckUTF8(l.Text)
}

// CheckUTF8 returns a problem at the first byte of s that is not part of a valid
// character, or nil.
func CheckUTF8(s string) *Problem {
	if utf8.ValidString(s) {
		return nil
	}
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			return &Problem{Offset: i, Found: "the byte " + strconv.Quote(s[i:i+1]), Expected: "valid UTF-8"}
		}
	}
	return nil
}
