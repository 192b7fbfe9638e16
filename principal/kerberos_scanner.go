package principal

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/internal/posixregex"
)

// patternCompiler compiles the pattern of a rule. The error is a *javaregex.Error or a
// *posixregex.Error.
type patternCompiler func(pattern string) (rulePattern, error)

// parse parses rules with parseRule and adds them to k.
func (k *KerberosRules) parse(
	rules []string, parseRule func(*ruleScanner) (kerberosRule, *RuleError), compile patternCompiler,
) error {
	if len(rules) > maxKerberosRules {
		last := ruleScanner{index: maxKerberosRules, text: rules[maxKerberosRules]}
		return last.fail(0, "expected no more than "+strconv.Itoa(maxKerberosRules)+" rules")
	}
	for i, text := range rules {
		scanner := &ruleScanner{index: i, text: text, compile: compile}
		if len(text) > maxKerberosRuleLength {
			return scanner.fail(maxKerberosRuleLength,
				"expected a rule of no more than "+strconv.Itoa(maxKerberosRuleLength)+" bytes")
		}
		if at := invalidUTF8(text); at >= 0 {
			return scanner.fail(at, "is not valid UTF-8")
		}
		rule, err := parseRule(scanner)
		if err != nil {
			return err
		}
		k.rules = append(k.rules, rule)
	}
	return nil
}

// invalidUTF8 returns the offset of the first byte of s that is not part of a valid
// character, or -1.
func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

// ruleScanner scans the text of one rule.
type ruleScanner struct {
	index   int // of the rule in its list
	text    string
	pos     int
	compile patternCompiler
}

func (s *ruleScanner) fail(offset int, msg string) *RuleError {
	return &RuleError{Rule: s.index, Text: s.text, Offset: offset, Msg: msg}
}

// failPattern returns the error for a pattern that begins at offset and does not
// compile.
func (s *ruleScanner) failPattern(offset int, err error) *RuleError {
	var java *javaregex.Error
	if errors.As(err, &java) {
		refused := s.fail(offset+java.Offset, java.Msg)
		refused.Construct = java.Construct
		return refused
	}
	var posix *posixregex.Error
	if errors.As(err, &posix) {
		return s.fail(offset+posix.Offset, posix.Msg)
	}
	return s.fail(offset, err.Error())
}

// skip skips prefix if the remaining text begins with it.
func (s *ruleScanner) skip(prefix string) bool {
	if !strings.HasPrefix(s.text[s.pos:], prefix) {
		return false
	}
	s.pos += len(prefix)
	return true
}

// until returns the text before the next delimiter and skips both.
func (s *ruleScanner) until(delimiter byte) (string, bool) {
	end := strings.IndexByte(s.text[s.pos:], delimiter)
	if end < 0 {
		return "", false
	}
	part := s.text[s.pos : s.pos+end]
	s.pos += end + 1
	return part, true
}

// selector parses "[n:format]".
func (s *ruleScanner) selector() (components int, format string, err *RuleError) {
	if !s.skip("[") {
		return 0, "", s.fail(s.pos, `expected "[", as in RULE:[1:$1]`)
	}
	start := s.pos
	digits := len(s.text[start:]) - len(strings.TrimLeft(s.text[start:], "0123456789"))
	s.pos += digits
	if !s.skip(":") {
		return 0, "", s.fail(s.pos, `expected digits and ":", as in RULE:[1:$1]`)
	}
	count, parseErr := strconv.ParseInt(s.text[start:start+digits], 10, 32)
	if parseErr != nil {
		return 0, "", s.fail(start, "expected the number of components, from 0 to 2147483647")
	}
	format, ok := s.until(']')
	if !ok {
		return 0, "", s.fail(s.pos, `expected "]" after the format`)
	}
	return int(count), format, nil
}

// pattern parses and compiles "(pattern)", which is optional.
func (s *ruleScanner) pattern() (string, rulePattern, *RuleError) {
	if !s.skip("(") {
		return "", nil, nil
	}
	start := s.pos
	text, ok := s.until(')')
	if !ok {
		return "", nil, s.fail(start-1, `expected ")" after the pattern`)
	}
	compiled, err := s.compile(text)
	if err != nil {
		return "", nil, s.failPattern(start, err)
	}
	return text, compiled, nil
}

// substitutionText is a parsed s/from/to/.
type substitutionText struct {
	text string // all of it; empty if there is none
	from rulePattern
	to   string
	all  bool // the flag g
}

// substitution parses "s/from/to/" and the flag g, which are optional.
func (s *ruleScanner) substitution() (substitutionText, *RuleError) {
	begin := s.pos
	if !s.skip("s/") {
		return substitutionText{}, nil
	}
	start := s.pos
	from, ok := s.until('/')
	to, okTo := "", false
	if ok {
		to, okTo = s.until('/')
	}
	if !okTo {
		return substitutionText{}, s.fail(begin, "expected s/from/to/")
	}
	compiled, err := s.compile(from)
	if err != nil {
		return substitutionText{}, s.failPattern(start, err)
	}
	all := s.skip("g")
	return substitutionText{s.text[begin:s.pos], compiled, to, all}, nil
}
