package principal

import (
	"errors"
	"regexp/syntax"
	"unicode"
)

// maxOverlapWork bounds the steps of [patternsOverlap], which take about ten
// nanoseconds each. Two patterns of some hundred bytes take some thousand steps.
const maxOverlapWork = 1 << 21

// patternsOverlap reports whether some text is matched as a whole by both patterns,
// which are in Go's syntax. A false is proved. A true may be wrong if a pattern has
// word or line boundaries, which are assumed to match, or if the patterns are too large
// for the step limit.
func patternsOverlap(a, b string) bool {
	overlap, err := newOverlapSearch(a, b, maxOverlapWork)
	return err != nil || overlap.run() || overlap.budget <= 0
}

// overlapSearch searches the product of two automata for a pair of final states.
type overlapSearch struct {
	left, right *automaton
	budget      int // steps that are left
}

func newOverlapSearch(left, right string, budget int) (*overlapSearch, error) {
	a, errLeft := newAutomaton(left)
	b, errRight := newAutomaton(right)
	return &overlapSearch{left: a, right: b, budget: budget}, errors.Join(errLeft, errRight)
}

// statePair is a state of the product: the next instruction of each automaton.
type statePair struct {
	left, right uint32
	started     bool // a character has been read
}

func (s *overlapSearch) run() bool {
	queue := []statePair{{uint32(s.left.Start), uint32(s.right.Start), false}}
	seen := map[statePair]bool{queue[0]: true}
	for len(queue) > 0 && s.budget > 0 {
		at := queue[0]
		queue = queue[1:]
		if s.final(s.left, at.left, at.started) && s.final(s.right, at.right, at.started) {
			return true
		}
		rights := s.readers(s.right, at.right, at.started)
		for _, l := range s.readers(s.left, at.left, at.started) {
			for _, r := range rights {
				s.budget -= 1 + len(l.Rune) + len(r.Rune)
				next := statePair{l.Out, r.Out, true}
				if !seen[next] && shareRune(l, r) {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return false
}

// automaton is a compiled pattern, anchored at both ends.
type automaton struct {
	*syntax.Prog
	seen  []int // by instruction: the last walk that met it
	walks int
}

func newAutomaton(pattern string) (*automaton, error) {
	parsed, err := syntax.Parse(`\A(?:`+pattern+`)\z`, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	return &automaton{Prog: prog, seen: make([]int, len(prog.Inst))}, nil
}

// walk calls visit for each instruction that reads a character or matches and that can
// be reached from pc without reading. It assumes the beginning of the text unless
// started, and its end if atEnd.
func (s *overlapSearch) walk(a *automaton, pc uint32, started, atEnd bool, visit func(*syntax.Inst)) {
	a.walks++
	for stack := []uint32{pc}; len(stack) > 0; {
		pc, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if a.seen[pc] == a.walks {
			continue
		}
		a.seen[pc] = a.walks
		s.budget--
		switch inst := &a.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstEmptyWidth:
			need := syntax.EmptyOp(inst.Arg)
			if (need&syntax.EmptyBeginText == 0 || !started) && (need&syntax.EmptyEndText == 0 || atEnd) {
				stack = append(stack, inst.Out)
			}
		case syntax.InstFail:
		default:
			visit(inst)
		}
	}
}

// final reports whether the text may end at pc.
func (s *overlapSearch) final(a *automaton, pc uint32, started bool) (found bool) {
	s.walk(a, pc, started, true, func(inst *syntax.Inst) { found = found || inst.Op == syntax.InstMatch })
	return found
}

// readers returns the instructions that may read the next character.
func (s *overlapSearch) readers(a *automaton, pc uint32, started bool) (list []*syntax.Inst) {
	s.walk(a, pc, started, false, func(inst *syntax.Inst) {
		if inst.Op != syntax.InstMatch {
			list = append(list, inst)
		}
	})
	return list
}

// shareRune reports whether some character is read by both instructions. Two unions of
// ranges overlap only if the first character of a range in one is in the other.
func shareRune(a, b *syntax.Inst) bool {
	for _, inst := range []*syntax.Inst{a, b} {
		for _, r := range firstRunes(inst) {
			if a.MatchRune(r) && b.MatchRune(r) {
				return true
			}
		}
	}
	return false
}

// firstRunes returns at least the first character of each range that inst reads.
func firstRunes(inst *syntax.Inst) []rune {
	switch {
	case inst.Op == syntax.InstRuneAny || inst.Op == syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' + 1}
	case len(inst.Rune) == 1: // with its other cases, maybe
		list := []rune{inst.Rune[0]}
		for r := unicode.SimpleFold(inst.Rune[0]); r != inst.Rune[0]; r = unicode.SimpleFold(r) {
			list = append(list, r)
		}
		return list
	default:
		list := make([]rune, 0, len(inst.Rune)/2)
		for i := 0; i < len(inst.Rune); i += 2 {
			list = append(list, inst.Rune[i])
		}
		return list
	}
}
