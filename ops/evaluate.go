package ops

import "github.com/portcullis-authz/portcullis/resource"

// Evaluate answers a request by the protocol table: it asks the authorizer what
// Kafka would ask, in Kafka's order, and returns what the response may show. An
// unknown API key, a version or an endpoint that Kafka 4.2 does not serve is
// refused; a nil authorizer denies everything.
//
// Of an Envelope it answers the envelope itself; [EvaluateEnvelope] also answers
// what the envelope carries, which is a request of another principal.
//
// The cost is that of the questions and a few nanoseconds for each entry of the
// response. Only the outcome is allocated. Neither the request nor what it holds
// is changed. Evaluate is safe for concurrent use if the authorizer is.
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

// EvaluateEnvelope answers an Envelope and the request that it carries. The
// second is evaluated as if the forwarded principal had sent it to the controller
// from the client's address; session returns the authorizer of that principal at
// that address, or nil if there is none.
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
	inner.Caller.Principal = r.Embedded.Principal
	answer := Evaluate(session(r.Embedded.Principal, r.Embedded.ClientAddress), &inner)
	out.Inner = &answer
	return out
}

// Evaluate answers a request by this row instead of the built-in table; see the
// function [Evaluate]. It refuses a request of another API.
func (api *API) Evaluate(a Authorizer, r *Request) Outcome {
	if !api.serves(r) {
		return refused(r.Key)
	}
	if a == nil {
		a = denyAll{}
	}
	e := evaluation{api: api, a: a, r: r}
	e.listener, _ = a.(ActionAuthorizer)
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

// denyAll is the authorizer that denies everything.
type denyAll struct{}

func (denyAll) Allowed(Operation, resource.Type, string) bool { return false }
func (denyAll) AllowedAny(Operation, resource.Type) bool      { return false }

// serves reports whether Kafka answers the request at all.
func (api *API) serves(r *Request) bool {
	if api.Key != r.Key || r.Version < api.MinVersion || r.Version > api.MaxVersion {
		return false
	}
	for _, e := range api.Listeners {
		if e == r.Endpoint {
			return true
		}
	}
	return false
}

// stepSet is a set of steps: bit n-1 stands for step n.
type stepSet uint16

// maxSteps is how many steps a row can have: as many as a stepSet has bits. The
// longest has five.
const maxSteps = 16

func (s stepSet) has(n int) bool { return n >= 1 && n <= maxSteps && s>>(n-1)&1 != 0 }

// evaluation is the state of one call of Evaluate. It lives on the stack: none of
// its methods may let it or the request escape.
type evaluation struct {
	api *API
	a   Authorizer
	r   *Request
	out Outcome
	// passed are the steps that allowed the request as a whole.
	passed stepSet
	over   bool // the whole request has failed
	// listener is the authorizer, if it wants to know what it is asked for; else nil.
	listener ActionAuthorizer
	// What is known of the entries, so that they need not be gone through in vain.
	someMissing bool // a topic does not exist
	someByID    bool // a topic is named by its id
	mixed       bool // entries of groups or transactions stand before those of their topics
	untidy      bool // an entry is to be taken out, or its name
	filtered    int  // how many entries are to be taken out
}

// mayHold reports whether a condition on a resource can hold for an entry at all.
func (e *evaluation) mayHold(c Condition) bool {
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

// reaches reports whether a step or a guard that is bound to an endpoint and to
// versions concerns the request. What a controller checks also concerns a request
// that the broker forwards to it.
func (e *evaluation) reaches(at Endpoint, minVersion, maxVersion int16) bool {
	if e.r.Version < minVersion || maxVersion != 0 && e.r.Version > maxVersion {
		return false
	}
	return at == 0 || at == e.r.Endpoint || at == Controller && e.api.Forwarded
}

// step asks the questions of step n.
func (e *evaluation) step(n int) {
	s := &e.api.Steps[n-1]
	if !e.reaches(s.Endpoint, s.MinVersion, s.MaxVersion) || s.Combine == Fallback && e.passed.has(s.FallbackOf) {
		return
	}
	if s.When.isOfItem() {
		if !e.mayHold(s.When) {
			return
		}
	} else if !s.When.holds(e.r) {
		return
	}
	e.begin(n, s)
	switch {
	case s.Name.isList():
		e.askEach(n, s)
	case s.Name == subscribedTopics:
		e.askAll(s, e.r.Subscribed)
	case s.Name == matchedTopics:
		e.askMatched(s)
	case s.Name == newTopics:
		e.askNewTopics(s)
	case s.When.isOfItem() && !e.someItem(s.When):
	default:
		e.askOnce(n, s)
	}
}

// askOnce asks a question about one resource.
func (e *evaluation) askOnce(n int, s *Step) {
	allowed := e.asksOne(s)
	if allowed {
		e.passed |= 1 << (n - 1)
	}
	denied := !allowed && s.Combine != Sufficient
	switch {
	case s.Denied.Scope == FieldWithheld:
		e.out.HasClusterOperations = true
		if !denied {
			e.out.ClusterOperations = e.operations(resource.Cluster, resource.ClusterName)
		}
	case denied:
		e.refuse(&s.Denied)
	}
}

// asksOne asks about the resource that s names. A name that the request lacks is
// denied without asking.
func (e *evaluation) asksOne(s *Step) bool {
	switch s.Name {
	case theCluster:
		return e.a.Allowed(s.Operation, s.Type, resource.ClusterName)
	case anyResource:
		return e.a.AllowedAny(s.Operation, s.Type)
	case theGroup:
		return e.a.Allowed(s.Operation, s.Type, e.r.Group)
	case theTransactionalID:
		return e.r.TransactionalID != nil && e.a.Allowed(s.Operation, s.Type, *e.r.TransactionalID)
	case theOwner:
		return e.a.Allowed(s.Operation, s.Type, e.r.Owner)
	default:
		return false
	}
}

// refuse takes an effect on the request as a whole.
func (e *evaluation) refuse(f *Effect) {
	switch {
	case f.Scope == Ignored:
	case f.Scope == OneItem && e.r.Version >= f.WholeBelow:
		for i := range e.out.Items {
			if e.out.Items[i].Code == None {
				e.out.Items[i].Code = f.Code
			}
		}
	case f.Scope == EmptyResponse:
		e.fail(f.Code)
		e.out.Empty = true
		if e.r.Version < f.CodeFrom {
			e.out.Error = None
		}
	default:
		e.fail(f.Code)
	}
}

// fail fails the whole request. An effect without a code is none that the table
// has; it must not look like success.
func (e *evaluation) fail(code ErrorCode) {
	if code == None {
		code = UnknownServerError
	}
	e.over = true
	e.out.Error = code
	e.out.Items = nil
}

// askAll asks about names that must all be allowed.
func (e *evaluation) askAll(s *Step, names []string) {
	for _, name := range names {
		if !e.a.Allowed(s.Operation, s.Type, name) && s.Combine != Sufficient {
			e.refuse(&s.Denied)
			return
		}
	}
}

// askMatched asks which topics a subscribed pattern may resolve to.
func (e *evaluation) askMatched(s *Step) {
	e.out.Matched = make([]string, 0, len(e.r.Matched))
	for _, name := range e.r.Matched {
		switch {
		case e.a.Allowed(s.Operation, s.Type, name) || s.Combine == Sufficient || s.Denied.Scope == Ignored:
			e.out.Matched = append(e.out.Matched, name)
		case s.Denied.Scope != LeftOut:
			e.fail(s.Denied.Code)
			return
		}
	}
}

// askNewTopics asks which topics of a streams group keep all of them from being
// created.
func (e *evaluation) askNewTopics(s *Step) {
	for _, name := range e.r.NewTopics {
		if !e.a.Allowed(s.Operation, s.Type, name) {
			e.out.CannotCreate = append(e.out.CannotCreate, name)
		}
	}
}

// operations returns the operations on a resource that the caller may do, of
// those that its type supports.
func (e *evaluation) operations(t resource.Type, name string) Set {
	var allowed Set
	e.beginOperations()
	for op := range Supported(t).All() {
		if e.a.Allowed(op, t, name) {
			allowed |= SetOf(op)
		}
	}
	return allowed
}
