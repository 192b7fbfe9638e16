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
		if rule.to.fault != "" {
			findings = append(findings, RuleFinding{i, CheckAlwaysFails,
				"every name that it applies to is refused: its replacement cannot be used: " + rule.to.fault})
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
	return matchesEverything(earlier.compiled.tree.root)
}

// matchesEverything reports whether a pattern is seen to match every text of one
// line, as (.*) and ^.*$ do.
func matchesEverything(n *node) bool {
	switch n.op {
	case opGroup, opCapture:
		return matchesEverything(n.subs[0])
	case opRepeat:
		return n.min == 0 && n.max < 0 && n.subs[0].op == opSet && len(lineTerminators.complement().intersect(n.subs[0].set.complement())) == 0
	case opAlternate:
		return slices.ContainsFunc(n.subs, matchesEverything)
	case opConcat:
		subs := n.subs
		if len(subs) > 0 && subs[0].op == opAssert && subs[0].assertion == assertBegin {
			subs = subs[1:]
		}
		if last := len(subs) - 1; last >= 0 && subs[last].op == opAssert && (subs[last].assertion == assertFinal || subs[last].assertion == assertEnd) {
			subs = subs[:last]
		}
		return slices.ContainsFunc(subs, matchesEverything) && !slices.ContainsFunc(subs, func(sub *node) bool { return !matchesEverything(sub) })
	}
	return false
}

// isUnanchored reports whether what makes the name may stand behind any number of
// attributes: a group that the replacement refers to, or where the name is always the
// same, whatever the pattern asks for.
func (r *sslRule) isUnanchored() bool {
	if r.isDefault {
		return false
	}
	search := nameSearch{groups: map[int]bool{}}
	for _, part := range r.to.parts {
		if part.group >= 0 {
			search.groups[part.group] = true
		}
	}
	search.walk(r.compiled.tree.root, false)
	return search.found
}

// nameSearch goes through a pattern from left to right and looks for what makes the
// name behind a part that can skip attributes.
type nameSearch struct {
	groups map[int]bool // that the replacement refers to
	found  bool
}

// walk looks at n, which stands behind such a part if skipped is set, and reports
// whether what comes after n does.
func (s *nameSearch) walk(n *node, skipped bool) bool {
	if n.op == opLook {
		return skipped
	}
	s.found = s.found || skipped && s.makesName(n)
	skips := n.op == opRepeat && n.max != 0 && n.max != 1 && skipsAttributes(n.subs[0])
	after := skipped || skips
	skipped = skipped || skips && captures(n) // behind an earlier turn
	for _, sub := range n.subs {
		passed := s.walk(sub, skipped)
		after = after || passed
		if n.op != opAlternate {
			skipped = passed
		}
	}
	return after
}

func (s *nameSearch) makesName(n *node) bool {
	if len(s.groups) == 0 {
		return n.op == opSet && !skipsAttributes(n)
	}
	return n.op == opCapture && s.groups[n.index]
}

// skipsAttributes reports whether n may match what stands between two attributes and
// what stands inside of one.
func skipsAttributes(n *node) bool {
	comma, equals := false, false
	var look func(*node)
	look = func(n *node) {
		if n.op == opSet {
			comma = comma || n.set.contains(',')
			equals = equals || n.set.contains('=')
		}
		for _, sub := range n.subs {
			look(sub)
		}
	}
	look(n)
	return comma && equals
}
