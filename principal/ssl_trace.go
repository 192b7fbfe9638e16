package principal

// SSLTrace says how a distinguished name was mapped.
type SSLTrace struct {
	DN    string
	Steps []SSLStep // the rules that were asked, in order; only the last may have applied or failed
	Name  string    // what Name returns
	Err   error     // what Name returns
}

// SSLStep is what one rule did.
type SSLStep struct {
	Rule    int    // index in the list, from 0; rules left empty do not count
	Text    string // the rule
	Applies bool   // its pattern matches the whole name, or it is DEFAULT
	// Matches holds, for each match that was replaced, its text and that of its groups.
	// A group that took no part is empty. There is more than one match where the pattern
	// also matches part of the name, or nothing at its end.
	Matches [][]string
	Name    string // the name, if it made one
	Err     error  // why it failed, if it did
}

// Trace maps dn as [SSLRules.Name] does, with the same result, and says how: which
// rules were asked, which one fired, and what its groups captured.
func (s *SSLRules) Trace(dn string) SSLTrace {
	trace := SSLTrace{DN: dn}
	trace.Name, trace.Err = s.walk(dn, &trace)
	return trace
}

// step begins the note of a rule. A nil trace has none, and the methods of a nil
// step note nothing.
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
