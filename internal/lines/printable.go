package lines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text from outside is shown in logs, on terminals and in files. Characters that
// control them are escaped: control characters (C0, DEL, C1), characters that change
// the text direction, characters without width, line separators, unassigned characters,
// and bytes that are not UTF-8. These are the characters for which [strconv.IsPrint] is
// false.

// Printable returns s for use among other words. It quotes s as a Go string if s could
// be taken for something else: if it is empty, or contains spaces, quotation marks,
// backslashes or characters that are not printable.
func Printable(s string) string { return PrintableIn(s, "") }

// PrintableIn is Printable for a list with other separators. Text that contains them is
// quoted too.
func PrintableIn(s, separators string) string {
	quoted := strconv.Quote(s)
	if s == "" || quoted[1:len(quoted)-1] != s || strings.ContainsAny(s, " "+separators) {
		return quoted
	}
	return s
}

// maxName is how much of a text from outside Name shows: a topic, the longest name that Kafka
// limits, is no longer.
const maxName = 249

// Name returns a name from outside as it can stand in a list with commas, on one line: as it is
// if it cannot be taken for anything else, and else quoted; cut at 249 bytes.
func Name(s string) string { return PrintableIn(Cut(s, maxName), ",") }

// Escape returns s with escapes, as in a Go string, for characters that are not
// printable. If there are any, backslashes are escaped too, so that all escapes are
// genuine.
func Escape(s string) string {
	if IsPrintable(s) {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// OnOneLine returns s as it is, or quoted as a Go string if it has characters that are not
// printable. Unlike [Printable] it leaves spaces, quotation marks and backslashes alone: it
// is for text with which a line ends, or that stands in a form of its own.
func OnOneLine(s string) string {
	if IsPrintable(s) {
		return s
	}
	return strconv.Quote(s)
}

// IsPrintable reports whether s is valid UTF-8 without characters that act on a terminal.
func IsPrintable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// Cut returns the beginning of s, up to max bytes and to the end of a character, with
// an ellipsis if it is truncated.
func Cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max] + "…"
}

// AppendObject appends v as JSON text on one line, without a line break, and returns the
// extended slice. Characters that are not printable are escaped; the values of strings do
// not change.
func AppendObject(dst []byte, v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return appendSafe(dst, bytes.TrimSuffix(text.Bytes(), []byte("\n"))), nil
}

// NewWriter returns a writer that passes text on to w, and escapes the characters that are
// not printable, except tabs and line breaks: \u202e, as in JSON and in Go strings, and \x9b
// for a byte that is not UTF-8. JSON keeps its values. A program that writes all its output
// through it cannot control a terminal.
//
// Each call of Write must have whole characters.
func NewWriter(w io.Writer) io.Writer { return printableWriter{w} }

type printableWriter struct{ w io.Writer }

func (p printableWriter) Write(text []byte) (int, error) {
	safe := text
	if bytes.ContainsFunc(text, isActing) {
		safe = appendSafe(make([]byte, 0, len(text)+16), text)
	}
	if _, err := p.w.Write(safe); err != nil {
		return 0, err
	}
	return len(text), nil
}

// isActing reports whether a character is to be escaped in the output of a program. It also
// reports U+FFFD, which stands for a byte that is not UTF-8.
func isActing(r rune) bool {
	return r == utf8.RuneError || r != '\n' && r != '\t' && !strconv.IsPrint(r)
}

// appendSafe appends text and escapes the characters that are not printable, except tabs and
// line breaks.
func appendSafe(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !isActing(r) || r == utf8.RuneError && size > 1:
			dst = append(dst, text[:size]...)
		case r == utf8.RuneError:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		text = text[size:]
	}
	return dst
}
