package javaregex

import "slices"

// maxProgram is the maximum number of instructions of a pattern. It bounds the
// expansion of a repetition such as (a{100}){100}, and thus the memory for a match: one
// bit for each instruction that chooses and each byte of the text.
const maxProgram = 4096

// instructionOp is the kind of an instruction.
type instructionOp int8

const (
	doSet     instructionOp = iota // one character of set
	doLiteral                      // the text
	doSplit                        // try out, then alt
	doJump                         // continue at out
	doSave                         // store the position in slot
	doAssert                       // a position
	doGreedy                       // characters of set, as many as possible
	doLazy                         // characters of set, as few as possible
	doMatch                        // the end of the pattern
)

// instruction is one step of a program.
type instruction struct {
	op        instructionOp
	assertion assertion
	out, alt  int32     // the next instruction; for doSplit the second choice
	arg       int32     // the slot of doSave; the bit of an instruction that chooses
	set       *matchSet // of doSet, doGreedy and doLazy
	follow    *matchSet // of doGreedy and doLazy: the characters that must follow; nil if unknown
	text      string    // of doLiteral
}

// chooses reports whether an instruction has several continuations. The Matcher marks
// those instructions.
func (i *instruction) chooses() bool {
	return i.op == doSplit || i.op == doGreedy || i.op == doLazy
}

// program is a pattern compiled for [Matcher].
type program struct {
	code    []instruction
	slots   int // two for each group and for the whole match
	choices int // number of instructions that choose
}

// compiler translates a syntax tree into a program, which tries alternatives in the
// order of java.util.regex.
type compiler struct {
	program
	// plain forbids doGreedy and doLazy: in the body of a repetition that may match the
	// empty string, each instruction takes at most one character.
	plain bool
}

// compileProgram compiles a tree. A construct that is not regular or not supported is
// an *Error.
func compileProgram(tree *syntaxTree) (*program, error) {
	if err := checkKept(tree.root); err != nil {
		return nil, err
	}
	if err := checkRegular(tree.root); err != nil {
		return nil, err
	}
	c := compiler{program: program{slots: 2 + 2*tree.groups}}
	c.node(tree.root)
	c.emit(instruction{op: doMatch})
	if len(c.code) > maxProgram {
		return nil, &Error{0, constructSize, constructSize + ": make its repetitions shorter"}
	}
	c.number()
	return &c.program, nil
}

// irregular are the constructs for which a program has no instructions.
var irregular = map[nodeOp]string{opAtomic: constructAtomic, opBackReference: constructBackReference}

// checkRegular returns an error for the first construct that needs backtracking.
func checkRegular(n *node) error {
	construct := irregular[n.op]
	switch {
	case n.op == opLook && n.behind:
		construct = constructLookBehind
	case n.op == opLook:
		construct = constructLookAhead
	case n.op == opRepeat && n.quantifier == possessive:
		construct = constructPossessive
	}
	if construct != "" {
		return &Error{n.offset, construct, construct + ": it needs backtracking, see DefaultMaxSteps"}
	}
	for _, sub := range n.subs {
		if err := checkRegular(sub); err != nil {
			return err
		}
	}
	return nil
}

// checkKept returns an error for constructs that Java matches in a way that a
// linear-time program cannot reproduce. Java compiles the repetition of a group whose
// body has only one way to match into a special loop. The loop does not restore the
// groups inside when it gives an iteration back. It leaves its own group unset when it
// matches the empty string. It sets the group again after everything that follows has
// matched, including later iterations of an outer repetition. In the loop, \R never
// gives up the second half of "\r\n".
func checkKept(n *node) error { return checkKeptIn(n, false) }

// checkKeptIn is checkKept for a part of a pattern; repeated says that an enclosing
// group is repeated.
func checkKeptIn(n *node, repeated bool) error {
	if n.op == opRepeat && !n.optional && isGroup(n.subs[0]) && deterministic(n.subs[0]) {
		body := n.subs[0]
		if captures(body.subs[0]) {
			return &Error{body.offset, constructInnerCapture, constructInnerCapture + ": make one of the groups (?:…)"}
		}
		if repeated && body.op == opCapture && n.quantifier == greedy && n.min != n.max {
			return &Error{body.offset, constructNestedCapture, constructNestedCapture + ": put the repetition into the group, or make it (?:…)"}
		}
		if body.op == opCapture && body.nullable() {
			return &Error{body.offset, constructEmptyCapture, constructEmptyCapture + ": take the repetition out"}
		}
		if containsLineBreak(body) {
			return &Error{body.offset, constructLineBreak, constructLineBreak + ": list the line breaks instead, as in (?:\\r\\n|\\n)"}
		}
	}
	repeated = repeated || n.op == opRepeat && !n.optional
	for _, sub := range n.subs {
		if err := checkKeptIn(sub, repeated); err != nil {
			return err
		}
	}
	return nil
}

func isGroup(n *node) bool { return n.op == opGroup || n.op == opCapture }

// deterministic reports whether Java considers n to have only one way to match: no
// alternatives and no repetition of variable length.
func deterministic(n *node) bool {
	switch n.op {
	case opAlternate, opBackReference:
		return false
	case opRepeat:
		if n.optional || n.min != n.max {
			return false
		}
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !deterministic(sub) })
}

func captures(n *node) bool { return n.op == opCapture || slices.ContainsFunc(n.subs, captures) }

func containsLineBreak(n *node) bool {
	return n.op == opLineBreak || slices.ContainsFunc(n.subs, containsLineBreak)
}

// nullable reports whether n may match the empty string.
func (n *node) nullable() bool {
	switch n.op {
	case opSet, opLineBreak:
		return false
	case opAlternate:
		return slices.ContainsFunc(n.subs, (*node).nullable)
	case opRepeat:
		return n.min == 0 || n.subs[0].nullable()
	case opLook, opBackReference:
		return true
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !sub.nullable() })
}

// zeroWidth reports whether n can match only the empty string.
func (n *node) zeroWidth() bool {
	switch n.op {
	case opSet, opLineBreak, opBackReference:
		return false
	case opLook:
		return true
	case opRepeat:
		return n.max == 0 || n.subs[0].zeroWidth()
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !sub.zeroWidth() })
}

// emit appends an instruction that continues with the next one, and returns its index.
// Beyond the limit it appends nothing, so that the work is bounded.
func (c *compiler) emit(i instruction) int32 {
	at := int32(len(c.code))
	if len(c.code) > maxProgram {
		return at - 1
	}
	i.out = at + 1
	c.code = append(c.code, i)
	return at
}

func (c *compiler) here() int32 { return int32(len(c.code)) }

// node emits the instructions of n, which continue with what is emitted next.
func (c *compiler) node(n *node) {
	if len(c.code) > maxProgram {
		return
	}
	switch n.op {
	case opSet:
		c.emit(instruction{op: doSet, set: n.matchSet()})
	case opConcat:
		c.concat(n.subs)
	case opAlternate:
		c.alternate(n.subs)
	case opRepeat:
		c.repeat(n)
	case opGroup:
		c.node(n.subs[0])
	case opCapture:
		c.emit(instruction{op: doSave, arg: int32(2 * n.index)})
		c.node(n.subs[0])
		c.emit(instruction{op: doSave, arg: int32(2*n.index + 1)})
	case opAssert:
		c.emit(instruction{op: doAssert, assertion: n.assertion})
	case opLineBreak:
		crlf := &node{op: opConcat, subs: []*node{
			{op: opSet, set: runeSet{{'\r', '\r'}}}, {op: opSet, set: runeSet{{'\n', '\n'}}}}}
		c.alternate([]*node{crlf, {op: opSet, set: classEscapes['v']}})
	}
}

// concat emits nodes in order, and joins single characters to literals.
func (c *compiler) concat(subs []*node) {
	for i := 0; i < len(subs); {
		text := ""
		for ; i < len(subs) && !c.plain && subs[i].isCharacter(); i++ {
			text += string(subs[i].set[0].lo)
		}
		if text != "" {
			c.emit(instruction{op: doLiteral, text: text})
			continue
		}
		c.node(subs[i])
		i++
	}
}

// matchSet returns the set of an opSet. It is built only once.
func (n *node) matchSet() *matchSet {
	if n.compiled == nil {
		n.compiled = newMatchSet(n.set)
	}
	return n.compiled
}

func (n *node) isCharacter() bool {
	return n.op == opSet && len(n.set) == 1 && n.set[0].lo == n.set[0].hi
}

func (c *compiler) alternate(subs []*node) {
	var jumps []int32
	for _, sub := range subs[:len(subs)-1] {
		split := c.emit(instruction{op: doSplit})
		c.node(sub)
		jumps = append(jumps, c.emit(instruction{op: doJump}))
		c.code[split].alt = c.here()
	}
	c.node(subs[len(subs)-1])
	for _, jump := range jumps {
		c.code[jump].out = c.here()
	}
}

// repeat emits the required copies of the body and then the optional ones.
func (c *compiler) repeat(n *node) {
	body := n.subs[0]
	switch {
	case !n.optional && body.zeroWidth() && (!isGroup(body) || deterministic(body)):
		if n.min > 0 { // repeating a position changes nothing
			c.node(body)
		}
		return
	case body.op == opSet && n.max < 0 && !c.plain:
		for range n.min {
			c.node(body)
		}
		op := doGreedy
		if n.quantifier == lazy {
			op = doLazy
		}
		c.emit(instruction{op: op, set: body.matchSet()})
		return
	}
	if body.nullable() && !n.optional && n.max != 0 {
		c.repeatNullable(n)
		return
	}
	for range n.min {
		c.node(body)
	}
	if n.max < 0 {
		split := c.emit(instruction{op: doSplit})
		c.node(body)
		c.code[c.emit(instruction{op: doJump})].out = split
		c.branch(split, split+1, c.here(), n.quantifier)
		return
	}
	var splits []int32
	for i := n.min; i < n.max && len(c.code) <= maxProgram; i++ {
		splits = append(splits, c.emit(instruction{op: doSplit}))
		c.node(body)
	}
	for _, split := range splits {
		c.branch(split, split+1, c.here(), n.quantifier)
	}
}

// branch sets the two continuations of a split: into the body first if greedy,
// otherwise out first.
func (c *compiler) branch(split, body, exit int32, q quantifier) {
	if int(split) >= len(c.code) {
		return
	}
	if q == lazy {
		body, exit = exit, body
	}
	c.code[split].out, c.code[split].alt = body, exit
}

// repeatNullable emits a repetition whose body may match the empty string. Java ends it
// after an iteration that matched the empty string, and keeps the groups captured in
// that iteration. So each iteration is emitted twice. The first copy is used while no
// character has been consumed; it ends by leaving the repetition. The second copy is
// used after a character; it ends by starting the next iteration.
func (c *compiler) repeatNullable(n *node) {
	plain := c.plain
	c.plain = true
	defer func() { c.plain = plain }()
	var exits, splits []int32
	iteration := func() {
		begin := c.here()
		c.node(n.subs[0])
		middle := c.emit(instruction{op: doJump})
		exits = append(exits, middle)
		shift := c.here() - begin
		c.node(n.subs[0])
		for i := begin; i < middle && i < c.here(); i++ {
			if c.code[i].op == doSet {
				c.code[i].out += shift
			}
		}
	}
	for i := 0; i < n.min && len(c.code) <= maxProgram; i++ {
		iteration()
	}
	if n.max < 0 {
		split := c.emit(instruction{op: doSplit})
		iteration()
		c.code[c.emit(instruction{op: doJump})].out = split
		splits = append(splits, split)
	}
	for i := n.min; i < n.max && len(c.code) <= maxProgram; i++ {
		splits = append(splits, c.emit(instruction{op: doSplit}))
		iteration()
	}
	for _, split := range splits {
		c.branch(split, split+1, c.here(), n.quantifier)
	}
	for _, exit := range exits {
		c.code[exit].out = c.here()
	}
}

// number assigns a bit to each instruction that chooses, and the following characters
// to each span.
func (c *compiler) number() {
	for i := range c.code {
		in := &c.code[i]
		if !in.chooses() {
			continue
		}
		in.arg = int32(c.choices)
		c.choices++
		if in.op != doSplit {
			in.follow = c.follow(in.out)
		}
	}
}

// follow returns the set of characters that an instruction can start with, or nil if it
// does not begin with a character.
func (c *compiler) follow(at int32) *matchSet {
	for {
		switch in := &c.code[at]; in.op {
		case doSave, doJump:
			at = in.out
		case doSet:
			return in.set
		case doLiteral:
			for _, r := range in.text {
				return newMatchSet(runeSet{{r, r}})
			}
		default:
			return nil
		}
	}
}
