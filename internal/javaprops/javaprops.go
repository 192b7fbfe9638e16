// Package javaprops parses Java's properties files.
package javaprops

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Parts of patterns. A line continues after a backslash at its end, without the spaces
// at the beginning of the next.
const (
	lineEnd   = `(?:\r\n|\r|\n)`
	continued = `(?:\\` + lineEnd + `[ \t\f]*)`
	space     = `(?:[ \t\f]|` + continued + `)*`
	// digits are hexadecimal digits of \uXXXX, which can be on two lines.
	digit = continued + `*[0-9A-Fa-f]`
	high  = `\\u` + continued + `*[dD]` + continued + `*[89abAB]` + `(?:` + digit + `){2}`
	unit  = `\\u(?:` + digit + `){4}`
)

var (
	// entry matches a line with its continuations: a comment, or a key and a value. The
	// last line can end with a backslash.
	entry = regexp.MustCompile(`^(?s:` + space + `(?:[#!][^\r\n]*|((?:` + continued + `|\\.|[^\\\r\n=: \t\f])*)` +
		`(` + space + `[=:]?` + space + `)((?:` + continued + `|\\.|[^\\\r\n])*)\\?)` + lineEnd + `?)`)
	// token matches a part of a key or a value. A high surrogate needs another unit.
	token     = regexp.MustCompile(`(?s:` + continued + `|` + high + continued + `*` + unit + `|` + unit + `|\\.|[^\\]+)`)
	lineBreak = regexp.MustCompile(lineEnd)
	removed   = regexp.MustCompile(continued + `|\\u`)
)

// escapes are the letters with a special meaning after a backslash. Every other
// character except u stands for itself.
var escapes = map[byte]string{'t': "\t", 'n': "\n", 'r': "\r", 'f': "\f"}

// SyntaxError is an escape \u that stands for no character. It has no text of the file, which
// may be part of a password.
type SyntaxError struct {
	Line   int // from 1
	Column int // in characters, from 1
}

// What [SyntaxError] has found, and what was expected in its place.
const (
	Found    = "a backslash and u without a character"
	Expected = `\uXXXX with hexadecimal digits, or two such for a character above U+FFFF`
)

// Error returns the position and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%d:%d: found %s, expected %s", e.Line, e.Column, Found, Expected)
}

// Parse parses the text of a file, as java.util.Properties.load(Reader) does: with escapes and
// continued lines. The last value of a repeated key counts. Java also accepts escapes for half
// of a character above U+FFFF, which Go's strings cannot hold; here they are errors. The error
// is a *[SyntaxError]. The time is linear in the length of the text.
//
// Source: java.util.Properties.load.
func Parse(text string) (map[string]string, error) {
	properties := map[string]string{}
	for at := 0; at < len(text); {
		m := entry.FindStringSubmatchIndex(text[at:])
		if m[2] >= 0 && m[2] < m[7] { // neither a comment nor empty
			key, bad := unescape(text[at+m[2] : at+m[3]])
			if bad >= 0 {
				return nil, badEscape(text[:at+m[2]+bad])
			}
			if properties[key], bad = unescape(text[at+m[6] : at+m[7]]); bad >= 0 {
				return nil, badEscape(text[:at+m[6]+bad])
			}
		}
		at += m[1]
		if at == len(text) && m[2] >= 0 && m[2] == m[7] && endsInBackslash(text) {
			properties[""] = "" // the end of the text ends a line that has only a backslash
		}
	}
	return properties, nil
}

// endsInBackslash reports whether a text ends in a backslash, or in one and a line end of one
// character. Java takes CR LF for the continuation of the line, which is then empty.
func endsInBackslash(text string) bool {
	return strings.HasSuffix(text, `\`) || strings.HasSuffix(text, "\\\n") || strings.HasSuffix(text, "\\\r")
}

// unescape returns the text of a key or a value, and the offset of the first invalid
// escape, or -1.
func unescape(text string) (string, int) {
	var b strings.Builder
	for _, m := range token.FindAllStringIndex(text, -1) {
		t := text[m[0]:m[1]]
		switch {
		case t[0] != '\\':
			b.WriteString(t)
		case t[1] == '\r' || t[1] == '\n':
		case t[1] == 'u':
			r, ok := decodeUnits(t)
			if !ok {
				return "", m[0]
			}
			b.WriteRune(r)
		case escapes[t[1]] != "":
			b.WriteString(escapes[t[1]])
		default:
			b.WriteString(t[1:])
		}
	}
	return b.String(), -1
}

// decodeUnits decodes \uXXXX, or two of them that form a surrogate pair.
func decodeUnits(text string) (rune, bool) {
	digits, err := hex.DecodeString(removed.ReplaceAllString(text, ""))
	switch {
	case err != nil || len(digits) == 0:
		return 0, false
	case len(digits) == 2:
		r := rune(digits[0])<<8 | rune(digits[1])
		return r, !utf16.IsSurrogate(r)
	}
	r := utf16.DecodeRune(rune(digits[0])<<8|rune(digits[1]), rune(digits[2])<<8|rune(digits[3]))
	return r, r != '\uFFFD'
}

// badEscape returns the error at the position after before.
func badEscape(before string) error {
	text := lineBreak.ReplaceAllString(before, "\n")
	return &SyntaxError{
		Line:   1 + strings.Count(text, "\n"),
		Column: 1 + utf8.RuneCountInString(text[1+strings.LastIndexByte(text, '\n'):]),
	}
}
