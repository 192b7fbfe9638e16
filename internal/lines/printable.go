package lines

import (
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
