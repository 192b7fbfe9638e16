package gateway

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Kafka compiles a pattern with RE2/J and matches it against all topics, without a
// limit: some patterns of a few hundred bytes take minutes. Go's regexp and RE2/J have
// the same origin and syntax. Here Go's parser reads the pattern, and the code below
// limits its cost. The limits count instructions and steps, not time, so that the same
// pattern always has the same result.
const (
	// maxPatternBytes is the length of the longest string in a request. Kafka also
	// rejects longer ones.
	maxPatternBytes = 1<<15 - 1
	// maxProgram limits the instructions of a compiled pattern; it is about 2.6 MB. A
	// pattern of the maximum length with one instruction for each character has half of
	// that.
	maxProgram = 1 << 16
	// maxClasses limits the Unicode classes, such as \pL, in a pattern. Each costs the
	// parser up to 5 kB, and up to 10 ms if case is ignored.
	maxClasses = 16
	// maxSteps limits the matcher's steps for one pattern and all topics together.
	// minSteps is the number that is always allowed. A step takes a few nanoseconds.
	minSteps, maxSteps = 1 << 20, 1 << 26
	// stepsPerByte is the number of steps allowed for each byte of the topics' names,
	// between these limits. It is the number of alternatives that the matcher follows
	// at the same time; twenty names joined by | need fewer.
	stepsPerByte = 64
)

var (
	errPatternTooLong  = fmt.Errorf("it has more than %d bytes", maxPatternBytes)
	errPatternTooLarge = fmt.Errorf("compiled it has more than %d instructions", maxProgram)
	errPatternClasses  = fmt.Errorf("it has more than %d Unicode classes or escaped characters while it ignores case", maxClasses)
	errPatternTooSlow  = errors.New("to match it with the topics takes too many steps")
)

// pattern is a compiled pattern. It is immutable.
type pattern struct{ prog *syntax.Prog }

// compilePattern compiles the pattern that a group member subscribes to. The constants
// above limit its cost.
func compilePattern(text string) (*pattern, error) {
	if len(text) > maxPatternBytes {
		return nil, errPatternTooLong
	}
	if slowClasses(text) > maxClasses {
		return nil, errPatternClasses
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if programSize(parsed) > maxProgram {
		return nil, errPatternTooLarge
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	return &pattern{prog}, nil
}

// slowClasses counts the parts of a pattern that may cost the parser far more than
// their length: Unicode classes and, if case is ignored, ranges that end at a character
// outside ASCII, because the parser looks up every character of the range.
func slowClasses(text string) int {
	folds := ignoresCase(text)
	slow := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			if next := text[i]; next == 'p' || next == 'P' || folds && (next == 'x' || '0' <= next && next <= '9') {
				slow++
			}
		case folds && c >= utf8.RuneSelf && utf8.RuneStart(c):
			slow++
		}
	}
	return slow
}

// ignoresCase reports whether a pattern may have the flag i, as in "(?i)" or "(?s-mi:".
func ignoresCase(text string) bool {
	for {
		_, after, found := strings.Cut(text, "(?")
		if !found {
			return false
		}
		flags := after[:len(after)-len(strings.TrimLeft(after, "imsU-"))]
		if strings.Contains(flags, "i") {
			return true
		}
		text = after
	}
}

// programSize returns an upper bound for the number of instructions of the compiled
// pattern, or more than maxProgram if there are more. The parser allows nested
// repetitions with millions of instructions.
func programSize(re *syntax.Regexp) int {
	size := 0
	for _, sub := range re.Sub {
		if size += programSize(sub); size > maxProgram {
			return size
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		return max(len(re.Rune), 1)
	case syntax.OpCapture:
		return size + 2
	case syntax.OpAlternate:
		return size + len(re.Sub)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		return size + 2
	case syntax.OpRepeat:
		// x{2,} is xx+ and x{2,4} is xx(x(x)?)?; each has at least one instruction.
		return (size + 2) * max(re.Min+1, re.Max)
	default:
		return size + 1
	}
}

// match returns the names that match the whole pattern.
func (p *pattern) match(names []string) ([]string, error) {
	bytes := 0
	for _, name := range names {
		bytes += len(name) + 1
	}
	m := matcher{prog: p.prog, left: min(minSteps+stepsPerByte*bytes, maxSteps)}
	m.now, m.next = newThreads(len(p.prog.Inst)), newThreads(len(p.prog.Inst))
	matched := []string{}
	for _, name := range names {
		if m.matches(name) {
			matched = append(matched, name)
		}
		if m.left < 0 {
			return nil, errPatternTooSlow
		}
	}
	return matched, nil
}

// matcher follows all paths through a program at the same time, like Pike's machine,
// and counts its steps. Go's own matchers give the same results but do not report their
// steps.
type matcher struct {
	prog      *syntax.Prog
	left      int // remaining steps
	now, next *threads
	stack     []uint32
}

// threads is a set of instructions that can be emptied in constant time.
type threads struct {
	dense  []uint32
	sparse []uint32
}

func newThreads(n int) *threads { return &threads{make([]uint32, 0, n), make([]uint32, n)} }

func (t *threads) add(pc uint32) (added bool) {
	if at := t.sparse[pc]; int(at) < len(t.dense) && t.dense[at] == pc {
		return false
	}
	t.sparse[pc] = uint32(len(t.dense))
	t.dense = append(t.dense, pc)
	return true
}

// matches reports whether the whole name matches. The result is wrong if no steps are
// left.
func (m *matcher) matches(name string) bool {
	m.now.dense = m.now.dense[:0]
	before, after, size := rune(-1), rune(-1), 0
	for at := 0; ; at += size {
		if after, size = -1, 0; at < len(name) {
			after, size = utf8.DecodeRuneInString(name[at:])
		}
		if at == 0 {
			m.follow(m.now, uint32(m.prog.Start), syntax.EmptyOpContext(before, after))
		}
		if after < 0 {
			return m.ended()
		}
		before = after
		context := syntax.EmptyOpContext(before, following(name[at+size:]))
		m.next.dense = m.next.dense[:0]
		for _, pc := range m.now.dense {
			m.left--
			if inst := &m.prog.Inst[pc]; inst.MatchRune(after) {
				m.follow(m.next, inst.Out, context)
			}
		}
		m.now, m.next = m.next, m.now
		if len(m.now.dense) == 0 || m.left < 0 {
			return false
		}
	}
}

// following returns the first character, or -1 at the end.
func following(rest string) rune {
	if rest == "" {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return r
}

// ended reports whether the program may end in the current state.
func (m *matcher) ended() bool {
	for _, pc := range m.now.dense {
		if m.left--; m.prog.Inst[pc].Op == syntax.InstMatch {
			return true
		}
	}
	return false
}

// follow adds to threads the instructions that read a character, and the end, as far as
// they can be reached from pc without reading a character.
func (m *matcher) follow(to *threads, pc uint32, context syntax.EmptyOp) {
	m.stack = append(m.stack[:0], pc)
	for len(m.stack) > 0 {
		pc = m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		m.left--
		if !to.add(pc) {
			continue
		}
		switch inst := &m.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			m.stack = append(m.stack, inst.Arg, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^context == 0 {
				m.stack = append(m.stack, inst.Out)
			}
		case syntax.InstCapture, syntax.InstNop:
			m.stack = append(m.stack, inst.Out)
		}
	}
}
