package ops

// Action says what the questions that follow are for, and which answers belong in
// an audit log. The zero Action is that of questions whose answers do not.
//
// Source: Kafka's Action (logIfAllowed, logIfDenied).
type Action struct {
	Key        APIKey // of the request
	Step       int    // the number of the step, from 1; 0 for the authorized operations of KIP-430
	LogAllowed bool   // an allow is an access that somebody asked for
	LogDenied  bool   // a denial is a refusal, and not only a way to find out what to show
}

// ActionAuthorizer is an [Authorizer] that wants to know what it is asked for, as
// one that keeps an audit log does. [Evaluate] calls Begin before the questions of
// each step: what it says holds until the next call. To an Authorizer that does not
// implement it nothing is said, at the cost of one look for each request.
type ActionAuthorizer interface {
	Authorizer
	Begin(Action)
}

// begin announces the questions of step n, if anybody wants to know.
func (e *evaluation) begin(n int, s *Step) {
	if e.listener != nil {
		quiet := s.QuietDenial || s.QuietWhenAll && e.r.AllTopics
		e.listener.Begin(Action{Key: e.api.Key, Step: n, LogAllowed: true, LogDenied: !quiet})
	}
}

// beginOperations announces the questions behind a KIP-430 field. Kafka logs
// neither answer: the client has not asked to do any of it.
func (e *evaluation) beginOperations() {
	if e.listener != nil {
		e.listener.Begin(Action{Key: e.api.Key})
	}
}
