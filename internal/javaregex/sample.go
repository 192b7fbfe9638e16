package javaregex

import (
	"slices"
	"strings"
)

// maxSample is the greatest length of a sample, in bytes.
const maxSample = 1 << 12

// Sample returns a short text that the pattern probably matches: each repetition has its least
// count, and of alternatives it is the first. A group with a value has the value, whatever
// is in it. ok is false where there is no such text, or it would be long. Look-around is
// ignored, so that a caller who needs a match has to try.
func (p *Pattern) Sample(values map[int]string) (text string, ok bool) {
	var b strings.Builder
	ok = p.tree.root.sample(&b, values)
	return b.String(), ok
}

func (n *node) sample(b *strings.Builder, values map[int]string) bool {
	if b.Len() > maxSample {
		return false
	}
	count := 1
	switch n.op {
	case opSet:
		b.WriteRune(n.set.plain())
		return len(n.set) > 0
	case opLineBreak:
		b.WriteByte('\n')
		return true
	case opAssert, opLook:
		return true
	case opBackReference:
		return false
	case opCapture:
		if value, ok := values[n.index]; ok {
			b.WriteString(value)
			return true
		}
	case opAlternate:
		return len(n.subs) > 0 && n.subs[0].sample(b, values)
	case opRepeat:
		count = n.min
		if count == 0 && n.max != 0 && slices.ContainsFunc(n.subs, func(sub *node) bool { return sub.holds(values) }) {
			count = 1
		}
	}
	for range count {
		for _, sub := range n.subs {
			if !sub.sample(b, values) {
				return false
			}
		}
	}
	return true
}

// holds reports whether n has a group with a value.
func (n *node) holds(values map[int]string) bool {
	if _, ok := values[n.index]; ok && n.op == opCapture {
		return true
	}
	return slices.ContainsFunc(n.subs, func(sub *node) bool { return sub.holds(values) })
}

// plain returns a character of s, a plain letter if there is one.
func (s runeSet) plain() rune {
	for _, r := range "aAx1-. " {
		if s.contains(r) {
			return r
		}
	}
	if len(s) == 0 {
		return 0
	}
	return s[0].lo
}

// IsOneText reports whether the pattern obviously matches only one text, because it has
// nothing but characters.
func (p *Pattern) IsOneText() bool { return p.tree.root.isOneText() }

func (n *node) isOneText() bool {
	switch n.op {
	case opSet:
		return len(n.set) == 1 && n.set[0].lo == n.set[0].hi
	case opRepeat:
		if n.max == 0 {
			return true
		}
		if n.min != n.max {
			return false
		}
	case opAlternate, opLineBreak:
		return false
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !sub.isOneText() })
}

// Groups returns the groups that r refers to, in order and without duplicates.
func (r *Replacement) Groups() []int {
	var groups []int
	for _, part := range r.parts {
		if part.group >= 0 {
			groups = append(groups, part.group)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}
