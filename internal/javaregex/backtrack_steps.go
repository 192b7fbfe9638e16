package javaregex

// backtrackStep is a part of a pattern with its continuation. It reports whether both
// match at a position.
type backtrackStep interface {
	match(b *backtracker, at int) bool
}

// endStep is the end of a pattern.
type endStep struct{}

func (*endStep) match(b *backtracker, at int) bool {
	if b.whole && at != len(b.text) {
		return false
	}
	b.last = at
	return true
}

// acceptStep is the end of a part that is matched independently.
type acceptStep struct{}

func (*acceptStep) match(b *backtracker, at int) bool {
	b.last = at
	return true
}

// behindEndStep is the end of the pattern of a look-behind.
type behindEndStep struct{}

func (*behindEndStep) match(b *backtracker, at int) bool { return at == b.behind }

// failStep never matches.
type failStep struct{}

func (*failStep) match(*backtracker, int) bool { return false }

// setStep matches one character of a set.
type setStep struct {
	set  *matchSet
	next backtrackStep
}

func (s *setStep) match(b *backtracker, at int) bool {
	size := s.size(b, at)
	return size > 0 && b.run(s.next, at+size)
}

// size returns the number of units of the character at a position, or 0 if it is not in
// the set.
func (s *setStep) size(b *backtracker, at int) int {
	if at >= len(b.text) {
		return 0
	}
	r, size := b.runeAt(at)
	if r < 0x80 && s.set.containsASCII(byte(r)) || r >= 0x80 && s.set.above.contains(r) {
		return size
	}
	return 0
}

// spanStep matches as many characters of a set as possible.
type spanStep struct {
	setStep
	min int
}

func (s *spanStep) match(b *backtracker, at int) bool {
	n := 0
	for size := s.size(b, at); size > 0; size = s.size(b, at) {
		at += size
		n++
	}
	b.spend(n)
	for ; n >= s.min; n-- {
		if b.run(s.next, at) {
			return true
		}
		if n == s.min {
			return false
		}
		at = b.before(at)
	}
	return false
}

// assertStep matches a position.
type assertStep struct {
	assertion assertion
	next      backtrackStep
}

func (s *assertStep) match(b *backtracker, at int) bool {
	return b.lines.holds(s.assertion, int(b.offsets[at])) && b.run(s.next, at)
}

// lineBreakStep matches \R.
type lineBreakStep struct {
	set  setStep
	next backtrackStep
}

func (s *lineBreakStep) match(b *backtracker, at int) bool {
	if at+1 < len(b.text) && b.text[at] == '\r' && b.text[at+1] == '\n' && b.run(s.next, at+2) {
		return true
	}
	size := s.set.size(b, at)
	return size > 0 && b.run(s.next, at+size)
}

// referenceStep matches the captured text of a group again.
type referenceStep struct {
	slot int
	next backtrackStep
}

func (s *referenceStep) match(b *backtracker, at int) bool {
	from, to := b.slots[s.slot], b.slots[s.slot+1]
	if from < 0 || at+to-from > len(b.text) {
		return false
	}
	if to < from {
		panic(errBackwards)
	}
	b.spend(to - from)
	for i := from; i < to; i++ {
		if b.text[i] != b.text[at+i-from] {
			return false
		}
	}
	return b.run(s.next, at+to-from)
}

// branchStep has alternatives. The first that matches is preferred.
type branchStep struct{ ways []backtrackStep }

func (s *branchStep) match(b *backtracker, at int) bool {
	for _, way := range s.ways {
		if b.run(way, at) {
			return true
		}
	}
	return false
}

// headStep is the beginning of a group. It stores the position.
type headStep struct {
	local int
	next  backtrackStep
}

func (s *headStep) match(b *backtracker, at int) bool {
	saved := b.locals[s.local]
	b.locals[s.local] = at
	matched := b.run(s.next, at)
	b.locals[s.local] = saved
	return matched
}

// tailStep is the end of a group. It sets a capturing group, and restores it if the
// continuation does not match.
type tailStep struct {
	local, slot int // the slot is 0 if the group does not capture
	next        backtrackStep
}

func (s *tailStep) match(b *backtracker, at int) bool {
	begin := b.locals[s.local]
	if begin < 0 { // countedStep sets the group
		b.last = at
		return true
	}
	if s.slot == 0 {
		return b.run(s.next, at)
	}
	from, to := b.slots[s.slot], b.slots[s.slot+1]
	b.slots[s.slot], b.slots[s.slot+1] = begin, at
	if b.run(s.next, at) {
		return true
	}
	b.slots[s.slot], b.slots[s.slot+1] = from, to
	return false
}

// lookStep is look-ahead.
type lookStep struct {
	negative   bool
	part, next backtrackStep
}

func (s *lookStep) match(b *backtracker, at int) bool {
	return b.run(s.part, at) != s.negative && b.run(s.next, at)
}

// behindStep is look-behind. Java counts each character of the pattern as one unit, or
// as one character if byRune.
type behindStep struct {
	negative, byRune bool
	min, max         int
	part, next       backtrackStep
}

func (s *behindStep) match(b *backtracker, at int) bool {
	saved := b.behind
	b.behind = at
	matched := s.looks(b, at)
	b.behind = saved
	return matched != s.negative && b.run(s.next, at)
}

func (s *behindStep) looks(b *backtracker, at int) bool {
	if !s.byRune {
		for from := at - s.min; from >= max(at-s.max, 0); from-- {
			if b.run(s.part, from) {
				return true
			}
		}
		return false
	}
	from := at
	for n := 0; ; n++ {
		b.spend(1)
		// Java looks at the start of the text even if that is too near, because groups may be
		// set.
		if (n >= s.min || from == 0) && b.run(s.part, from) {
			return true
		}
		if n == s.max || from == 0 {
			return false
		}
		from = b.before(from)
	}
}

// onceStep is a part that is matched independently, at most once or exactly once.
type onceStep struct {
	part, next backtrackStep
	exactly    bool // an atomic group
	quantifier quantifier
}

func (s *onceStep) match(b *backtracker, at int) bool {
	switch {
	case s.exactly:
		return b.run(s.part, at) && b.run(s.next, b.last)
	case s.quantifier == lazy:
		return b.run(s.next, at) || b.run(s.part, at) && b.run(s.next, b.last)
	case s.quantifier == greedy:
		return b.run(s.part, at) && b.run(s.next, b.last) || b.run(s.next, at)
	}
	if b.run(s.part, at) {
		at = b.last
	}
	return b.run(s.next, at)
}
