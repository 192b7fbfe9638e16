package ops

import "github.com/portcullis-authz/portcullis/resource"

// Evaluate applies the protocol table to a request: it asks the authorizer the
// questions that Kafka asks, in Kafka's order, and returns what the response may show.
// A request with an unknown API key, or with a version or an endpoint that Kafka 4.2
// does not serve, is refused. A nil authorizer denies everything.
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
// request is evaluated as if the forwarded principal had sent it to the controller from
// the client's address. session returns the authorizer for that principal and address,
// or nil if there is none.
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

// Evaluate applies this row to a request instead of the row of the built-in table; see
// the function [Evaluate]. It refuses a request of another API.
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

// serves reports whether Kafka serves the request at all.
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
	// passed are the steps that allowed the request as a whole.
	passed stepSet
	over   bool // the whole request has failed
	// listener is the authorizer if it is an ActionAuthorizer, otherwise nil.
	listener ActionAuthorizer
	// Properties of the entries, which save needless passes over them.
	someMissing bool // a topic does not exist
	someByID    bool // a topic is requested by id
	mixed       bool // entries of groups or transactions come before those of their topics
	untidy      bool // some entry or its name must be removed
	filtered    int  // number of entries to remove
}

// mayHold reports whether a condition on a resource can be true for any entry.
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

// reaches reports whether a step or a guard with this endpoint and these versions
// applies to the request. The controller's checks also apply to a request that the
// broker forwards to it.
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

// asksOne asks about the resource that s selects. A missing name is denied without
// asking.
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

// refuse applies an effect to the request as a whole.
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

// fail fails the whole request. The table has no effect without a code; fail closed if
// one appears.
func (e *evaluation) fail(code ErrorCode) {
	if code == None {
		code = UnknownServerError
	}
	e.over = true
	e.out.Error = code
	e.out.Items = nil
}

// askAll asks about names, all of which must be allowed.
func (e *evaluation) askAll(s *Step, names []string) {
	for _, name := range names {
		if !e.a.Allowed(s.Operation, s.Type, name) && s.Combine != Sufficient {
			e.refuse(&s.Denied)
			return
		}
	}
}

// askMatched asks which topics a subscribed pattern may match.
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

// askNewTopics asks for Create on the topics of a streams group. Without any one of
// them, none is created.
func (e *evaluation) askNewTopics(s *Step) {
	for _, name := range e.r.NewTopics {
		if !e.a.Allowed(s.Operation, s.Type, name) {
			e.out.CannotCreate = append(e.out.CannotCreate, name)
		}
	}
}

// operations returns the operations that the caller may perform on a resource, among
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
