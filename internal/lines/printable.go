package lines

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text of unknown origin is shown in logs, on terminals and in files. Characters that act
// on them rather than show something are escaped: control characters (C0, DEL, C1), those
// that change the direction of the text, those without width, line separators, characters
// that Unicode has not assigned, and bytes that are no UTF-8. They are the characters that
// [strconv.IsPrint] does not report.

// Printable returns s as it can stand among words: as it is, or quoted as a Go string if it
// could be taken for something else: if it is empty, or has spaces, quotation marks,
// backslashes or characters that are not printable.
func Printable(s string) string { return PrintableIn(s, "") }

// PrintableIn is Printable in a list with other separators, which are quoted too.
func PrintableIn(s, separators string) string {
	quoted := strconv.Quote(s)
	if s == "" || quoted[1:len(quoted)-1] != s || strings.ContainsAny(s, " "+separators) {
		return quoted
	}
	return s
}

// Escape returns s with escapes, as in a Go string, for the characters that are not
// printable. If there are any, a backslash is escaped too, so that nothing looks like an
// escape that is none.
func Escape(s string) string {
	if isPrintable(s) {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func isPrintable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// Cut returns the beginning of s, up to max bytes and to the end of a character, with an
// ellipsis if something is left out.
func Cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max] + "…"
}

// AppendJSON appends JSON text to dst with escapes for the characters that are not
// printable. Its strings have the same values.
func AppendJSON(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf && r != 0x7f || strconv.IsPrint(r):
			dst = append(dst, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnit(appendUnit(dst, high), low)
		default:
			dst = appendUnit(dst, r)
		}
		text = text[size:]
	}
	return dst
}

func appendUnit(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// NewJSONWriter returns a writer that passes JSON text on to w as [AppendJSON] has it. Each
// call of Write is to have whole characters, as those of encoding/json do.
func NewJSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(text []byte) (int, error) {
	if _, err := j.w.Write(AppendJSON(make([]byte, 0, len(text)), text)); err != nil {
		return 0, err
	}
	return len(text), nil
}
