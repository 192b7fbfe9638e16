package snapshot

import (
	"cmp"
	"math"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// decide decides one check. The package documentation has the rules and their order.
func (v *View) decide(op ops.Operation, t resource.Type, name string) Decision {
	bit := bitOf(op)
	if bit == 0 || !t.IsConcrete() {
		return Decision{generation: v.generation}
	}
	var deny, allow candidate
	if v.alone {
		deny, allow = v.names[t-resource.Topic].ask(phash.HashString(name), bit, name)
	} else {
		switch {
		case v.standing == nobody:
			return Decision{generation: v.generation}
		case v.standing == nowhere:
			return Decision{generation: v.generation, reason: NoHost}
		case v.standing == super:
			return Decision{generation: v.generation, reason: SuperUser}
		case !v.ready:
			return Decision{generation: v.generation, reason: NotReady}
		case v.semantics.isKafkaExact():
			if d, ok := v.kafkaDecide(op, t, name); ok {
				return d
			}
		}
		deny, allow = ask(v.documented, bit, t, name)
	}
	switch {
	case deny.record != nil || allow.record != nil:
		return found(v.generation, deny, allow, op)
	case v.defaultTo != DefaultDeny && !isCovered(v.covered, t, name):
		return Decision{generation: v.generation, reason: v.defaultTo}
	}
	return Decision{generation: v.generation}
}

// found returns the decision of an ACL: a deny wins over an allow.
func found(generation uint64, deny, allow candidate, op ops.Operation) Decision {
	if deny.record != nil {
		return Decision{deny.record, generation, MatchingDeny, askedFor(op, false)}
	}
	return Decision{allow.record, generation, MatchingAllow, askedFor(op, false)}
}

// bitOf returns the set of one operation. It is empty if op is not one of Kafka's.
func bitOf(op ops.Operation) ops.Set {
	if op < 0 || op > ops.TwoPhaseCommit {
		return 0
	}
	return 1 << (op & 15)
}

// candidate is the record, of those seen so far, that has the deciding ACL.
type candidate struct {
	record *record
	place  int // how specific its pattern is: the highest place wins
}

// The place of a PREFIXED pattern is its length. LITERAL patterns are above all of them, and
// LITERAL "*" is below.
const (
	placeLiteral = math.MaxInt
	placeWild    = -1
)

// ask returns the records that decide about the operation on a resource: of those that deny
// it, and of those that allow it. If there is a deny, the allow is not meaningful.
func ask(scopes []*scope, bit ops.Set, t resource.Type, name string) (deny, allow candidate) {
	hash := phash.HashString(name)
	for _, s := range scopes {
		d, a := s.of(t).ask(hash, bit, name)
		deny, allow = deny.or(d, bit, acl.Deny, false), allow.or(a, bit, acl.Allow, false)
	}
	return deny, allow
}

// ask is ask for the names of one scope. n may be nil.
func (n *names) ask(hash uint64, bit ops.Set, name string) (deny, allow candidate) {
	if n == nil {
		return deny, allow
	}
	i := n.covering(0, name, bit, bit)
	exact, wild := ruling{}, n.wild
	switch {
	case name == resource.Wildcard:
		exact, wild = wild, exact
	case n.literals.Len() > 0:
		exact, _ = n.literals.Get(hash, name)
	}
	grants := bit
	switch {
	case exact.refuses&bit != 0:
		return candidate{exact.record, placeLiteral}, allow // nothing is more specific
	case exact.grants&bit != 0:
		allow, grants = candidate{exact.record, placeLiteral}, 0
	case wild.grants&bit != 0:
		allow = candidate{wild.record, placeWild}
	}
	if wild.refuses&bit != 0 {
		deny = candidate{wild.record, placeWild}
	}
	if i < len(n.lengths) {
		return n.askPrefixes(i, name, grants, bit, deny, allow)
	}
	return deny, allow
}

// askPrefixes adds the PREFIXED patterns that cover name to the candidates, beginning with
// length i, which covering returned. grants is the operation, or empty if an ALLOW of a
// PREFIXED pattern cannot decide.
func (n *names) askPrefixes(i int, name string, grants, bit ops.Set, deny, allow candidate) (_, _ candidate) {
	start := phash.NewPrefixes()
	for ; i < len(n.lengths); i = n.covering(i+1, name, grants, bit) {
		bytes := n.lengths[i].bytes
		r := n.prefixed(&start, name, bytes)
		if r.refuses&bit != 0 {
			deny = candidate{r.record, bytes} // the longest comes last
		}
		if r.grants&grants != 0 {
			allow = candidate{r.record, bytes}
		}
	}
	return deny, allow
}

// or returns the candidate that decides: the one with the higher place. If both are on the
// same pattern, it is the one whose ACL is first in Kafka's order, or last if last is set.
func (c candidate) or(o candidate, bit ops.Set, permission acl.PermissionType, last bool) candidate {
	switch {
	case o.record == nil:
		return c
	case c.record == nil || o.place > c.place:
		return o
	case o.place < c.place:
		return c
	}
	order := compareOnPattern(o.record.pick(bit, permission, last), c.record.pick(bit, permission, last))
	if (order > 0) == last {
		return o
	}
	return c
}

// claim is one ACL that matches a check. The zero claim stands for no ACL.
type claim struct {
	record    *record
	operation ops.Operation
}

// pick returns the first or the last ACL of r, in Kafka's order, that has the permission and
// covers one of the operations in bit.
func (r *record) pick(bit ops.Set, permission acl.PermissionType, last bool) (picked claim) {
	written, means := r.allow, &allowedBy
	if permission == acl.Deny {
		written, means = r.deny, &deniedBy
	}
	for op := range written.All() {
		if means[op]&bit != 0 && (picked.record == nil || last) {
			picked = claim{r.end(op, permission, last), op}
		}
	}
	return picked
}

// compareOnPattern is the order of Kafka's StandardAcl among the ACLs of one
// pattern: operation, principal, host.
func compareOnPattern(a, b claim) int {
	return cmp.Or(
		cmp.Compare(a.operation, b.operation),
		compareUTF16(a.record.who.principal, b.record.who.principal),
		compareUTF16(a.record.who.host, b.record.who.host),
	)
}

// compareUTF16 compares well-formed text as Java does, by UTF-16 code units. This differs
// from the order of bytes in one way: characters beyond the BMP, which are surrogates in
// UTF-16, come before U+E000 to U+FFFF.
func compareUTF16(a, b string) int {
	i := sharedPrefix(a, b)
	if i == len(a) || i == len(b) {
		return cmp.Compare(len(a), len(b))
	}
	const firstAboveSurrogates, firstBeyondBMP = 0xEE, 0xF0 // as lead bytes of UTF-8
	x, y := a[i], b[i]
	if x >= firstAboveSurrogates && y >= firstAboveSurrogates && (x >= firstBeyondBMP) != (y >= firstBeyondBMP) {
		return cmp.Compare(y, x)
	}
	return cmp.Compare(x, y)
}

// isCovered reports whether any ACL, of any principal, is on a pattern that covers the resource.
// covered is empty unless Config.AllowIfNoACL is set.
func isCovered(covered *scope, t resource.Type, name string) bool {
	_, any := covered.of(t).ask(phash.HashString(name), everything, name)
	return any.record != nil
}

// sharedPrefix returns the length of the longest prefix that a and b share.
func sharedPrefix(a, b string) int {
	n, i := min(len(a), len(b)), 0
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
