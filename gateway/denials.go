package gateway

import (
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Denial is the part of an audit.Event that differs between the denials of a request:
// the question and the decision. A request can have a hundred thousand refused names.
// Denials take a quarter of the memory of events, which are made of them one at a time for
// Config.Audit.
type Denial struct {
	snapshot.Request      // the Name is "" if ByType is set
	ByType           bool // asked for any resource of the type
	quiet            bool // Kafka logs the decision at TRACE, if at all
	Decision         snapshot.Decision
}

// String returns the question and the decision, with the name quoted and cut, as a client may have
// chosen it.
func (d Denial) String() string {
	name := "any name"
	if !d.ByType {
		name = enum.Quote(d.Name)
	}
	return fmt.Sprintf("%v on %v %s: %v", d.Operation, d.Type, name, d.Decision)
}

// asker asks one state of the ACLs about one client, and records denials, and for an auditor what
// else it receives. It implements ops.Authorizer, and its Begin receives each ops.Action.
type asker struct {
	view    *snapshot.View
	checks  int
	granted bool // something was allowed
	entries int  // of the request that can be denied, if known
	denials []Denial
	others  []Denial // allows, and denials that Kafka does not log: what hears says
	hears   hearing
	quiet   bool // record nothing
	probing bool // record no denials of this step: it only determines what to show
	silent  bool // Kafka does not log allows of this step
	loud    bool // record all denials
}

// hearing is what an auditor receives.
type hearing struct {
	denials, allows bool
	quiet           bool // also what Kafka logs at TRACE
}

// manyDenials is the number of denials from which on room for all entries is reserved.
const manyDenials = 64

// Begin says what the following questions are for.
func (a *asker) Begin(action ops.Action) { a.probing, a.silent = !action.LogDenied, !action.LogAllowed }

func (a *asker) Allowed(op ops.Operation, t resource.Type, name string) bool {
	a.checks++
	d := a.view.Check(op, t, name)
	a.granted = a.granted || d.Allowed()
	if d.Allowed() && !a.hears.allows {
		return true
	}
	return a.note(Denial{Request: snapshot.Request{Operation: op, Type: t, Name: name}, Decision: d})
}

func (a *asker) AllowedAny(op ops.Operation, t resource.Type) bool {
	a.checks++
	d := a.view.CheckAny(op, t)
	a.granted = a.granted || d.Allowed()
	if d.Allowed() && !a.hears.allows {
		return true
	}
	return a.note(Denial{Request: snapshot.Request{Operation: op, Type: t}, ByType: true, Decision: d})
}

// count adds the questions that another asker was asked.
func (a *asker) count(other *asker) {
	a.checks += other.checks
	a.granted = a.granted || other.granted
}

// note records a decision, and returns whether it allows.
func (a *asker) note(d Denial) (allowed bool) {
	allowed = d.Decision.Allowed()
	switch d.quiet = !a.loud && (allowed && a.silent || !allowed && a.probing); {
	case a.quiet:
		return allowed
	case allowed || d.quiet:
		if !d.quiet || a.hears.quiet {
			a.others = append(a.others, d)
		}
		return allowed
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

// evaluate decides a request by the plan's ACLs. It returns the denials that belong in
// an audit log, and keeps what else the auditor receives. entries is the number of entries that can be denied, or 0.
func (p *Plan) evaluate(r *ops.Request, entries int) (ops.Outcome, []Denial) {
	a := asker{view: p.asker.view, entries: entries, hears: p.asker.hears}
	out := ops.Evaluate(&a, r)
	p.asker.count(&a)
	p.others = append(p.others, unknown(p.others, a.others)...)
	return out, a.denials
}

// evaluateLate decides a request about what the cluster's response shows. Its denials are
// recorded if they belong in an audit log: also those of entries that are left out of a list,
// unless Kafka does not log them, as for ListGroups and Metadata of all topics.
func (p *Plan) evaluateLate(r *ops.Request) ops.Outcome {
	out, denials := p.evaluate(r, 0)
	p.deny(denials)
	return out
}

// evaluateAhead decides a request of which the same is asked again for its outcome. Its
// denials are not recorded.
func (p *Plan) evaluateAhead(r *ops.Request) ops.Outcome {
	a := asker{view: p.asker.view, quiet: true}
	out := ops.Evaluate(&a, r)
	p.asker.count(&a)
	return out
}

// nameOf returns the name of the resource of an entry, even if the client must not see
// it.
func nameOf(r *ops.Request, it *ops.Item) string {
	shown := *it
	shown.NameWithheld = false
	return r.NameOf(&shown)
}
