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

// Denial is a question that was answered with a denial.
type Denial struct {
	Operation ops.Operation
	Type      resource.Type
	ByType    bool   // any resource of the type would have done
	Name      string // "" where ByType is set
	Decision  snapshot.Decision
}

// asker asks one state of the ACLs about one client, and notes what it denies. It
// implements ops.ActionAuthorizer.
type asker struct {
	view    *snapshot.View
	checks  int
	entries int // of the request that can be denied, if known
	denials []Denial
	quiet   bool // denials are not noted
	probing bool // those of this step are not noted: they only find out what to show
	loud    bool // all are noted
}

// manyDenials is for how many denials room is made step by step.
const manyDenials = 64

// Begin says what the questions that follow are for.
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

// note notes a denial, and returns false.
func (a *asker) note(d Denial) bool {
	if !a.loud && (a.quiet || a.probing) {
		return false
	}
	if len(a.denials) == cap(a.denials) && cap(a.denials) >= manyDenials {
		// Of so many entries probably all are refused. To grow by steps takes twice the memory.
		a.denials = slices.Grow(a.denials, max(a.entries+manyDenials-len(a.denials), len(a.denials)))
	}
	a.denials = append(a.denials, d)
	return false
}

// denials returns the denials of an outcome that belong in an audit log. Kafka logs none
// where it refuses a request by a question that it asks quietly, such as an
// InitProducerId without a transactional id: here all of its denials are told then, so
// that no refusal is without one.
func (p *Plan) denials(out *ops.Outcome) []Denial {
	if len(p.asker.denials) > 0 || out.Error == ops.None {
		return p.asker.denials
	}
	a := asker{view: p.asker.view, loud: true}
	ops.Evaluate(&a, &p.query.Request)
	return a.denials
}

// Events yields an event for each of Denied, in their order, for the handlers of package
// audit. Each is made when it is yielded, and has no time: a request can be refused a
// hundred thousand names. Text of the client that is not UTF-8 has U+FFFD in place of
// what is not. The events of an Envelope are about the
// principal and the request in it, once it may be sent at all.
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

// nameOf returns the name of what an entry is about, also if it must not be shown to
// the client.
func nameOf(r *ops.Request, it *ops.Item) string {
	shown := *it
	shown.NameWithheld = false
	return r.NameOf(&shown)
}
