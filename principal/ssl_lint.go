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
//     terminators), or has the same pattern.
//   - always-fails: the replacement is invalid, so that every name that the rule
//     applies to is refused.
//   - unanchored: the pattern skips any number of attributes before the group that
//     supplies the name, as in ".*CN=([^,]*).*". If the rule always produces the same
//     name, it skips them before anything it requires, as in ".*CN=admin.*". Anyone who
//     can add an attribute to a subject, such as OU=x,CN=admin, can choose the name.
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
		if by := slices.IndexFunc(s.rules[:i], rule.isTakenBy); by >= 0 {
			findings = append(findings, RuleFinding{i, checkUnreachable,
				fmt.Sprintf("rule %d takes every name of one line that this one applies to", by)})
		}
		if rule.to.Fault() != "" {
			findings = append(findings, RuleFinding{i, checkAlwaysFails,
				"every name that it applies to is refused: its replacement is invalid: " + rule.to.Fault()})
		} else if rule.isUnanchored() {
			findings = append(findings, RuleFinding{i, checkUnanchored,
				"the name may come from any attribute: begin the pattern with the first attributes, such as CN=([^,]*)"})
		}
	}
	return findings
}

// isTakenBy reports whether the earlier rule applies to every name that r applies to.
func (r *sslRule) isTakenBy(earlier sslRule) bool {
	if earlier.isDefault {
		return true
	}
	if !r.isDefault && r.pattern == earlier.pattern {
		return true
	}
	return earlier.compiled.MatchesEveryLine()
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
