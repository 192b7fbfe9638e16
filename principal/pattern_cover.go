package principal

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
)

// maxCoverWork bounds the steps of [patternCovers]. Two rules of usual length take some hundred.
const maxCoverWork = 1 << 16

// patternCovers reports whether the pattern earlier matches every text that later matches, both
// as a whole and in Go's syntax. A true is proved if earlier is exact, and later matches at least
// what it stands for. A false may be wrong if the patterns are too large for the step limit.
func patternCovers(earlier, later string) bool {
	s, err := newOverlapSearch(later, earlier, maxCoverWork)
	return err == nil && s.covered() && s.budget > 0
}

// coverState is what a text leads to: one way in the left automaton, and all ways in the right
// one.
type coverState struct {
	left    uint32
	rights  []uint32 // sorted
	started bool
}

// covered reports whether the right automaton matches every text that the left one matches: it
// follows each text of the left one in both.
func (s *overlapSearch) covered() bool {
	queue := []coverState{{left: uint32(s.left.Start), rights: []uint32{uint32(s.right.Start)}}}
	seen := map[string]bool{}
	for len(queue) > 0 && s.budget > 0 {
		at := queue[0]
		queue = queue[1:]
		var readers []*syntax.Inst
		final := false
		for _, pc := range at.rights {
			final = final || s.final(s.right, pc, at.started)
			readers = append(readers, s.readers(s.right, pc, at.started)...)
		}
		if !final && s.final(s.left, at.left, at.started) {
			return false
		}
		for _, l := range s.readers(s.left, at.left, at.started) {
			for _, r := range edges(append(readers, l)) {
				s.budget--
				if !l.MatchRune(r) {
					continue
				}
				next := coverState{left: l.Out, started: true}
				for _, reader := range readers {
					if s.budget--; reader.MatchRune(r) {
						next.rights = append(next.rights, reader.Out)
					}
				}
				slices.Sort(next.rights)
				next.rights = slices.Compact(next.rights)
				if key := fmt.Sprint(next); !seen[key] {
					seen[key] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return true
}

// edges returns one character of each range in which all instructions agree on every character.
func edges(list []*syntax.Inst) []rune {
	runes := []rune{0}
	for _, inst := range list {
		switch {
		case inst.Op == syntax.InstRuneAny:
		case inst.Op == syntax.InstRuneAnyNotNL:
			runes = append(runes, '\n', '\n'+1)
		case len(inst.Rune) == 1: // without other cases: the patterns have none
			runes = append(runes, inst.Rune[0], inst.Rune[0]+1)
		default:
			for i := 0; i+1 < len(inst.Rune); i += 2 {
				runes = append(runes, inst.Rune[i], inst.Rune[i+1]+1)
			}
		}
	}
	slices.Sort(runes)
	runes = slices.Compact(runes)
	return slices.DeleteFunc(runes, func(r rune) bool { return r > unicode.MaxRune })
}
