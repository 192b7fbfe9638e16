// Package javatext decodes UTF-8 and converts the case of texts as Java does.
package javatext

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// DecodeUTF8 decodes b like Java's new String(b, UTF_8): every malformed sequence
// becomes one U+FFFD. Java determines the length of such a sequence differently from
// Go, which replaces each byte.
func DecodeUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	text := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size <= 1 {
			size = malformedLength(b)
		}
		text = utf8.AppendRune(text, r)
		b = b[size:]
	}
	return string(text)
}

// malformedLength returns how many bytes at the start of b, which are not a character,
// Java replaces by one U+FFFD: as many as could begin a character, and all three of an
// encoded surrogate.
func malformedLength(b []byte) int {
	low, high, length := byte(0x80), byte(0xBF), 0
	switch lead := b[0]; {
	case lead >= 0xE0 && lead <= 0xEF:
		length = 3
		if lead == 0xE0 {
			low = 0xA0
		}
	case lead >= 0xF0 && lead <= 0xF4:
		length = 4
		if lead == 0xF0 {
			low = 0x90
		} else if lead == 0xF4 {
			high = 0x8F
		}
	default:
		return 1
	}
	n := 1
	for n < length && n < len(b) && b[n] >= low && b[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}

// Upper returns s in upper case like Java's toUpperCase(Locale.ENGLISH), with Unicode's
// full mappings, so that "ß" becomes "SS".
func Upper(s string) string {
	if IsASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

// Lower returns s in lower case like Java's toLowerCase(Locale.ENGLISH), with Unicode's
// full mappings and Java's final sigmas.
func Lower(s string) (string, error) {
	if IsASCII(s) {
		return strings.ToLower(s), nil
	}
	s, err := lowerSigmas(s)
	if err != nil {
		return "", err
	}
	return cases.Lower(language.Und).String(s), nil
}

// IsASCII reports whether all bytes of s are ASCII.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
