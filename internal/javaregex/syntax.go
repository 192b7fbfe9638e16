package javaregex

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// The constructs of java.util.regex that a linear-time program cannot reproduce
// exactly. The first nine are supported with backtracking. The others are always
// refused.
const (
	constructLookAhead     = "look-ahead"
	constructLookBehind    = "look-behind"
	constructBackReference = "back reference"
	constructPossessive    = "possessive quantifier"
	constructAtomic        = "atomic group"
	constructLineBreak     = `repeated \R`
	constructInnerCapture  = "capturing group inside a repeated group without alternatives"
	constructNestedCapture = "capturing group without alternatives that is repeated inside a repeated group"
	constructEmptyCapture  = "repeated capturing group that matches nothing but the empty string"

	constructPreviousMatch  = `\G`
	constructGrapheme       = `\X and \b{g}`
	constructCharacterName  = `\N{…}`
	constructComments       = "comments mode (?x)"
	constructUnicodeFolding = "Unicode case folding, (?iu) and (?iU)"
	constructUnicodeClass   = `\b, \d, \s, \w or \p under (?U)`
	constructFoldedProperty = `\p under (?i)`
	constructProperty       = `\p of a property other than a POSIX class, a general category or a script`
	constructIntersection   = "intersection of classes other than [A&&B]"
	constructSurrogate      = "half of a surrogate pair"
	constructRequantified   = "quantifier without a character, class or group before it"
	constructSize           = "pattern of more than 4096 instructions"
)

// Constructs returns every construct that [Compile] refuses because it cannot reproduce
// it exactly. The first nine are accepted with backtracking.
func Constructs() []string { return slices.Clone(constructs[:]) }

var constructs = [...]string{
	constructLookAhead, constructLookBehind, constructBackReference, constructPossessive, constructAtomic,
	constructLineBreak, constructInnerCapture, constructNestedCapture, constructEmptyCapture,
	constructPreviousMatch, constructGrapheme, constructCharacterName, constructComments, constructUnicodeFolding,
	constructUnicodeClass, constructFoldedProperty, constructProperty, constructIntersection, constructSurrogate,
	constructRequantified, constructSize,
}

// Error is the reason why a pattern is refused.
type Error struct {
	Offset    int    // in bytes from the start of the pattern
	Construct string // one of [Constructs], or "" if Java refuses the pattern too
	Msg       string
}

// Error returns the offset and the reason.
func (e *Error) Error() string { return fmt.Sprintf("at %d: %s", e.Offset, e.Msg) }

// maxNesting bounds the recursion over groups and classes.
const maxNesting = 200

// nodeOp is the kind of a node in a pattern's tree.
type nodeOp int8

const (
	opEmpty         nodeOp = iota
	opSet                  // one character of set
	opConcat               // subs in order
	opAlternate            // subs, the first that matches preferred
	opRepeat               // subs[0], min to max times
	opGroup                // subs[0], without capturing
	opCapture              // subs[0], as group index
	opAssert               // a position
	opLineBreak            // \R
	opLook                 // look-around: subs[0]; see behind and negative
	opAtomic               // subs[0], without backtracking into it
	opBackReference        // the text of group index again
)

// quantifier says which length a repetition prefers.
type quantifier int8

const (
	greedy quantifier = iota
	lazy
	possessive
)

// assertion is a position that an opAssert matches.
type assertion int8

const (
	assertBegin          assertion = iota // \A, and ^ without (?m)
	assertEnd                             // \z
	assertFinal                           // \Z, and $ without (?m)
	assertUnixFinal                       // the same under (?d)
	assertLineBegin                       // ^ under (?m)
	assertUnixLineBegin                   // the same under (?d)
	assertLineEnd                         // $ under (?m)
	assertUnixLineEnd                     // the same under (?d)
	assertWordBoundary                    // \b
	assertNoWordBoundary                  // \B
)

// node is a node of a pattern's tree.
type node struct {
	op               nodeOp
	set              runeSet
	compiled         *matchSet // of set, computed when needed
	subs             []*node
	min, max         int // of opRepeat; max is -1 without a bound
	quantifier       quantifier
	optional         bool // opRepeat "?" or "{0,1}": Java backtracks into it fully
	index            int  // of opCapture and opBackReference
	assertion        assertion
	behind, negative bool
	offset           int
}

// token is one character of a pattern. A quoted one is literal.
type token struct {
	r      rune
	quoted bool
	offset int
}

// end is the token after the last.
const end rune = -1

// flags are the inline flags in force.
type flags struct{ fold, unixLines, multiline, dotAll, unicodeCase, unicodeClass bool }

// flagOf returns the flag for a letter.
func (f *flags) flagOf(letter rune) *bool {
	switch letter {
	case 'i':
		return &f.fold
	case 'd':
		return &f.unixLines
	case 'm':
		return &f.multiline
	case 's':
		return &f.dotAll
	case 'u':
		return &f.unicodeCase
	case 'U':
		return &f.unicodeClass
	}
	return nil
}

// syntaxTree is a parsed pattern.
type syntaxTree struct {
	source       string
	root         *node
	groups       int            // number of capturing groups
	names        map[string]int // of the named groups
	wordBoundary bool           // it holds \b or \B
}

// javaParser parses a pattern in the syntax of java.util.regex, JDK 17, without flags.
type javaParser struct {
	tokens []token
	pos    int
	flags  flags
	depth  int
	tree   syntaxTree
}

// parseJavaPattern parses a pattern. The error is an *Error.
func parseJavaPattern(pattern string) (tree *syntaxTree, err error) {
	p := javaParser{tokens: tokenize(pattern), tree: syntaxTree{source: pattern, names: map[string]int{}}}
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			tree, err = nil, fault
		}
	}()
	p.tree.root = p.alternatives()
	if p.peek() == ')' {
		p.fail(p.offset(), "", "unmatched )")
	}
	return &p.tree, nil
}

// tokenize splits a pattern into characters and removes \Q…\E, which quotes anywhere,
// even inside a class.
func tokenize(pattern string) []token {
	var tokens []token
	quoted := false
	for i := 0; i < len(pattern); {
		r, size := utf8.DecodeRuneInString(pattern[i:])
		next := byte(0)
		if r == '\\' && i+1 < len(pattern) {
			next = pattern[i+1]
		}
		switch {
		case quoted && next == 'E':
			quoted = false
			i += 2
			continue
		case !quoted && next == 'Q':
			quoted = true
			i += 2
			continue
		}
		tokens = append(tokens, token{r, quoted, i})
		i += size
		if !quoted && next != 0 { // an escaped backslash must not begin a quotation
			r, size = utf8.DecodeRuneInString(pattern[i:])
			tokens = append(tokens, token{r, false, i})
			i += size
		}
	}
	return append(tokens, token{end, false, len(pattern)})
}

// fail stops the parser with an error; parseJavaPattern recovers it.
func (p *javaParser) fail(offset int, construct, msg string) {
	if construct != "" {
		msg = construct + ": " + msg
	}
	panic(&Error{offset, construct, msg})
}

// peek returns the next character if it may have a special meaning, 0 if it is quoted,
// end at the end.
func (p *javaParser) peek() rune {
	if t := p.tokens[p.pos]; !t.quoted {
		return t.r
	}
	return 0
}

// peekAt returns what peek would return after n more characters.
func (p *javaParser) peekAt(n int) rune {
	if i := p.pos + n; i < len(p.tokens) && !p.tokens[i].quoted {
		return p.tokens[i].r
	} else if i < len(p.tokens) {
		return 0
	}
	return end
}

func (p *javaParser) offset() int { return p.tokens[p.pos].offset }

func (p *javaParser) accept(r rune) bool {
	if p.peek() == r {
		p.pos++
		return true
	}
	return false
}

func (p *javaParser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.fail(p.offset(), "", fmt.Sprintf("groups and classes are nested more than %d deep", maxNesting))
	}
}

// alternatives parses up to a closing parenthesis or the end.
func (p *javaParser) alternatives() *node {
	offset := p.offset()
	subs := []*node{p.sequence()}
	for p.accept('|') {
		subs = append(subs, p.sequence())
	}
	if len(subs) == 1 {
		return subs[0]
	}
	return &node{op: opAlternate, subs: subs, offset: offset}
}

func (p *javaParser) sequence() *node {
	sequence := &node{op: opConcat, offset: p.offset()}
	for {
		switch p.peek() {
		case end, '|', ')':
			return sequence
		case '*', '+', '?':
			p.fail(p.offset(), "", fmt.Sprintf("nothing before %q to repeat", string(p.peek())))
		case '{':
			p.fail(p.offset(), constructRequantified, "write \\{ for the character")
		}
		if atom := p.atom(); atom != nil {
			sequence.subs = append(sequence.subs, p.quantified(atom))
		}
	}
}

// atom parses one character, class, group or position. It returns nil for constructs
// such as (?i), which only set flags.
func (p *javaParser) atom() *node {
	offset := p.offset()
	switch p.peek() {
	case '(':
		return p.group()
	case '[':
		p.pos++
		return &node{op: opSet, set: p.class(), offset: offset}
	case '\\':
		return p.escape()
	case '.':
		p.pos++
		return &node{op: opSet, set: p.dot(), offset: offset}
	case '^':
		p.pos++
		return p.lineAssertion(p.flags.multiline, assertBegin, assertLineBegin, offset)
	case '$':
		p.pos++
		return p.lineAssertion(p.flags.multiline, assertFinal, assertLineEnd, offset)
	}
	r := p.tokens[p.pos].r
	p.pos++
	return p.character(r, offset)
}

// lineAssertion returns the assertion for the whole text or for each line, in the
// variant for the current line ends.
func (p *javaParser) lineAssertion(multiline bool, text, line assertion, offset int) *node {
	a := text
	if multiline {
		a = line
	}
	if p.flags.unixLines && a != assertBegin {
		a++ // the variant for (?d) follows each
	}
	return &node{op: opAssert, assertion: a, offset: offset}
}

func (p *javaParser) dot() runeSet {
	switch {
	case p.flags.dotAll:
		return runeSet{{0, unicode.MaxRune}}
	case p.flags.unixLines:
		return runeSet{{'\n', '\n'}}.complement()
	}
	return lineTerminators.complement()
}

// character returns a node for one character, in both cases under (?i).
func (p *javaParser) character(r rune, offset int) *node {
	return &node{op: opSet, set: p.folded(runeRange{r, r}, offset), offset: offset}
}

func (p *javaParser) folded(r runeRange, offset int) runeSet {
	set := runeSet{r}
	if !p.flags.fold {
		return set
	}
	if p.flags.unicodeCase || p.flags.unicodeClass {
		p.fail(offset, constructUnicodeFolding, "list the characters in a class instead")
	}
	return set.foldASCII()
}

// quantified parses the optional quantifier after an atom.
func (p *javaParser) quantified(atom *node) *node {
	offset := p.offset()
	repeat := &node{op: opRepeat, subs: []*node{atom}, max: -1, offset: offset}
	switch p.peek() {
	case '?':
		repeat.max, repeat.optional = 1, true
	case '*':
	case '+':
		repeat.min = 1
	case '{':
		p.pos++
		p.bounds(repeat)
		p.pos-- // stay on the brace
	default:
		return atom
	}
	p.pos++
	if p.accept('?') {
		repeat.quantifier = lazy
	} else if p.accept('+') {
		repeat.quantifier = possessive
	}
	if c := p.peek(); c == '{' {
		p.fail(p.offset(), constructRequantified, "put the repetition before it into a group (?:…)")
	}
	if atom.op == opLineBreak {
		p.fail(offset, constructLineBreak, "list the line breaks instead, as in (?:\\r\\n|\\n)")
	}
	return repeat
}

// bounds parses the numbers of {n}, {n,} and {n,m}, up to the closing brace.
func (p *javaParser) bounds(repeat *node) {
	offset := p.offset()
	number := func() int {
		n, digits := 0, 0
		for ; p.peek() >= '0' && p.peek() <= '9'; digits++ {
			n = min(n*10+int(p.peek()-'0'), maxProgram+1)
			p.pos++
		}
		if digits == 0 {
			p.fail(p.offset(), "", "a repetition {n}, {n,} or {n,m} needs a number here; write \\{ for the character")
		}
		return n
	}
	repeat.min = number()
	repeat.max = repeat.min
	if p.accept(',') {
		repeat.max = -1
		if p.peek() != '}' {
			repeat.max = number()
		}
	}
	if !p.accept('}') {
		p.fail(p.offset(), "", "a repetition {n}, {n,} or {n,m} must be closed here")
	}
	repeat.optional = repeat.min == 0 && repeat.max == 1
	if repeat.max >= 0 && repeat.max < repeat.min {
		p.fail(offset, "", "a repetition {n,m} with n greater than m")
	}
}
