package snapshot

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// This file holds what KafkaExact needs beyond a different comparison of hosts
// and of LITERAL "*": where Kafka's scan gives no answer, and where it ends up.
//
// Kafka keeps the ACLs of a type sorted by name, descending, and scans twice. The
// first pass starts at the resource's name and jumps from prefix to prefix. The
// second starts at "*" to find the wildcard ACLs, and then goes on below it.
//
// Source: StandardAuthorizerData.findAclRule and checkSection, Kafka 4.2.

// The places of patterns for an ALLOW in KafkaExact: the last that the scan comes
// across decides, so the first pass counts from the longest name to the shortest,
// then comes LITERAL "*", then what the second pass meets again.
const (
	kafkaPlaceWildAgain = math.MinInt     // LITERAL "*", if all else comes again behind it
	kafkaPlaceLiteral   = math.MinInt + 1 // the name itself
	kafkaPlaceWild      = 1
	kafkaPlaceEmptyName = 2 // LITERAL "", for that name
	kafkaPlaceEmpty     = 3 // PREFIXED ""
)

// kafkaAllowPlace turns a place by specificity into one by the end of the scan.
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

// secondPass is what Kafka's second pass does behind LITERAL "*".
type secondPass uint8

const (
	stops  secondPass = iota // at an ACL that shares nothing with the name
	rescan                   // meets the patterns that cover the name once more
	fails                    // jumps back to "*" for ever, or beyond the end of it
)

// secondPassOf returns what the second pass does for a name that begins below
// "*". The ACLs it comes to share nothing with any other name.
//
// It steps down from "*" one name at a time: over patterns that cover the name,
// until one shares nothing with it, which ends the pass, or shares a part only,
// which sends it back to a beginning of its own starting point "*". Names that
// share a first character stand together, so that the pass ends before it comes to
// them if a name stands between them and "*", and else comes to all of them.
func (x *index) secondPassOf(t resource.Type, name string) secondPass {
	top := x.below[t-resource.Topic].root
	if top == nil || name == "" || name[0] >= resource.Wildcard[0] || top.first[len(top.first)-1] > name[0] {
		return stops
	}
	result := stops
	for n, rest := top.next(name); n != nil; n, rest = n.next(rest) {
		result = rescan
		if len(n.kids) > 1 {
			return fails
		}
		if len(n.kids) == 1 && !strings.HasPrefix(rest, n.kids[0].label) {
			return fails
		}
	}
	if result == stops && bytes.IndexByte(top.first, name[0]) >= 0 {
		return fails // all names of that first character part from this one
	}
	return result
}

// countBelow keeps index.below: the names that the second pass can come to.
func (x *index) countBelow(e *edit, p resource.Pattern, old, new *record) {
	isPrefixedStar := p.Name == resource.Wildcard && p.PatternType == resource.Prefixed
	if p.Name == "" || p.Name[0] >= resource.Wildcard[0] && !isPrefixedStar {
		return
	}
	below := &x.below[p.Type-resource.Topic]
	n, _ := below.get(p.Name)
	if n += count(old, new); n > 0 {
		*below = below.set(e, p.Name, n)
	} else {
		*below = below.delete(e, p.Name)
	}
}

// kafkaFails reports whether Kafka would throw, or loop for ever, instead of
// finding what m found:
//
//   - for a principal named User:*, on every check;
//   - on an ACL whose principal has no colon, if the scan comes to it before a
//     DENY;
//   - in its second pass (see secondPassOf), if it comes to that.
func (v *view) kafkaFails(m *match) bool {
	if v.standing == wildcard {
		return true
	}
	if v.snapshot.index.malformed != nil && v.meetsMalformed(m) {
		return true
	}
	return m.deny.leaf == nil && m.secondPass == fails
}

// meetsMalformed reports whether the scan comes to an ACL without a principal
// before it comes to the DENY that m found.
func (v *view) meetsMalformed(m *match) (meets bool) {
	patterns := *v.snapshot.index.malformed.of(m.typ)
	patterns.covering(m.name, hashString(m.name), KafkaExact, func(l *leaf, place int) bool {
		meets = m.deny.leaf == nil || place > m.deny.place ||
			place == m.deny.place && slices.ContainsFunc(l.records, m.deny.claim().isAfter)
		return !meets
	})
	return meets
}

// isAfter reports whether an ACL of r comes before c, on the same pattern.
func (c claim) isAfter(r *record) bool {
	for op := range (r.allow | r.deny).All() {
		if compareOnPattern(claim{r, op}, c) < 0 {
			return true
		}
	}
	return false
}

// kafkaAny answers a by-type question as the default method of Kafka's Authorizer
// interface does. ok is false where Kafka throws.
//
// It first probes a fixed name, so that default allow is honoured. Then it walks
// all ACLs of the type, comparing operations without regard to what is implied,
// and at last looks for an allowed pattern that no denied one dominates.
//
// Source: Kafka's Authorizer.authorizeByResourceType.
func (v *view) kafkaAny(op ops.Operation, t resource.Type) (d Decision, ok bool) {
	const probe = "hardcode"
	m := match{bit: ops.SetOf(op), typ: t, name: probe, semantics: KafkaExact}
	m.run(v.scopes)
	if v.kafkaFails(&m) {
		return d, false
	}
	if d = v.decide(op, t, probe); d.Allowed() {
		return d, true
	}
	allows, denies := claimsOn(v.scopes, t, func(l *leaf, allow bool) claim {
		for _, r := range l.records {
			for _, written := range []ops.Operation{ops.All, op} {
				if allow && r.allow.Has(written) || !allow && r.deny.Has(written) {
					return claim{r, written}
				}
			}
		}
		return claim{}
	})
	d = Decision{generation: v.snapshot.generation}
	onWildcard := func(c claim) bool { return c.record.pattern.IsWildcard() }
	if i := slices.IndexFunc(denies, onWildcard); i >= 0 {
		return d.by(denies[i], MatchingDeny), !v.walkMeetsMalformed(t, &denies[i])
	}
	if v.walkMeetsMalformed(t, nil) {
		return d, false
	}
	if i := slices.IndexFunc(allows, onWildcard); i >= 0 {
		return d.by(allows[i], MatchingAllow), true
	}
	taken := newTakenNames()
	for _, deny := range denies {
		if deny.record.pattern != resource.PrefixedPattern(t, "") { // Kafka never looks for it
			taken.add(deny.record.pattern)
		}
	}
	taken.sort()
	for _, allow := range allows {
		p := allow.record.pattern
		_, denied := taken.literals[p.Name]
		if !taken.takesPrefixOf(p.Name) && !(denied && p.PatternType == resource.Literal) {
			return d.by(allow, MatchingAllow), true
		}
	}
	return d, true
}

// walkMeetsMalformed reports whether Kafka's walk over the ACLs of a type, in its
// order, comes to one whose host is the client's but whose principal has no colon,
// before it comes to end, if there is one: a DENY on LITERAL "*", which ends it.
func (v *view) walkMeetsMalformed(t resource.Type, end *claim) (meets bool) {
	if v.snapshot.index.malformed == nil {
		return false
	}
	(*v.snapshot.index.malformed.of(t)).each(t, func(p resource.Pattern, l *leaf) bool {
		for _, r := range l.records {
			if r.host != acl.WildcardHost && r.host != v.host {
				continue
			}
			switch {
			case end == nil, p.Name > resource.Wildcard:
				meets = true
			case p.IsWildcard():
				meets = end.isAfter(r)
			}
			if meets {
				break
			}
		}
		return !meets
	})
	return meets
}
