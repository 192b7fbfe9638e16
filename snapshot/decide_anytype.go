package snapshot

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// decideAny decides a by-type check.
func (v *View) decideAny(op ops.Operation, t resource.Type) Decision {
	d := Decision{generation: v.generation}
	switch {
	case v.standing == nobody || ops.ValidateByType(op, t) != nil:
		return d
	case v.standing == nowhere:
		d.reason = NoHost
		return d
	case v.standing == super:
		d.reason = SuperUser
		return d
	case !v.ready:
		d.reason = NotReady
		return d
	}
	if v.semantics.isKafkaExact() {
		if reason, ok := v.kafkaAny(op, t); ok {
			d.reason = reason
			return d
		}
	}
	d.reason = v.exactAny(ops.SetOf(op), t)
	return d
}

// scalarValues is the number of Unicode scalar values: as many different characters can follow
// a prefix.
const scalarValues = utf8.MaxRune + 1 - (0xE000 - 0xD800)

// exactAny decides whether there is a name for which the documented rules allow the operation.
// Such a name is covered by LITERAL "*" or a PREFIXED ALLOW, or is the name of a LITERAL
// ALLOW, or is covered by no ACL.
func (v *View) exactAny(bit ops.Set, t resource.Type) Reason {
	prefixes := 0
	for _, s := range v.documented {
		n := s.of(t)
		if n == nil {
			continue
		}
		if n.wild.refuses&bit != 0 {
			return MatchingDeny
		}
		prefixes += n.prefixes.Len()
	}
	if v.leavesOpen(bit, t, prefixes >= scalarValues) {
		return MatchingAllow
	}
	if v.defaultTo == DefaultAllow && v.leavesUncovered(t) {
		return DefaultAllow
	}
	return DefaultDeny
}

// leavesOpen reports whether some name that an ALLOW covers is not denied. The caller handles
// the DENY of LITERAL "*". exhausted means that the denied prefixes may be as many as the
// characters that can follow one.
func (v *View) leavesOpen(bit ops.Set, t resource.Type, exhausted bool) (found bool) {
	s := v.search(documentedAny, v.documented, bit, t)
	a := anyName{scopes: v.documented, bit: bit, typ: t}
	if exhausted {
		if s.recall() {
			return s.answer
		}
		a.takeDenied()
	}
	for _, scope := range v.documented {
		n := scope.of(t)
		if n == nil {
			continue
		}
		found = n.wild.grants&bit != 0 && a.leavesBelow("")
		if !found {
			n.prefixes.EachMarked(phash.Marks(bit), func(prefix string, r ruling) bool {
				found = r.open()&bit != 0 && a.leavesBelow(prefix)
				return !found && s.goesOn()
			})
		}
		if !found && !s.known {
			n.literals.EachMarked(phash.Marks(bit), func(name string, r ruling) bool {
				found = r.open()&bit != 0 && name != "" && !a.denies(name, true)
				return !found && s.goesOn()
			})
		}
		if found || s.known {
			break
		}
	}
	return s.ends(found)
}

// mayGrant reports whether an ALLOW of one of the scopes grants an operation on a resource of
// type t, apart from those that a DENY on the same pattern overrides. No other ACL is visited.
func mayGrant(scopes []*scope, bit ops.Set, t resource.Type) bool {
	if bit == 0 {
		return false
	}
	for _, s := range scopes {
		n := s.of(t)
		if n == nil {
			continue
		}
		found := n.wild.open()&bit != 0
		look := func(_ string, r ruling) bool {
			found = found || r.open()&bit != 0
			return !found
		}
		if !found {
			n.prefixes.EachMarked(phash.Marks(bit), look)
		}
		if !found {
			n.literals.EachMarked(phash.Marks(bit), look)
		}
		if found {
			return true
		}
	}
	return false
}

// anyName looks for names that the ACLs of a subject do not deny.
type anyName struct {
	scopes []*scope
	bit    ops.Set
	typ    resource.Type
	least  int         // the length of the shortest PREFIXED pattern that counts, in bytes
	taken  *takenNames // the denied names; nil as long as that is not needed
}

// leavesBelow reports whether some name that begins with prefix is not denied. Unless a is
// exhaustive (see takeDenied), the denied prefixes are fewer than the characters that can
// follow, so this is so if no deny covers prefix itself.
func (a *anyName) leavesBelow(prefix string) bool {
	if a.taken != nil {
		return a.taken.leavesBelow(prefix)
	}
	return !a.denies(prefix, false)
}

// denies reports whether a PREFIXED deny covers name or, if literals is set, a LITERAL one.
// The caller handles LITERAL "*".
func (a *anyName) denies(name string, literals bool) bool {
	for _, s := range a.scopes {
		n := s.of(a.typ)
		if n == nil {
			continue
		}
		start := phash.NewPrefixes()
		for i := n.covering(0, name, 0, a.bit); i < len(n.lengths); i = n.covering(i+1, name, 0, a.bit) {
			if bytes := n.lengths[i].bytes; bytes >= a.least && n.prefixed(&start, name, bytes).refuses&a.bit != 0 {
				return true
			}
		}
		if literals && n.get(resource.LiteralPattern(a.typ, name)).refuses&a.bit != 0 {
			return true
		}
	}
	return false
}

// takeDenied collects all denied names, which makes the search exhaustive.
func (a *anyName) takeDenied() {
	a.taken = newTakenNames()
	for _, s := range a.scopes {
		s.of(a.typ).each(func(r ruling) bool {
			if r.refuses&a.bit != 0 {
				a.taken.add(r.record)
			}
			return true
		})
	}
	a.taken.sort()
}

// leavesUncovered reports whether there is a name of type t that no ACL covers.
func (v *View) leavesUncovered(t resource.Type) bool {
	patterns := v.covered.of(t)
	switch {
	case patterns == nil:
		return true
	case patterns.wild.record != nil:
		return false
	case patterns.prefixes.Len() < scalarValues:
		return patterns.get(resource.PrefixedPattern(t, "")).record == nil
	}
	s := v.search(uncoveredAny, []*scope{v.covered}, 0, t)
	if s.recall() {
		return s.answer
	}
	taken := newTakenNames()
	patterns.each(func(r ruling) bool {
		taken.add(r.record)
		return true
	})
	taken.sort()
	return s.ends(taken.leavesBelow(""))
}

// takenNames is a set of names: single names, and all names with certain prefixes.
type takenNames struct {
	literals map[string]struct{}
	prefixes []string // after sort: sorted, and none begins with another
}

func newTakenNames() *takenNames { return &takenNames{literals: make(map[string]struct{})} }

// add adds the names that the pattern of r covers. The caller handles LITERAL "*".
func (t *takenNames) add(r *record) {
	if r.pattern == resource.Prefixed {
		t.prefixes = append(t.prefixes, r.name)
	} else {
		t.literals[r.name] = struct{}{}
	}
}

// sort sorts the prefixes and drops those that begin with another one: they add nothing.
func (t *takenNames) sort() {
	slices.Sort(t.prefixes)
	kept := t.prefixes[:0]
	for _, p := range t.prefixes {
		if len(kept) == 0 || !strings.HasPrefix(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	t.prefixes = kept
}

// takesPrefixOf reports whether name begins with one of the prefixes. It looks only at the last
// prefix that is not after name: if an earlier one were a prefix of name, all that is between
// it and name would begin with it too. To look up every beginning of name would cost the
// square of its length.
func (t *takenNames) takesPrefixOf(name string) bool {
	i, found := slices.BinarySearch(t.prefixes, name)
	return found || i > 0 && strings.HasPrefix(name, t.prefixes[i-1])
}

// leavesBelow reports whether some name that begins with prefix is not in t. If no prefix in t
// continues with some character, there are infinitely many names that begin with prefix and
// that character, and only finitely many are single names in t.
func (t *takenNames) leavesBelow(prefix string) bool {
	if t.takesPrefixOf(prefix) {
		return false
	}
	next := make(map[string]struct{})
	i, _ := slices.BinarySearch(t.prefixes, prefix)
	for ; i < len(t.prefixes) && strings.HasPrefix(t.prefixes[i], prefix); i++ {
		_, size := utf8.DecodeRuneInString(t.prefixes[i][len(prefix):])
		next[t.prefixes[i][:len(prefix)+size]] = struct{}{}
	}
	if len(next) < scalarValues {
		return true
	}
	if _, taken := t.literals[prefix]; !taken && prefix != "" {
		return true
	}
	for longer := range next {
		if t.leavesBelow(longer) {
			return true
		}
	}
	return false
}
