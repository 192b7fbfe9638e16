package principal

// SSLTrace describes how a distinguished name was mapped.
type SSLTrace struct {
	DN    string
	Steps []SSLStep // the rules that were tried, in order; only the last can have applied or failed
	Name  string    // what Name returns
	Err   error     // what Name returns
}

// SSLStep is the result of one rule.
type SSLStep struct {
	Rule    int    // index in the list, from 0; empty rules do not count
	Text    string // the rule
	Applies bool   // the rule is DEFAULT or its pattern matches the whole name
	// Matches holds, for each replaced match, its text and that of its groups. A group
	// that did not participate is empty. There is more than one match if the pattern
	// also matches part of the name, or the empty string at its end.
	Matches [][]string
	Name    string // the result, if the rule produced one
	Err     error  // why it failed, if it did
}

// Trace maps dn as [SSLRules.Name] does, with the same result, and explains it: which
// rules were tried, which one matched, and what its groups captured.
func (s *SSLRules) Trace(dn string) SSLTrace {
	trace := SSLTrace{DN: dn}
	trace.Name, trace.Err = s.walk(dn, &trace)
	return trace
}

// step begins the record of a rule. A nil trace returns a nil step, whose methods do
// nothing.
func (t *SSLTrace) step(rule int, r *sslRule) *SSLStep {
	if t == nil {
		return nil
	}
	t.Steps = append(t.Steps, SSLStep{Rule: rule, Text: r.String()})
	return &t.Steps[len(t.Steps)-1]
}

func (s *SSLStep) matches() *[][]string {
	if s == nil {
		return nil
	}
	return &s.Matches
}

func (s *SSLStep) done(name string, applies bool, err error) {
	if s != nil {
		s.Name, s.Applies, s.Err = name, applies, err
	}
}
