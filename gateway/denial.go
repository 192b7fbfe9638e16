package gateway

import (
	"iter"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Denial is an authorization question that was denied.
type Denial struct {
	Operation ops.Operation
	Type      resource.Type
	ByType    bool   // asked for any resource of the type
	Name      string // "" if ByType is set
	Decision  snapshot.Decision
}

// asker asks one state of the ACLs about one client, and records denials. It implements
// ops.ActionAuthorizer.
type asker struct {
	view    *snapshot.View
	checks  int
	entries int // of the request that can be denied, if known
	denials []Denial
	quiet   bool // record no denials
	probing bool // record no denials of this step: it only determines what to show
	loud    bool // record all denials
}

// manyDenials is the number of denials from which on room for all entries is reserved.
const manyDenials = 64

// Begin says what the following questions are for.
func (a *asker) Begin(action ops.Action) { a.probing = !action.LogDenied }

func (a *asker) Allowed(op ops.Operation, t resource.Type, name string) bool {
	a.checks++
	d := a.view.Check(op, t, name)
	return d.Allowed() || a.note(Denial{Operation: op, Type: t, Name: name, Decision: d})
}

func (a *asker) AllowedAny(op ops.Operation, t resource.Type) bool {
	a.checks++
	d := a.view.CheckAny(op, t)
	return d.Allowed() || a.note(Denial{Operation: op, Type: t, ByType: true, Decision: d})
}

// note records a denial, and returns false.
func (a *asker) note(d Denial) bool {
	if !a.loud && (a.quiet || a.probing) {
		return false
	}
	if len(a.denials) == cap(a.denials) && cap(a.denials) >= manyDenials {
		// With so many denials, probably all entries are refused. Growing step by step
		// would take twice the memory.
		a.denials = slices.Grow(a.denials, max(a.entries+manyDenials-len(a.denials), len(a.denials)))
	}
	a.denials = append(a.denials, d)
	return false
}

// denials returns the denials of an outcome that belong in an audit log. Kafka logs
// nothing if it refuses a request by a question that it does not log, such as an
// InitProducerId without a transactional id. Here all denials of such a request are
// returned, so that every refusal has at least one.
func (p *Plan) denials(out *ops.Outcome) []Denial {
	if len(p.asker.denials) > 0 || out.Error == ops.None {
		return p.asker.denials
	}
	a := asker{view: p.asker.view, loud: true}
	ops.Evaluate(&a, &p.query.Request)
	return a.denials
}

// Events yields an audit event for each of Denied, in order, for the handlers of
// package audit. Each event is created when it is yielded, because a request can have a
// hundred thousand refused names. Events have no time. Invalid UTF-8 in the client's
// text is replaced by U+FFFD. For an Envelope that is itself allowed, the events are
// about the principal and the request inside it.
func (p *Plan) Events() iter.Seq[*audit.Event] {
	return func(yield func(*audit.Event) bool) {
		about := p
		if p.embedded != nil {
			about = p.embedded
		}
		h := &about.Header
		call := audit.Call{API: h.Key, ClientID: strings.ToValidUTF8(h.ClientID, "\uFFFD"), CorrelationID: h.CorrelationID}
		for i := range p.Denied {
			d := &p.Denied[i]
			call.References = 1
			if d.ByType {
				call.References = 0
			}
			if !yield(&audit.Event{
				Subject: about.conn.subject, ByType: d.ByType, Decision: d.Decision, Call: call,
				Request: snapshot.Request{Operation: d.Operation, Type: d.Type, Name: strings.ToValidUTF8(d.Name, "\uFFFD")},
			}) {
				return
			}
		}
	}
}

// nameOf returns the name of the resource of an entry, even if the client must not see
// it.
func nameOf(r *ops.Request, it *ops.Item) string {
	shown := *it
	shown.NameWithheld = false
	return r.NameOf(&shown)
}
