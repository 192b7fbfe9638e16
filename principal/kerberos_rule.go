package principal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// rulePattern is a compiled regular expression of a Kerberos rule, in the syntax
// and with the matching rules of the list's dialect.
type rulePattern interface {
	// Matches reports whether the pattern matches all of s. m is memory to work in.
	Matches(m *javaregex.Matcher, s string) (bool, error)
	// substitution returns what replaces the first match by to, or all of them.
	substitution(to string, all bool) substitution
	// GoSyntax returns a pattern in Go's syntax that matches wholly at least what
	// this one does; empty if there is none.
	GoSyntax() string
}

// substitution is one s/from/to/ of a rule.
type substitution interface {
	// apply substitutes in s. A result that is too long for a name is an error. Unless
	// record is nil it takes, for each match replaced, its text and that of its groups.
	apply(m *javaregex.Matcher, s string, record *[][]string) (string, error)
}

// kerberosRule is one rule of either dialect.
type kerberosRule struct {
	text          string // canonical
	condition     string // the part of text that says which names it takes
	isDefault     bool   // DEFAULT: nothing below is set
	components    int    // how many the name must have; -1 for any (MIT: no selector)
	format        kerberosFormat
	match         rulePattern // nil: every selection matches
	substitutions []substitution
	fold          caseFold // of a Kafka rule
}

// kerberosFormat is the selection string of a rule, taken apart.
type kerberosFormat []formatPart

// formatPart is a literal, a parameter, or a reference that is at fault: Kafka
// accepts those in a rule and fails when the rule is applied.
type formatPart struct {
	literal   string
	parameter int // -1 for a literal; 0 is the realm, 1 the first component
	fault     string
}

// parseFormat takes apart text such as "$1@$0". A dollar sign takes all the digits
// after it.
func parseFormat(text string) kerberosFormat {
	var format kerberosFormat
	for text != "" {
		literal, rest, dollar := strings.Cut(text, "$")
		if literal != "" {
			format = append(format, formatPart{literal: literal, parameter: -1})
		}
		if !dollar {
			break
		}
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		part := formatPart{}
		if n, err := strconv.ParseInt(rest[:digits], 10, 32); err == nil {
			part.parameter = int(n)
		} else {
			part = formatPart{parameter: -1, fault: "$" + rest[:digits] + " has no component number that can be read"}
		}
		format = append(format, part)
		text = rest[digits:]
	}
	return format
}

// fault returns why format cannot be filled in for a name of so many components,
// or "".
func (f kerberosFormat) fault(components int) string {
	for _, part := range f {
		if part.fault != "" {
			return part.fault
		}
		if part.parameter > components {
			return outOfRange(part.parameter, components)
		}
	}
	return ""
}

func outOfRange(parameter, components int) string {
	return fmt.Sprintf("$%d is outside of the valid range 0 to %d", parameter, components)
}

// fill returns the text of f with the parameters put in, or why it cannot.
func (f kerberosFormat) fill(name *kerberosName) (string, string) {
	var b strings.Builder
	for _, part := range f {
		text := part.literal
		if part.fault != "" {
			return "", part.fault
		}
		if part.parameter >= 0 {
			var ok bool
			if text, ok = name.parameter(part.parameter); !ok {
				return "", outOfRange(part.parameter, len(name.components))
			}
		}
		if b.Len()+len(text) > maxKerberosName {
			return "", errTooLong.Error()
		}
		b.WriteString(text)
	}
	return b.String(), ""
}

// ExpandKerberosFormat fills the format of a Kafka rule in: $0 is the first
// parameter, which is the realm of a name, $1 the second, and so on. A reference to
// a parameter that does not exist and a dollar sign without a number are errors.
//
// Source: Kafka's KerberosRule.replaceParameters.
func ExpandKerberosFormat(format string, params []string) (string, error) {
	parts := parseFormat(format)
	if len(params) == 0 { // not even a realm
		if fault := parts.fault(-1); fault != "" {
			return "", fmt.Errorf("%w: %s", ErrKerberosRuleFailed, fault)
		}
		params = []string{""}
	}
	text, fault := parts.fill(&kerberosName{realm: params[0], components: params[1:]})
	if fault != "" {
		return "", fmt.Errorf("%w: %s", ErrKerberosRuleFailed, fault)
	}
	return text, nil
}

// errTooLong is the fault of a result that outgrows what a name may be.
var errTooLong = errors.New("the result is longer than a name may be")

// applyRule returns what the rule at index i makes of name.
func (k *KerberosRules) applyRule(m *javaregex.Matcher, i int, name *kerberosName) KerberosStep {
	rule := &k.rules[i]
	step := KerberosStep{Rule: i, Text: rule.text}
	if rule.isDefault {
		if k.defaultApplies(name) {
			step.Outcome, step.Result = RuleMapped, name.components[0]
		} else {
			step.Outcome = RuleNotApplicable
		}
		return step
	}
	if rule.components >= 0 && rule.components != len(name.components) {
		step.Outcome = RuleNotApplicable
		return step
	}
	var fault string
	if step.Selection, fault = rule.selection(name); fault != "" {
		return step.fail(name, ErrKerberosRuleFailed, fault)
	}
	if rule.match != nil {
		matched, err := rule.match.Matches(m, step.Selection)
		if err != nil {
			return step.fail(name, ErrKerberosRuleFailed, err.Error())
		}
		if !matched {
			step.Outcome = RuleNoMatch
			return step
		}
	}
	return k.finish(m, step, rule, name)
}

// defaultApplies reports whether the dialect's DEFAULT maps name to its first
// component: MIT takes a second component only if it is the realm once more.
func (k *KerberosRules) defaultApplies(name *kerberosName) bool {
	if name.realm != k.defaultRealm {
		return false
	}
	if k.dialect == mitDialect && len(name.components) > 1 {
		return len(name.components) == 2 && name.components[1] == k.defaultRealm
	}
	return true
}

// finish substitutes in the selection of step and checks and folds the result.
func (k *KerberosRules) finish(m *javaregex.Matcher, step KerberosStep, rule *kerberosRule, name *kerberosName) KerberosStep {
	result := step.Selection
	for _, s := range rule.substitutions {
		var err error
		if result, err = s.apply(m, result, nil); err != nil {
			return step.fail(name, ErrKerberosRuleFailed, err.Error())
		}
	}
	if !utf8.ValidString(result) {
		return step.fail(name, ErrKerberosRuleFailed, "the result is not valid UTF-8")
	}
	// Kafka looks for "/" and "@" before it folds the case.
	if k.dialect == kafkaDialect && strings.ContainsAny(result, "/@") {
		return step.fail(name, ErrNotSimpleName, strconv.Quote(result))
	}
	switch rule.fold {
	case "L":
		var err error
		if result, err = javatext.Lower(result); err != nil {
			return step.fail(name, ErrKerberosRuleFailed, err.Error())
		}
	case "U":
		result = javatext.Upper(result)
	}
	step.Outcome, step.Result = RuleMapped, result
	return step
}

// selection returns the text that the rule compares, or why there is none.
func (r *kerberosRule) selection(name *kerberosName) (string, string) {
	if r.components < 0 {
		return name.withoutRealm(), ""
	}
	return r.format.fill(name)
}

// fail returns step as the one that refused name.
func (step KerberosStep) fail(name *kerberosName, reason error, detail string) KerberosStep {
	step.Outcome = RuleFailed
	step.Err = &KerberosNameError{name.text, step.Rule, detail, reason}
	return step
}
