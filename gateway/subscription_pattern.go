package gateway

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kafka compiles a pattern with RE2/J and matches it against all topics or transactional
// ids, without a limit: some patterns of a few hundred bytes take minutes. Go's regexp and RE2/J have
// the same origin and syntax. Here Go's parser reads the pattern, and the code below
// limits its cost. The limits count instructions and steps, not time, so that the same
// pattern always has the same result.
const (
	// maxPatternBytes is the length of the longest string in a request. Kafka also
	// rejects longer ones.
	maxPatternBytes = 1<<15 - 1
	// maxProgram limits the instructions of a compiled pattern, so that 16 bits number them.
	// A pattern of the maximum length with one instruction for each character has half of
	// that.
	maxProgram = 1<<16 - 1
	// maxClasses limits the Unicode classes, such as \pL, in a pattern. Each costs the
	// parser up to 5 kB, and up to 10 ms if case is ignored.
	maxClasses = 16
	// maxFolded limits the characters of the ranges in a pattern that ignores case: the parser
	// looks up every one, which takes up to 40 ns. A range counts with its last character.
	maxFolded = 1 << 13
	// maxSteps limits the matcher's steps for one pattern and all names together.
	// minSteps is the number that is always allowed. A step takes a few nanoseconds.
	minSteps, maxSteps = 1 << 20, 1 << 26
	// stepsPerByte is the number of steps allowed for each byte of the topics' names,
	// between these limits. It is the number of alternatives that the matcher follows
	// at the same time; twenty names joined by | need fewer.
	stepsPerByte = 64
)

// The memory that a pattern takes, including memory that is freed again, in bytes. It counts
// in the budget of the request: TestPatternsHaveABudget compares. What the parser takes was
// measured with Go 1.26, for the worst patterns of each kind.
const (
	bytesPerCharacter   = 20
	bytesInClass        = 48  // for each character, if the pattern has classes of characters
	bytesInFoldedClass  = 128 // if it also ignores case
	bytesPerOperator    = 640 // also a class or a group
	bytesPerAlternative = 256
	bytesPerClass       = 8 << 10 // a Unicode class
	bytesPerInstruction = 16      // the instruction, and its place in two sets of threads
	bytesPerPattern     = 4 << 10
)

var (
	errPatternTooLong  = fmt.Errorf("it has more than %d bytes", maxPatternBytes)
	errPatternTooLarge = errors.New("compiled it takes more memory than a request of its size may")
	errPatternClasses  = fmt.Errorf("it has more than %d Unicode classes or escaped characters while it ignores case", maxClasses)
	errPatternFolded   = fmt.Errorf("it ignores the case of ranges with characters above %d", maxFolded)
	errPatternTooSlow  = errors.New("to match it with the topics takes too many steps")
)

// pattern is a pattern that is valid and may be compiled.
type pattern struct {
	parsed  *syntax.Regexp // Cap of a class, which the parser does not use, is its place in classes
	classes []syntax.Inst  // of characters
	size    int            // an upper bound for the instructions
}

// parsePattern parses the pattern that a group member subscribes to, or that selects
// transactions. The constants above limit its cost. If to parse, compile and match it may take
// more memory than left, in bytes, the error is errPatternTooLarge.
func parsePattern(text string, left int64) (*pattern, error) {
	if len(text) > maxPatternBytes {
		return nil, errPatternTooLong
	}
	slow := slowClasses(text)
	if slow > maxClasses {
		return nil, errPatternClasses
	}
	if foldedCharacters(text) > maxFolded {
		return nil, errPatternFolded
	}
	if left -= parserMemory(text) + int64(slow*bytesPerClass); left < 0 {
		return nil, errPatternTooLarge
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	size := programSize(parsed) + 1
	if size > maxProgram || int64(size)*bytesPerInstruction > left {
		return nil, errPatternTooLarge
	}
	p := &pattern{parsed: parsed, size: size}
	p.number(parsed)
	return p, nil
}

// number numbers the classes of characters in re.
func (p *pattern) number(re *syntax.Regexp) {
	if re.Op == syntax.OpCharClass {
		re.Cap = len(p.classes)
		p.classes = append(p.classes, syntax.Inst{Op: syntax.InstRune, Rune: re.Rune})
	}
	for _, sub := range re.Sub {
		p.number(sub)
	}
}

// parserMemory returns an upper bound for what the parser takes for a pattern without slow
// classes, in bytes.
func parserMemory(text string) int64 {
	character := int64(bytesPerCharacter)
	if strings.Contains(text, "[") {
		if character = bytesInClass; ignoresCase(text) {
			character = bytesInFoldedClass
		}
	}
	memory := int64(bytesPerPattern)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(escapedOperators, text[i+1]) < 0:
			i++
			memory += 2 * character // between \Q and \E both are characters
		case c == '|':
			memory += bytesPerAlternative
		case strings.IndexByte(`.[(*+?{^$\`, c) >= 0:
			memory += bytesPerOperator
		default:
			memory += character
		}
	}
	return memory
}

// escapedOperators are the characters that are classes or conditions after a backslash.
const escapedOperators = "dDwWsSbBAzCpP"

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

// foldedCharacters returns an upper bound for the characters of ranges that end outside ASCII,
// if case is ignored.
func foldedCharacters(text string) (characters int) {
	if !ignoresCase(text) {
		return 0
	}
	for {
		_, after, found := strings.Cut(text, "-")
		if !found || characters > maxFolded {
			return characters
		}
		if last := lastOfRange(after); last >= utf8.RuneSelf {
			characters += last
		}
		text = after
	}
}

// lastOfRange returns the character, or a greater one, with which a range ends whose last part
// begins a text.
func lastOfRange(text string) int {
	digits, escaped := strings.CutPrefix(text, `\x{`)
	switch {
	case escaped:
		digits, _, _ = strings.Cut(digits, "}")
		last, err := strconv.ParseInt(digits, 16, 32)
		if err != nil || last > unicode.MaxRune { // which the parser refuses as well
			return unicode.MaxRune
		}
		return int(last)
	case strings.HasPrefix(text, `\`):
		return 0o777 // three octal digits, or two hexadecimal ones
	}
	last, _ := utf8.DecodeRuneInString(text)
	return int(last)
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

// match removes the names that do not match the whole pattern from a list, in place. It
// compiles the pattern only if there are names.
func (p *pattern) match(names []string) ([]string, error) {
	if len(names) == 0 {
		return names, nil
	}
	bytes := 0
	for _, name := range names {
		bytes += len(name) + 1
	}
	m := matcher{program: p.compile(), left: min(minSteps+stepsPerByte*bytes, maxSteps)}
	m.now, m.next = newThreads(len(m.instructions)), newThreads(len(m.instructions))
	matched := names[:0]
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

// program is a compiled pattern. Go's own compiler takes ten times the memory.
type program struct {
	instructions []instruction
	start        uint16
	classes      []syntax.Inst // of the pattern
}

// instruction is one instruction of a program. out is the next one.
type instruction struct {
	op  opcode
	out uint16
	arg uint32
}

type opcode uint8

const (
	matchOp opcode = iota // the end; it is instruction 0
	failOp                // nothing matches
	altOp                 // arg is another next one
	emptyOp               // arg is a syntax.EmptyOp
	runeOp                // arg is a character
	foldOp                // arg is a character, in any case
	classOp               // arg is the place in program.classes
	anyOp                 // any character
	lineOp                // any character but a line break
)

// compile compiles the pattern, from its end to its beginning.
func (p *pattern) compile() program {
	c := program{instructions: make([]instruction, 1, p.size), classes: p.classes}
	c.start = c.add(p.parsed, 0)
	return c
}

func (c *program) emit(op opcode, out uint16, arg uint32) uint16 {
	c.instructions = append(c.instructions, instruction{op, out, arg})
	return uint16(len(c.instructions) - 1)
}

// add adds the instructions for re, which continue with next, and returns the first of them.
func (c *program) add(re *syntax.Regexp, next uint16) uint16 {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpLiteral:
		op := runeOp
		if re.Flags&syntax.FoldCase != 0 {
			op = foldOp
		}
		for _, r := range slices.Backward(re.Rune) {
			next = c.emit(op, next, uint32(r))
		}
		return next
	case syntax.OpCharClass:
		return c.emit(classOp, next, uint32(re.Cap))
	case syntax.OpAnyChar:
		return c.emit(anyOp, next, 0)
	case syntax.OpAnyCharNotNL:
		return c.emit(lineOp, next, 0)
	case syntax.OpCapture:
		return c.add(re.Sub[0], next)
	case syntax.OpConcat:
		for _, sub := range slices.Backward(re.Sub) {
			next = c.add(sub, next)
		}
		return next
	case syntax.OpAlternate:
		first := c.add(re.Sub[len(re.Sub)-1], next)
		for _, sub := range slices.Backward(re.Sub[:len(re.Sub)-1]) {
			first = c.emit(altOp, c.add(sub, next), uint32(first))
		}
		return first
	case syntax.OpStar:
		return c.repeat(re.Sub[0], 0, -1, next)
	case syntax.OpPlus:
		return c.repeat(re.Sub[0], 1, -1, next)
	case syntax.OpQuest:
		return c.repeat(re.Sub[0], 0, 1, next)
	case syntax.OpRepeat:
		return c.repeat(re.Sub[0], re.Min, re.Max, next)
	}
	if empty, ok := emptyOps[re.Op]; ok {
		return c.emit(emptyOp, next, uint32(empty))
	}
	return c.emit(failOp, 0, 0) // syntax.OpNoMatch
}

// emptyOps are the conditions that read no character.
var emptyOps = map[syntax.Op]syntax.EmptyOp{
	syntax.OpBeginLine: syntax.EmptyBeginLine, syntax.OpEndLine: syntax.EmptyEndLine,
	syntax.OpBeginText: syntax.EmptyBeginText, syntax.OpEndText: syntax.EmptyEndText,
	syntax.OpWordBoundary: syntax.EmptyWordBoundary, syntax.OpNoWordBoundary: syntax.EmptyNoWordBoundary,
}

// repeat adds least to most repetitions of re; -1 means any number.
func (c *program) repeat(re *syntax.Regexp, least, most int, next uint16) uint16 {
	first := next
	if most < 0 {
		loop := c.emit(altOp, 0, uint32(next))
		again := c.add(re, loop)
		c.instructions[loop].out = again
		if first = loop; least > 0 {
			first, least = again, least-1
		}
	}
	for range most - least {
		first = c.emit(altOp, c.add(re, first), uint32(next))
	}
	for range least {
		first = c.add(re, first)
	}
	return first
}

// reads reports whether an instruction reads a character.
func (c *program) reads(i instruction, r rune) bool {
	switch i.op {
	case runeOp:
		return r == rune(i.arg)
	case foldOp:
		folded := rune(i.arg)
		for r != folded {
			if folded = unicode.SimpleFold(folded); folded == rune(i.arg) {
				return false
			}
		}
		return true
	case classOp:
		return c.classes[i.arg].MatchRune(r)
	case lineOp:
		return r != '\n'
	}
	return i.op == anyOp
}

// matcher follows all paths through a program at the same time, like Pike's machine,
// and counts its steps. Go's own matchers give the same results but do not report their
// steps.
type matcher struct {
	program
	left      int // remaining steps
	now, next *threads
}

// threads is a set of instructions that can be emptied in constant time.
type threads struct {
	dense  []uint16
	sparse []uint16
}

func newThreads(n int) *threads { return &threads{make([]uint16, 0, n), make([]uint16, n)} }

func (t *threads) add(pc uint16) (added bool) {
	if at := t.sparse[pc]; int(at) < len(t.dense) && t.dense[at] == pc {
		return false
	}
	t.sparse[pc] = uint16(len(t.dense))
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
			m.follow(m.now, m.start, syntax.EmptyOpContext(before, after))
		}
		if after < 0 {
			return m.ended()
		}
		before = after
		context := syntax.EmptyOpContext(before, following(name[at+size:]))
		m.next.dense = m.next.dense[:0]
		for _, pc := range m.now.dense {
			m.left--
			if i := m.instructions[pc]; m.reads(i, after) {
				m.follow(m.next, i.out, context)
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
		if m.left--; m.instructions[pc].op == matchOp {
			return true
		}
	}
	return false
}

// follow adds to threads the instructions that can be reached from pc without reading a
// character.
func (m *matcher) follow(to *threads, pc uint16, context syntax.EmptyOp) {
	at := len(to.dense)
	for to.add(pc); at < len(to.dense); at++ { // which grows
		m.left--
		switch i := m.instructions[to.dense[at]]; i.op {
		case altOp:
			to.add(i.out)
			to.add(uint16(i.arg))
		case emptyOp:
			if syntax.EmptyOp(i.arg)&^context == 0 {
				to.add(i.out)
			}
		}
	}
}
