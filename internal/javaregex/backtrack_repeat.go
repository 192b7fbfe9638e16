package javaregex

// repetition has the common fields of repetitions.
type repetition struct {
	part, next backtrackStep
	min, max   int
	quantifier quantifier
}

// curlyStep repeats a part that is matched independently each time: a character, a
// position, look-around, a back reference, an atomic group, or any group if the
// quantifier is possessive. It does not backtrack into an iteration.
type curlyStep struct{ repetition }

func (s *curlyStep) match(b *backtracker, at int) bool {
	n := 0
	for ; n < s.min; n++ {
		if !b.run(s.part, at) {
			return false
		}
		at = b.last
	}
	switch s.quantifier {
	case greedy:
		return s.greedy(b, at, n)
	case lazy:
		return s.lazy(b, at, n)
	}
	for ; n < s.max && b.run(s.part, at) && b.last != at; n++ {
		at = b.last
	}
	return b.run(s.next, at)
}

// greedy repeats as often as possible, and then gives back iterations of equal length.
// When the length changes it starts again.
func (s *curlyStep) greedy(b *backtracker, at, n int) bool {
	if n >= s.max || !b.run(s.part, at) || b.last == at {
		return b.run(s.next, at)
	}
	limit, size := n, b.last-at
	at, n = b.last, n+1
	for n < s.max && b.run(s.part, at) {
		if b.last != at+size {
			if b.deeper(func() bool { return s.greedy(b, b.last, n+1) }) {
				return true
			}
			break
		}
		at += size
		n++
	}
	for ; n >= limit; n-- {
		if b.run(s.next, at) {
			return true
		}
		at -= size
	}
	return false
}

func (s *curlyStep) lazy(b *backtracker, at, n int) bool {
	for !b.run(s.next, at) {
		if n >= s.max || !b.run(s.part, at) || b.last == at {
			return false
		}
		at = b.last
		n++
	}
	return true
}

// deeper counts a level of recursion.
func (b *backtracker) deeper(do func() bool) bool {
	if b.depth++; b.depth > maxDepth {
		panic(errTooDeep)
	}
	matched := do()
	b.depth--
	return matched
}

// countedStep repeats a group that Java considers to have only one way to match. It
// sets the group itself; slot is 0 if the group does not capture.
type countedStep struct {
	repetition
	local, slot int
}

func (s *countedStep) set(b *backtracker, from, to int) {
	if s.slot > 0 {
		b.slots[s.slot], b.slots[s.slot+1] = from, to
	}
}

// get returns the begin and end of the group.
func (s *countedStep) get(b *backtracker) (from, to int) {
	if s.slot == 0 {
		return 0, 0
	}
	return b.slots[s.slot], b.slots[s.slot+1]
}

func (s *countedStep) match(b *backtracker, at int) bool {
	local := b.locals[s.local]
	from, to := s.get(b)
	b.locals[s.local] = -1 // see tailStep
	if s.repeat(b, at) {
		return true
	}
	b.locals[s.local] = local
	s.set(b, from, to)
	return false
}

func (s *countedStep) repeat(b *backtracker, at int) bool {
	for range s.min {
		if !b.run(s.part, at) {
			return false
		}
		s.set(b, at, b.last)
		at = b.last
	}
	if s.quantifier == lazy {
		return s.lazy(b, at)
	}
	return s.greedy(b, at, s.min)
}

func (s *countedStep) greedy(b *backtracker, at, n int) bool {
	from, to := s.get(b)
	if n < s.max && b.run(s.part, at) {
		size := b.last - at
		s.set(b, at, at+size)
		if size == 0 {
			return s.leave(b, at, from, to)
		}
		limit := n
		for {
			s.set(b, at, at+size)
			at += size
			if n++; n >= s.max || !b.run(s.part, at) {
				break
			}
			if b.last != at+size {
				if b.deeper(func() bool { return s.greedy(b, at, n) }) {
					return true
				}
				break
			}
		}
		for ; n > limit; n-- {
			if b.run(s.next, at) {
				s.set(b, at-size, at)
				return true
			}
			at -= size
			s.set(b, at-size, at)
		}
	}
	return s.leave(b, at, from, to)
}

// leave continues without another repetition, with the group as it was.
func (s *countedStep) leave(b *backtracker, at, from, to int) bool {
	s.set(b, from, to)
	return b.run(s.next, at)
}

func (s *countedStep) lazy(b *backtracker, at int) bool {
	for n := s.min; !b.run(s.next, at); n++ {
		if n >= s.max || !b.run(s.part, at) || b.last == at {
			return false
		}
		s.set(b, at, b.last)
		at = b.last
	}
	return true
}

// loopStep repeats any other group. The end of the group leads back here. count is the
// local with the count, begin the local with the begin of the last iteration.
type loopStep struct {
	repetition
	count, begin int
}

func (s *loopStep) match(b *backtracker, at int) bool {
	if at <= b.locals[s.begin] { // an empty iteration ends the repetition
		return b.run(s.next, at)
	}
	n := b.locals[s.count]
	switch {
	case n < s.min:
		return s.again(b, at, n)
	case s.quantifier == lazy:
		return b.run(s.next, at) || n < s.max && s.again(b, at, n)
	}
	return n < s.max && s.again(b, at, n) || b.run(s.next, at)
}

func (s *loopStep) again(b *backtracker, at, n int) bool {
	b.locals[s.count] = n + 1
	if b.run(s.part, at) {
		return true
	}
	b.locals[s.count] = n
	return false
}

// enterStep is the beginning of a loop.
type enterStep struct{ loop *loopStep }

func (s *enterStep) match(b *backtracker, at int) bool {
	loop := s.loop
	saved := b.locals[loop.count]
	first := func() bool {
		b.locals[loop.count] = 1
		return b.run(loop.part, at)
	}
	matched := false
	switch {
	case loop.min > 0:
		matched = first()
	case loop.quantifier == lazy:
		matched = b.run(loop.next, at) || loop.max > 0 && first()
	default:
		matched = loop.max > 0 && first() || b.run(loop.next, at)
	}
	b.locals[loop.count] = saved
	return matched
}
