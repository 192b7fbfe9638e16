package javaregex

import "slices"

// MatchesEveryLine reports whether the pattern obviously matches every text without
// line terminators, as (.*) and ^.*$ do.
func (p *Pattern) MatchesEveryLine() bool { return matchesEverything(p.tree.root) }

// matchesEverything is [Pattern.MatchesEveryLine] for a part of a pattern.
func matchesEverything(n *node) bool {
	switch n.op {
	case opGroup, opCapture:
		return matchesEverything(n.subs[0])
	case opRepeat:
		return n.min == 0 && n.max < 0 && n.subs[0].op == opSet && len(lineTerminators.complement().intersect(n.subs[0].set.complement())) == 0
	case opAlternate:
		return slices.ContainsFunc(n.subs, matchesEverything)
	case opConcat:
		subs := n.subs
		if len(subs) > 0 && subs[0].op == opAssert && subs[0].assertion == assertBegin {
			subs = subs[1:]
		}
		if last := len(subs) - 1; last >= 0 && subs[last].op == opAssert && (subs[last].assertion == assertFinal || subs[last].assertion == assertEnd) {
			subs = subs[:last]
		}
		return slices.ContainsFunc(subs, matchesEverything) && !slices.ContainsFunc(subs, func(sub *node) bool { return !matchesEverything(sub) })
	}
	return false
}

// FloatsBehind reports whether a group that to refers to may follow a repetition that
// can match each character in skipped. If to refers to no group, the whole pattern
// counts as the group.
func (p *Pattern) FloatsBehind(to *Replacement, skipped string) bool {
	search := groupSearch{groups: map[int]bool{}, skipped: skipped}
	for _, part := range to.parts {
		if part.group >= 0 {
			search.groups[part.group] = true
		}
	}
	search.walk(p.tree.root, false)
	return search.found
}

// groupSearch searches a pattern from left to right for a group after a repetition that
// can match each skipped character.
type groupSearch struct {
	groups  map[int]bool // groups that the replacement refers to
	skipped string
	found   bool
}

// walk searches n, where behind says that it follows such a repetition, and reports
// whether the text after n does.
func (s *groupSearch) walk(n *node, behind bool) bool {
	if n.op == opLook {
		return behind
	}
	s.found = s.found || behind && s.isWanted(n)
	skips := n.op == opRepeat && n.max != 0 && n.max != 1 && s.skips(n.subs[0])
	after := behind || skips
	behind = behind || skips && captures(n) // after an earlier iteration
	for _, sub := range n.subs {
		passed := s.walk(sub, behind)
		after = after || passed
		if n.op != opAlternate {
			behind = passed
		}
	}
	return after
}

func (s *groupSearch) isWanted(n *node) bool {
	if len(s.groups) == 0 {
		return n.op == opSet && !s.skips(n)
	}
	return n.op == opCapture && s.groups[n.index]
}

// skips reports whether n may match each of the skipped characters somewhere.
func (s *groupSearch) skips(n *node) bool {
	for _, r := range s.skipped {
		if !mayMatch(n, r) {
			return false
		}
	}
	return true
}

// mayMatch reports whether a set in n contains r.
func mayMatch(n *node, r rune) bool {
	return n.op == opSet && n.set.contains(r) || slices.ContainsFunc(n.subs, func(sub *node) bool { return mayMatch(sub, r) })
}

// IsPlain reports whether [Pattern.GoSyntax] matches exactly what p matches as a whole: p has
// only characters, groups, alternatives and repetitions of one character, perhaps between ^
// and $. Java's other constructs, and its repetitions of groups, can match less.
func (p *Pattern) IsPlain() bool {
	root := p.tree.root
	if root.op != opConcat {
		return isPlain(root)
	}
	subs := root.subs
	if len(subs) > 0 && subs[0].op == opAssert && subs[0].assertion == assertBegin {
		subs = subs[1:]
	}
	if last := len(subs) - 1; last >= 0 && subs[last].op == opAssert && (subs[last].assertion == assertFinal || subs[last].assertion == assertEnd) {
		subs = subs[:last]
	}
	return !slices.ContainsFunc(subs, func(sub *node) bool { return !isPlain(sub) })
}

func isPlain(n *node) bool {
	switch n.op {
	case opEmpty, opSet:
		return true
	case opRepeat:
		return n.quantifier != possessive && n.subs[0].op == opSet
	case opConcat, opAlternate, opGroup, opCapture:
		return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !isPlain(sub) })
	}
	return false
}
