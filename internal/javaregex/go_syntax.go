package javaregex

import (
	"fmt"
	"strings"
)

// GoSyntax returns a pattern in Go's syntax that matches at least what p matches, or ""
// if p has a construct that is not regular. Positions that Go's patterns cannot
// express, such as the one before a final line terminator, match everywhere.
func (p *Pattern) GoSyntax() string { return p.tree.root.goSyntax() }

func (n *node) goSyntax() string {
	var b strings.Builder
	if !n.writeGo(&b) {
		return ""
	}
	return "(?:" + b.String() + ")"
}

// writeGo writes n and reports whether it can be written.
func (n *node) writeGo(b *strings.Builder) bool {
	switch n.op {
	case opSet:
		n.set.writeGo(b)
	case opLineBreak:
		b.WriteString(`(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])`)
	case opAssert:
		switch n.assertion {
		case assertBegin:
			b.WriteString(`\A`)
		case assertEnd:
			b.WriteString(`\z`)
		}
	case opLook, opBackReference:
		return false
	}
	b.WriteString("(?:")
	for i, sub := range n.subs {
		if i > 0 && n.op == opAlternate {
			b.WriteByte('|')
		}
		if !sub.writeGo(b) {
			return false
		}
	}
	b.WriteByte(')')
	if n.op == opRepeat {
		b.WriteString(n.goCount())
	}
	return true
}

// goCount returns the count of n in Go's syntax. Go counts to 1000.
func (n *node) goCount() string {
	const most = 1000
	switch {
	case n.min > most:
		return "*"
	case n.max < 0 || n.max > most:
		return fmt.Sprintf("{%d,}", n.min)
	default:
		return fmt.Sprintf("{%d,%d}", n.min, n.max)
	}
}

// writeGo writes s as a class.
func (s runeSet) writeGo(b *strings.Builder) {
	if len(s) == 0 {
		b.WriteString(`[^\x00-\x{10FFFF}]`)
		return
	}
	b.WriteByte('[')
	for _, r := range s {
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, r.lo, r.hi)
	}
	b.WriteByte(']')
}
