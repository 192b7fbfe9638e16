// Package javaregex matches the regular expressions of java.util.regex as JDK 17 does.
//
// Most patterns are matched in linear time, where Java's can take exponential time: the
// texts come from strangers. The others are matched by backtracking, which counts its
// steps and gives up at a limit. What cannot be kept exactly is refused.
package javaregex

import (
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// maxTextLength bounds what a look-behind may look for: no text that is matched is
// longer. A distinguished name has at most 192 KiB.
const maxTextLength = 3 << 16

// maxPatternLength bounds the memory that reading a pattern takes.
const maxPatternLength = 1 << 16

// Pattern is a compiled pattern of java.util.regex.
//
// It matches as JDK 17 does. Where releases of Java differ for a text, which is \b
// with characters that are not ASCII, the text is refused. The characters of \p are
// those of Go's version of Unicode.
type Pattern struct {
	tree    *syntaxTree
	program *program          // nil if only backtracking can match it
	back    *backtrackProgram // nil otherwise
}

// Compile compiles a pattern. A pattern that cannot be matched in linear time is matched
// by backtracking, which gives up after maxSteps steps; with maxSteps 0 it is refused.
// The error is an [Error].
func Compile(pattern string, maxSteps int) (*Pattern, error) {
	if len(pattern) > maxPatternLength {
		return nil, &Error{Offset: maxPatternLength, Msg: fmt.Sprintf("a pattern of more than %d bytes", maxPatternLength)}
	}
	if !utf8.ValidString(pattern) {
		return nil, &Error{Msg: "a pattern that is not valid UTF-8"}
	}
	tree, err := parseJavaPattern(pattern)
	if err != nil {
		return nil, err
	}
	p := &Pattern{tree: tree}
	if p.program, err = compileProgram(tree); err == nil {
		return p, nil
	}
	var fault *Error
	if maxSteps == 0 || !errors.As(err, &fault) || !needsBacktracking(fault.Construct) {
		return nil, err
	}
	if p.back, err = compileBacktracking(tree, maxSteps); err != nil {
		return nil, err
	}
	return p, nil
}

// errBoundary refuses a text that Java's releases disagree about.
var errBoundary = errors.New(`it holds \b, which means different things in different releases of Java for a name that is not ASCII`)

// check returns an error if the pattern cannot be matched with the text.
func (p *Pattern) check(text string) error {
	if p.tree.wordBoundary && !javatext.IsASCII(text) {
		return errBoundary
	}
	return nil
}

// Matches reports whether the pattern matches all of text. The error says why Java's
// answer is not known.
func (p *Pattern) Matches(m *Matcher, text string) (bool, error) {
	if err := p.check(text); err != nil {
		return false, err
	}
	if p.program == nil {
		return newBacktracker(p.back, text).matches()
	}
	m.reset(p.program, text)
	m.start(0)
	for end := m.next(); end >= 0; end = m.next() {
		if end == len(text) {
			return true, nil
		}
	}
	return false, nil
}

// RewriteWhole does what Kafka's SSL rules do: if the pattern matches all of the
// text, it replaces every match in it. These need not be the match of the whole: a
// search prefers the first way to match, and looks again behind each match.
func (p *Pattern) RewriteWhole(m *Matcher, w *Rewriter) (result string, matched bool, err error) {
	if err := p.check(w.Text); err != nil {
		return "", false, err
	}
	if p.program == nil {
		return p.back.rewriteWhole(w)
	}
	m.reset(p.program, w.Text)
	m.start(0)
	end := m.next()
	found := end == len(w.Text) // then the search finds what matched the whole
	for end >= 0 && end < len(w.Text) {
		end = m.next()
	}
	if end < 0 {
		return "", false, nil
	}
	if found {
		m.release(end)
	} else {
		m.reset(p.program, w.Text)
		m.find(0)
	}
	result, err = m.rewrite(w, true)
	return result, true, err
}

// Replace replaces the first match in the text, or all of them.
func (p *Pattern) Replace(m *Matcher, w *Rewriter, all bool) (string, error) {
	if err := p.check(w.Text); err != nil {
		return "", err
	}
	if p.program == nil {
		return newBacktracker(p.back, w.Text).replace(w, all)
	}
	m.reset(p.program, w.Text)
	if !m.find(0) {
		return w.Text, nil
	}
	return m.rewrite(w, all)
}

// rewrite replaces the match that was found, and all after it.
func (m *Matcher) rewrite(w *Rewriter, all bool) (string, error) {
	w.result = m.buffer[:0]
	defer func() { m.buffer = w.result }()
	for {
		if err := w.add(m.slots); err != nil {
			return "", err
		}
		begin, end := int(m.slots[0]), int(m.slots[1])
		if end == begin {
			end = nextUnit(m.text, end)
		}
		if !all || !m.find(end) {
			return w.finish()
		}
	}
}

// Groups returns the number of capturing groups.
func (p *Pattern) Groups() int { return p.tree.groups }

// Match is where a match and its groups begin and end, in bytes: two numbers for the
// match and two for each group, -1 for a group that took no part. It is valid until the
// Matcher is used again.
type Match []int32

// Group returns the text of group i in text; the match itself is group 0. It reports
// false if the group took no part.
func (m Match) Group(text string, i int) (string, bool) {
	if m[2*i] < 0 {
		return "", false
	}
	return text[m[2*i]:m[2*i+1]], true
}

// All goes through the matches in text, as Java's Matcher.find does. The pattern must
// be one that needs no backtracking.
func (p *Pattern) All(m *Matcher, text string) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		m.reset(p.program, text)
		for pos := 0; m.find(pos); {
			begin, end := int(m.slots[0]), int(m.slots[1])
			if !yield(m.slots) {
				return
			}
			if pos = end; begin == end {
				pos = nextUnit(text, end)
			}
		}
	}
}

// LookingAt returns the first match that begins at the start of text, as Java's
// Matcher.lookingAt does, or nil. The pattern must be one that needs no backtracking.
func (p *Pattern) LookingAt(m *Matcher, text string) Match {
	m.reset(p.program, text)
	m.start(0)
	if m.next() < 0 {
		return nil
	}
	return m.slots
}
