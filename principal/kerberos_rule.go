package principal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// rulePattern is a compiled regular expression of a Kerberos rule, with the syntax and
// matching rules of its dialect.
type rulePattern interface {
	// Matches reports whether the pattern matches all of s. m provides scratch memory.
	Matches(m *javaregex.Matcher, s string) (bool, error)
	// substitution returns the substitution of the first match, or of all matches, by
	// to.
	substitution(to string, all bool) substitution
	// GoSyntax returns a pattern in Go's syntax that matches at least the texts that
	// this one matches as a whole, or "" if there is none.
	GoSyntax() string
}

// substitution is one s/from/to/ of a rule.
type substitution interface {
	// apply substitutes in s. A result that is too long for a name is an error. If
	// record is not nil, apply appends the text of each replaced match and of its
	// groups.
	apply(m *javaregex.Matcher, s string, record *[][]string) (string, error)
}

// kerberosRule is one rule of either dialect.
type kerberosRule struct {
	text          string // canonical
	condition     string // the part of text that selects names
	isDefault     bool   // DEFAULT: the fields below are not set
	components    int    // required number of components; -1 for any (MIT: no selector)
	format        kerberosFormat
	match         rulePattern // nil matches every selection
	substitutions []substitution
	fold          caseFold // in Kafka's dialect only
}

// kerberosFormat is the parsed format of a rule.
type kerberosFormat []formatPart

// formatPart is a literal, a parameter, or an invalid reference. Kafka accepts invalid
// references in a rule and fails when it applies the rule.
type formatPart struct {
	literal   string
	parameter int // -1 for a literal; 0 is the realm, 1 the first component
	fault     string
}

// parseFormat parses text such as "$1@$0". The number after a dollar sign includes all
// digits that follow.
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
			part = formatPart{parameter: -1, fault: "$" + rest[:digits] + " is not followed by a valid component number"}
		}
		format = append(format, part)
		text = rest[digits:]
	}
	return format
}

// fault returns why f cannot be filled in for a name with this number of components, or
// "".
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

// fill returns f with the parameters filled in, or why it cannot be.
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

// errTooLong is the error for a result longer than a name may be.
var errTooLong = errors.New("the result is longer than a name may be")

// applyRule returns the step of the rule at index i for name. If traced, the step has the
// substitutions.
func (k *KerberosRules) applyRule(m *javaregex.Matcher, i int, name *kerberosName, traced bool) Step {
	rule := &k.rules[i]
	step := Step{Rule: i, Text: rule.text, Outcome: ruleNotApplicable}
	if rule.isDefault {
		if k.defaultApplies(name) {
			step.Outcome, step.Result = ruleMapped, name.components[0]
		}
		return step
	}
	if rule.components >= 0 && rule.components != len(name.components) {
		return step
	}
	var fault string
	if step.Selection, fault = rule.selection(name); fault != "" {
		return step.fail(name.text, errRuleFailed, fault)
	}
	if rule.match != nil {
		matched, err := rule.match.Matches(m, step.Selection)
		if err != nil {
			return step.fail(name.text, errRuleFailed, err.Error())
		}
		if !matched {
			step.Outcome = ruleNoMatch
			return step
		}
	}
	return k.substitute(m, step, rule, name, traced)
}

// defaultApplies reports whether the dialect's DEFAULT maps name to its first
// component. MIT accepts a second component only if it equals the realm.
func (k *KerberosRules) defaultApplies(name *kerberosName) bool {
	if name.realm != k.defaultRealm {
		return false
	}
	if k.dialect == mitDialect && len(name.components) > 1 {
		return len(name.components) == 2 && name.components[1] == k.defaultRealm
	}
	return true
}

// substitute applies the substitutions to the selection of step, then checks the result
// and converts its case.
func (k *KerberosRules) substitute(m *javaregex.Matcher, step Step, rule *kerberosRule, name *kerberosName, traced bool) Step {
	result := step.Selection
	for _, s := range rule.substitutions {
		done := Substitution{Before: result}
		var record *[][]string
		if traced {
			record = &done.Matches
		}
		var err error
		if result, err = s.apply(m, result, record); err != nil {
			return step.fail(name.text, errRuleFailed, err.Error())
		}
		if done.After = result; traced {
			step.Substitutions = append(step.Substitutions, done)
		}
	}
	if !utf8.ValidString(result) {
		return step.fail(name.text, errRuleFailed, "the result is not valid UTF-8")
	}
	// Kafka checks for "/" and "@" before it converts the case.
	if k.dialect == kafkaDialect && strings.ContainsAny(result, "/@") {
		return step.fail(name.text, errNotSimpleName, strconv.Quote(result))
	}
	result, err := rule.fold.apply(result)
	if err != nil {
		return step.fail(name.text, errRuleFailed, err.Error())
	}
	step.Outcome, step.Result = ruleMapped, result
	return step
}

// selection returns the text that the rule compares, or why there is none.
func (r *kerberosRule) selection(name *kerberosName) (string, string) {
	if r.components < 0 {
		return name.withoutRealm(), ""
	}
	return r.format.fill(name)
}
