package principal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// mapping describes how a name became a principal, or why it did not. It is also the
// JSON output.
type mapping struct {
	Mapped     bool     `json:"mapped"`
	Principal  string   `json:"principal,omitzero"`
	Reason     string   `json:"reason,omitzero"` // of the refusal
	Name       string   `json:"name"`
	Realm      string   `json:"realm,omitzero"`      // of a Kerberos name
	Components []string `json:"components,omitzero"` // of a Kerberos name
	// Listed says that auth_to_local_names has the name.
	Listed bool          `json:"listed,omitzero"`
	Rules  []ruleOutcome `json:"rules"` // those that were tried, in order
}

// ruleOutcome is the result of one rule.
type ruleOutcome struct {
	Rule          int            `json:"rule"` // from 0
	Text          string         `json:"text"`
	Outcome       string         `json:"outcome"`
	Selection     string         `json:"selection,omitzero"` // the text that the pattern of a Kerberos rule is matched against
	Substitutions []substitution `json:"substitutions,omitzero"`
}

// substitution is one replacement by a rule.
type substitution struct {
	Before string `json:"before"`
	After  string `json:"after"`
	// Matches has, for each match, its text and the texts of its groups.
	Matches [][]string `json:"matches"`
}

// newMapping returns the mapping that a trace describes.
func newMapping(t principal.Trace) *mapping {
	m := &mapping{Mapped: t.Err == nil, Name: t.Name, Realm: t.Realm, Components: t.Components, Listed: t.Listed, Rules: []ruleOutcome{}}
	if t.Err != nil {
		m.Reason = refusal(t.Err)
	} else {
		m.Principal = principal.User(t.Result).String()
	}
	for _, step := range t.Steps {
		rule := ruleOutcome{Rule: step.Rule, Text: step.Text, Outcome: step.Outcome, Selection: step.Selection}
		for _, s := range step.Substitutions {
			matches := s.Matches
			if matches == nil {
				matches = [][]string{}
			}
			rule.Substitutions = append(rule.Substitutions, substitution{s.Before, s.After, matches})
		}
		m.Rules = append(m.Rules, rule)
	}
	return m
}

// refusal returns the reason why a name has no principal, without the name.
func refusal(err error) string {
	var fault *principal.NameError
	switch {
	case !errors.As(err, &fault):
		return err.Error()
	case fault.Detail == "":
		return fault.Reason.Error()
	}
	return fault.Reason.Error() + ": " + fault.Detail
}

// text returns the answer and then the result of each rule.
func (m *mapping) text() string {
	var b strings.Builder
	if m.Mapped {
		fmt.Fprintf(&b, "mapped: %s to %s", lines.Printable(m.Name), lines.Printable(m.Principal))
	} else {
		fmt.Fprintf(&b, "refused: %s: %s", lines.Printable(m.Name), m.Reason)
	}
	if m.Listed {
		b.WriteString("\nauth_to_local_names has the name: no rule is tried")
	}
	for _, r := range m.Rules {
		r.appendText(&b)
	}
	return b.String()
}

func (r *ruleOutcome) appendText(b *strings.Builder) {
	fmt.Fprintf(b, "\nrule %d: %s", r.Rule, r.Outcome)
	if r.Selection != "" {
		b.WriteString(" with " + lines.Printable(r.Selection))
	}
	// The text of the rule ends the line and is not quoted, because doubled backslashes
	// would be hard to read.
	b.WriteString(": " + lines.OnOneLine(r.Text))
	for _, s := range r.Substitutions {
		fmt.Fprintf(b, "\n  %s becomes %s", lines.Printable(s.Before), lines.Printable(s.After))
		for _, match := range s.Matches {
			b.WriteString("\n    replaced " + lines.Printable(match[0]))
			for i, group := range match[1:] {
				fmt.Fprintf(b, "%s$%d is %s", []string{": ", ", "}[min(i, 1)], i+1, lines.Printable(group))
			}
		}
	}
}
