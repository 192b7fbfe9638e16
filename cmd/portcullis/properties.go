package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/portcullis-authz/portcullis/acl"
)

// maxConfigBytes is the size limit for a file of settings or certificates, a hundred
// times the size of real ones.
const maxConfigBytes = 1 << 20

// readProperties reads a file of Java properties as a broker reads server.properties: in
// ISO 8859-1, with escapes and continued lines. The last value of a repeated key counts.
// Errors in the file are of type *acl.ParseError.
//
// Source: java.util.Properties.load.
func readProperties(r io.Reader, file string) (map[string]string, error) {
	text, err := readLimited(r, file)
	if err != nil {
		return nil, err
	}
	p := propertiesReader{text: text, file: file}
	properties := map[string]string{}
	for p.nextLine() {
		key := p.line[:p.keyEnd()]
		value := skipSeparator(p.line[len(key):])
		name, err := p.unescape(key)
		if err != nil {
			return nil, err
		}
		if properties[name], err = p.unescape(value); err != nil {
			return nil, err
		}
	}
	return properties, nil
}

// readLimited reads a file of at most maxConfigBytes.
func readLimited(r io.Reader, file string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(text) > maxConfigBytes {
		return nil, fmt.Errorf("%s: expected no more than %d bytes", file, maxConfigBytes)
	}
	return text, nil
}

// propertiesReader splits a file into lines and joins continued lines.
type propertiesReader struct {
	text []byte
	file string
	next int            // offset of the next line in text
	line []propertyChar // the current line
}

// propertyChar is a character and its position in the file.
type propertyChar struct {
	c  byte
	at int
}

func isPropertySpace(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// nextLine moves to the next line that is not empty and not a comment.
func (p *propertiesReader) nextLine() bool {
	for p.next < len(p.text) {
		p.line = p.line[:0]
		p.appendLine()
		if len(p.line) > 0 && (p.line[0].c == '#' || p.line[0].c == '!') {
			continue
		}
		for p.isContinued() {
			p.line = p.line[:len(p.line)-1]
			// What continues nothing begins a line, and can be a comment.
			if p.next == len(p.text) || len(p.line) == 0 {
				break
			}
			p.appendLine()
		}
		if len(p.line) > 0 {
			return true
		}
	}
	return false
}

// appendLine adds a line of the file to the current line, without leading spaces and
// without the line end.
func (p *propertiesReader) appendLine() {
	for p.next < len(p.text) && isPropertySpace(p.text[p.next]) {
		p.next++
	}
	for ; p.next < len(p.text); p.next++ {
		switch c := p.text[p.next]; c {
		case '\r':
			p.next++
			if p.next < len(p.text) && p.text[p.next] == '\n' {
				p.next++
			}
			return
		case '\n':
			p.next++
			return
		default:
			p.line = append(p.line, propertyChar{c, p.next})
		}
	}
}

// isContinued reports whether the current line ends with an unescaped backslash.
func (p *propertiesReader) isContinued() bool {
	n := len(p.line)
	for n > 0 && p.line[n-1].c == '\\' {
		n--
	}
	return (len(p.line)-n)%2 == 1
}

// keyEnd returns the end of the key in the current line.
func (p *propertiesReader) keyEnd() int {
	for i := 0; i < len(p.line); i++ {
		switch c := p.line[i].c; {
		case c == '\\':
			i++ // the escaped character belongs to the key
		case c == '=', c == ':', isPropertySpace(c):
			return i
		}
	}
	return len(p.line)
}

// skipSeparator returns the value: what follows the spaces and one = or : after a key.
func skipSeparator(line []propertyChar) []propertyChar {
	skipSpaces := func() {
		for len(line) > 0 && isPropertySpace(line[0].c) {
			line = line[1:]
		}
	}
	skipSpaces()
	if len(line) > 0 && (line[0].c == '=' || line[0].c == ':') {
		line = line[1:]
		skipSpaces()
	}
	return line
}

// propertyEscapes are the letters with a special meaning after a backslash. Every other
// character except u stands for itself.
var propertyEscapes = map[byte]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f'}

// unescape returns the text of a key or a value.
func (p *propertiesReader) unescape(chars []propertyChar) (string, error) {
	var b strings.Builder
	for len(chars) > 0 {
		c := chars[0].c
		switch {
		case c != '\\' || len(chars) == 1:
			b.WriteRune(rune(c))
			chars = chars[1:]
		case chars[1].c == 'u':
			r, rest, ok := unicodeEscape(chars)
			if !ok {
				return "", p.badEscape(chars)
			}
			b.WriteRune(r)
			chars = rest
		default:
			r, ok := propertyEscapes[chars[1].c]
			if !ok {
				r = rune(chars[1].c)
			}
			b.WriteRune(r)
			chars = chars[2:]
		}
	}
	return b.String(), nil
}

// unicodeEscape reads \uXXXX, or two of them that form a surrogate pair. A single
// surrogate is an error.
func unicodeEscape(chars []propertyChar) (r rune, rest []propertyChar, ok bool) {
	r, ok = codeUnit(chars)
	if !ok || !utf16.IsSurrogate(r) {
		return r, chars[min(6, len(chars)):], ok
	}
	low, ok := codeUnit(chars[6:])
	whole := utf16.DecodeRune(r, low)
	return whole, chars[min(12, len(chars)):], ok && whole != '\uFFFD'
}

// codeUnit reads one \uXXXX.
func codeUnit(chars []propertyChar) (rune, bool) {
	if len(chars) < 6 || chars[0].c != '\\' || chars[1].c != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(propertyText(chars[2:6]), 16, 16)
	return rune(n), err == nil
}

func propertyText(chars []propertyChar) string {
	text := make([]byte, len(chars))
	for i := range chars {
		text[i] = chars[i].c
	}
	return string(text)
}

// badEscape returns an error with the position but without the text, which may be part
// of a password.
func (p *propertiesReader) badEscape(chars []propertyChar) error {
	before := string(p.text[:chars[0].at])
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(before)
	return &acl.ParseError{
		File: p.file, Line: 1 + strings.Count(lines, "\n"), Column: len(lines) - strings.LastIndexByte(lines, '\n'),
		Found:    `a backslash and u without a character`,
		Expected: `\uXXXX with hexadecimal digits, or two such for a character above U+FFFF`,
	}
}
