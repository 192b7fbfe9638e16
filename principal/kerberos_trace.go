package principal

import "github.com/portcullis-authz/portcullis/internal/javaregex"

// RuleOutcome is the result of applying one rule to a name. The zero RuleOutcome is
// unknown.
type RuleOutcome int8

// The outcomes of a rule.
const (
	RuleUnknown       RuleOutcome = iota
	RuleNotApplicable             // the rule is for another realm or number of components
	RuleNoMatch                   // its pattern does not match
	RuleMapped                    // it produced the short name
	RuleFailed                    // it refused the name
)

// String returns o in words, such as "no match".
func (o RuleOutcome) String() string {
	switch o {
	case RuleNotApplicable:
		return "not applicable"
	case RuleNoMatch:
		return "no match"
	case RuleMapped:
		return "mapped"
	case RuleFailed:
		return "failed"
	default:
		return "unknown"
	}
}

// KerberosTrace describes how a name was mapped.
type KerberosTrace struct {
	Name       string
	Realm      string   // empty in a simple name
	Components []string // nil if Name could not be parsed, or is a simple name in Kafka's dialect
	// Listed says that the name is in MIT's auth_to_local_names; no rule was tried.
	Listed bool
	// Steps are the rules that were tried, in order. Only the last can have mapped or
	// refused the name.
	Steps     []KerberosStep
	ShortName string // what ShortName returns
	Err       error  // what ShortName returns
}

// KerberosStep is the result of one rule.
type KerberosStep struct {
	Rule      int    // index in the list, from 0
	Text      string // the rule, in canonical form
	Outcome   RuleOutcome
	Selection string // the text that was matched; empty for DEFAULT and if the rule was not applicable
	// Substitutions are its s/from/to/ expressions in order. Only a trace has them, and
	// only for the rule that mapped the name.
	Substitutions []KerberosSubstitution
	Result        string // the short name, if it mapped the name
	Err           error  // why it refused the name, if it did
}

// KerberosSubstitution is the result of one s/from/to/.
type KerberosSubstitution struct {
	Before, After string
	// Matches holds, for each replaced match, its text and that of its groups. A group
	// that did not participate is empty.
	Matches [][]string
}

// Trace maps name as [KerberosRules.ShortName] does, with the same result, and explains
// it: which rules were tried, the outcome of each, and what the groups of the matching
// rule captured.
func (k *KerberosRules) Trace(name string) KerberosTrace {
	trace := KerberosTrace{Name: name}
	trace.ShortName, trace.Err = k.walk(name, &trace)
	if n := len(trace.Steps); n > 0 && trace.Steps[n-1].Outcome == RuleMapped {
		trace.Steps[n-1].Substitutions = k.rules[n-1].explain(trace.Steps[n-1].Selection)
	}
	return trace
}

// begin records the parts of the name. It does nothing if t is nil.
func (t *KerberosTrace) begin(name *kerberosName) {
	if t != nil {
		t.Realm, t.Components = name.realm, name.components
	}
}

func (t *KerberosTrace) listed() {
	if t != nil {
		t.Listed = true
	}
}

func (t *KerberosTrace) add(step KerberosStep) {
	if t != nil {
		t.Steps = append(t.Steps, step)
	}
}

// explain repeats the substitutions of a rule that succeeded, to record their captures.
func (r *kerberosRule) explain(selection string) []KerberosSubstitution {
	var list []KerberosSubstitution
	m := &javaregex.Matcher{}
	for _, s := range r.substitutions {
		done := KerberosSubstitution{Before: selection}
		var err error
		if done.After, err = s.apply(m, selection, &done.Matches); err != nil {
			return list
		}
		list = append(list, done)
		selection = done.After
	}
	return list
}
