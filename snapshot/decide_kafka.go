package snapshot

import (
	"cmp"
	"math"
	"strings"

	"github.com/google/btree"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// This file has what KafkaExact needs, apart from the comparison of hosts: which ACL Kafka's
// scan ends at, and when the scan gives no answer.
//
// Kafka keeps the ACLs of a type sorted by name, descending, and scans twice. The
// first pass starts at the resource's name and jumps from prefix to prefix. The
// second starts at "*" to find the wildcard ACLs, and then continues below it.
//
// Source: StandardAuthorizerData.findAclRule and checkSection, Kafka 4.2.

// kafkaDecide decides one check as Kafka does. ok is false if Kafka gives no answer.
func (v *View) kafkaDecide(op ops.Operation, t resource.Type, name string) (_ Decision, ok bool) {
	q := question{name: name, bit: bitOf(op), typ: t, secondPass: secondPassOf(v.below, t, name)}
	deny, allow := q.ask(v.scopes)
	switch {
	case v.kafkaFails(q, deny):
		return Decision{}, false
	case deny.record != nil:
		return Decision{deny.record, v.generation, MatchingDeny, askedFor(op, false)}, true
	case allow.record != nil:
		return Decision{allow.record, v.generation, MatchingAllow, askedFor(op, true)}, true
	case v.defaultTo != DefaultDeny && !v.kafkaCovers(q):
		return Decision{generation: v.generation, reason: v.defaultTo}, true
	}
	return Decision{generation: v.generation}, true
}

// kafkaCovers is covers for Kafka's scan.
func (v *View) kafkaCovers(q question) bool {
	q.bit = everything
	_, any := q.ask([]*scope{v.covered})
	return any.record != nil
}

// question is one check by Kafka's scan.
type question struct {
	name       string
	bit        ops.Set // the operation
	typ        resource.Type
	secondPass secondPass
}

// ask does for Kafka's scan what the function ask does for Documented. It differs in which of
// several ALLOW decides.
func (q *question) ask(scopes []*scope) (deny, allow candidate) {
	hash := phash.HashString(q.name)
	for _, s := range scopes {
		n := s.of(q.typ)
		if n == nil {
			continue
		}
		if r, _ := n.literals.Get(hash, q.name); r.speaksOf(q.bit) {
			deny, allow = q.weigh(r, placeLiteral, deny, allow)
		}
		start := phash.NewPrefixes()
		for i := n.covering(0, q.name, q.bit, q.bit); i < len(n.lengths); i = n.covering(i+1, q.name, q.bit, q.bit) {
			bytes := n.lengths[i].bytes
			deny, allow = q.weigh(n.prefixed(&start, q.name, bytes), bytes, deny, allow)
		}
		switch {
		case q.name == resource.Wildcard:
			deny, allow = q.weigh(n.wild, placeLiteral, deny, allow)
		case kafkaWildcardApplies(q.name):
			deny, allow = q.weigh(n.wild, placeWild, deny, allow)
		}
	}
	return deny, allow
}

// kafkaWildcardApplies reports whether Kafka's scan applies LITERAL "*" to another name. For a
// name that begins with an asterisk it does not: it takes the pattern for a LITERAL one whose
// name is only a prefix.
func kafkaWildcardApplies(name string) bool { return name == "" || name[0] != resource.Wildcard[0] }

// weigh adds r, which is on a pattern that covers the name, to the candidates.
func (q *question) weigh(r ruling, place int, deny, allow candidate) (_, _ candidate) {
	if r.refuses&q.bit != 0 {
		deny = deny.or(candidate{r.record, place}, q.bit, acl.Deny, false)
	}
	if r.grants&q.bit != 0 {
		at := candidate{r.record, kafkaAllowPlace(place, q.name, q.secondPass)}
		allow = allow.or(at, q.bit, acl.Allow, true)
	}
	return deny, allow
}

// The places of patterns for an ALLOW in KafkaExact. The last ACL that the scan meets
// decides. The first pass goes from the longest name to the shortest, then comes LITERAL
// "*", then what the second pass meets again.
const (
	kafkaPlaceWildAgain = math.MinInt     // LITERAL "*", if the second pass meets all others after it
	kafkaPlaceLiteral   = math.MinInt + 1 // the name itself
	kafkaPlaceWild      = 1
	kafkaPlaceEmptyName = 2 // LITERAL "", for that name
	kafkaPlaceEmpty     = 3 // PREFIXED ""
)

// kafkaAllowPlace turns a place by specificity into a place by the order of the scan.
func kafkaAllowPlace(place int, name string, pass secondPass) int {
	switch {
	case place == placeLiteral && name == "":
		return kafkaPlaceEmptyName
	case place == placeLiteral:
		return kafkaPlaceLiteral
	case place == placeWild && pass == rescan:
		return kafkaPlaceWildAgain
	case place == placeWild:
		return kafkaPlaceWild
	case place == 0:
		return kafkaPlaceEmpty
	default:
		return -place
	}
}

// secondPass is what Kafka's second pass does after LITERAL "*".
type secondPass uint8

const (
	stops  secondPass = iota // it stops at an ACL that shares nothing with the name
	rescan                   // it meets the patterns that cover the name again
	fails                    // it jumps back to "*" forever, or beyond its end
)

// secondPassOf returns what the second pass does for a name that begins below "*". For any
// other name it stops at once.
//
// The pass steps down from "*", one name at a time. It goes on over names that are prefixes
// of the resource's name. It stops at a name that shares nothing with it. A name that shares
// only a part sends the pass back to that part, which is above "*" or is where it came from.
// Names with the same first character are neighbours. So if the first name below "*" begins
// like the resource's name, the pass comes to all names that do, and fails if one of them is
// no prefix. There are at most as many prefixes as the name has bytes.
func secondPassOf(b *belowStar, t resource.Type, name string) secondPass {
	if b == nil || name == "" || name[0] >= resource.Wildcard[0] {
		return stops
	}
	pass := stops
	b.DescendLessOrEqual(nameCount{typ: t + 1}, func(at nameCount) bool {
		switch {
		case at.typ != t || at.name[0] != name[0]:
			return false
		case strings.HasPrefix(name, at.name):
			pass = rescan
			return true
		}
		pass = fails
		return false
	})
	return pass
}

// belowStar counts the records with each name that the second pass can come to: names that
// begin below "*", and PREFIXED "*". It is sorted by type and name.
type belowStar = btree.BTreeG[nameCount]

type nameCount struct {
	typ   resource.Type
	name  string // not empty
	count int32
}

// countBelow returns b with a change in the number of records on p. It changes b, which may
// be nil.
func countBelow(b *belowStar, p resource.Pattern, change int32) *belowStar {
	isPrefixedStar := p.Name == resource.Wildcard && p.PatternType == resource.Prefixed
	if change == 0 || p.Name == "" || p.Name[0] >= resource.Wildcard[0] && !isPrefixedStar {
		return b
	}
	if b == nil {
		b = btree.NewG(degree, func(a, b nameCount) bool {
			return cmp.Or(cmp.Compare(a.typ, b.typ), strings.Compare(a.name, b.name)) < 0
		})
	}
	at := nameCount{typ: p.Type, name: p.Name}
	before, _ := b.Get(at)
	if at.count = before.count + change; at.count > 0 {
		b.ReplaceOrInsert(at)
	} else {
		b.Delete(at)
	}
	return b
}

// kafkaFails reports whether Kafka throws or loops forever instead of answering q. deny is the
// deciding DENY, if there is one. Kafka fails:
//
//   - for a principal named User:*, on every check;
//   - on an ACL whose principal has no colon, if the scan meets it before a DENY;
//   - in its second pass (see secondPassOf), if no DENY ends the scan before it.
func (v *View) kafkaFails(q question, deny candidate) bool {
	if v.standing == wildcard {
		return true
	}
	if v.malformed != nil && v.meetsMalformed(q, deny) {
		return true
	}
	return deny.record == nil && q.secondPass == fails
}

// meetsMalformed reports whether the scan meets an ACL with a malformed principal before it
// meets deny.
func (v *View) meetsMalformed(q question, deny candidate) bool {
	denying, allowing := v.malformed.of(q.typ).ask(phash.HashString(q.name), everything, q.name)
	for _, met := range []candidate{denying, allowing} {
		switch {
		case met.record == nil, met.place == placeWild && !kafkaWildcardApplies(q.name):
		case deny.record == nil || met.place > deny.place,
			met.place == deny.place && met.record.beginsBefore(deny.record.pick(q.bit, acl.Deny, false)):
			return true
		}
	}
	return false
}

// beginsBefore reports whether an ACL of r, with any operation, comes before c, which is on
// the same pattern.
func (r *record) beginsBefore(c claim) bool {
	for _, permission := range []acl.PermissionType{acl.Deny, acl.Allow} {
		if first := r.pick(everything, permission, false); first.record != nil && first.before(c) {
			return true
		}
	}
	return false
}

// kafkaAny decides a by-type check as the default method of Kafka's Authorizer interface does.
// ok is false if Kafka throws.
//
// It first checks a fixed name, so that default allow counts. Then Kafka walks over all ACLs
// of the type, without regard to implied operations, and looks for an allowed pattern that no
// denied one dominates; here only what is allowed is visited.
//
// Source: Kafka's Authorizer.authorizeByResourceType.
func (v *View) kafkaAny(op ops.Operation, t resource.Type) (_ Reason, ok bool) {
	const probe = "hardcode"
	q := question{name: probe, bit: ops.SetOf(op), typ: t}
	if deny, _ := q.ask(v.scopes); v.kafkaFails(q, deny) {
		return DefaultDeny, false
	}
	if d := v.decide(op, t, probe); d.Allowed() {
		return d.reason, true
	}
	for _, s := range v.scopes {
		if n := s.of(t); n != nil && n.wild.refuses&q.bit != 0 {
			// This DENY ends the walk. Kafka may throw before it meets it; the documented
			// answer is the same.
			return MatchingDeny, true
		}
	}
	switch {
	case v.walkMeetsMalformed(t):
		return DefaultDeny, false
	case v.kafkaLeavesOpen(op, t):
		return MatchingAllow, true
	}
	return DefaultDeny, true
}

// kafkaLeavesOpen reports whether some pattern that is allowed is dominated by no denied one
// in Kafka's sense: a LITERAL pattern dominates only itself, and nobody looks for PREFIXED "".
// The caller handles the DENY of LITERAL "*".
func (v *View) kafkaLeavesOpen(op ops.Operation, t resource.Type) (found bool) {
	s := v.search(kafkaAny, v.scopes, ops.SetOf(op), t)
	a := anyName{scopes: v.scopes, bit: s.bit, typ: t, least: 1}
	written := ops.SetOf(op, ops.All)
	allows := func(r ruling) bool { return r.record != nil && r.record.allow&written != 0 }
	for _, scope := range v.scopes {
		n := scope.of(t)
		if n == nil {
			continue
		}
		// A DENY on the same pattern dominates, so that the marks miss nothing, except on
		// PREFIXED "".
		found = allows(n.wild) || allows(n.get(resource.PrefixedPattern(t, "")))
		if !found {
			n.prefixes.EachMarked(phash.Marks(s.bit), func(prefix string, r ruling) bool {
				found = allows(r) && !a.denies(prefix, false)
				return !found && s.goesOn()
			})
		}
		if !found && !s.known {
			n.literals.EachMarked(phash.Marks(s.bit), func(name string, r ruling) bool {
				found = allows(r) && !a.denies(name, true)
				return !found && s.goesOn()
			})
		}
		if found || s.known {
			break
		}
	}
	return s.ends(found)
}

func (c claim) before(o claim) bool { return compareOnPattern(c, o) < 0 }

// walkMeetsMalformed reports whether Kafka's walk over all ACLs of a type meets one whose host
// matches but whose principal has no colon.
func (v *View) walkMeetsMalformed(t resource.Type) (meets bool) {
	if v.malformed == nil {
		return false
	}
	v.malformed.of(t).each(func(said ruling) bool {
		r := said.record
		for variant := range r.all() {
			host := variant.who.host
			meets = meets || host == acl.WildcardHost || host == v.hostText ||
				v.semantics == KafkaExact44 && acl.ParseHost(host).Network().IsValid() && acl.ParseHost(host).Contains(v.host)
		}
		return !meets
	})
	return meets
}
