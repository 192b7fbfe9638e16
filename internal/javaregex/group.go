package javaregex

import "strconv"

// group reads a group, from its opening parenthesis.
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
		p.fail(n.offset, "", "a group that is not closed")
	}
	p.flags = saved
	return n
}

func (p *javaParser) capture(n *node) {
	p.tree.groups++
	n.op, n.index = opCapture, p.tree.groups
}

// groupKind reads what stands between "(?" and the content of a group. It reports
// whether there is no content because the group only sets flags.
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

// named reads the name of a capturing group and the ">" after it.
func (p *javaParser) named(n *node) {
	offset, name := p.offset(), ""
	for c := p.peek(); isASCIILetter(c) || name != "" && c >= '0' && c <= '9'; c = p.peek() {
		name += string(c)
		p.pos++
	}
	if name == "" || !p.accept('>') {
		p.fail(offset, "", "the name of a group is a letter and then letters and digits, all ASCII, and ends with >")
	}
	if _, taken := p.tree.names[name]; taken {
		p.fail(offset, "", "a second group named "+strconv.Quote(name))
	}
	p.capture(n)
	p.tree.names[name] = n.index
}

func isASCIILetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// inlineFlags reads (?i-m) or the start of (?i-m:…).
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
			p.fail(offset, constructComments, "take the white space and the comments out")
		case c == 'x':
		case c == ')':
			return true
		case c == ':':
			return false
		default:
			p.pos--
			p.fail(offset, "", "an unknown kind of group (?…")
		}
	}
}
