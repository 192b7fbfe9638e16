package ops

import "slices"

// Evaluate applies the protocol table to a request: it asks the authorizer the
// questions that Kafka asks, in Kafka's order, and returns what the response may show.
// A request with an unknown API key, or with a version or an endpoint that the release of
// Kafka in it does not serve, is refused. A nil authorizer denies everything.
//
// For an Envelope, Evaluate answers only the envelope itself. [EvaluateEnvelope] also
// answers the embedded request, which has another principal.
//
// The cost is that of the questions plus a few nanoseconds for each entry of the
// response. Only the outcome is allocated. The request is not changed. Evaluate is safe
// for concurrent use if the authorizer is.
func Evaluate(a Authorizer, r *Request) Outcome {
	if r == nil {
		r = new(Request)
	}
	api := row(r.Key)
	if api == nil {
		return refused(r.Key)
	}
	return api.Evaluate(a, r)
}

// EvaluateEnvelope answers an Envelope and the request embedded in it. The embedded
// request is evaluated as if the forwarded principal had sent it to the controller, which has
// the release of r, from the client's address. session returns the authorizer for that
// principal and address, or nil if there is none.
//
// Source: ControllerApis.handleEnvelopeRequest, EnvelopeUtils; KIP-590.
func EvaluateEnvelope(a Authorizer, r *Request, session func(principal, clientAddress string) Authorizer) Outcome {
	out := Evaluate(a, r)
	if !out.Passes() || r.Embedded == nil || r.Embedded.Request == nil {
		return out
	}
	if session == nil {
		session = func(string, string) Authorizer { return nil }
	}
	inner := *r.Embedded.Request
	inner.Endpoint = Controller
	inner.Forwarded = true
	inner.Release = r.Release
	inner.Caller.Principal = r.Embedded.Principal
	answer := Evaluate(session(r.Embedded.Principal, r.Embedded.ClientAddress), &inner)
	out.Inner = &answer
	return out
}

// Evaluate applies this row to a request instead of the row of the built-in table; see
// the function [Evaluate]. It refuses a request of another API.
func (api *API) Evaluate(a Authorizer, r *Request) Outcome {
	release, ok := api.serves(r)
	if !ok {
		return refused(r.Key)
	}
	if a == nil {
		a = grants(nil)
	}
	e := evaluation{api: api, a: a, r: r, release: release}
	e.listener, _ = a.(actionAuthorizer)
	e.list()
	for n := range api.Steps {
		e.guard(n)
		if e.over {
			break
		}
		e.step(n + 1)
	}
	e.finish()
	return e.out
}

// serves returns the release by whose rules a request is evaluated, and reports whether that
// release serves the request at all.
func (api *API) serves(r *Request) (release Release, ok bool) {
	release, ok = r.Release.known()
	if !ok || api.Key != r.Key || api.Since > release || r.Version < api.MinVersion || r.Version > api.maxVersionIn(release) {
		return release, false
	}
	return release, slices.Contains(api.Listeners, r.Endpoint)
}

// stepSet is a set of steps: bit n-1 is step n.
type stepSet uint16

// maxSteps is the maximum number of steps in a row: the number of bits in a stepSet.
// The longest row has five.
const maxSteps = 16

func (s stepSet) has(n int) bool { return n >= 1 && n <= maxSteps && s>>(n-1)&1 != 0 }

// evaluation is the state of one call of Evaluate. It is on the stack: its methods must
// not let it or the request escape.
type evaluation struct {
	api *API
	a   Authorizer
	r   *Request
	out Outcome
	// release is that of the broker or controller.
	release Release
	// passed are the steps that allowed the request as a whole.
	passed stepSet
	over   bool // the whole request has failed
	// listener is the authorizer if it is an actionAuthorizer, otherwise nil.
	listener actionAuthorizer
	// Properties of the entries, which save needless passes over them.
	someMissing bool // a topic does not exist
	someByID    bool // a topic is requested by id
	mixed       bool // entries of groups or transactions come before those of their topics
	hides       bool // some entry or its name must be removed
	filtered    int  // number of entries to remove
}

// mayHold reports whether a condition on a resource can be true for any entry.
func (e *evaluation) mayHold(c condition) bool {
	switch c {
	case topicMissing:
		return e.someMissing
	case topicToCreate:
		return e.someMissing && !e.r.AllTopics && e.r.createsTopics()
	case topicIDUnknown:
		return e.someByID
	default:
		return true
	}
}

// reaches reports whether a step or a guard with this endpoint and these versions
// applies to the request. The controller's checks also apply to a request that the
// broker forwards to it.
func (e *evaluation) reaches(at Endpoint, minVersion, maxVersion int16) bool {
	if e.r.Version < minVersion || maxVersion != 0 && e.r.Version > maxVersion {
		return false
	}
	return at == 0 || at == e.r.Endpoint || at == Controller && e.api.Forwarded
}

// Action describes the questions that follow and says which answers belong in an audit
// log. An [Authorizer] gets it if it has the method Begin(Action): [Evaluate] calls it
// before the questions of each step, and it applies until the next call. The zero Action is for questions whose answers are not logged.
//
// Source: Kafka's Action (logIfAllowed, logIfDenied).
type Action struct {
	Key        APIKey // of the request
	Step       int    // the number of the step, from 1; 0 for the authorized operations of KIP-430
	LogAllowed bool   // the client requested the access that an allow grants
	LogDenied  bool   // a denial refuses something that the client requested; it does not only decide what to show
}

// actionAuthorizer is an [Authorizer] that also receives an [Action] before its
// questions, for example to keep an audit log. [Evaluate] calls Begin before the
// questions of each step; the Action applies until the next call. For other Authorizers
// the only cost is one type assertion per request.
type actionAuthorizer interface {
	Authorizer
	Begin(Action)
}

// begin announces the questions of step n to an actionAuthorizer.
func (e *evaluation) begin(n int, s *step) {
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
