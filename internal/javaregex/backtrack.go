package javaregex

import (
	"errors"
	"slices"
	"unicode/utf16"
)

// maxDepth is the maximum depth of recursion in a match: each level takes about 150
// bytes of stack. Java's stack overflows earlier.
const maxDepth = 1 << 16

// Reasons why a backtracking match was stopped.
var (
	errTooManySteps = errors.New("the match takes too many steps: write the pattern so that it has fewer ways to match")
	errTooDeep      = errors.New("the match recurses too deeply: write the pattern so that it repeats characters instead of groups")
	errBackwards    = errors.New("a group ends before it begins, for which Java has no answer")
)

// Reasons why a search was stopped.
var (
	errInsideCharacter = errors.New("it matches inside a character above U+FFFF, where only some releases of Java look")
)

// backtrackProgram is a pattern compiled for [backtracker].
type backtrackProgram struct {
	start    backtrackStep
	groups   int // number of capturing groups
	locals   int // number of positions and counters in the steps
	maxSteps int
}

// backtracker runs a backtrackProgram on a text. It works like java.util.regex, in the
// same order and with the same state, so that it also has the same quirks: which groups
// stay set, and where a repetition does not backtrack.
//
// Positions are UTF-16 units, as in Java.
type backtracker struct {
	program *backtrackProgram
	text    []uint16
	offsets []int32 // byte offset of each unit; that of the second half of a pair is its third byte
	lines   Matcher // uses byte positions
	slots   []int   // begin and end of each group, with the whole match first; -1 if the group did not participate
	locals  []int
	last    int  // end of the last match of a part
	behind  int  // where the innermost look-behind must end
	whole   bool // only a match up to the end of the text counts
	steps   int  // remaining steps
	depth   int
}

func newBacktracker(p *backtrackProgram, text string) *backtracker {
	b := &backtracker{
		program: p, lines: Matcher{text: text}, steps: p.maxSteps,
		slots: make([]int, 2+2*p.groups), locals: make([]int, p.locals),
		text: make([]uint16, 0, len(text)), offsets: make([]int32, 0, len(text)+1),
	}
	for offset, r := range text {
		b.text = utf16.AppendRune(b.text, r)
		b.offsets = append(b.offsets, int32(offset))
		if r > 0xFFFF {
			b.offsets = append(b.offsets, int32(offset)+2)
		}
	}
	b.offsets = append(b.offsets, int32(len(text)))
	return b
}

// guard returns the error of a match that was stopped. It is deferred.
func (b *backtracker) guard(err *error) {
	switch fault := recover(); fault {
	case nil:
	case errTooManySteps, errTooDeep, errBackwards:
		*err = fault.(error)
	default:
		panic(fault)
	}
}

func (b *backtracker) reset(whole bool) {
	b.whole, b.depth = whole, 0
	b.spend(len(b.slots) + len(b.locals))
	for i := range b.slots {
		b.slots[i] = -1
	}
	for i := range b.locals {
		b.locals[i] = -1
	}
}

// matches reports whether the pattern matches the whole text.
func (b *backtracker) matches() (matched bool, err error) {
	defer b.guard(&err)
	b.reset(true)
	return b.program.start.match(b, 0), nil
}

// find searches for the next match that begins at unit from or later, and reports
// whether there is one. The slots are then its groups.
func (b *backtracker) find(from int) (found bool, err error) {
	defer b.guard(&err)
	b.reset(false)
	for at := from; at <= len(b.text); at++ {
		if b.program.start.match(b, at) {
			b.slots[0], b.slots[1] = at, b.last
			return true, nil
		}
		if b.isPair(at) {
			if at++; b.differsInside(at) {
				return false, errInsideCharacter
			}
		}
	}
	return false, nil
}

// differsInside reports whether the result depends on whether a search tries the second
// unit of a character. In Java this depends on the release and on the classes in the
// pattern.
func (b *backtracker) differsInside(at int) bool {
	b.spend(len(b.slots))
	slots := slices.Clone(b.slots)
	return b.program.start.match(b, at) || !slices.Equal(slots, b.slots)
}

// isPair reports whether a character above U+FFFF begins at a unit.
func (b *backtracker) isPair(at int) bool {
	return at+1 < len(b.text) && b.text[at]&0xFC00 == 0xD800 && b.text[at+1]&0xFC00 == 0xDC00
}

// runeAt returns the character that begins at a unit, or half of one inside it, and its
// length in units.
func (b *backtracker) runeAt(at int) (rune, int) {
	if b.isPair(at) {
		return utf16.DecodeRune(rune(b.text[at]), rune(b.text[at+1])), 2
	}
	return rune(b.text[at]), 1
}

// before returns the unit at which the character before at begins.
func (b *backtracker) before(at int) int {
	if at >= 2 && b.isPair(at-2) {
		return at - 2
	}
	return at - 1
}

// spend counts steps.
func (b *backtracker) spend(steps int) {
	if b.steps -= steps; b.steps < 0 {
		panic(errTooManySteps)
	}
}

// run counts a step and executes it.
func (b *backtracker) run(s backtrackStep, at int) bool {
	b.spend(1)
	if b.depth++; b.depth > maxDepth {
		panic(errTooDeep)
	}
	matched := s.match(b, at)
	b.depth--
	return matched
}

// compileBacktracking compiles a tree for backtracker.
func compileBacktracking(tree *syntaxTree, maxSteps int) (*backtrackProgram, error) {
	c := backtrackCompiler{tree: tree}
	start := c.node(tree.root, &endStep{})
	if c.err != nil {
		return nil, c.err
	}
	return &backtrackProgram{start, tree.groups, c.locals, maxSteps}, nil
}

func hasSupplementary(text string) bool {
	for _, r := range text {
		if r > 0xFFFF {
			return true
		}
	}
	return false
}

// rewriteWhole is [Pattern.RewriteWhole] with backtracking.
func (p *backtrackProgram) rewriteWhole(w *Rewriter) (string, bool, error) {
	b := newBacktracker(p, w.Text)
	if matched, err := b.matches(); err != nil || !matched {
		return "", false, err
	}
	result, err := b.replace(w, true)
	return result, true, err
}

// replace replaces the first match, or all.
func (b *backtracker) replace(w *Rewriter, all bool) (string, error) {
	slots := make([]int32, len(b.slots))
	for from := 0; from <= len(b.text); {
		found, err := b.find(from)
		if err != nil {
			return "", err
		}
		if !found {
			break
		}
		if err := b.byteSlots(slots); err != nil {
			return "", err
		}
		if err := w.add(slots); err != nil {
			return "", err
		}
		if from = b.slots[1]; b.slots[0] == from {
			from++
		}
		if !all {
			break
		}
	}
	return w.finish()
}

// byteSlots writes the begin and end of the groups in bytes. A group that begins or
// ends inside a character is an error, because its text is not valid Unicode.
func (b *backtracker) byteSlots(slots []int32) error {
	for i, at := range b.slots {
		if slots[i] = -1; at < 0 {
			continue
		}
		if i&1 == 1 && at < b.slots[i-1] {
			return errBackwards
		}
		slots[i] = b.offsets[at]
		if i >= 2 && SplitsCharacter(b.lines.text, int(slots[i])) && b.slots[i|1] != b.slots[i&^1] {
			return errSplitsCharacter
		}
	}
	return nil
}
