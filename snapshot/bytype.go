package snapshot

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// decideAny answers a by-type question.
func (v *View) decideAny(op ops.Operation, t resource.Type) Decision {
	d := Decision{generation: v.generation}
	switch {
	case v.standing == nobody || ops.ValidateByType(op, t) != nil:
		return d
	case v.standing == super:
		d.reason = SuperUser
		return d
	case !v.ready:
		d.reason = NotReady
		return d
	}
	if v.semantics.IsKafkaExact() {
		if reason, ok := v.kafkaAny(op, t); ok {
			d.reason = reason
			return d
		}
	}
	d.reason = v.exactAny(ops.SetOf(op), t)
	return d
}

// scalarValues is how many characters Unicode has room for: a prefix can be
// followed by that many different ones.
const scalarValues = utf8.MaxRune + 1 - (0xE000 - 0xD800)

// exactAny reports whether there is a name for which the documented rules allow
// the operation. Such a name is, if there is any, one that a wildcard or PREFIXED
// ALLOW covers, the name of a LITERAL one, or one that no ACL covers.
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
	a := anyName{view: v, bit: bit, typ: t}
	if prefixes >= scalarValues {
		a.takeDenied()
	}
	for _, s := range v.documented {
		n := s.of(t)
		if n == nil {
			continue
		}
		if n.wild.grants&bit != 0 && a.leavesBelow("") {
			return MatchingAllow
		}
		found := false
		n.prefixes.EachMarked(phash.Marks(bit), func(prefix string, r ruling) bool {
			found = r.open()&bit != 0 && a.leavesBelow(prefix)
			return !found
		})
		if !found {
			n.literals.EachMarked(phash.Marks(bit), func(name string, r ruling) bool {
				found = r.open()&bit != 0 && name != "" && !a.deniesLiteral(name)
				return !found
			})
		}
		if found {
			return MatchingAllow
		}
	}
	if v.defaultTo == DefaultAllow && v.leavesUncovered(t) {
		return DefaultAllow
	}
	return DefaultDeny
}

// anyName looks for a name that the ACLs of a subject do not deny.
type anyName struct {
	view  *View
	bit   ops.Set
	typ   resource.Type
	taken *takenNames // the denied names; nil as long as that is not needed
}

// leavesBelow reports whether a name that begins with prefix is not denied. If no
// deny covers all of them, there is one: the denied prefixes are too few to take
// every character that could follow.
func (a *anyName) leavesBelow(prefix string) bool {
	if a.taken != nil {
		return a.taken.leavesBelow(prefix)
	}
	return !a.denies(prefix, false)
}

func (a *anyName) deniesLiteral(name string) bool { return a.denies(name, true) }

// denies reports whether a PREFIXED deny covers name or, if literals is set, any.
// Wildcards are the caller's to handle.
func (a *anyName) denies(name string, literals bool) bool {
	for _, s := range a.view.documented {
		n := s.of(a.typ)
		if n == nil {
			continue
		}
		start := phash.NewPrefixes()
		for i := n.covering(0, name, 0, a.bit); i < len(n.lengths); i = n.covering(i+1, name, 0, a.bit) {
			if n.prefixed(&start, name, n.lengths[i].bytes).refuses&a.bit != 0 {
				return true
			}
		}
		if literals && n.get(resource.LiteralPattern(a.typ, name)).refuses&a.bit != 0 {
			return true
		}
	}
	return false
}

// takeDenied collects all names that are denied.
func (a *anyName) takeDenied() {
	a.taken = newTakenNames()
	for _, s := range a.view.documented {
		s.of(a.typ).each(func(r ruling) bool {
			if r.refuses&a.bit != 0 {
				a.taken.add(r.record)
			}
			return true
		})
	}
	a.taken.sort()
}

// leavesUncovered reports whether there is a name that no ACL of type t covers.
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
	taken := newTakenNames()
	patterns.each(func(r ruling) bool {
		taken.add(r.record)
		return true
	})
	taken.sort()
	return taken.leavesBelow("")
}

// takenNames is a set of names: some one by one, some by prefix.
type takenNames struct {
	literals map[string]struct{}
	prefixes []string // once sort was called: sorted, and none begins with another
}

func newTakenNames() *takenNames { return &takenNames{literals: make(map[string]struct{})} }

// add takes the names that the pattern of r covers. LITERAL "*" is the caller's to
// handle.
func (t *takenNames) add(r *record) {
	if r.pattern == resource.Prefixed {
		t.prefixes = append(t.prefixes, r.name)
	} else {
		t.literals[r.name] = struct{}{}
	}
}

// sort sorts the prefixes and drops those that begin with another, which take
// nothing more.
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

// takesPrefixOf looks at one prefix, the last that is not behind name: what stands
// between a prefix and a name that begins with it begins with it too. To search for
// every beginning of name would cost the square of its length.
func (t *takenNames) takesPrefixOf(name string) bool {
	i, found := slices.BinarySearch(t.prefixes, name)
	return found || i > 0 && strings.HasPrefix(name, t.prefixes[i-1])
}

// leavesBelow reports whether a name that begins with prefix is not taken. If
// there is a character that no taken prefix continues with, the names that begin
// with prefix and that character are without end, and only finitely many can be
// taken one by one.
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
