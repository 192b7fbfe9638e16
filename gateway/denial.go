package gateway

import (
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Denial is a question that was answered with a denial.
type Denial struct {
	Operation ops.Operation
	Type      resource.Type
	Name      string // "" if any resource of the type would have done
	Decision  snapshot.Decision
}

// asker asks one state of the ACLs about one client, and notes what it denies.
type asker struct {
	view    *snapshot.View
	checks  int
	entries int // of the request that can be denied, if known
	denials []Denial
	quiet   bool // denials are not noted
	shown   bool // what is asked is only to show the operations that are allowed (KIP-430)
}

// manyDenials is for how many denials room is made step by step.
const manyDenials = 64

func (a *asker) Allowed(op ops.Operation, t resource.Type, name string) bool {
	a.checks++
	d := a.view.Check(op, t, name)
	return d.Allowed() || a.note(op, t, name, d)
}

// Begin is of [ops.ActionAuthorizer].
func (a *asker) Begin(action ops.Action) { a.shown = action.Step == 0 }

func (a *asker) AllowedAny(op ops.Operation, t resource.Type) bool {
	a.checks++
	d := a.view.CheckAny(op, t)
	return d.Allowed() || a.note(op, t, "", d)
}

// note notes a denial, and returns false.
func (a *asker) note(op ops.Operation, t resource.Type, name string, d snapshot.Decision) bool {
	if a.quiet || a.shown {
		return false
	}
	if len(a.denials) == cap(a.denials) && cap(a.denials) >= manyDenials {
		// Of so many entries probably all are refused. To grow by steps takes twice the memory.
		a.denials = slices.Grow(a.denials, max(a.entries+manyDenials-len(a.denials), len(a.denials)))
	}
	a.denials = append(a.denials, Denial{op, t, name, d})
	return false
}

// felt returns the denials that the client feels in an outcome: those about what is
// refused by name, and those about anything else if something is refused that was not
// denied by its name.
func (a *asker) felt(q *query, out *ops.Outcome) []Denial {
	if len(a.denials) == 0 || out.Passes() {
		return nil
	}
	if out.Error != ops.None {
		return a.denials
	}
	count := len(out.CannotCreate)
	for i := range out.Items {
		if it := &out.Items[i]; it.Code != ops.None || it.ConfigCode != ops.None {
			count++
		}
	}
	refused := append(make([]string, 0, count), out.CannotCreate...)
	for i := range out.Items {
		if it := &out.Items[i]; it.Code != ops.None || it.ConfigCode != ops.None {
			refused = append(refused, nameOf(&q.Request, it))
		}
	}
	slices.Sort(refused)
	isFelt := func(d Denial) bool { _, found := slices.BinarySearch(refused, d.Name); return found }
	if !slices.ContainsFunc(a.denials, isFelt) && count > 0 {
		return a.denials
	}
	return slices.DeleteFunc(a.denials, func(d Denial) bool { return !isFelt(d) })
}

// nameOf returns the name of what an entry is about, also if it must not be shown to
// the client.
func nameOf(r *ops.Request, it *ops.Item) string {
	shown := *it
	shown.NameWithheld = false
	return r.NameOf(&shown)
}
