package principal

import (
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// The checks of [SSLRules.Lint] that are not also checks of Kerberos rules.
const (
	CheckDropped    = "dropped"    // Kafka skips text before the rule without a word
	CheckUnanchored = "unanchored" // another attribute than the one meant can make the name
)

// Lint returns what the authors of the rules cannot have meant:
//
//   - dropped: text before the rule, or before the end of the list, that Kafka skips,
//     such as all but the last of several rules with line ends and no commas between;
//   - unreachable: an earlier rule takes every name, line ends aside, or has the same
//     pattern;
//   - always-fails: the replacement cannot be used, so that every name that the
//     rule applies to is refused;
//   - unanchored: before the group that makes the name, the pattern skips over any
//     number of attributes, as in ".*CN=([^,]*).*", or, if the name is always the
//     same, before anything it asks for, as in ".*CN=admin.*". Who can put an
//     attribute of his own into a subject, in an OU=x,CN=admin, chooses the name.
//
// The findings are in the order of the rules. A rule that is not found may still be
// useless or harmful.
func (s *SSLRules) Lint() []RuleFinding {
	var findings []RuleFinding
	for i := 0; i <= len(s.rules); i++ {
		for _, text := range s.dropped[i] {
			findings = append(findings, RuleFinding{i, CheckDropped,
				"Kafka skips the text before this rule: " + enum.Quote(text) + ": put commas between rules"})
		}
		if i == len(s.rules) {
			break
		}
		rule := &s.rules[i]
		if by := slices.IndexFunc(s.rules[:i], rule.isTakenBy); by >= 0 {
			findings = append(findings, RuleFinding{i, CheckUnreachable,
				fmt.Sprintf("rule %d takes every name of one line that this one applies to", by)})
		}
		if rule.to.Fault() != "" {
			findings = append(findings, RuleFinding{i, CheckAlwaysFails,
				"every name that it applies to is refused: its replacement cannot be used: " + rule.to.Fault()})
		} else if rule.isUnanchored() {
			findings = append(findings, RuleFinding{i, CheckUnanchored,
				"what makes the name may come from any attribute: begin the pattern with the attributes that come first, such as CN=([^,]*)"})
		}
	}
	return findings
}

// isTakenBy reports whether the earlier rule applies to every name that r applies
// to.
func (r *sslRule) isTakenBy(earlier sslRule) bool {
	if earlier.isDefault {
		return true
	}
	if !r.isDefault && r.pattern == earlier.pattern {
		return true
	}
	return earlier.compiled.MatchesEveryLine()
}

// attributeMarks is what stands between two attributes of a distinguished name, and
// inside of one: what matches both can skip any number of attributes.
const attributeMarks = ",="

// isUnanchored reports whether what makes the name may stand behind any number of
// attributes: a group that the replacement refers to, or where the name is always the
// same, whatever the pattern asks for.
func (r *sslRule) isUnanchored() bool {
	return !r.isDefault && r.compiled.FloatsBehind(&r.to, attributeMarks)
}
