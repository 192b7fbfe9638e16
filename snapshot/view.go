package snapshot

import (
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// View is what one snapshot says of a subject: see [Session.View]. It implements
// ops.Authorizer. View is immutable once built. It is safe for concurrent use by any
// number of goroutines. The zero View denies everything.
type View struct {
	*identity
	// What follows is taken from the snapshot one by one: a View that pointed to its
	// snapshot would keep all its ACLs alive for as long as a session is idle.
	generation uint64
	ready      bool
	semantics  Semantics
	defaultTo  Reason
	covered    *scope
	malformed  *scope
	below      *belowStar

	holders []*holder // of the identity's texts; nil where no ACL names one
	// scopes are what the ACLs say of the subject, in the semantics of the
	// snapshot, sorted by principal and host key so that answers do not depend on
	// chance.
	scopes []*scope
	// documented is the same in the Documented semantics. KafkaExact falls back on
	// it where Kafka gives no answer.
	documented []*scope
	// alone says that the subject is an ordinary one of a store that is ready, of the
	// Documented semantics, and that no more than one scope speaks of it. Nearly every
	// check is of such a view, and needs no more of it than names, which are those of
	// that scope by type.
	alone bool
	names [typeCount]*names
}

// resolve returns the identity as seen by the snapshot. It allocates. If the view
// before it, which may be nil, found the same ACLs, it does little else.
func (n *Snapshot) resolve(id *identity, before *View) *View {
	v := &View{
		identity: id, generation: n.generation, ready: n.ready, semantics: n.semantics, defaultTo: n.defaultTo,
		covered: n.index.covered, malformed: n.index.malformed, below: n.index.below,
	}
	if before != nil && before.semantics == n.semantics && before.stillHolds(n) {
		v.holders, v.scopes, v.documented = before.holders, before.scopes, before.documented
		v.setAlone()
		return v
	}
	v.holders = make([]*holder, len(id.texts))
	for i, text := range id.texts {
		v.holders[i], _ = n.index.principals.Get(id.hashes[i], text)
	}
	v.scopes = id.scopes(v.holders, n.semantics)
	v.documented = v.scopes
	if n.semantics.IsKafkaExact() {
		v.documented = id.scopes(v.holders, Documented)
	}
	v.setAlone()
	return v
}

// setAlone sets alone and names by what else is in v.
func (v *View) setAlone() {
	v.alone = v.standing == ordinary && v.ready && !v.semantics.IsKafkaExact() && len(v.scopes) <= 1
	if v.alone && len(v.scopes) == 1 {
		v.names = v.scopes[0].types
	}
}

// stillHolds reports whether n says of the subject what v's snapshot said.
func (v *View) stillHolds(n *Snapshot) bool {
	for i, text := range v.texts {
		if h, _ := n.index.principals.Get(v.hashes[i], text); h != v.holders[i] {
			return false
		}
	}
	return true
}

// scopes returns what is said of the holders at the identity's host.
func (id *identity) scopes(holders []*holder, semantics Semantics) (found []*scope) {
	keys := id.keys.in(semantics)
	for _, h := range holders {
		if h == nil {
			continue
		}
		if h.anywhere != nil {
			found = append(found, h.anywhere)
		}
		at := keys
		if semantics != KafkaExact {
			at = h.networks.keys(slices.Clip(keys), id.host)
		}
		for _, key := range at {
			if s := h.scope(key); s != nil {
				found = append(found, s)
			}
		}
	}
	return found
}

// Check decides whether the subject may do op on the resource (t, name). It takes no
// lock and does not allocate. Its cost grows with the length of the name, with the
// lengths of the PREFIXED patterns that cover it, which are compared byte by byte, and
// with the number of the subject's principals and of the mask lengths of networks that
// hold its address; not with the number of ACLs, of principals, of other prefixes or of
// hosts.
//
// A value of op that is none of Kafka's, and a t that no resource has, are denied
// to everyone.
//
// Source: Kafka's StandardAuthorizer.authorize.
func (v *View) Check(op ops.Operation, t resource.Type, name string) Decision {
	if v.identity == nil {
		return Decision{}
	}
	return v.decide(op, t, name)
}

// CheckAny decides whether the subject may do op on any resource of type t (Kafka's
// authorizeByResourceType). In the Documented semantics the answer is allow if and
// only if there is a name, a Unicode text that is not empty, for which Check would
// allow. In KafkaExact it is the answer of Kafka's default method, which does not
// consider implied operations and probes the name "hardcode".
//
// What [ops.ValidateByType] refuses is denied to everyone. Where the subject's first
// ALLOW is denied by no ACL of another of its principals or hosts, which is the rule,
// the number of steps grows with the logarithm of the number of its ACLs; ALLOW that
// are so denied are gone through one by one, and in KafkaExact all its ACLs are.
func (v *View) CheckAny(op ops.Operation, t resource.Type) Decision {
	if v.identity == nil {
		return Decision{}
	}
	return v.decideAny(op, t)
}

// Allowed reports whether [View.Check] allows.
func (v *View) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return v.Check(op, t, name).Allowed()
}

// AllowedAny reports whether [View.CheckAny] allows.
func (v *View) AllowedAny(op ops.Operation, t resource.Type) bool {
	return v.CheckAny(op, t).Allowed()
}

// Generation returns the generation of the snapshot that the view is of.
func (v *View) Generation() uint64 { return v.generation }
