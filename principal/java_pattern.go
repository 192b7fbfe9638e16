package principal

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxPatternLength bounds the memory that reading a pattern takes.
const maxPatternLength = 1 << 16

// javaPattern is a compiled pattern of java.util.regex.
//
// It matches as JDK 17 does. Where releases of Java differ for a text, which is \b
// with characters that are not ASCII, the text is refused. The characters of \p are
// those of Go's version of Unicode.
type javaPattern struct {
	tree    *syntaxTree
	program *program          // nil if only backtracking can match it
	back    *backtrackProgram // nil otherwise
}

// compileJavaPattern compiles a pattern. One that cannot be matched in linear time is
// refused if backtracking is nil. The error is a *patternError.
func compileJavaPattern(pattern string, backtracking *Backtracking) (*javaPattern, error) {
	if len(pattern) > maxPatternLength {
		return nil, &patternError{offset: maxPatternLength, msg: fmt.Sprintf("a pattern of more than %d bytes", maxPatternLength)}
	}
	if !utf8.ValidString(pattern) {
		return nil, &patternError{msg: "a pattern that is not valid UTF-8"}
	}
	tree, err := parseJavaPattern(pattern)
	if err != nil {
		return nil, err
	}
	p := &javaPattern{tree: tree}
	if p.program, err = compileProgram(tree); err == nil {
		return p, nil
	}
	var fault *patternError
	if backtracking == nil || !errors.As(err, &fault) || !needsBacktracking(fault.construct) {
		return nil, err
	}
	if p.back, err = compileBacktracking(tree, backtracking); err != nil {
		return nil, err
	}
	return p, nil
}

// errBoundary refuses a text that Java's releases disagree about.
var errBoundary = errors.New(`it holds \b, which means different things in different releases of Java for a name that is not ASCII`)

// check returns an error if the pattern cannot be matched with the text.
func (p *javaPattern) check(text string) error {
	if p.tree.wordBoundary && !isASCII(text) {
		return errBoundary
	}
	return nil
}

// matches reports whether the pattern matches all of text.
func (p *javaPattern) matches(m *matcher, text string) (bool, error) {
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

// rewriteWhole does what Kafka's SSL rules do: if the pattern matches all of the
// text, it replaces every match in it. These need not be the match of the whole: a
// search prefers the first way to match, and looks again behind each match.
func (p *javaPattern) rewriteWhole(m *matcher, w *rewriter) (result string, matched bool, err error) {
	if err := p.check(w.text); err != nil {
		return "", false, err
	}
	if p.program == nil {
		return p.back.rewriteWhole(w)
	}
	m.reset(p.program, w.text)
	m.start(0)
	end := m.next()
	found := end == len(w.text) // then the search finds what matched the whole
	for end >= 0 && end < len(w.text) {
		end = m.next()
	}
	if end < 0 {
		return "", false, nil
	}
	if found {
		m.release(end)
	} else {
		m.reset(p.program, w.text)
		m.find(0)
	}
	result, err = m.rewrite(w, true)
	return result, true, err
}

// replace replaces the first match in the text, or all of them.
func (p *javaPattern) replace(m *matcher, w *rewriter, all bool) (string, error) {
	if err := p.check(w.text); err != nil {
		return "", err
	}
	if p.program == nil {
		return newBacktracker(p.back, w.text).replace(w, all)
	}
	m.reset(p.program, w.text)
	if !m.find(0) {
		return w.text, nil
	}
	return m.rewrite(w, all)
}

// rewrite replaces the match that was found, and all after it.
func (m *matcher) rewrite(w *rewriter, all bool) (string, error) {
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
