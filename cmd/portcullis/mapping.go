package main

import (
	"errors"
	"fmt"
	"io"
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

// newMapping returns a mapping without its rules.
func newMapping(name, mapped string, err error) mapping {
	m := mapping{Mapped: err == nil, Name: name, Rules: []ruleOutcome{}}
	if err != nil {
		m.Reason = refusal(err)
	} else {
		m.Principal = principal.User(mapped).String()
	}
	return m
}

// refusal returns the reason why a name has no principal, without the name.
func refusal(err error) string {
	var ssl *principal.SSLNameError
	var kerberos *principal.KerberosNameError
	var reason error
	var detail string
	switch {
	case errors.As(err, &ssl):
		reason, detail = ssl.Reason, ssl.Detail
	case errors.As(err, &kerberos):
		reason, detail = kerberos.Reason, kerberos.Detail
	default:
		return err.Error()
	}
	if detail == "" {
		return reason.Error()
	}
	return reason.Error() + ": " + detail
}

func sslMapping(t principal.SSLTrace) mapping {
	m := newMapping(t.DN, t.Name, t.Err)
	for _, step := range t.Steps {
		rule := ruleOutcome{Rule: step.Rule, Text: step.Text}
		switch {
		case step.Err != nil:
			rule.Outcome = principal.RuleFailed.String()
		case step.Applies:
			rule.Outcome = principal.RuleMapped.String()
		default:
			rule.Outcome = principal.RuleNoMatch.String()
		}
		if step.Applies && step.Err == nil && len(step.Matches) > 0 {
			rule.Substitutions = []substitution{{t.DN, step.Name, step.Matches}}
		}
		m.Rules = append(m.Rules, rule)
	}
	return m
}

func kerberosMapping(t principal.KerberosTrace) mapping {
	m := newMapping(t.Name, t.ShortName, t.Err)
	m.Realm, m.Components, m.Listed = t.Realm, t.Components, t.Listed
	for _, step := range t.Steps {
		rule := ruleOutcome{Rule: step.Rule, Text: step.Text, Outcome: step.Outcome.String(), Selection: step.Selection}
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

// writeJSON writes m as a line of JSON.
func (m *mapping) writeJSON(w io.Writer) error {
	return newLineEncoder(w).Encode(m)
}

// writeText writes the answer and then the result of each rule.
func (m *mapping) writeText(w io.Writer) error {
	var b strings.Builder
	if m.Mapped {
		fmt.Fprintf(&b, "mapped: %s to %s\n", printable(m.Name), printable(m.Principal))
	} else {
		fmt.Fprintf(&b, "refused: %s: %s\n", printable(m.Name), m.Reason)
	}
	if m.Listed {
		b.WriteString("auth_to_local_names has the name: no rule is tried\n")
	}
	for i := range m.Rules {
		m.Rules[i].appendText(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *ruleOutcome) appendText(b *strings.Builder) {
	fmt.Fprintf(b, "rule %d: %s", r.Rule, r.Outcome)
	if r.Selection != "" {
		b.WriteString(" with " + printable(r.Selection))
	}
	// The text of the rule ends the line and is not quoted, because doubled backslashes
	// would be hard to read.
	fmt.Fprintf(b, ": %s\n", lines.OnOneLine(r.Text))
	for _, s := range r.Substitutions {
		fmt.Fprintf(b, "  %s becomes %s\n", printable(s.Before), printable(s.After))
		for _, match := range s.Matches {
			b.WriteString("    replaced " + printable(match[0]))
			for i, group := range match[1:] {
				b.WriteString([]string{": ", ", "}[min(i, 1)] + fmt.Sprintf("$%d is %s", i+1, printable(group)))
			}
			b.WriteString("\n")
		}
	}
}
