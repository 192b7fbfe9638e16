package snapshot

import (
	"cmp"
	"math"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// decide answers one question. See the package documentation for the rules and
// their order.
func (v *view) decide(op ops.Operation, t resource.Type, name string) Decision {
	d := Decision{generation: v.snapshot.generation}
	bit := ops.SetOf(op)
	switch {
	case v.standing == nobody || bit == 0 || !t.IsConcrete():
		return d
	case v.standing == super:
		d.reason = SuperUser
		return d
	case !v.snapshot.ready:
		d.reason = NotReady
		return d
	}
	m := match{bit: bit, typ: t, name: name, semantics: v.snapshot.semantics}
	if m.semantics == KafkaExact {
		m.secondPass = v.snapshot.index.secondPassOf(t, name)
	}
	m.run(v.scopes)
	if m.semantics == KafkaExact && v.kafkaFails(&m) {
		m = match{bit: bit, typ: t, name: name, semantics: Documented}
		m.run(v.documented)
	}
	switch {
	case m.deny.leaf != nil:
		return d.by(m.deny.claim(), MatchingDeny)
	case m.allow.leaf != nil:
		return d.by(m.allow.claim(), MatchingAllow)
	case !v.snapshot.covers(t, name, m.semantics):
		d.reason = v.snapshot.defaultTo
	}
	return d
}

// match collects what the ACLs of some scopes say of one request.
type match struct {
	bit        ops.Set // of the operation asked for
	typ        resource.Type
	name       string
	semantics  Semantics
	secondPass secondPass // in KafkaExact
	deny       candidate
	allow      candidate
}

// candidate is the leaf in which the deciding ACL stands, of those seen so far.
type candidate struct {
	leaf  *leaf
	place int // of its pattern: the highest wins
	bit   ops.Set
	allow bool // it is about ALLOW entries
	last  bool // of several ACLs on one pattern the last decides, else the first
}

// The places of patterns. Where the most specific ACL decides, a LITERAL pattern
// is placed highest, a PREFIXED one by its length, and LITERAL "*" below all.
const (
	placeLiteral = math.MaxInt
	placeWild    = -1
)

func (m *match) run(scopes []*scope) {
	m.deny = candidate{bit: m.bit}
	m.allow = candidate{bit: m.bit, allow: true, last: m.semantics == KafkaExact}
	hash := hashString(m.name)
	for _, s := range scopes {
		(*s.of(m.typ)).covering(m.name, hash, m.semantics, func(l *leaf, place int) bool {
			if l.deny&m.bit != 0 {
				m.deny.offer(l, place)
			}
			if l.allow&m.bit != 0 {
				if m.semantics == KafkaExact {
					place = kafkaAllowPlace(place, m.name, m.secondPass)
				}
				m.allow.offer(l, place)
			}
			return true
		})
	}
}

// covering calls yield for the value of every pattern that covers name, with the
// pattern's place, until yield returns false. hash is that of name. n may be nil.
func (n *names[V]) covering(name string, hash uint64, semantics Semantics, yield func(val V, place int) bool) {
	if n == nil {
		return
	}
	if val, ok := n.literals.get(hash, name); ok && !yield(val, placeLiteral) {
		return
	}
	for node, rest := n.prefixes.root, name; node != nil; node, rest = node.next(rest) {
		if node.has && !yield(node.val, len(name)-len(rest)) {
			return
		}
	}
	if n.hasWild && wildcardApplies(name, semantics) {
		yield(n.wild, wildPlace(name))
	}
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

// offer makes l the candidate if it beats the one so far.
func (c *candidate) offer(l *leaf, place int) {
	switch {
	case c.leaf == nil || place > c.place:
		c.leaf, c.place = l, place
	case place == c.place:
		// The same pattern for another principal or host.
		o := *c
		o.leaf = l
		if c.before(&o) == c.last {
			c.leaf = l
		}
	}
}

// before reports whether the ACL that c stands for comes before o's in Kafka's
// order.
func (c *candidate) before(o *candidate) bool { return compareOnPattern(c.claim(), o.claim()) < 0 }

// claim returns the ACL that decides.
func (c *candidate) claim() (picked claim) {
	for _, r := range c.leaf.records {
		set, grants := r.deny, ops.DeniedBy
		if c.allow {
			set, grants = r.allow, ops.AllowedBy
		}
		for op := range set.All() {
			if grants(op)&c.bit == 0 {
				continue
			}
			next := claim{r, op}
			if picked.record == nil || (compareOnPattern(next, picked) > 0) == c.last {
				picked = next
			}
		}
	}
	return picked
}

// claim is one ACL that speaks about a request. The zero claim is none.
type claim struct {
	record    *record
	operation ops.Operation
}

// by returns d with reason and the ACL that decided.
func (d Decision) by(c claim, reason Reason) Decision {
	d.reason, d.record, d.operation = reason, c.record, c.operation
	return d
}

// compareOnPattern is the order of Kafka's StandardAcl among the ACLs of one
// pattern: operation, principal, host.
func compareOnPattern(a, b claim) int {
	return cmp.Or(
		cmp.Compare(a.operation, b.operation),
		compareUTF16(a.record.principal, b.record.principal),
		compareUTF16(a.record.host, b.record.host),
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

// covers reports whether any ACL, for whomever, is on a pattern that covers the
// resource. It is only known, and only asked, where Config.AllowIfNoACL is set.
func (n *Snapshot) covers(t resource.Type, name string, semantics Semantics) (covered bool) {
	(*n.index.covered.of(t)).covering(name, hashString(name), semantics, func(int32, int) bool {
		covered = true
		return false
	})
	return covered
}
