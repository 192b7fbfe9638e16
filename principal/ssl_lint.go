package principal

import (
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Lint returns probable mistakes in the rules:
//
//   - dropped: Kafka skips text before the rule, or before the end of the list. An
//     example is all but the last of several rules separated by line ends without
//     commas.
//   - unreachable: an earlier rule takes every name (except names with line
//     terminators), has the same pattern, or provably matches every name that the rule
//     matches.
//   - always-fails: the replacement is invalid, so that every name that the rule
//     applies to is refused.
//   - unanchored: the pattern skips any number of attributes before the group that
//     supplies the name, as in ".*CN=([^,]*).*". If the rule always produces the same
//     name, it skips them before anything it requires, as in ".*CN=admin.*". Anyone who
//     can add an attribute to a subject, such as OU=x,CN=admin, can choose the name.
//   - constant: the replacement refers to no group, so that every name that the rule applies
//     to becomes the same one.
//   - cuts: the rule cuts a value, as CN=(\w+).* cuts that of CN=alice-x, so that different
//     clients become the same principal. The finding has two such names.
//
// The findings are in the order of the rules. A rule without a finding may still be
// useless or harmful.
func (s *SSLRules) Lint() []RuleFinding {
	var findings []RuleFinding
	for i := 0; i <= len(s.rules); i++ {
		for _, text := range s.dropped[i] {
			findings = append(findings, RuleFinding{i, checkDropped,
				"Kafka skips the text before this rule: " + enum.Quote(text) + ": put commas between rules"})
		}
		if i == len(s.rules) {
			break
		}
		rule := &s.rules[i]
		if by := slices.IndexFunc(s.rules[:i], func(earlier sslRule) bool { return rule.isTakenBy(earlier, len(s.rules) <= maxProbedRules) }); by >= 0 {
			findings = append(findings, RuleFinding{i, checkUnreachable,
				fmt.Sprintf("rule %d takes every name of one line that this one applies to", by)})
		}
		if check, msg := s.lintReplacement(i); check != "" {
			findings = append(findings, RuleFinding{i, check, msg})
		}
	}
	return findings
}

// lintReplacement returns the finding about what the rule at index i makes of a name.
func (s *SSLRules) lintReplacement(i int) (check, msg string) {
	rule := &s.rules[i]
	switch fault := rule.to.Fault(); {
	case rule.isDefault:
		return "", ""
	case fault != "":
		return checkAlwaysFails, "every name that it applies to is refused: its replacement is invalid: " + fault
	case rule.isUnanchored() && (len(rule.to.Groups()) > 0 || rule.compiled.Groups() == 0): // else $1 is missing
		return checkUnanchored, "the name may come from any attribute: begin the pattern with the first attributes, such as CN=([^,]*)"
	}
	if msg := rule.lintConstant(); msg != "" {
		return checkConstant, msg
	}
	if msg := s.lintCutting(i); msg != "" {
		return checkCuts, msg
	}
	return "", ""
}

// isTakenBy reports whether the earlier rule applies to every name that r applies to. Unless
// compared is set, their patterns are not compared, which takes more time.
func (r *sslRule) isTakenBy(earlier sslRule, compared bool) bool {
	if earlier.isDefault {
		return true
	}
	if !r.isDefault && r.pattern == earlier.pattern {
		return true
	}
	if earlier.compiled.MatchesEveryLine() {
		return true
	}
	return compared && !r.isDefault && earlier.compiled.IsPlain() && r.compiled.GoSyntax() != "" && patternCovers(earlier.compiled.GoSyntax(), r.compiled.GoSyntax())
}

// attributeMarks are the characters between and within attributes of a distinguished
// name. A subpattern that matches both can skip any number of attributes.
const attributeMarks = ",="

// isUnanchored reports whether the part that determines the name may come after any
// number of attributes. That part is a group that the replacement refers to or, if the
// name is always the same, anything the pattern requires.
func (r *sslRule) isUnanchored() bool {
	return !r.isDefault && r.compiled.FloatsBehind(&r.to, attributeMarks)
}
