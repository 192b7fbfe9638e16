package ops

// Action describes the questions that follow and says which answers belong in an audit
// log. The zero Action is for questions whose answers are not logged.
//
// Source: Kafka's Action (logIfAllowed, logIfDenied).
type Action struct {
	Key        APIKey // of the request
	Step       int    // the number of the step, from 1; 0 for the authorized operations of KIP-430
	LogAllowed bool   // the client requested the access that an allow grants
	LogDenied  bool   // a denial refuses something that the client requested; it does not only decide what to show
}

// ActionAuthorizer is an [Authorizer] that also receives an [Action] before its
// questions, for example to keep an audit log. [Evaluate] calls Begin before the
// questions of each step; the Action applies until the next call. For other Authorizers
// the only cost is one type assertion per request.
type ActionAuthorizer interface {
	Authorizer
	Begin(Action)
}

// begin announces the questions of step n to an ActionAuthorizer.
func (e *evaluation) begin(n int, s *Step) {
	if e.listener != nil {
		quiet := s.QuietDenial || s.QuietWhenAll && e.r.AllTopics
		e.listener.Begin(Action{Key: e.api.Key, Step: n, LogAllowed: true, LogDenied: !quiet})
	}
}

// beginOperations announces the questions for a KIP-430 field. Kafka logs neither
// answer, because the client has not requested the operations.
func (e *evaluation) beginOperations() {
	if e.listener != nil {
		e.listener.Begin(Action{Key: e.api.Key})
	}
}
