package snapshot

import (
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// View is what one snapshot says about a subject: see [Session.View]. It implements
// ops.Authorizer. It is immutable, and safe for concurrent use by any number of goroutines.
// The zero View denies everything.
type View struct {
	*identity
	// The next fields are copied from the snapshot. If a View pointed to the snapshot, an idle
	// session would keep all of its ACLs in memory.
	generation uint64
	ready      bool
	semantics  Semantics
	defaultTo  Reason
	covered    *scope
	malformed  *scope
	below      *belowStar
	memo       *anyMemo

	holders []*holder // one for each of the identity's texts; nil if no ACL names it
	// scopes has the ACLs that are for the subject, in the semantics of the snapshot. It is
	// sorted by principal and host key, so that answers do not depend on chance.
	scopes []*scope
	// documented is the same in the Documented semantics. KafkaExact uses it where Kafka gives
	// no answer.
	documented []*scope
	// alone is set if the subject is an ordinary one, the store is ready, the semantics are
	// Documented, and there is at most one scope. This is so in nearly every check, which
	// then needs only names: those of the scope, by type.
	alone bool
	names [typeCount]*names
}

// resolve returns the snapshot's view of the identity. It allocates. before is an earlier view
// of the identity, or nil; if its ACLs have not changed, resolve is cheap.
func (n *Snapshot) resolve(id *identity, before *View) *View {
	v := &View{
		identity: id, generation: n.generation, ready: n.ready, semantics: n.semantics, defaultTo: n.defaultTo,
		covered: n.index.covered, malformed: n.index.malformed, below: n.index.below, memo: n.memo,
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
	if n.semantics.isKafkaExact() {
		v.documented = id.scopes(v.holders, Documented)
	}
	v.setAlone()
	return v
}

// setAlone sets alone and names from the other fields.
func (v *View) setAlone() {
	v.alone = v.standing == ordinary && v.ready && !v.semantics.isKafkaExact() && len(v.scopes) <= 1
	if v.alone && len(v.scopes) == 1 {
		v.names = v.scopes[0].types
	}
}

// stillHolds reports whether n has the same ACLs for the subject as v's snapshot.
func (v *View) stillHolds(n *Snapshot) bool {
	for i, text := range v.texts {
		if h, _ := n.index.principals.Get(v.hashes[i], text); h != v.holders[i] {
			return false
		}
	}
	return true
}

// scopes returns the scopes of the holders that match the identity's host.
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
// An op that is not one of Kafka's, and a t that is not concrete, are denied to everyone.
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
// What [ops.ValidateByType] refuses is denied to everyone. The number of steps usually grows
// with the logarithm of the number of the subject's ACLs, in every semantics. Only if DENY
// entries on other patterns override more than a few of its ALLOW entries are these visited
// one by one; the answer is then remembered until the subject's ACLs of the type change.
func (v *View) CheckAny(op ops.Operation, t resource.Type) Decision {
	if v.identity == nil {
		return Decision{}
	}
	return v.decideAny(op, t)
}

// MayAllow reports whether an ALLOW of the subject, its being a super user, or the default
// may allow op on a resource of type t. If not, Check denies op on every resource of the
// type. Unlike CheckAny it considers implied operations in every semantics, and no DENY except
// on the pattern of the ALLOW. The number of steps grows with the logarithm of the number of
// the subject's ACLs.
func (v *View) MayAllow(op ops.Operation, t resource.Type) bool {
	switch {
	case v.identity == nil || v.standing == nobody || v.standing == nowhere || !t.IsConcrete():
		return false
	case v.standing == super || v.defaultTo == DefaultAllow:
		return true
	case !v.ready:
		return false
	}
	return mayGrant(v.scopes, bitOf(op), t) || mayGrant(v.documented, bitOf(op), t)
}

// Allowed reports whether [View.Check] allows.
func (v *View) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return v.Check(op, t, name).Allowed()
}

// AllowedAny reports whether [View.CheckAny] allows.
func (v *View) AllowedAny(op ops.Operation, t resource.Type) bool {
	return v.CheckAny(op, t).Allowed()
}

// Generation returns the generation of the view's snapshot.
func (v *View) Generation() uint64 { return v.generation }
