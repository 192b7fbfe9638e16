package principal

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// The constructs of java.util.regex that are not kept exactly. The first five are
// not regular; an engine that backtracks can keep them. The others are refused
// whatever the engine.
const (
	constructLookAhead     = "look-ahead"
	constructLookBehind    = "look-behind"
	constructBackReference = "back reference"
	constructPossessive    = "possessive quantifier"
	constructAtomic        = "atomic group"

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
	constructLineBreak      = `repeated \R`
	constructInnerCapture   = "capturing group inside a repeated group without alternatives"
	constructEmptyCapture   = "repeated capturing group that matches nothing but the empty string"
	constructIrregularGroup = "capturing group inside look-around, an atomic group or a possessive repetition"
	constructIrregularEmpty = "repeated group that may match nothing, in a pattern that needs an engine that backtracks"
	constructSize           = "pattern of more than 4096 instructions"
)

// constructs is every construct that is refused, in the order of the constants.
var constructs = [...]string{
	constructLookAhead, constructLookBehind, constructBackReference, constructPossessive, constructAtomic,
	constructPreviousMatch, constructGrapheme, constructCharacterName, constructComments, constructUnicodeFolding,
	constructUnicodeClass, constructFoldedProperty, constructProperty, constructIntersection, constructSurrogate,
	constructRequantified, constructLineBreak, constructInnerCapture, constructEmptyCapture,
	constructIrregularGroup, constructIrregularEmpty, constructSize,
}

// patternError says why a pattern is refused.
type patternError struct {
	offset    int    // in bytes from the start of the pattern
	construct string // one of constructs, or "" if Java refuses the pattern too
	msg       string
}

func (e *patternError) Error() string { return fmt.Sprintf("at %d: %s", e.offset, e.msg) }

// maxNesting bounds the recursion over groups and classes.
const maxNesting = 200

// nodeOp is what a node of a pattern's tree is.
type nodeOp int8

const (
	opEmpty         nodeOp = iota
	opSet                  // one character of set
	opConcat               // subs in order
	opAlternate            // subs, the first that matches preferred
	opRepeat               // subs[0], min to max times
	opGroup                // subs[0], without a group of its own
	opCapture              // subs[0], as group index
	opAssert               // a position
	opLineBreak            // \R
	opLook                 // look-around: subs[0], see behind and negative
	opAtomic               // subs[0], without backtracking into it
	opBackReference        // group index again
)

// quantifier is how a repetition chooses its length.
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
	compiled         *matchSet // of set, once it is asked for
	subs             []*node
	min, max         int // of opRepeat; max is -1 without a bound
	quantifier       quantifier
	optional         bool // opRepeat written as "?": Java backtracks into it in full
	index            int  // of opCapture and opBackReference
	assertion        assertion
	behind, negative bool
	offset           int
}

// token is one character of a pattern. A quoted one means itself.
type token struct {
	r      rune
	quoted bool
	offset int
}

// end is the token after the last.
const end rune = -1

// flags are the inline flags in force.
type flags struct{ fold, unixLines, multiline, dotAll, unicodeCase, unicodeClass bool }

// flagOf returns the flag that a letter stands for.
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

// syntaxTree is a pattern that has been read.
type syntaxTree struct {
	root         *node
	groups       int            // how many capturing groups
	names        map[string]int // of the named ones
	wordBoundary bool           // it holds \b or \B
}

// javaParser reads a pattern in the syntax of java.util.regex, JDK 17, without
// flags.
type javaParser struct {
	tokens []token
	pos    int
	flags  flags
	depth  int
	tree   syntaxTree
}

// parseJavaPattern reads a pattern. The error is a *patternError.
func parseJavaPattern(pattern string) (tree *syntaxTree, err error) {
	p := javaParser{tokens: tokenize(pattern), tree: syntaxTree{names: map[string]int{}}}
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(*patternError)
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

// tokenize splits a pattern into characters and takes \Q…\E out, which quote
// wherever they stand, even inside a class.
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

// fail ends the reading with an error; parseJavaPattern recovers it.
func (p *javaParser) fail(offset int, construct, msg string) {
	if construct != "" {
		msg = construct + ": " + msg
	}
	panic(&patternError{offset, construct, msg})
}

// peek returns the next character if it may have a meaning of its own, 0 if it is
// quoted, end at the end.
func (p *javaParser) peek() rune {
	if t := p.tokens[p.pos]; !t.quoted {
		return t.r
	}
	return 0
}

// peekAt returns what peek would after n more characters.
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

// alternatives reads up to a closing parenthesis or the end.
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

// atom reads one character, class, group or position. It returns nil for (?i)
// and its like, which only set flags.
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
// variant for the line ends in force.
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

// quantified reads the quantifier behind an atom, if there is one.
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

// bounds reads the numbers of {n}, {n,} and {n,m}, up to the closing brace.
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
	if repeat.max >= 0 && repeat.max < repeat.min {
		p.fail(offset, "", "a repetition {n,m} with n greater than m")
	}
}

// group reads a group, from its opening parenthesis.
func (p *javaParser) group() *node {
	p.enter()
	defer func() { p.depth-- }()
	saved := p.flags
	n := &node{op: opGroup, offset: p.offset()}
	p.pos++
	if p.accept('?') {
		if setsFlags := p.groupKind(n); setsFlags {
			return nil
		}
	} else {
		p.capture(n)
	}
	n.subs = []*node{p.alternatives()}
	if !p.accept(')') {
		p.fail(n.offset, "", "a group that is not closed")
	}
	p.flags = saved
	return n
}

func (p *javaParser) capture(n *node) {
	p.tree.groups++
	n.op, n.index = opCapture, p.tree.groups
}

// groupKind reads what stands between "(?" and the content of a group. It reports
// whether there is no content because the group only sets flags.
func (p *javaParser) groupKind(n *node) (setsFlags bool) {
	c := p.peek()
	if c == '<' {
		if next := p.peekAt(1); next == '=' || next == '!' {
			p.pos += 2
			n.op, n.behind, n.negative = opLook, true, next == '!'
			return false
		}
		p.pos++
		p.named(n)
		return false
	}
	switch c {
	case ':':
	case '=', '!':
		n.op, n.negative = opLook, c == '!'
	case '>':
		n.op = opAtomic
	default:
		return p.inlineFlags()
	}
	p.pos++
	return false
}

// named reads the name of a capturing group and the ">" after it.
func (p *javaParser) named(n *node) {
	offset, name := p.offset(), ""
	for c := p.peek(); isASCIILetter(c) || name != "" && c >= '0' && c <= '9'; c = p.peek() {
		name += string(c)
		p.pos++
	}
	if name == "" || !p.accept('>') {
		p.fail(offset, "", "the name of a group is a letter and then letters and digits, all ASCII, and ends with >")
	}
	if _, taken := p.tree.names[name]; taken {
		p.fail(offset, "", "a second group named "+strconv.Quote(name))
	}
	p.capture(n)
	p.tree.names[name] = n.index
}

func isASCIILetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// inlineFlags reads (?i-m) or the start of (?i-m:…).
func (p *javaParser) inlineFlags() (setsFlags bool) {
	on := true
	for {
		offset, c := p.offset(), p.peek()
		p.pos++
		switch flag := p.flags.flagOf(c); {
		case flag != nil:
			*flag = on
		case c == '-' && on:
			on = false
		case c == 'x' && on:
			p.fail(offset, constructComments, "take the white space and the comments out")
		case c == 'x':
		case c == ')':
			return true
		case c == ':':
			return false
		default:
			p.pos--
			p.fail(offset, "", "an unknown kind of group (?…")
		}
	}
}

// escapedAssertions are the positions written with a backslash.
var escapedAssertions = map[rune]assertion{
	'A': assertBegin, 'z': assertEnd, 'Z': assertFinal, 'b': assertWordBoundary, 'B': assertNoWordBoundary,
}

// escape reads what begins with a backslash, outside a class.
func (p *javaParser) escape() *node {
	offset, c := p.offset(), p.peekAt(1)
	if a, ok := escapedAssertions[c]; ok {
		p.pos += 2
		return p.escapedAssertion(a, offset)
	}
	switch {
	case c == 'R':
		p.pos += 2
		return &node{op: opLineBreak, offset: offset}
	case c == 'G':
		p.fail(offset, constructPreviousMatch, "take it out")
	case c == 'X':
		p.fail(offset, constructGrapheme, "match characters instead")
	case c >= '1' && c <= '9', c == 'k':
		p.pos++
		return p.backReference(offset)
	}
	set, r := p.escapedSet()
	if set == nil {
		return p.character(r, offset)
	}
	return &node{op: opSet, set: set, offset: offset}
}

func (p *javaParser) escapedAssertion(a assertion, offset int) *node {
	if a == assertFinal {
		return p.lineAssertion(false, assertFinal, assertFinal, offset)
	}
	if a == assertWordBoundary || a == assertNoWordBoundary {
		if p.peek() == '{' && a == assertWordBoundary {
			p.fail(offset, constructGrapheme, "use \\b")
		}
		if p.flags.unicodeClass {
			p.fail(offset, constructUnicodeClass, "take the U flag out")
		}
		p.tree.wordBoundary = true
	}
	return &node{op: opAssert, assertion: a, offset: offset}
}

// backReference reads \1 or \k<name>, from behind the backslash. More digits belong
// to it as long as there are so many groups before it.
func (p *javaParser) backReference(offset int) *node {
	if p.flags.fold {
		p.fail(offset, constructBackReference, "it cannot be kept under (?i)")
	}
	n := &node{op: opBackReference, offset: offset}
	if p.accept('k') {
		if !p.accept('<') {
			p.fail(offset, "", "\\k must be followed by <name>")
		}
		text := ""
		for c := p.peek(); isASCIILetter(c) || c >= '0' && c <= '9'; c = p.peek() {
			text += string(c)
			p.pos++
		}
		index, ok := p.tree.names[text]
		if !ok || !p.accept('>') {
			p.fail(offset, "", "no group named "+strconv.Quote(text)+" before this reference to it")
		}
		n.index = index
		return n
	}
	n.index = int(p.peek() - '0')
	p.pos++
	for c := p.peek(); c >= '0' && c <= '9' && n.index*10+int(c-'0') <= p.tree.groups; c = p.peek() {
		n.index = n.index*10 + int(c-'0')
		p.pos++
	}
	return n
}

// controlEscapes are the characters written as a backslash and a letter.
var controlEscapes = map[rune]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'a': '\a', 'e': 0x1B}

// escapedSet reads what a backslash begins in or outside a class: a set, or else
// one character.
func (p *javaParser) escapedSet() (runeSet, rune) {
	offset := p.offset()
	p.pos++
	t := p.tokens[p.pos]
	c := t.r
	if t.quoted || c == end {
		p.fail(offset, "", "a backslash with nothing after it")
	}
	p.pos++
	lower := unicode.ToLower(c)
	if set, ok := classEscapes[lower]; ok && isASCIILetter(c) {
		if p.flags.unicodeClass && lower != 'h' && lower != 'v' {
			p.fail(offset, constructUnicodeClass, "list the characters in a class instead")
		}
		if c != lower {
			set = set.complement()
		}
		return set, 0
	}
	if r, ok := controlEscapes[c]; ok {
		return nil, r
	}
	switch c {
	case 'p', 'P':
		set := p.property(offset)
		if c == 'P' {
			set = set.complement()
		}
		return set, 0
	case 'x', 'u', '0', 'c':
		return nil, p.numbered(c, offset)
	case 'N':
		p.fail(offset, constructCharacterName, "write the character itself")
	}
	if isASCIILetter(c) || c >= '1' && c <= '9' {
		p.fail(offset, "", "an escape that Java does not know: \\"+string(c))
	}
	return nil, c
}

// numbered reads the rest of \x41, \x{41}, \u0041, \0101 and \cA.
func (p *javaParser) numbered(kind rune, offset int) rune {
	var r rune
	switch kind {
	case 'c':
		if r = p.tokens[p.pos].r; r == end {
			p.fail(offset, "", "\\c with nothing after it")
		}
		p.pos++
		return r ^ 64
	case '0':
		r = p.octal(offset)
	case 'u':
		r = p.hex(4, offset)
		if r >= 0xD800 && r <= 0xDBFF && p.peek() == '\\' && p.peekAt(1) == 'u' {
			p.pos += 2
			low := p.hex(4, offset)
			if low < 0xDC00 || low > 0xDFFF {
				p.fail(offset, constructSurrogate, "a character above U+FFFF needs both")
			}
			r = 0x10000 + (r-0xD800)<<10 + low - 0xDC00
		}
	case 'x':
		if !p.accept('{') {
			r = p.hex(2, offset)
			break
		}
		digits := 0
		for ; p.peek() != '}'; digits++ {
			if r = r<<4 | p.hex(1, offset); r > unicode.MaxRune {
				p.fail(offset, "", "no character has so large a number")
			}
		}
		if p.pos++; digits == 0 {
			p.fail(offset, "", "\\x{} without a number")
		}
	}
	if r >= 0xD800 && r <= 0xDFFF {
		p.fail(offset, constructSurrogate, "write the whole character")
	}
	return r
}

func (p *javaParser) hex(digits, offset int) rune {
	r := rune(0)
	for range digits {
		c := p.peek()
		n, err := strconv.ParseUint(string(max(c, 0)), 16, 8)
		if err != nil {
			p.fail(offset, "", "a hexadecimal digit is missing")
		}
		r = r<<4 | rune(n)
		p.pos++
	}
	return r
}

// octal reads one to three octal digits, up to 377.
func (p *javaParser) octal(offset int) rune {
	r, digits := rune(0), 0
	for c := p.peek(); digits < 3 && c >= '0' && c <= '7' && (digits < 2 || r <= 0o37); c = p.peek() {
		r = r<<3 | (c - '0')
		digits++
		p.pos++
	}
	if digits == 0 {
		p.fail(offset, "", "\\0 without an octal digit")
	}
	return r
}

// property reads the name of \pL or \p{name}.
func (p *javaParser) property(offset int) runeSet {
	name := ""
	if p.accept('{') {
		for c := p.peek(); c != '}'; c = p.peek() {
			if c <= 0 {
				p.fail(offset, "", "\\p{ must be closed with }")
			}
			name += string(c)
			p.pos++
		}
		p.pos++
	} else if c := p.peek(); c > 0 {
		name = string(c)
		p.pos++
	}
	if p.flags.unicodeClass {
		p.fail(offset, constructUnicodeClass, "list the characters in a class instead")
	}
	if p.flags.fold {
		p.fail(offset, constructFoldedProperty, "put it outside of the reach of (?i)")
	}
	set, ok := propertySet(name)
	if !ok {
		p.fail(offset, constructProperty, strconv.Quote(name)+" is none of them")
	}
	return set
}

// propertySet returns the characters of \p{name}: POSIX classes, general
// categories, also with "Is", and scripts, with "Is". Java takes the names of
// scripts in any case; so does this, as far as it is ASCII.
func propertySet(name string) (runeSet, bool) {
	if set, ok := posixClasses[name]; ok {
		return set, true
	}
	if set, ok := generalCategory(name); ok {
		return set, true
	}
	if len(name) < 2 || name[:2] != "Is" {
		return nil, false
	}
	if set, ok := generalCategory(name[2:]); ok {
		return set, true
	}
	table, ok := unicode.Scripts[name[2:]]
	if !ok {
		return nil, false
	}
	return tableSet(table), true
}

// class reads a class from behind its opening bracket to behind the closing one.
func (p *javaParser) class() runeSet {
	p.enter()
	defer func() { p.depth-- }()
	offset := p.tokens[p.pos-1].offset
	negated := p.accept('^')
	set, items := runeSet{}, 0
	for ; ; items++ {
		switch {
		case p.tokens[p.pos].r == end:
			p.fail(offset, "", "a class that is not closed")
		case p.peek() == ']' && items > 0:
			p.pos++
			if negated {
				set = set.complement()
			}
			return set
		case p.peek() == '&' && p.peekAt(1) == '&':
			if items == 0 {
				p.fail(p.offset(), constructIntersection, "put something before &&")
			}
			p.pos += 2
			set = set.intersect(p.rightOperand())
			continue
		}
		set = set.union(p.classItem())
	}
}

// rightOperand reads what stands between && and the end of the class: one nested
// class, or characters and ranges. Java gives other shapes other meanings than they
// seem to have, and different ones in different releases.
func (p *javaParser) rightOperand() runeSet {
	offset := p.offset()
	if p.accept('[') {
		set := p.class()
		if p.peek() != ']' {
			p.fail(p.offset(), constructIntersection, "close the class here")
		}
		return set
	}
	set := runeSet{}
	if c := p.peek(); c == ']' || c == '^' {
		p.fail(offset, constructIntersection, "put the right side into brackets of its own")
	}
	for p.peek() != ']' {
		if p.tokens[p.pos].r == end {
			p.fail(offset, "", "a class that is not closed")
		}
		if p.peek() == '[' || p.peek() == '&' {
			p.fail(p.offset(), constructIntersection, "put the right side into brackets of its own")
		}
		set = set.union(p.classItem())
	}
	return set
}

// classItem reads a nested class, an escaped set, a range or a character.
func (p *javaParser) classItem() runeSet {
	if p.accept('[') {
		return p.class()
	}
	offset := p.offset()
	set, lo := p.classCharacter()
	if set != nil {
		return set
	}
	hi := lo
	if next := p.peekAt(1); p.peek() == '-' && next != '[' && next != ']' {
		p.pos++
		if p.tokens[p.pos].r == end {
			p.fail(offset, "", "a class that is not closed")
		}
		if set, hi = p.classCharacter(); set != nil || hi < lo {
			p.fail(offset, "", "a range whose end is no character, or one before its start")
		}
	}
	return p.folded(runeRange{lo, hi}, offset)
}

func (p *javaParser) classCharacter() (runeSet, rune) {
	if p.peek() == '\\' {
		if c := p.peekAt(1); c == 'R' || c == 'X' || c == 'b' || c == 'B' || c == 'G' || c == 'k' {
			p.fail(p.offset(), "", "no character of a class: \\"+string(c))
		}
		return p.escapedSet()
	}
	r := p.tokens[p.pos].r
	p.pos++
	return nil, r
}
