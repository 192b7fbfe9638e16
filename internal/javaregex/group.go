package javaregex

import "strconv"

// group parses a group, from its opening parenthesis.
func (p *javaParser) group() *node {
	p.enter()
	defer func() { p.depth-- }()
	saved := p.flags
	n := &node{op: opGroup, offset: p.offset()}
	p.pos++
	if p.accept('?') {
		if setsFlags := p.groupKind(n); setsFlags {
			return nil
		}
	} else {
		p.capture(n)
	}
	n.subs = []*node{p.alternatives()}
	if !p.accept(')') {
		p.fail(n.offset, "", "the group is not closed")
	}
	p.flags = saved
	return n
}

func (p *javaParser) capture(n *node) {
	p.tree.groups++
	n.op, n.index = opCapture, p.tree.groups
}

// groupKind parses the text between "(?" and the content of a group. It reports whether
// the group only sets flags and has no content.
func (p *javaParser) groupKind(n *node) (setsFlags bool) {
	c := p.peek()
	if c == '<' {
		if next := p.peekAt(1); next == '=' || next == '!' {
			p.pos += 2
			n.op, n.behind, n.negative = opLook, true, next == '!'
			return false
		}
		p.pos++
		p.named(n)
		return false
	}
	switch c {
	case ':':
	case '=', '!':
		n.op, n.negative = opLook, c == '!'
	case '>':
		n.op = opAtomic
	default:
		return p.inlineFlags()
	}
	p.pos++
	return false
}

// named parses the name of a capturing group and the ">" after it.
func (p *javaParser) named(n *node) {
	offset, name := p.offset(), ""
	for c := p.peek(); isASCIILetter(c) || name != "" && c >= '0' && c <= '9'; c = p.peek() {
		name += string(c)
		p.pos++
	}
	if name == "" || !p.accept('>') {
		p.fail(offset, "", "expected the name of a group and >: a letter, then letters and digits, all ASCII")
	}
	if _, taken := p.tree.names[name]; taken {
		p.fail(offset, "", "duplicate group name "+strconv.Quote(name))
	}
	p.capture(n)
	p.tree.names[name] = n.index
}

func isASCIILetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// inlineFlags parses (?i-m) or the start of (?i-m:…).
func (p *javaParser) inlineFlags() (setsFlags bool) {
	on := true
	for {
		offset, c := p.offset(), p.peek()
		p.pos++
		switch flag := p.flags.flagOf(c); {
		case flag != nil:
			*flag = on
		case c == '-' && on:
			on = false
		case c == 'x' && on:
			p.fail(offset, constructComments, "remove the white space and the comments")
		case c == 'x':
		case c == ')':
			return true
		case c == ':':
			return false
		default:
			p.pos--
			p.fail(offset, "", "unknown kind of group (?…")
		}
	}
}
