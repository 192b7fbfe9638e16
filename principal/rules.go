package principal

import (
	"errors"
	"fmt"
	"sync"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// defaultRules is Kafka's default for ssl.principal.mapping.rules, by which a
// distinguished name is the principal name, and for
// sasl.kerberos.principal.to.local.rules, by which the first component of a name in the
// default realm is.
const defaultRules = "DEFAULT"

// DefaultMaxSteps is a limit for the steps of a pattern that needs backtracking:
// look-around, back references, possessive quantifiers and atomic groups. Only a
// backtracking matcher can match such a pattern, and a client can choose a name for which
// it takes exponential time. So each match counts its steps, and a name that needs too
// many is an error. It is never mapped to another name. The limit does not depend on a
// clock: the same name always has the same result.
//
// The default takes about 30 ms. A usual name takes some hundred steps and a name of
// 1,000 characters some thousand, so this is a thousand times more.
const DefaultMaxSteps = 1 << 22

// Reasons why a name is not mapped, in a [NameError].
var (
	errMalformedName = errors.New("malformed name")
	errNoRule        = errors.New("no rule applies")
	errRuleFailed    = errors.New("the rule cannot be applied")
	errNotSimpleName = errors.New("the rule makes a name that is not simple")
)

// NameError is the error for a distinguished name or a Kerberos name that is not mapped.
type NameError struct {
	Name   string // the name to map
	Rule   int    // index of the rule that refused it, or -1
	Detail string // more about the reason; may be empty
	// Reason has the text "malformed name", "no rule applies", "the rule cannot be applied"
	// or "the rule makes a name that is not simple".
	Reason error
}

// Error returns the name (cut at 64 bytes), the reason and the rule.
func (e *NameError) Error() string {
	text := "name " + enum.Quote(e.Name) + ": " + e.Reason.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Rule >= 0 {
		text += fmt.Sprintf(" (rule %d)", e.Rule)
	}
	return text
}

// RuleError is a syntax error in a list of rules.
type RuleError struct {
	Rule   int    // index in the list, from 0; empty SSL rules do not count
	Text   string // the rule
	Offset int    // offset of the error in Text, in bytes from 0
	InList bool   // Offset is one in the whole list: SSL rules are one text
	// Construct is the feature of Java's regular expressions that is not supported, such
	// as "look-ahead". It is empty if Kafka refuses the rule too, and in MIT's dialect.
	Construct string
	Msg       string // what is wrong and what is expected
}

// Error returns the index, the rule (cut at 64 bytes), the offset and the message.
func (e *RuleError) Error() string {
	of := ""
	if e.InList {
		of = " of the list"
	}
	return fmt.Sprintf("rule %d %s, at offset %d%s: %s", e.Rule, enum.Quote(e.Text), e.Offset, of, e.Msg)
}

// The outcomes of a rule.
const (
	ruleNotApplicable = "not applicable"
	ruleNoMatch       = "no match"
	ruleMapped        = "mapped"
	ruleFailed        = "failed"
)

// Trace describes how a name was mapped.
type Trace struct {
	Name       string
	Realm      string   // of a Kerberos name; empty in a simple one
	Components []string // of a Kerberos name; nil if it could not be parsed, or is simple in Kafka's dialect
	// Listed says that the name is in MIT's auth_to_local_names; no rule was tried.
	Listed bool
	// Steps are the rules that were tried, in order. Only the last can have mapped or
	// refused the name.
	Steps  []Step
	Result string // what the name is mapped to
	Err    error  // why it is not
}

// Step is the result of one rule.
type Step struct {
	Rule int    // index in the list, from 0; empty SSL rules do not count
	Text string // the rule, in canonical form
	// Outcome is "mapped"; "failed" if the rule refused the name; "no match" if its pattern
	// does not match; or "not applicable" if the rule is for another realm or number of
	// components.
	Outcome   string
	Selection string // the text that a Kerberos rule has matched; empty for DEFAULT and if the rule was not applicable
	// Substitutions are the replacements in order: of an SSL rule one, of a Kerberos rule
	// its s/from/to/ expressions. Only a trace has them, and only for the rule that mapped
	// the name.
	Substitutions []Substitution
	Result        string // what the rule made of the name, if it mapped it
	Err           error  // why it refused the name, if it did
}

// Substitution is one replacement of all or some matches of a pattern.
type Substitution struct {
	Before, After string
	// Matches holds, for each replaced match, its text and that of its groups. A group
	// that did not participate is empty.
	Matches [][]string
}

// fail returns step with the error for a refused name.
func (s Step) fail(name string, reason error, detail string) Step {
	s.Outcome, s.Substitutions = ruleFailed, nil
	s.Err = &NameError{name, s.Rule, detail, reason}
	return s
}

// RuleFinding is a probable mistake in a rule.
type RuleFinding struct {
	Rule  int    // index in the list, from 0
	Check string // the check that found it, such as "never-matches": see the methods Lint
	Msg   string // what is wrong and what its effect is
}

// The checks of Lint.
const (
	checkAlwaysFails  = "always-fails"  // every name that the rule applies to is refused
	checkUnreachable  = "unreachable"   // earlier rules take all its names
	checkNeverApplies = "never-applies" // Kerberos: no name has that many components
	checkNeverMatches = "never-matches" // Kerberos: the pattern matches no text that the format can produce
	checkUnusualNames = "unusual-names" // Kerberos: the pattern matches only texts with characters that are rare in names
	checkDropped      = "dropped"       // SSL: Kafka silently skips text before the rule
	checkUnanchored   = "unanchored"    // SSL: another attribute than the intended one can supply the name
	checkConstant     = "constant"      // SSL: every name becomes the same one
	checkCuts         = "cuts"          // it gives clients with different names, or of different realms, the same name
)

// matchers holds scratch memory for patterns.
type matchers struct{ pool sync.Pool }

// mapName tries n rules in order. apply tries one; trace, unless it is nil, gets the steps.
func (p *matchers) mapName(name string, n int, trace *Trace, apply func(m *javaregex.Matcher, rule int) Step) (string, error) {
	m, ok := p.pool.Get().(*javaregex.Matcher)
	if !ok {
		m = &javaregex.Matcher{}
	}
	defer func() {
		if m.PutAway() {
			p.pool.Put(m)
		}
	}()
	for i := range n {
		step := apply(m, i)
		if trace != nil {
			trace.Steps = append(trace.Steps, step)
		}
		switch step.Outcome {
		case ruleMapped:
			return step.Result, nil
		case ruleFailed:
			return "", step.Err
		}
	}
	return "", &NameError{name, -1, "", errNoRule}
}

// caseFold is the letter at the end of a rule: L, U or none.
type caseFold string

// apply converts the case of a name as Java does.
func (f caseFold) apply(name string) (string, error) {
	switch f {
	case "L":
		return javatext.Lower(name)
	case "U":
		return javatext.Upper(name), nil
	}
	return name, nil
}
