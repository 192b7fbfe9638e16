package lines

import (
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

// AppendJSON appends JSON text to dst and escapes characters that are not printable.
// The values of its strings do not change.
func AppendJSON(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf && r != 0x7f || strconv.IsPrint(r):
			dst = append(dst, text[:size]...)
		default:
			dst = appendEscape(dst, r)
		}
		text = text[size:]
	}
	return dst
}

func appendUnit(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// NewJSONWriter returns a writer that passes JSON text to w in the form of
// [AppendJSON]. Each call of Write must have whole characters, as those of
// encoding/json do.
func NewJSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(text []byte) (int, error) {
	if _, err := j.w.Write(AppendJSON(make([]byte, 0, len(text)), text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// NewWriter returns a writer that passes text on to w, and escapes the characters that are
// not printable, except tabs and line breaks: \u202e, as in JSON and in Go strings, and \x9b
// for a byte that is no UTF-8. JSON keeps its values. It is the last gate of a program:
// whatever it prints, a terminal shows it and does nothing else.
//
// Each call of Write is taken for whole characters.
func NewWriter(w io.Writer) io.Writer { return printableWriter{w} }

type printableWriter struct{ w io.Writer }

func (p printableWriter) Write(text []byte) (int, error) {
	safe := text
	if i := indexActing(text); i >= 0 {
		safe = append(make([]byte, 0, len(text)+16), text[:i]...)
		safe = appendSafe(safe, text[i:])
	}
	if _, err := p.w.Write(safe); err != nil {
		return 0, err
	}
	return len(text), nil
}

// actsOn reports whether a decoded character is to be escaped in the output of a program.
func actsOn(r rune, size int) bool {
	return r == utf8.RuneError && size <= 1 || r != '\n' && r != '\t' && !strconv.IsPrint(r)
}

// indexActing returns where the first character that is to be escaped begins, or -1.
func indexActing(text []byte) int {
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if actsOn(r, size) {
			return i
		}
		i += size
	}
	return -1
}

func appendSafe(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !actsOn(r, size):
			dst = append(dst, text[:size]...)
		case size <= 1 && r == utf8.RuneError:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		default:
			dst = appendEscape(dst, r)
		}
		text = text[size:]
	}
	return dst
}

// appendEscape appends r as JSON escapes it.
func appendEscape(dst []byte, r rune) []byte {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}
