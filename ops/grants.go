package ops

import "github.com/portcullis-authz/portcullis/resource"

// Use is a step of the protocol table that asks for a permission.
type Use struct {
	Key    APIKey
	Number int  // the number of the step, from 1
	Step   Step // asks for an implied operation if its operation differs
}

// Uses returns the steps that an ALLOW of the operation on the resource type can
// satisfy, in the order of the table. These steps ask for the operation or for one that
// it implies. The caller owns the slice.
func Uses(op Operation, t resource.Type) []Use {
	var uses []Use
	granted := AllowedBy(op)
	for _, api := range APIs() {
		for i, s := range api.Steps {
			if s.Type == t && granted.Has(s.Operation) {
				uses = append(uses, Use{api.Key, i + 1, s})
			}
		}
	}
	return uses
}

// Grant is an operation on a named resource. The name is a placeholder for a resource
// that a client uses, such as "TOPIC" or "GROUP".
type Grant struct {
	Permission
	Name string
}

// anyName is the name in a grant on any resource of its type.
const anyName = "any"

// grants is a set of grants that acts as an authorizer.
type grants []Grant

func (g grants) Allowed(op Operation, t resource.Type, name string) bool {
	for _, grant := range g {
		if grant.Type == t && grant.Name == name && AllowedBy(grant.Operation).Has(op) {
			return true
		}
	}
	return false
}

func (g grants) AllowedAny(op Operation, t resource.Type) bool {
	for _, grant := range g {
		if grant.Type == t && AllowedBy(grant.Operation).Has(op) {
			return true
		}
	}
	return false
}

// suffice reports whether all requests are answered in full. The configuration of a
// created topic does not count: clients do not need it.
func (g grants) suffice(requests []Request) bool {
	for i := range requests {
		out := Evaluate(g, &requests[i])
		for j := range out.Items {
			out.Items[j].ConfigCode = None
		}
		if !out.Passes() {
			return false
		}
	}
	return true
}

// questioner records the questions. It allows everything but one grant, so that the
// fallbacks for that grant are asked too.
type questioner struct {
	denied Grant
	asked  grants
}

func (q *questioner) Allowed(op Operation, t resource.Type, name string) bool {
	g := Grant{op.on(t), name}
	if Supported(t).Has(op) {
		q.asked = q.asked.with(g)
	}
	return g != q.denied
}

func (q *questioner) AllowedAny(op Operation, t resource.Type) bool {
	return q.Allowed(op, t, anyName)
}

// with returns g with the grant added, unless g already has it.
func (g grants) with(grant Grant) grants {
	for _, have := range g {
		if have == grant {
			return g
		}
	}
	return append(g, grant)
}

// without returns a copy of g that lacks the grant at position i.
func (g grants) without(i int) grants {
	return append(append(grants(nil), g[:i]...), g[i+1:]...)
}

// questions returns every grant that could help to pass the requests.
func questions(requests []Request) grants {
	var all grants
	for i := range requests {
		first := questioner{}
		Evaluate(&first, &requests[i])
		for _, g := range first.asked {
			all = all.with(g)
			second := questioner{denied: g}
			Evaluate(&second, &requests[i])
			for _, g := range second.asked {
				all = all.with(g)
			}
		}
	}
	return all
}
