package role

import (
	"fmt"
	"iter"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// The rights that decide about bindings. No Kafka request asks for them.
const (
	// securityMetadata is the type of resource whose Alter lets somebody make and remove every
	// binding of a scope, and whose Describe lets somebody see them.
	securityMetadata = "SecurityMetadata"
	describe         = "Describe"
	alter            = "Alter"
	// On other types, these are for the bindings that are about the resource.
	describeAccess = "DescribeAccess"
	alterAccess    = "AlterAccess"
)

// Caller is who asks to change or to see bindings. The zero Caller may do nothing.
type Caller struct {
	Principal principal.Principal
	Groups    []principal.Principal
	SuperUser bool
}

// is reports whether who is the caller or a group of it.
func (c Caller) is(who principal.Principal) bool {
	return !c.Principal.IsZero() && (c.Principal.Equal(who) || slices.ContainsFunc(c.Groups, who.Equal))
}

// Authority decides who may change and see bindings. It is safe for concurrent use, if its
// sequences are.
//
// Nobody can give more than they hold, unless they administer the scope: an owner of a
// resource needs each right of the role on all that the binding covers. What denies, or is
// limited to some clients, only an administrator may bind or unbind, because to remove a DENY
// is to give.
//
// With allow.everyone.if.no.acl.found, who removes the last ACL of a resource gives it to everyone.
// Authority does not know the setting: a program that uses it lets only administrators unbind.
type Authority struct {
	Table    *Table
	Registry *Registry
	// Bindings are all there are, of all scopes.
	Bindings iter.Seq[Binding]
	// ACLs are those of a Kafka cluster that no role stands for. A DENY among them takes from
	// what an owner holds. Nil means that no cluster has one.
	ACLs func(kafkaCluster string) iter.Seq[acl.Binding]
}

// Verdict is the answer to a question about bindings. The zero Verdict is a refusal.
type Verdict struct {
	allowed bool
	reason  string
}

// Allowed reports whether the caller may.
func (v Verdict) Allowed() bool { return v.allowed }

// String says why, for an audit log and for the caller.
func (v Verdict) String() string { return v.reason }

func refuse(format string, args ...any) Verdict { return Verdict{false, fmt.Sprintf(format, args...)} }

// MayBind decides whether a caller may make a binding. One that is not valid is refused. The
// cost grows with the number of bindings and ACLs.
func (a *Authority) MayBind(c Caller, b Binding) Verdict { return a.mayChange(c, b, true) }

// MayUnbind decides whether a caller may remove a binding, as [Authority.MayBind]. Whoever may
// change who has access to a resource may remove a role that they do not hold themselves.
func (a *Authority) MayUnbind(c Caller, b Binding) Verdict { return a.mayChange(c, b, false) }

func (a *Authority) mayChange(c Caller, b Binding, add bool) Verdict {
	held, verdict, decided := a.begin(c, &b, alter)
	if decided {
		return verdict
	}
	r, _ := a.Table.role(b.Role)
	if r.Level == ClusterLevel {
		return refuse("%s is for a whole cluster: only who may Alter its %s gives or takes it", b.Role, securityMetadata)
	}
	if !held.has(alterAccess, b.Pattern) {
		return refuse("%s on %s is needed", alterAccess, b.Pattern)
	}
	for i := range r.Grants {
		g := &r.Grants[i]
		if !g.covers(b.Pattern.ResourceType) {
			continue
		}
		if g.Permission != acl.Allow || g.Host != acl.WildcardHost {
			return refuse("%s denies, or is limited to some clients: only who may Alter the %s gives or takes it", b.Role, securityMetadata)
		}
		for _, operation := range g.Operations {
			if add && !held.has(operation, b.Pattern) {
				return refuse("nobody gives more than they hold: %s on %s is needed", operation, b.Pattern)
			}
		}
	}
	return Verdict{true, fmt.Sprintf("%s on %s", alterAccess, b.Pattern)}
}

// MaySee decides whether a caller may see a binding: its own and those of its groups, those of
// a scope that it may describe, and those about resources whose access it may describe.
func (a *Authority) MaySee(c Caller, b Binding) Verdict {
	held, verdict, decided := a.begin(c, &b, describe)
	switch {
	case decided:
		return verdict
	case c.is(b.Principal):
		return Verdict{true, "its own"}
	case b.Pattern == Pattern{}:
		if held.everywhere(describeAccess) {
			return Verdict{true, describeAccess + " on the cluster"}
		}
	case held.has(describeAccess, b.Pattern):
		return Verdict{true, fmt.Sprintf("%s on %s", describeAccess, b.Pattern)}
	}
	return refuse("%s is needed", describeAccess)
}

// begin answers what does not depend on the role in question, and returns what the caller
// holds in the scope of the binding, which gets its ids.
func (a *Authority) begin(c Caller, b *Binding, operation string) (held holdings, v Verdict, decided bool) {
	if c.Principal.IsZero() {
		return held, refuse("the caller has no name"), true
	}
	scope, err := a.Registry.Resolve(b.Scope)
	if err == nil {
		err = a.Table.Validate(*b)
	}
	if err != nil {
		return held, refuse("%v", err), true
	}
	b.Scope = scope
	if c.SuperUser {
		return held, Verdict{true, "super user"}, true
	}
	held = a.holdings(c, scope)
	if held.has(operation, Pattern{ResourceType: securityMetadata, Name: resource.Wildcard, PatternType: resource.Literal}) {
		return held, Verdict{true, operation + " on the " + securityMetadata}, true
	}
	return held, Verdict{}, false
}

// holdings are the grants that a caller has in one scope.
type holdings struct {
	allowed, denied []holding
	acls            []acl.Binding // that deny the caller something
}

type holding struct {
	grant   *Grant
	pattern Pattern // zero: all resources
}

func (a *Authority) holdings(c Caller, scope Scope) (h holdings) {
	for b := range a.Bindings {
		if !c.is(b.Principal) {
			continue
		}
		if resolved, err := a.Registry.Resolve(b.Scope); err != nil || resolved != scope {
			continue
		}
		b.Scope = scope
		if a.Table.Validate(b) != nil {
			continue
		}
		r, _ := a.Table.role(b.Role)
		for i := range r.Grants {
			g := &r.Grants[i]
			patterns := g.Patterns
			if len(patterns) == 0 {
				patterns = []Pattern{b.Pattern}
			}
			for _, p := range patterns {
				switch {
				case p != Pattern{} && !g.covers(p.ResourceType):
				case g.Permission == acl.Deny:
					h.denied = append(h.denied, holding{g, p})
				case g.Permission == acl.Allow && g.Host == acl.WildcardHost:
					h.allowed = append(h.allowed, holding{g, p})
				}
			}
		}
	}
	if a.ACLs != nil && scope.isKafka() {
		for b := range a.ACLs(scope.Kafka) {
			who, err := principal.Parse(b.Entry.Principal)
			if b.Entry.Permission == acl.Deny && (b.Entry.Principal == principal.Wildcard || err != nil || c.is(who)) {
				h.acls = append(h.acls, b)
			}
		}
	}
	return h
}

// has reports whether an operation, with all that Kafka adds to it, is held on all that a
// pattern covers, from every address.
func (h *holdings) has(operation string, on Pattern) bool {
	for _, name := range withImplied(operation) {
		if slices.ContainsFunc(h.denied, func(d holding) bool {
			return d.grant.covers(on.ResourceType) && d.grant.denies(name) && (d.pattern == Pattern{} || d.pattern.overlaps(on))
		}) || slices.ContainsFunc(h.acls, func(b acl.Binding) bool { return denies(b, name, on) }) {
			return false
		}
	}
	return slices.ContainsFunc(h.allowed, func(x holding) bool {
		return x.grant.covers(on.ResourceType) && x.grant.has(operation) && (x.pattern == Pattern{} || x.pattern.covers(on))
	})
}

// withImplied returns an operation and those that Kafka allows together with it.
func withImplied(operation string) []string {
	list := []string{operation}
	if op, ok := kafkaOperation(operation); ok && op != ops.All {
		for implied := range ops.AllowedBy(op).All() {
			if implied != op {
				list = append(list, implied.DisplayName())
			}
		}
	}
	return list
}

// everywhere reports whether an operation is held on all resources of all types.
func (h *holdings) everywhere(operation string) bool {
	return slices.ContainsFunc(h.allowed, func(x holding) bool {
		return x.grant.ResourceType == All && x.grant.has(operation) && x.pattern == Pattern{}
	}) && !slices.ContainsFunc(h.denied, func(x holding) bool { return x.grant.denies(operation) })
}

// denies reports whether a DENY takes an operation, or some of all.
func (g *Grant) denies(operation string) bool {
	return g.has(operation) || operation == All && len(g.Operations) > 0
}

// denies reports whether an ACL denies an operation on some resource of a pattern.
func denies(b acl.Binding, operation string, on Pattern) bool {
	if !slices.Contains(kafkaTypes(on.ResourceType), b.Pattern.Type) {
		return false
	}
	denied := Pattern{ResourceType: on.ResourceType, Name: b.Pattern.Name, PatternType: b.Pattern.PatternType}
	op, ok := kafkaOperation(operation)
	return denied.overlaps(on) && (operation == All || ok && ops.DeniedBy(b.Entry.Operation).Has(op))
}
