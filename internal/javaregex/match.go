package javaregex

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Matcher runs a program on a text: depth first, in the order of java.util.regex, but
// it tries each choice at most once at each position. So the time is linear in the
// length of the text, where Java's can be exponential. A second visit could only fail
// like the first, because the continuation does not depend on captured groups.
//
// Positions are bytes. Java's are UTF-16 units. A character above U+FFFF, which has
// four bytes here, has a position inside it in Java; it corresponds to the third byte
// here. Only an attempt to match begins at such a position, never a character inside a
// match.
//
// A Matcher keeps its memory for the next text. It is not safe for concurrent use.
type Matcher struct {
	program *program
	text    string
	stack   []choice // choices to try, the next one last
	marks   []uint64 // a row of bits for each position: the choices already visited
	row     int      // number of words in a row
	slots   []int32  // begin and end of each group; -1 if it did not participate
	begin   int32    // where the match began
	buffer  []byte   // for the result of a rewriting
}

// choice is an alternative to try, or a slot to restore.
type choice struct {
	at   int32 // the instruction; for a slot its complement
	pos  int32 // the position; for a slot the old value
	from int32 // for a span in progress, where it began; otherwise fresh
}

const fresh int32 = -1

// maxKept is the maximum number of words of marks that a Matcher keeps for later use,
// so that a long name does not occupy memory permanently.
const maxKept = 1 << 12

// reset sets the program and the text, and clears all marks.
func (m *Matcher) reset(p *program, text string) {
	m.program, m.text = p, text
	m.row = (p.choices + 63) / 64
	m.marks = slices.Grow(m.marks[:0], m.row*(len(text)+1))[:m.row*(len(text)+1)]
	clear(m.marks)
	m.slots = slices.Grow(m.slots[:0], p.slots)[:p.slots]
}

// PutAway releases the text, and memory that only a long one needs. It returns whether
// the Matcher is worth keeping.
func (m *Matcher) PutAway() bool {
	m.program, m.text = nil, ""
	return cap(m.marks) <= maxKept && cap(m.stack) <= maxKept && cap(m.buffer) <= 8*maxKept
}

// start begins an attempt to match at pos.
func (m *Matcher) start(pos int) {
	m.begin = int32(pos)
	for i := range m.slots {
		m.slots[i] = -1
	}
	m.stack = append(m.stack[:0], choice{0, int32(pos), fresh})
}

// next returns the end of the next match of the attempt, in the order of preference, or
// -1. The slots are then those of the match.
func (m *Matcher) next() int {
	for len(m.stack) > 0 {
		c := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if c.at < 0 {
			m.slots[^c.at] = c.pos
			continue
		}
		if end := m.run(c); end >= 0 {
			m.slots[0], m.slots[1] = m.begin, int32(end)
			return end
		}
	}
	return -1
}

// run follows one choice until it fails or reaches the end of the pattern.
func (m *Matcher) run(c choice) int {
	at, pos, from := c.at, int(c.pos), c.from
	for {
		in := &m.program.code[at]
		next := -1
		switch in.op {
		case doSet:
			next = m.step(in.set, pos)
		case doLiteral:
			if strings.HasPrefix(m.text[pos:], in.text) {
				next = pos + len(in.text)
			}
		case doSplit:
			if !m.visit(in.arg, pos) {
				return -1
			}
			m.stack = append(m.stack, choice{in.alt, int32(pos), fresh})
			next = pos
		case doJump:
			next = pos
		case doSave:
			m.stack = append(m.stack, choice{^in.arg, m.slots[in.arg], fresh})
			m.slots[in.arg] = int32(pos)
			next = pos
		case doAssert:
			if m.holds(in.assertion, pos) {
				next = pos
			}
		case doGreedy:
			next = m.greedy(in, at, pos, int(from))
		case doLazy:
			next = m.lazy(in, at, pos, from != fresh)
		case doMatch:
			return pos
		}
		if next < 0 {
			return -1
		}
		at, pos, from = in.out, next, fresh
	}
}

// visit marks a choice at a position and reports whether it was not marked before.
func (m *Matcher) visit(bit int32, pos int) bool {
	word, mask := &m.marks[pos*m.row+int(bit>>6)], uint64(1)<<(bit&63)
	if *word&mask != 0 {
		return false
	}
	*word |= mask
	return true
}

// step returns the position after the character at pos, or -1 if it is not in set.
func (m *Matcher) step(set *matchSet, pos int) int {
	if pos >= len(m.text) {
		return -1
	}
	if c := m.text[pos]; c < utf8.RuneSelf {
		if set.containsASCII(c) {
			return pos + 1
		}
		return -1
	}
	if r, size := m.runeAt(pos); set.above.contains(r) {
		return pos + size
	}
	return -1
}

// runeAt returns the character at pos, which must be before the end, and its length.
// Inside a character above U+FFFF it returns the second half of its surrogate pair.
func (m *Matcher) runeAt(pos int) (rune, int) {
	if c := m.text[pos]; c&0xC0 == 0x80 {
		r, _ := utf8.DecodeRuneInString(m.text[pos-2:])
		return 0xDC00 | (r-0x10000)&0x3FF, 2
	}
	return utf8.DecodeRuneInString(m.text[pos:])
}

// greedy takes characters from pos on or, if it has done so before, gives the last one
// back. It returns the first position to try, and pushes the rest on the stack.
//
// Characters that another visit took are skipped, because the positions after them have
// been tried.
func (m *Matcher) greedy(in *instruction, at int32, pos, from int) int {
	if from < 0 {
		if from = pos; !m.visit(in.arg, pos) {
			return -1
		}
		pos = m.take(in, pos)
	}
	for ; ; pos = m.before(pos, from) {
		if m.mayFollow(in.follow, pos) {
			if pos > from {
				m.stack = append(m.stack, choice{at, int32(m.before(pos, from)), int32(from)})
			}
			return pos
		}
		if pos == from {
			return -1
		}
	}
}

// take marks the positions that a greedy span reaches, up to one that is already
// marked, and returns the last one it marked.
func (m *Matcher) take(in *instruction, pos int) int {
	word, mask := int(in.arg>>6), uint64(1)<<(in.arg&63)
	set, text, marks, row := in.set, m.text, m.marks, m.row
	for pos < len(text) {
		next := pos + 1
		if c := text[pos]; c < utf8.RuneSelf {
			if !set.containsASCII(c) {
				break
			}
		} else if next = m.step(set, pos); next < 0 {
			break
		}
		mark := &marks[next*row+word]
		if *mark&mask != 0 {
			break
		}
		*mark |= mask
		pos = next
	}
	return pos
}

// before returns the position one character before pos, which must be after from.
func (m *Matcher) before(pos, from int) int {
	pos--
	for pos > from && m.text[pos]&0xC0 == 0x80 {
		pos--
	}
	return pos
}

// lazy takes no character or, if it has returned before, one more. It returns the next
// position to try, and pushes the rest on the stack.
func (m *Matcher) lazy(in *instruction, at int32, pos int, again bool) int {
	word, mask := int(in.arg>>6), uint64(1)<<(in.arg&63)
	set, text, marks, row := in.set, m.text, m.marks, m.row
	for {
		if again {
			if pos < len(text) && text[pos] < utf8.RuneSelf && set.containsASCII(text[pos]) {
				pos++
			} else if pos = m.step(set, pos); pos < 0 {
				return -1
			}
		}
		mark := &marks[pos*row+word]
		if *mark&mask != 0 {
			return -1
		}
		*mark |= mask
		if m.mayFollow(in.follow, pos) {
			m.stack = append(m.stack, choice{at, int32(pos), 0})
			return pos
		}
		again = true
	}
}

// mayFollow reports whether a character of set may be at pos. A nil set is unknown.
func (m *Matcher) mayFollow(set *matchSet, pos int) bool {
	if set == nil {
		return true
	}
	if pos >= len(m.text) {
		return false
	}
	c := m.text[pos]
	return c >= utf8.RuneSelf || set.containsASCII(c)
}

// holds reports whether an assertion is true at pos.
func (m *Matcher) holds(a assertion, pos int) bool {
	switch a {
	case assertBegin:
		return pos == 0
	case assertEnd:
		return pos == len(m.text)
	case assertFinal:
		return m.atLineEnd(pos) && isLastLineBreak(m.text[pos:])
	case assertUnixFinal:
		return m.text[pos:] == "" || m.text[pos:] == "\n"
	case assertLineBegin, assertUnixLineBegin:
		return m.atLineBegin(pos, a == assertUnixLineBegin)
	case assertLineEnd:
		return m.atLineEnd(pos)
	case assertUnixLineEnd:
		return pos == len(m.text) || m.text[pos] == '\n'
	}
	return (m.isWord(pos-1) != m.isWord(pos)) == (a == assertWordBoundary)
}

// atLineEnd reports whether the text, or a line of it, ends at pos. "\r\n" is one line
// end, without a position between its halves.
func (m *Matcher) atLineEnd(pos int) bool {
	if pos == len(m.text) {
		return true
	}
	if r, _ := m.runeAt(pos); r != '\n' {
		return lineTerminators.contains(r)
	}
	return pos == 0 || m.text[pos-1] != '\r'
}

// isLastLineBreak reports whether rest, which is empty or begins with a line
// terminator, is only a line terminator.
func isLastLineBreak(rest string) bool {
	_, size := utf8.DecodeRuneInString(rest)
	return size == len(rest) || rest == "\r\n"
}

// atLineBegin reports whether a line begins at pos. No line begins after the last line
// terminator or in an empty text.
func (m *Matcher) atLineBegin(pos int, unix bool) bool {
	if pos == len(m.text) {
		return false
	}
	if pos == 0 {
		return true
	}
	r, _ := utf8.DecodeLastRuneInString(m.text[:pos])
	if unix || r == '\n' {
		return r == '\n'
	}
	return lineTerminators.contains(r) && !(r == '\r' && m.text[pos] == '\n')
}

// isWord reports whether the byte at pos is an ASCII letter, digit or underscore.
// Whether other characters count depends on the release of Java. Texts with such
// characters are refused earlier.
func (m *Matcher) isWord(pos int) bool {
	return pos >= 0 && pos < len(m.text) && m.text[pos] < unicode.MaxASCII && wordSet.contains(rune(m.text[pos]))
}

// find searches for the next match that begins at pos or later. Like java.util.regex it
// tries every UTF-16 unit. It reports whether there is a match; the slots are then its
// groups.
//
// The marks of earlier attempts remain valid. Positions after an earlier match were
// only visited by attempts that failed, and the marks at its end are cleared.
func (m *Matcher) find(pos int) bool {
	for ; pos <= len(m.text); pos = nextUnit(m.text, pos) {
		m.start(pos)
		if end := m.next(); end >= 0 {
			m.release(end)
			return true
		}
	}
	return false
}

// release clears the marks at the end of a match, because some of them are of the match
// itself.
func (m *Matcher) release(end int) { clear(m.marks[end*m.row : (end+1)*m.row]) }

// nextUnit returns the position one UTF-16 unit after pos.
func nextUnit(text string, pos int) int {
	if pos >= len(text) || text[pos] < utf8.RuneSelf {
		return pos + 1
	}
	if text[pos]&0xC0 == 0x80 {
		return pos + 2
	}
	_, size := utf8.DecodeRuneInString(text[pos:])
	if size == 4 {
		size = 2
	}
	return pos + size
}

// SplitsCharacter reports whether pos is inside a character of text.
func SplitsCharacter(text string, pos int) bool {
	return pos < len(text) && text[pos]&0xC0 == 0x80
}
