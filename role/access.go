package role

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// Access answers what users may do in a component, such as a Connect cluster, by the role bindings
// of its scope. Kafka clusters have a [Policy] instead: their rights are ACLs. A nil Access and the
// zero Access deny everything. An Access does not change, and is safe for concurrent use.
type Access struct {
	scope    Scope
	bindings int
	held     map[principal.Principal][]heldGrant
}

// heldGrant is a grant of a role that somebody holds by a binding.
type heldGrant struct {
	grant   *Grant
	host    acl.Host
	pattern Pattern // zero: all resources
	binding Binding
}

// NewAccess returns what the bindings in one scope give. Those in other scopes are valid and not
// kept. An error is a binding that is not valid, or a scope that is not known or is that of a
// Kafka cluster. The cost grows with the bindings.
func NewAccess(table *Table, registry *Registry, scope Scope, bindings iter.Seq[Binding]) (*Access, error) {
	scope, err := registry.Resolve(scope)
	if err != nil {
		return nil, err
	}
	if scope.isKafka() {
		return nil, errors.New("expected the scope of a component: the rights in a Kafka cluster are ACLs")
	}
	a := &Access{scope: scope, held: map[principal.Principal][]heldGrant{}}
	for b := range bindings {
		h, at, err := resolve(table, registry, b)
		if err != nil {
			return nil, err
		}
		if at == scope {
			b.Scope = scope
			a.add(table, h, b)
		}
	}
	return a, nil
}

func (a *Access) add(table *Table, h held, b Binding) {
	a.bindings++
	r, _ := table.role(h.role)
	for i := range r.Grants {
		g := &r.Grants[i]
		patterns := g.Patterns
		if len(patterns) == 0 {
			patterns = []Pattern{h.pattern}
		}
		for _, p := range patterns {
			if p == (Pattern{}) || g.covers(p.ResourceType) {
				a.held[h.principal] = append(a.held[h.principal], heldGrant{g, acl.ParseHost(g.Host), p, b})
			}
		}
	}
}

// Len returns the number of bindings in the scope.
func (a *Access) Len() int {
	if a == nil {
		return 0
	}
	return a.bindings
}

// Check decides whether a caller may do an operation on one resource from an address. A right that
// denies goes before those that allow. A limit to an address that cannot be read allows nothing
// and denies everywhere. Without a valid address everything is denied. A super user may do everything. The cost grows with the bindings of the
// caller and of its groups.
func (a *Access) Check(c Caller, host netip.Addr, operation, resourceType, name string) Verdict {
	on := Pattern{ResourceType: resourceType, Name: name, PatternType: resource.Literal}
	return a.decide(c, host, fmt.Sprintf("%s on %s", operation, resourceType), func(r *heldGrant) bool {
		return r.grant.covers(resourceType) && r.grant.has(operation) && (r.pattern == Pattern{} || r.pattern.covers(on))
	}, true)
}

// CheckAny decides whether a caller holds an operation on some resource of a type, or, if operation
// is [All], any operation on one. It is for what comes before the name is known, and for what
// everybody with a right may see: a right that denies does not count here.
func (a *Access) CheckAny(c Caller, host netip.Addr, operation, resourceType string) Verdict {
	return a.decide(c, host, fmt.Sprintf("%s on any %s", operation, resourceType), func(r *heldGrant) bool {
		here := r.pattern == Pattern{} || r.pattern.ResourceType == resourceType
		return here && r.grant.covers(resourceType) && (r.grant.has(operation) || operation == All && len(r.grant.Operations) > 0)
	}, false)
}

func (a *Access) decide(c Caller, host netip.Addr, what string, matches func(*heldGrant) bool, denies bool) Verdict {
	switch {
	case a == nil || a.held == nil:
		return refuse("no role bindings are loaded")
	case c.Principal.IsZero():
		return refuse("the caller has no name")
	case !host.IsValid():
		return refuse("the address of the caller is not known") // a right that denies may be limited to it
	case c.SuperUser:
		return Verdict{true, "super user"}
	}
	allowed := refuse("no role gives %s", what)
	for i := -1; i < len(c.Groups); i++ {
		who := c.Principal
		if i >= 0 {
			who = c.Groups[i]
		}
		who.TokenAuthenticated = false // which is not part of the identity
		for i := range a.held[who] {
			r := &a.held[who][i]
			switch {
			case !matches(r):
			case r.grant.Permission == acl.Allow:
				if r.host.IsEverywhere() || r.host.Contains(host) {
					allowed = Verdict{true, r.binding.Origin()}
				}
			case denies && (r.host.IsEverywhere() || r.host.FailsClosed() || r.host.Contains(host)):
				return refuse("%s denies it", r.binding.Origin())
			}
		}
	}
	return allowed
}
