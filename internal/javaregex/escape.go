package javaregex

import (
	"strconv"
	"unicode"
)

// escapedAssertions are the positions written with a backslash.
var escapedAssertions = map[rune]assertion{
	'A': assertBegin, 'z': assertEnd, 'Z': assertFinal, 'b': assertWordBoundary, 'B': assertNoWordBoundary,
}

// escape parses an escape outside a class.
func (p *javaParser) escape() *node {
	offset, c := p.offset(), p.peekAt(1)
	if a, ok := escapedAssertions[c]; ok {
		p.pos += 2
		return p.escapedAssertion(a, offset)
	}
	switch {
	case c == 'R':
		p.pos += 2
		return &node{op: opLineBreak, offset: offset}
	case c == 'G':
		p.fail(offset, constructPreviousMatch, "take it out")
	case c == 'X':
		p.fail(offset, constructGrapheme, "match characters instead")
	case c >= '1' && c <= '9', c == 'k':
		p.pos++
		return p.backReference(offset)
	}
	set, r := p.escapedSet()
	if set == nil {
		return p.character(r, offset)
	}
	return &node{op: opSet, set: set, offset: offset}
}

func (p *javaParser) escapedAssertion(a assertion, offset int) *node {
	if a == assertFinal {
		return p.lineAssertion(false, assertFinal, assertFinal, offset)
	}
	if a == assertWordBoundary || a == assertNoWordBoundary {
		if p.peek() == '{' && a == assertWordBoundary {
			p.fail(offset, constructGrapheme, "use \\b")
		}
		if p.flags.unicodeClass {
			p.fail(offset, constructUnicodeClass, "take the U flag out")
		}
		p.tree.wordBoundary = true
	}
	return &node{op: opAssert, assertion: a, offset: offset}
}

// backReference parses \1 or \k<name>, after the backslash. Further digits are part of
// the number as long as there are that many groups before it.
func (p *javaParser) backReference(offset int) *node {
	if p.flags.fold {
		p.fail(offset, constructBackReference, "it is not supported under (?i)")
	}
	n := &node{op: opBackReference, offset: offset}
	if p.accept('k') {
		if !p.accept('<') {
			p.fail(offset, "", "\\k must be followed by <name>")
		}
		text := ""
		for c := p.peek(); isASCIILetter(c) || c >= '0' && c <= '9'; c = p.peek() {
			text += string(c)
			p.pos++
		}
		index, ok := p.tree.names[text]
		if !ok || !p.accept('>') {
			p.fail(offset, "", "no group named "+strconv.Quote(text)+" before this reference to it")
		}
		n.index = index
		return n
	}
	n.index = int(p.peek() - '0')
	p.pos++
	for c := p.peek(); c >= '0' && c <= '9' && n.index*10+int(c-'0') <= p.tree.groups; c = p.peek() {
		n.index = n.index*10 + int(c-'0')
		p.pos++
	}
	return n
}

// controlEscapes are the characters written as a backslash and a letter.
var controlEscapes = map[rune]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'a': '\a', 'e': 0x1B}

// escapedSet parses an escape inside or outside a class: a set, or one character.
func (p *javaParser) escapedSet() (runeSet, rune) {
	offset := p.offset()
	p.pos++
	t := p.tokens[p.pos]
	c := t.r
	if t.quoted || c == end {
		p.fail(offset, "", "a backslash with nothing after it")
	}
	p.pos++
	lower := unicode.ToLower(c)
	if set, ok := classEscapes[lower]; ok && isASCIILetter(c) {
		if p.flags.unicodeClass && lower != 'h' && lower != 'v' {
			p.fail(offset, constructUnicodeClass, "list the characters in a class instead")
		}
		if c != lower {
			set = set.complement()
		}
		return set, 0
	}
	if r, ok := controlEscapes[c]; ok {
		return nil, r
	}
	switch c {
	case 'p', 'P':
		set := p.property(offset)
		if c == 'P' {
			set = set.complement()
		}
		return set, 0
	case 'x', 'u', '0', 'c':
		return nil, p.numbered(c, offset)
	case 'N':
		p.fail(offset, constructCharacterName, "write the character itself")
	}
	if isASCIILetter(c) || c >= '1' && c <= '9' {
		p.fail(offset, "", "not an escape in Java: \\"+string(c))
	}
	return nil, c
}

// numbered parses the rest of \x41, \x{41}, \u0041, \0101 and \cA.
func (p *javaParser) numbered(kind rune, offset int) rune {
	var r rune
	switch kind {
	case 'c':
		if r = p.tokens[p.pos].r; r == end || p.tokens[p.pos].quoted {
			p.fail(offset, "", "\\c with nothing after it, or with \\Q")
		}
		p.pos++
		return r ^ 64
	case '0':
		r = p.octal(offset)
	case 'u':
		r = p.hex(4, offset)
		if r >= 0xD800 && r <= 0xDBFF && p.peek() == '\\' && p.peekAt(1) == 'u' {
			p.pos += 2
			low := p.hex(4, offset)
			if low < 0xDC00 || low > 0xDFFF {
				p.fail(offset, constructSurrogate, "a character above U+FFFF needs both")
			}
			r = 0x10000 + (r-0xD800)<<10 + low - 0xDC00
		}
	case 'x':
		if !p.accept('{') {
			r = p.hex(2, offset)
			break
		}
		digits := 0
		for ; p.peek() != '}'; digits++ {
			if r = r<<4 | p.hex(1, offset); r > unicode.MaxRune {
				p.fail(offset, "", "the character number is too large")
			}
		}
		if p.pos++; digits == 0 {
			p.fail(offset, "", "\\x{} without a number")
		}
	}
	if r >= 0xD800 && r <= 0xDFFF {
		p.fail(offset, constructSurrogate, "write the whole character")
	}
	return r
}

func (p *javaParser) hex(digits, offset int) rune {
	r := rune(0)
	for range digits {
		c := p.peek()
		n, err := strconv.ParseUint(string(max(c, 0)), 16, 8)
		if err != nil {
			p.fail(offset, "", "a hexadecimal digit is missing")
		}
		r = r<<4 | rune(n)
		p.pos++
	}
	return r
}

// octal parses one to three octal digits, up to 377.
func (p *javaParser) octal(offset int) rune {
	r, digits := rune(0), 0
	for c := p.peek(); digits < 3 && c >= '0' && c <= '7' && (digits < 2 || r <= 0o37); c = p.peek() {
		r = r<<3 | (c - '0')
		digits++
		p.pos++
	}
	if digits == 0 {
		p.fail(offset, "", "\\0 without an octal digit")
	}
	return r
}

// property parses the name of \pL or \p{name}.
func (p *javaParser) property(offset int) runeSet {
	name := ""
	if p.accept('{') {
		for c := p.peek(); c != '}'; c = p.peek() {
			if c <= 0 {
				p.fail(offset, "", "\\p{ must be closed with }")
			}
			name += string(c)
			p.pos++
		}
		p.pos++
	} else if c := p.peek(); c > 0 {
		name = string(c)
		p.pos++
	}
	if p.flags.unicodeClass {
		p.fail(offset, constructUnicodeClass, "list the characters in a class instead")
	}
	if p.flags.fold {
		p.fail(offset, constructFoldedProperty, "put it outside the scope of (?i)")
	}
	set, ok := propertySet(name)
	if !ok {
		p.fail(offset, constructProperty, strconv.Quote(name)+" is not supported")
	}
	return set
}

// propertySet returns the characters of \p{name}: POSIX classes, general categories
// (with or without "Is"), and scripts (with "Is"). The names of scripts in another case
// and their short names are accepted only by Java.
func propertySet(name string) (runeSet, bool) {
	if set, ok := posixClasses[name]; ok {
		return set, true
	}
	if set, ok := generalCategory(name); ok {
		return set, true
	}
	if len(name) < 2 || name[:2] != "Is" {
		return nil, false
	}
	if set, ok := generalCategory(name[2:]); ok {
		return set, true
	}
	table, ok := unicode.Scripts[name[2:]]
	if !ok {
		return nil, false
	}
	return tableSet(table), true
}
