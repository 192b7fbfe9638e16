package ops

import (
	"slices"

	"github.com/portcullis-authz/portcullis/resource"
)

// Grant is an operation on a named resource. The name is a placeholder for a resource
// that a client uses, such as "TOPIC" or "GROUP".
type Grant struct {
	Permission
	Name string
}

// anyName is the name in a grant on any resource of its type.
const anyName = "any"

// grants is a set of grants that acts as an authorizer. The empty set denies everything.
type grants []Grant

func (g grants) Allowed(op Operation, t resource.Type, name string) bool {
	return slices.ContainsFunc(g, func(grant Grant) bool { return grant.Name == name && grant.allows(op, t) })
}

func (g grants) AllowedAny(op Operation, t resource.Type) bool {
	return slices.ContainsFunc(g, func(grant Grant) bool { return grant.allows(op, t) })
}

func (g Grant) allows(op Operation, t resource.Type) bool {
	return g.Type == t && AllowedBy(g.Operation).Has(op)
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
	if slices.Contains(g, grant) {
		return g
	}
	return append(g, grant)
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
