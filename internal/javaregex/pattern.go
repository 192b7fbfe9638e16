// Package javaregex matches the regular expressions of java.util.regex as JDK 17 does.
//
// Most patterns are matched in linear time, whereas Java may take exponential time,
// because clients choose the texts. The others are matched by backtracking with a
// limited number of steps. Constructs that cannot be reproduced exactly are refused.
package javaregex

import (
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// maxTextLength bounds the length of a look-behind: no longer text is matched. A
// distinguished name has at most 192 KiB.
const maxTextLength = 3 << 16

// maxPatternLength bounds the memory for parsing a pattern.
const maxPatternLength = 1 << 16

// Pattern is a compiled pattern of java.util.regex.
//
// It matches as in JDK 17. If Java releases disagree about a text, as they do about \b
// with characters that are not ASCII, the text is refused. \p has the characters of
// Go's version of Unicode.
type Pattern struct {
	tree    *syntaxTree
	program *program          // nil if only backtracking can match it
	back    *backtrackProgram // nil otherwise
}

// Compile compiles a pattern. A pattern that cannot be matched in linear time is
// matched by backtracking, with at most maxSteps steps. If maxSteps is 0, it is
// refused. The error is an [Error].
func Compile(pattern string, maxSteps int) (*Pattern, error) {
	if len(pattern) > maxPatternLength {
		return nil, &Error{Offset: maxPatternLength, Msg: fmt.Sprintf("the pattern is longer than %d bytes", maxPatternLength)}
	}
	if !utf8.ValidString(pattern) {
		return nil, &Error{Msg: "the pattern is not valid UTF-8"}
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

// errBoundary refuses a text about which Java releases disagree.
var errBoundary = errors.New(`it holds \b, which means different things in different releases of Java for a name that is not ASCII`)

// check returns an error if the pattern cannot be matched with the text.
func (p *Pattern) check(text string) error {
	if p.tree.wordBoundary && !javatext.IsASCII(text) {
		return errBoundary
	}
	return nil
}

// Matches reports whether the pattern matches all of text. An error says why Java's
// result is unknown.
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

// RewriteWhole applies one of Kafka's SSL rules: if the pattern matches the whole text,
// it replaces every match in it. These matches may differ from that of the whole text:
// a search prefers the first way to match, and continues after each match.
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
	found := end == len(w.Text) // then the search finds the match of the whole text
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

// rewrite replaces the current match, and all matches after it if all is set.
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

// Match is the begin and end of a match and its groups, in bytes: two numbers for the
// match and two for each group, -1 for a group that did not participate. It is valid
// until the Matcher is used again.
type Match []int32

// Group returns the text of group i in text; group 0 is the whole match. It returns
// false if the group did not participate.
func (m Match) Group(text string, i int) (string, bool) {
	if m[2*i] < 0 {
		return "", false
	}
	return text[m[2*i]:m[2*i+1]], true
}

// All yields the matches in text, like Java's Matcher.find. The pattern must not need
// backtracking.
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

// LookingAt returns the first match that begins at the start of text, like Java's
// Matcher.lookingAt, or nil. The pattern must not need backtracking.
func (p *Pattern) LookingAt(m *Matcher, text string) Match {
	m.reset(p.program, text)
	m.start(0)
	if m.next() < 0 {
		return nil
	}
	return m.slots
}
