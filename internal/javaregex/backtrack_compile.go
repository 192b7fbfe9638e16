package javaregex

import (
	"math"
	"slices"
)

// backtrackCompiler translates a syntax tree into steps, each with its continuation. It
// chooses between the kinds of repetition as Java does.
type backtrackCompiler struct {
	tree   *syntaxTree
	locals int
	steps  int
	err    *Error
}

func (c *backtrackCompiler) local() int {
	c.locals++
	return c.locals - 1
}

// node returns the steps of n, which continue with next.
func (c *backtrackCompiler) node(n *node, next backtrackStep) backtrackStep {
	if c.steps++; c.steps > maxProgram {
		c.err = &Error{0, constructSize, constructSize + ": make it shorter"}
		return next
	}
	switch n.op {
	case opSet:
		return &setStep{n.matchSet(), next}
	case opConcat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			next = c.node(n.subs[i], next)
		}
		return next
	case opAlternate:
		branch := &branchStep{}
		for _, sub := range n.subs {
			branch.ways = append(branch.ways, c.node(sub, next))
		}
		return branch
	case opRepeat:
		return c.repeat(n, next)
	case opGroup:
		return c.node(n.subs[0], next)
	case opCapture:
		return c.group(n, c.local(), next)
	case opAssert:
		return &assertStep{n.assertion, next}
	case opLineBreak:
		return &lineBreakStep{setStep{set: newMatchSet(classEscapes['v'])}, next}
	case opLook:
		return c.look(n, next)
	case opAtomic:
		return &onceStep{part: c.node(n.subs[0], &acceptStep{}), next: next, exactly: true}
	case opBackReference:
		if n.index > c.tree.groups { // Java accepts such a reference; it never matches
			return &failStep{}
		}
		return &referenceStep{2 * n.index, next}
	}
	return next
}

// group returns the steps of a group, which store its begin.
func (c *backtrackCompiler) group(n *node, local int, next backtrackStep) *headStep {
	return &headStep{local, c.node(n.subs[0], &tailStep{local, c.slot(n), next})}
}

func (c *backtrackCompiler) slot(n *node) int {
	if n.op == opCapture {
		return 2 * n.index
	}
	return 0
}

func (c *backtrackCompiler) look(n *node, next backtrackStep) backtrackStep {
	if !n.behind {
		return &lookStep{n.negative, c.node(n.subs[0], &acceptStep{}), next}
	}
	size := studied(n.subs[0])
	if !bounded(n.subs[0]) || size.max > maxTextLength {
		c.err = &Error{n.offset, constructLookBehind, constructLookBehind + ": its pattern must have a maximum length"}
	}
	return &behindStep{
		negative: n.negative, byRune: hasSupplementary(c.tree.source[n.offset:]), min: size.min, max: size.max,
		part: c.node(n.subs[0], &behindEndStep{}), next: next,
	}
}

func (c *backtrackCompiler) repeat(n *node, next backtrackStep) backtrackStep {
	sub := n.subs[0]
	r := repetition{next: next, min: n.min, max: n.max, quantifier: n.quantifier}
	if n.max < 0 {
		r.max = math.MaxInt
	}
	possible := !isGroup(sub) || n.quantifier == possessive
	switch {
	case n.optional && possible:
		return &onceStep{part: c.node(sub, &acceptStep{}), next: next, quantifier: n.quantifier}
	case n.optional && n.quantifier == lazy:
		return &branchStep{[]backtrackStep{next, c.node(sub, next)}}
	case n.optional:
		return &branchStep{[]backtrackStep{c.node(sub, next), next}}
	case sub.op == opSet && n.max < 0 && n.quantifier == greedy:
		return &spanStep{setStep{sub.matchSet(), next}, n.min}
	case possible:
		r.part = c.node(sub, &acceptStep{})
		return &curlyStep{r}
	case studied(sub).deterministic:
		local := c.local()
		r.part = c.node(sub.subs[0], &tailStep{local: local})
		return &countedStep{r, local, c.slot(sub)}
	}
	loop := &loopStep{repetition: r, count: c.local(), begin: c.local()}
	loop.part = c.group(sub, loop.begin, loop)
	return &enterStep{loop}
}

// study has the properties of a part of a pattern that Java determines before it
// compiles it. Lengths count each character of the pattern as one.
type study struct {
	min, max      int
	deterministic bool // without alternatives and repetitions of varying length
}

func studied(n *node) study {
	s := study{deterministic: true}
	switch n.op {
	case opSet:
		return study{1, 1, true}
	case opLineBreak:
		return study{1, 2, true}
	case opLook, opAssert, opBackReference, opEmpty:
		return s
	case opAlternate:
		s.min = math.MaxInt
		for _, sub := range n.subs {
			t := studied(sub)
			s.min, s.max = min(s.min, t.min), max(s.max, t.max)
		}
		s.deterministic = false
		return s
	case opRepeat:
		t := studied(n.subs[0])
		most := n.max
		if most < 0 {
			most = maxTextLength + 1
		}
		return study{product(t.min, n.min), product(t.max, most), t.deterministic && !n.optional && n.min == n.max}
	}
	for _, sub := range n.subs {
		t := studied(sub)
		s.min, s.max = sum(s.min, t.min), sum(s.max, t.max)
		s.deterministic = s.deterministic && t.deterministic
	}
	return s
}

// product and sum saturate at the maximum length for look-behind.
func product(a, b int) int {
	return min(min(a, maxTextLength+1)*min(b, maxTextLength+1), maxTextLength+1)
}

func sum(a, b int) int { return min(a+b, maxTextLength+1) }

// needsBacktracking reports whether Backtracking supports the construct.
func needsBacktracking(construct string) bool {
	switch construct {
	case constructLookAhead, constructLookBehind, constructBackReference, constructPossessive, constructAtomic,
		constructLineBreak, constructInnerCapture, constructNestedCapture, constructEmptyCapture:
		return true
	}
	return false
}

// bounded reports whether Java finds a maximum length for what n matches. It finds none
// for a repeated group that has alternatives.
func bounded(n *node) bool {
	switch n.op {
	case opBackReference:
		return false
	case opRepeat:
		if n.max < 0 || !n.optional && isGroup(n.subs[0]) && !deterministic(n.subs[0]) {
			return false
		}
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !bounded(sub) })
}
