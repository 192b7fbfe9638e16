package principal

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/posixregex"
)

// Lint returns the rules that never produce a short name, or only for very unusual
// names. These are rules for a number of components that no name has, rules that refuse
// every name they apply to, rules whose pattern matches nothing that the format
// produces (such as "[1:$1](.*@REALM)", where only the realm could add the "@"), and
// rules whose names are all taken by an earlier rule. Of the other rules it returns those
// that cut what tells clients apart, with two names that become the same. The findings are
// in the order of the rules, at most one for each. "never-matches" is proved; a rule without a finding
// may still be useless. The cost for each rule is bounded.
func (k *KerberosRules) Lint() []RuleFinding {
	var findings []RuleFinding
	taken := takenNames{dialect: k.dialect, conditions: map[string]int{}}
	cuts := k.cuttingRules()
	for i := range k.rules {
		rule := &k.rules[i]
		if check, msg := k.lintRule(rule, &taken); check != "" {
			findings = append(findings, RuleFinding{i, check, msg})
		} else if msg := cuts[i]; msg != "" {
			findings = append(findings, RuleFinding{i, checkCuts, msg})
		}
		taken.add(i, rule)
	}
	return findings
}

func (k *KerberosRules) lintRule(rule *kerberosRule, taken *takenNames) (check, msg string) {
	if by := taken.before(rule); by >= 0 {
		return checkUnreachable, fmt.Sprintf("rule %d takes every name that this one applies to", by) + k.exception(by)
	}
	if rule.isDefault {
		return "", ""
	}
	if rule.components == 0 || k.dialect == kafkaDialect && rule.components > 2 {
		return checkNeverApplies, fmt.Sprintf("no name has %d components", rule.components)
	}
	if fault := rule.format.fault(rule.components); fault != "" {
		return checkAlwaysFails, "every name with this number of components is refused: " + fault
	}
	if k.dialect == kafkaDialect && len(rule.substitutions) == 0 && rule.format.holds("/@") {
		return checkAlwaysFails, `a name it matches is refused: the format holds "/" or "@", and no substitution removes it`
	}
	return k.lintPattern(rule, taken)
}

// matchesAny reports whether the pattern is ".*".
func (r *kerberosRule) matchesAny() bool { return strings.HasSuffix(r.condition, "(.*)") }

// exception says which names a rule for every name does not take: in Java's patterns a
// dot does not match a line terminator.
func (k *KerberosRules) exception(rule int) string {
	if k.dialect == kafkaDialect && k.rules[rule].matchesAny() {
		return ", unless it holds a line terminator"
	}
	return ""
}

// Characters of components and realms, as Go character classes.
const (
	kafkaChars    = `^/@`   // these two end a component
	mitChars      = `^\x00` // the others can be quoted
	ordinaryChars = `0-9A-Za-z._$+\x{80}-\x{10FFFF}-`
)

// lintPattern compares the pattern with the texts that the format can produce.
func (k *KerberosRules) lintPattern(rule *kerberosRule, taken *takenNames) (check, msg string) {
	if rule.match == nil || rule.match.GoSyntax() == "" {
		return "", ""
	}
	pattern, chars := rule.match.GoSyntax(), mitChars
	if k.dialect == kafkaDialect {
		chars = kafkaChars
	}
	part, ordinary := "["+chars+"]*", "["+ordinaryChars+"]*"
	if !patternsOverlap(pattern, k.selectionPattern(rule, part, part)) {
		return checkNeverMatches, "the pattern matches nothing that the format can produce"
	}
	if by := taken.defaultBefore(rule); by >= 0 &&
		!patternsOverlap(pattern, k.selectionPattern(rule, part, otherThan(k.asMatched(k.defaultRealm), chars))) {
		return checkUnreachable, fmt.Sprintf("it matches only names of the default realm, and rule %d, DEFAULT, takes those", by)
	}
	if !patternsOverlap(pattern, k.selectionPattern(rule, ordinary, ordinary)) {
		return checkUnusualNames, "the pattern matches only names with unusual characters"
	}
	return "", ""
}

// selectionPattern returns a pattern of all texts that the rule compares, given
// patterns for components and realms.
func (k *KerberosRules) selectionPattern(rule *kerberosRule, component, realm string) string {
	if rule.components < 0 {
		return component + "(?:/" + component + ")*"
	}
	var b strings.Builder
	for _, part := range rule.format {
		switch {
		case part.parameter < 0:
			b.WriteString(regexp.QuoteMeta(k.asMatched(part.literal)))
		case part.parameter == 0:
			b.WriteString("(?:" + realm + ")")
		default:
			b.WriteString("(?:" + component + ")")
		}
	}
	return b.String()
}

// asMatched returns text as the dialect's patterns see it.
func (k *KerberosRules) asMatched(text string) string {
	if k.dialect == mitDialect {
		return posixregex.Widen(text)
	}
	return text
}

// otherThan returns a pattern for the texts other than text, made of characters of a
// negated class: each proper beginning of text, alone or followed by another character
// and more, and text itself followed by more.
func otherThan(text, negated string) string {
	var b strings.Builder
	var beginning string
	for _, r := range text {
		fmt.Fprintf(&b, `%s(?:[%s\x{%x}][%s]*)?|`, regexp.QuoteMeta(beginning), negated, r, negated)
		beginning += string(r)
	}
	return b.String() + regexp.QuoteMeta(text) + "[" + negated + "]+"
}

// holds reports whether a literal part of f contains one of chars.
func (f kerberosFormat) holds(chars string) bool {
	for _, part := range f {
		if part.parameter < 0 && strings.ContainsAny(part.literal, chars) {
			return true
		}
	}
	return false
}

// takenNames records which names the earlier rules take.
type takenNames struct {
	dialect    kerberosDialect
	byCount    map[int]int    // from a number of components to the rule that takes all such names
	all        int            // 1 + the rule that takes every name
	byDefault  int            // 1 + the first DEFAULT
	conditions map[string]int // from selector and pattern to the rule that has them
}

// add records the names that the rule at index i takes.
func (t *takenNames) add(i int, rule *kerberosRule) {
	if rule.isDefault {
		if t.byDefault == 0 {
			t.byDefault = i + 1
		}
		return
	}
	if _, ok := t.conditions[rule.condition]; !ok {
		t.conditions[rule.condition] = i
	}
	// A rule with an invalid format refuses its names, so they do not reach later rules
	// either.
	everything := rule.match == nil || rule.matchesAny() || rule.format.fault(rule.components) != ""
	switch {
	case !everything:
	case rule.components < 0:
		if t.all == 0 {
			t.all = i + 1
		}
	default:
		if t.byCount == nil {
			t.byCount = map[int]int{}
		}
		if _, ok := t.byCount[rule.components]; !ok {
			t.byCount[rule.components] = i
		}
	}
}

// before returns the earlier rule that takes all names of this one, or -1. If only
// several rules together do, it returns the last of them.
func (t *takenNames) before(rule *kerberosRule) int {
	if t.all > 0 {
		return t.all - 1
	}
	if !rule.isDefault {
		if by, ok := t.byCount[rule.components]; ok {
			return by
		}
		if by, ok := t.conditions[rule.condition]; ok {
			return by
		}
		return -1
	}
	if t.byDefault > 0 {
		return t.byDefault - 1
	}
	one, ok1 := t.byCount[1]
	two, ok2 := t.byCount[2]
	if ok1 && ok2 {
		return max(one, two)
	}
	return -1
}

// defaultBefore returns the DEFAULT that takes every name of the default realm
// that this rule applies to, or -1.
func (t *takenNames) defaultBefore(rule *kerberosRule) int {
	if t.dialect == mitDialect && rule.components != 1 {
		return -1
	}
	return t.byDefault - 1
}
