package snapshot

import (
	"cmp"
	"math"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// decide answers one question. See the package documentation for the rules and
// their order.
func (v *View) decide(op ops.Operation, t resource.Type, name string) Decision {
	// Field by field: a composite literal is built apart and copied in wide moves,
	// which wait for the narrow stores before them.
	var q question
	q.name, q.bit, q.typ, q.semantics = name, bitOf(op), t, v.semantics
	switch {
	case v.standing == nobody || q.bit == 0 || !t.IsConcrete():
		return Decision{generation: v.generation}
	case v.standing == super:
		return Decision{generation: v.generation, reason: SuperUser}
	case !v.ready:
		return Decision{generation: v.generation, reason: NotReady}
	}
	if q.semantics == KafkaExact {
		q.last, q.secondPass = true, v.below.secondPassOf(t, name)
	}
	deny, allow := q.ask(v.scopes)
	if q.semantics == KafkaExact && v.kafkaFails(q, deny) {
		q = question{name: name, bit: q.bit, typ: t, semantics: Documented}
		deny, allow = q.ask(v.documented)
	}
	switch {
	case deny.record != nil:
		return Decision{deny.record, v.generation, MatchingDeny, askedFor(op, false)}
	case allow.record != nil:
		return Decision{allow.record, v.generation, MatchingAllow, askedFor(op, q.last)}
	case v.defaultTo != DefaultDeny && !v.covers(q):
		return Decision{generation: v.generation, reason: v.defaultTo}
	}
	return Decision{generation: v.generation}
}

// bitOf returns the set of one operation, which is empty for a value that is none
// of Kafka's.
func bitOf(op ops.Operation) ops.Set {
	if op < 0 || op > ops.TwoPhaseCommit {
		return 0
	}
	return 1 << (op & 15)
}

// question is what is asked of the ACLs.
type question struct {
	name       string
	bit        ops.Set // of the operation asked for
	typ        resource.Type
	semantics  Semantics
	last       bool       // of several ALLOW the last in Kafka's scan counts
	secondPass secondPass // in KafkaExact
}

// candidate is the record in which the deciding ACL stands, of those seen so far.
type candidate struct {
	record *record
	place  int // of its pattern: the highest wins
}

// The places of patterns. Where the most specific ACL decides, a LITERAL pattern
// is placed highest, a PREFIXED one by its length, and LITERAL "*" below all.
const (
	placeLiteral = math.MaxInt
	placeWild    = -1
)

// ask looks at every pattern of the scopes that covers the name, as far as they can
// decide, and returns which records do, if any speak about the operation.
func (q *question) ask(scopes []*scope) (deny, allow candidate) {
	hash := hashString(q.name)
	for _, s := range scopes {
		if n := s.of(q.typ); n != nil && n.literals.n > 0 {
			if r, _ := n.literals.get(hash, q.name); r.speaksOf(q.bit) {
				deny, allow = q.weigh(r, placeLiteral, deny, allow)
			}
		}
	}
	if deny.record != nil && q.name != resource.Wildcard {
		return deny, allow // nothing is more specific
	}
	for _, s := range scopes {
		n := s.of(q.typ)
		if n == nil {
			continue
		}
		if len(n.lengths) > 0 {
			deny, allow = q.askPrefixes(n, deny, allow)
		}
		if n.wild.speaksOf(q.bit) && wildcardApplies(q.name, q.semantics) {
			deny, allow = q.weigh(n.wild, wildPlace(q.name), deny, allow)
		}
	}
	return deny, allow
}

// askPrefixes is ask for the PREFIXED patterns of n alone. It hashes the beginnings
// of the name as hashString would.
func (q *question) askPrefixes(n *names, deny, allow candidate) (_, _ candidate) {
	name, grants := q.name, q.bit
	if allow.record != nil && allow.place == placeLiteral && !q.last {
		grants = 0 // no prefix is more specific
	}
	state, taken := secret0, 0
	for i := range n.lengths {
		l := &n.lengths[i]
		bytes := int(l.bytes)
		if bytes > len(name) {
			break
		}
		if (l.grants&grants|l.refuses&q.bit) == 0 || !l.mayEnd(name) {
			continue
		}
		for ; bytes-taken >= wordSize; taken += wordSize {
			state = takeIn(state, load(name[taken:]))
		}
		if r, _ := n.prefixes.get(finish(state, wordAt(name, taken), bytes), name[:bytes]); r.speaksOf(q.bit) {
			deny, allow = q.weigh(r, bytes, deny, allow)
		}
	}
	return deny, allow
}

// wildcardApplies reports whether LITERAL "*" covers name. Kafka's scan skips it
// for longer names that begin with an asterisk: it takes the pattern for a LITERAL
// one whose name is a mere prefix.
func wildcardApplies(name string, semantics Semantics) bool {
	return semantics != KafkaExact || name == resource.Wildcard || name == "" || name[0] != resource.Wildcard[0]
}

// wildPlace returns the place of LITERAL "*" among the patterns that cover name.
func wildPlace(name string) int {
	if name == resource.Wildcard {
		return placeLiteral
	}
	return placeWild
}

// weigh returns the candidates once r, which is on a pattern that covers the name,
// is counted among them.
func (q *question) weigh(r ruling, place int, deny, allow candidate) (_, _ candidate) {
	if r.refuses&q.bit != 0 {
		deny = deny.or(candidate{r.record, place}, q.bit, acl.Deny, false)
	}
	if r.grants&q.bit != 0 {
		if q.last {
			place = kafkaAllowPlace(place, q.name, q.secondPass)
		}
		allow = allow.or(candidate{r.record, place}, q.bit, acl.Allow, q.last)
	}
	return deny, allow
}

// or returns the one of two candidates that decides. Among records on one pattern
// that is the one whose ACL comes first in Kafka's order, or last.
func (c candidate) or(o candidate, bit ops.Set, permission acl.PermissionType, last bool) candidate {
	switch {
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

// claim is one ACL that speaks about a request. The zero claim is none.
type claim struct {
	record    *record
	operation ops.Operation
}

// pick returns the first, or last, of the ACLs of r with a permission that speak
// about an operation, in Kafka's order.
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

// compareUTF16 compares well-formed text as Java does, by UTF-16 code unit. That
// differs from the order of bytes in one thing: characters beyond the BMP, which
// are surrogates there, come before U+E000 to U+FFFF.
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

// covers reports whether any ACL, for whomever, is on a pattern that covers what q
// asks about. It is only known where Config.AllowIfNoACL is set.
func (v *View) covers(q question) bool {
	q.bit, q.last = everything, false
	_, any := q.ask([]*scope{v.covered})
	return any.record != nil
}
