package principal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// PatternEngine compiles patterns that only backtracking can match, for
// [ParseSSLRules]. Package javaregexp, a module of its own, has one.
//
// The pattern it is handed is no longer Java's: what Java means by ".", "$", "\b",
// classes and flags has been spelled out, so that only literals, classes of ranges,
// alternatives, groups by number, greedy and lazy repetitions, look-around, atomic
// groups "(?>", back references by number, \A and \z are left, in the syntax that
// Perl, .NET and Java share.
//
// What it returns must be safe for concurrent use.
type PatternEngine func(pattern string) (PatternSearch, error)

// PatternSearch is a pattern that a [PatternEngine] compiled. It begins to search a
// text.
//
// The function that it returns looks for the leftmost match that begins at the
// character from or later, and returns the first and last character (the latter
// excluded) of the match and of each group, -1 for one that took no part, or nil if
// there is no match. It is called once for each match of the text, from left to right,
// and must return an error rather than let these calls together run for long.
type PatternSearch func(text []rune) (find func(from int) (groups []int, err error))

// needsBacktracking reports whether a construct is one that a PatternEngine can keep.
func needsBacktracking(construct string) bool {
	switch construct {
	case constructLookAhead, constructLookBehind, constructBackReference, constructPossessive, constructAtomic:
		return true
	}
	return false
}

// foreignSearch is a pattern compiled by a PatternEngine.
type foreignSearch struct {
	whole, search PatternSearch
	groups        int
}

// compileForeign spells a pattern out for an engine and compiles it twice: to match
// the whole text, and to search.
func compileForeign(tree *syntaxTree, engine PatternEngine) (*foreignSearch, error) {
	speller := speller{groups: tree.groups}
	pattern, err := speller.spell(tree.root)
	if err != nil {
		return nil, err
	}
	if len(pattern) > maxSpelled {
		return nil, &patternError{0, constructSize, constructSize + ": make its repetitions shorter"}
	}
	f := &foreignSearch{groups: tree.groups}
	if f.search, err = engine(pattern); err == nil {
		f.whole, err = engine(`\A(?:` + pattern + `)\z`)
	}
	if err != nil {
		return nil, &patternError{msg: "the engine for patterns that backtrack refuses it: " + err.Error()}
	}
	return f, nil
}

// maxSpelled bounds what is handed to an engine. A class of letters of all scripts
// takes some 5 KiB.
const maxSpelled = 1 << 18

func (f *foreignSearch) matches(text string) (bool, error) {
	groups, err := f.whole([]rune(text))(0)
	return groups != nil && err == nil, err
}

func (f *foreignSearch) rewriteWhole(w *rewriter) (string, bool, error) {
	if matched, err := f.matches(w.text); err != nil || !matched {
		return "", false, err
	}
	result, err := f.replace(w, true)
	return result, true, err
}

// replace replaces the first match, or all. A search that Java would begin inside a
// character above U+FFFF cannot be put to an engine that knows whole characters only,
// so that it is an error.
func (f *foreignSearch) replace(w *rewriter, all bool) (string, error) {
	text := []rune(w.text)
	offsets := make([]int32, 0, len(text)+1)
	for offset := range w.text {
		offsets = append(offsets, int32(offset))
	}
	offsets = append(offsets, int32(len(w.text)))
	slots := make([]int32, 2+2*f.groups)
	find := f.search(text)
	for from := 0; from <= len(text); {
		groups, err := find(from)
		if err != nil {
			return "", err
		}
		skipped := text[from:]
		if groups != nil {
			if len(groups) != len(slots) {
				return "", fmt.Errorf("the engine returned %d groups, not %d", len(groups)/2, len(slots)/2)
			}
			skipped = text[from:groups[0]]
		}
		if slices.ContainsFunc(skipped, func(r rune) bool { return r > 0xFFFF }) {
			return "", errInsideCharacter
		}
		if groups == nil {
			break
		}
		for i, at := range groups {
			slots[i] = -1
			if at >= 0 {
				slots[i] = offsets[at]
			}
		}
		if err := w.add(slots); err != nil {
			return "", err
		}
		if from = groups[1]; groups[0] == groups[1] {
			if from < len(text) && text[from] > 0xFFFF {
				return "", errInsideCharacter
			}
			from++
		}
		if !all {
			break
		}
	}
	return w.finish()
}

var errInsideCharacter = errors.New("it is looked for inside a character above U+FFFF, which only Java's engine can do")

// speller writes a syntax tree in the syntax that engines share.
type speller struct {
	groups int
	size   int // bytes written so far, to stop in time
}

// spelledWord is what \b looks for.
const spelledWord = `[0-9A-Z_a-z]`

// spelledAssertions are the positions, by what look-around sees there.
var spelledAssertions = map[assertion]string{
	assertBegin:          `\A`,
	assertEnd:            `\z`,
	assertUnixFinal:      `(?=\n?\z)`,
	assertFinal:          `(?:(?=\r\n\z|[\r\u0085\u2028\u2029]\z|\z)|(?<!\r)(?=\n\z))`,
	assertUnixLineEnd:    `(?=\n|\z)`,
	assertLineEnd:        `(?:(?=[\r\u0085\u2028\u2029]|\z)|(?<!\r)(?=\n))`,
	assertUnixLineBegin:  `(?!\z)(?:\A|(?<=\n))`,
	assertLineBegin:      `(?!\z)(?:\A|(?<=[\n\u0085\u2028\u2029])|(?<=\r)(?!\n))`,
	assertWordBoundary:   `(?:(?<=` + spelledWord + `)(?!` + spelledWord + `)|(?<!` + spelledWord + `)(?=` + spelledWord + `))`,
	assertNoWordBoundary: `(?:(?<=` + spelledWord + `)(?=` + spelledWord + `)|(?<!` + spelledWord + `)(?!` + spelledWord + `))`,
}

func (s *speller) spell(n *node) (string, error) {
	if (n.op == opLook || n.isAtomic()) && captures(n.subs[0]) { // Java leaves such a group set when the part fails
		return "", &patternError{n.offset, constructIrregularGroup, constructIrregularGroup + ": make it (?:…)"}
	}
	switch n.op {
	case opSet:
		return spelledSet(n.set), nil
	case opAssert:
		return spelledAssertions[n.assertion], nil
	case opLineBreak:
		return `(?:\r\n|[\n-\r\u0085\u2028\u2029])`, nil
	case opBackReference:
		if n.index > s.groups { // Java lets such a reference stand; it never matches
			return `(?!)`, nil
		}
		return fmt.Sprintf(`(?:\%d)`, n.index), nil
	}
	separator := ""
	if n.op == opAlternate {
		separator = "|"
	}
	var subs []string
	for _, sub := range n.subs {
		text, err := s.spell(sub)
		if err != nil {
			return "", err
		}
		if s.size += len(text); s.size > maxSpelled {
			return "", &patternError{n.offset, constructSize, constructSize + ": spelled out, it is too long"}
		}
		subs = append(subs, text)
	}
	return s.wrap(n, strings.Join(subs, separator))
}

// wrap puts the spelling of a node's parts into a group of its kind.
func (s *speller) wrap(n *node, body string) (string, error) {
	switch n.op {
	case opCapture:
		return "(" + body + ")", nil
	case opAtomic:
		return "(?>" + body + ")", nil
	case opRepeat:
		return s.repeat(n, body)
	case opLook:
		return s.look(n, body)
	}
	return "(?:" + body + ")", nil
}

func (s *speller) repeat(n *node, body string) (string, error) {
	sub := n.subs[0]
	if !n.optional && sub.zeroWidth() && (!isGroup(sub) || deterministic(sub)) {
		if n.min == 0 {
			return "(?:)", nil
		}
		return body, nil
	}
	if sub.nullable() && !n.optional {
		return "", &patternError{n.offset, constructIrregularEmpty, constructIrregularEmpty + ": engines disagree on it"}
	}
	bound := fmt.Sprintf("{%d,%d}", n.min, n.max)
	if n.max < 0 {
		bound = fmt.Sprintf("{%d,}", n.min)
	}
	body = "(?:" + body + ")" + bound
	switch n.quantifier {
	case lazy:
		body += "?"
	case possessive:
		body = "(?>" + body + ")"
	}
	return body, nil
}

// isAtomic reports whether Java does not backtrack into n.
func (n *node) isAtomic() bool {
	return n.op == opAtomic || n.op == opRepeat && n.quantifier == possessive
}

func holdsAtomic(n *node) bool { return n.isAtomic() || slices.ContainsFunc(n.subs, holdsAtomic) }

// look spells look-around. Java refuses to look behind for most of what has no
// greatest length. What is matched from right to left by some engines must not
// depend on the direction.
func (s *speller) look(n *node, body string) (string, error) {
	kind := "="
	if n.negative {
		kind = "!"
	}
	if n.behind {
		if !bounded(n.subs[0]) {
			return "", &patternError{n.offset, constructLookBehind, constructLookBehind + ": what it looks for must have a greatest length"}
		}
		if holdsAtomic(n.subs[0]) {
			return "", &patternError{n.offset, constructLookBehind, constructLookBehind + ": what it looks for must not be atomic or possessive"}
		}
		kind = "<" + kind
	}
	return "(?" + kind + body + ")", nil
}

// bounded reports whether what n matches has a greatest length that Java sees: it
// does not for a repeated group that has alternatives.
func bounded(n *node) bool {
	switch n.op {
	case opBackReference:
		return false
	case opRepeat:
		if n.max < 0 || !n.optional && isGroup(n.subs[0]) && !deterministic(n.subs[0]) {
			return false
		}
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !bounded(sub) })
}

// spelledSet spells a class of ranges. Characters above U+FFFF stand for themselves,
// the others as \uXXXX, which no syntax takes for anything else.
func spelledSet(set runeSet) string {
	if len(set) == 0 {
		return `(?!)`
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range set {
		writeSpelled(&b, r.lo)
		if r.hi > r.lo {
			b.WriteByte('-')
			writeSpelled(&b, r.hi)
		}
	}
	b.WriteByte(']')
	return b.String()
}

func writeSpelled(b *strings.Builder, r rune) {
	if r > 0xFFFF && utf8.ValidRune(r) {
		b.WriteRune(r)
		return
	}
	fmt.Fprintf(b, `\u%04x`, r)
}
