package javaregex

// class parses a class after its opening bracket, including the closing one.
func (p *javaParser) class() runeSet {
	p.enter()
	defer func() { p.depth-- }()
	offset := p.tokens[p.pos-1].offset
	negated := p.accept('^')
	var union setUnion
	items := 0
	for ; ; items++ {
		switch {
		case p.tokens[p.pos].r == end:
			p.fail(offset, "", "the class is not closed")
		case p.peek() == ']' && items > 0:
			p.pos++
			if negated {
				return union.set().complement()
			}
			return union.set()
		case p.peek() == '&' && p.peekAt(1) == '&':
			if items == 0 {
				p.fail(p.offset(), constructIntersection, "put something before &&")
			}
			p.pos += 2
			left := union.set()
			union = setUnion{}
			union.add(left.intersect(p.rightOperand()))
			continue
		}
		union.add(p.classItem())
	}
}

// rightOperand parses the text between && and the end of the class: one nested class,
// or characters and ranges. In Java, other forms do not mean what they seem to mean,
// and their meaning depends on the release.
func (p *javaParser) rightOperand() runeSet {
	offset := p.offset()
	if p.accept('[') {
		set := p.class()
		if p.peek() != ']' {
			p.fail(p.offset(), constructIntersection, "close the class here")
		}
		return set
	}
	var union setUnion
	if c := p.peek(); c == ']' || c == '^' {
		p.fail(offset, constructIntersection, "put the right side into brackets of its own")
	}
	for p.peek() != ']' {
		if p.tokens[p.pos].r == end {
			p.fail(offset, "", "the class is not closed")
		}
		if p.peek() == '[' || p.peek() == '&' {
			p.fail(p.offset(), constructIntersection, "put the right side into brackets of its own")
		}
		union.add(p.classItem())
	}
	return union.set()
}

// classItem parses a nested class, an escaped set, a range or a character.
func (p *javaParser) classItem() runeSet {
	if p.accept('[') {
		return p.class()
	}
	offset := p.offset()
	set, lo := p.classCharacter(false)
	if set != nil {
		return set
	}
	hi := lo
	if next := p.peekAt(1); p.peek() == '-' && next != '[' && next != ']' {
		p.pos++
		if p.tokens[p.pos].r == end {
			p.fail(offset, "", "the class is not closed")
		}
		if set, hi = p.classCharacter(true); set != nil || hi < lo {
			p.fail(offset, "", "the end of the range is not a character or is before its start")
		}
	}
	return p.folded(runeRange{lo, hi}, offset)
}

// classCharacter parses an escaped set or a character. Only a character may end a
// range.
func (p *javaParser) classCharacter(endsRange bool) (runeSet, rune) {
	if p.peek() == '\\' {
		if c := p.peekAt(1); c == 'R' || c == 'X' || c == 'b' || c == 'B' || c == 'G' || c == 'k' {
			p.fail(p.offset(), "", "not a character of a class: \\"+string(c))
		} else if c == 'v' && (p.peekAt(2) == '-' || endsRange) { // U+000B before and after a hyphen
			p.pos += 2
			return nil, '\v'
		}
		return p.escapedSet()
	}
	r := p.tokens[p.pos].r
	p.pos++
	return nil, r
}
