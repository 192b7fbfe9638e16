package snapshot

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// decideAny answers a by-type question.
func (v *view) decideAny(op ops.Operation, t resource.Type) Decision {
	d := Decision{generation: v.snapshot.generation}
	switch {
	case v.standing == nobody || ops.ValidateByType(op, t) != nil:
		return d
	case v.standing == super:
		d.reason = SuperUser
		return d
	case !v.snapshot.ready:
		d.reason = NotReady
		return d
	}
	if v.snapshot.semantics == KafkaExact {
		if answer, ok := v.kafkaAny(op, t); ok {
			return answer
		}
	}
	return v.exactAny(op, t, d)
}

// claimsOn collects from the scopes, in the order of their patterns, what pick
// finds in each leaf for each permission. pick returns the zero claim where there is
// nothing.
func claimsOn(scopes []*scope, t resource.Type, pick func(l *leaf, allow bool) claim) (allows, denies []claim) {
	for _, s := range scopes {
		(*s.of(t)).each(t, func(_ resource.Pattern, l *leaf) bool {
			if c := pick(l, true); c.record != nil {
				allows = append(allows, c)
			}
			if c := pick(l, false); c.record != nil {
				denies = append(denies, c)
			}
			return true
		})
	}
	for _, claims := range [][]claim{allows, denies} {
		slices.SortFunc(claims, func(a, b claim) int { return compareRecords(a.record, b.record) })
	}
	return allows, denies
}

// exactAny reports in d whether there is a name for which the documented rules
// allow op. Such a name is, if there is any, the name of a LITERAL ALLOW, or one
// that a PREFIXED or wildcard ALLOW covers, or one that no ACL covers.
func (v *view) exactAny(op ops.Operation, t resource.Type, d Decision) Decision {
	allows, denies := claimsOn(v.documented, t, func(l *leaf, allow bool) claim {
		c := candidate{leaf: l, bit: ops.SetOf(op), allow: allow}
		return c.claim()
	})
	taken := newTakenNames()
	for _, deny := range denies {
		if deny.record.pattern.IsWildcard() {
			return d.by(deny, MatchingDeny)
		}
		taken.add(deny.record.pattern)
	}
	taken.sort()
	for _, allow := range allows {
		if taken.leaves(allow.record.pattern) {
			return d.by(allow, MatchingAllow)
		}
	}
	if v.snapshot.defaultTo == DefaultAllow && v.snapshot.leavesUncovered(t) {
		d.reason = DefaultAllow
	}
	return d
}

// leavesUncovered reports whether there is a name that no ACL of type t covers.
func (n *Snapshot) leavesUncovered(t resource.Type) bool {
	taken := newTakenNames()
	wild := false
	(*n.index.covered.of(t)).each(t, func(p resource.Pattern, _ int32) bool {
		wild = p.IsWildcard()
		taken.add(p)
		return !wild
	})
	taken.sort()
	return !wild && taken.leaves(resource.PrefixedPattern(t, ""))
}

// takenNames is a set of names: some one by one, some by prefix.
type takenNames struct {
	literals map[string]struct{}
	prefixes []string // sorted, once sort was called
}

func newTakenNames() *takenNames { return &takenNames{literals: make(map[string]struct{})} }

// add takes the names that p covers. LITERAL "*" is the caller's to handle.
func (t *takenNames) add(p resource.Pattern) {
	if p.PatternType == resource.Prefixed {
		t.prefixes = append(t.prefixes, p.Name)
	} else {
		t.literals[p.Name] = struct{}{}
	}
}

func (t *takenNames) sort() {
	slices.Sort(t.prefixes)
	t.prefixes = slices.Compact(t.prefixes)
}

// leaves reports whether p covers a name that is not taken.
func (t *takenNames) leaves(p resource.Pattern) bool {
	if p.IsWildcard() {
		return t.leavesBelow("")
	}
	if t.takesPrefixOf(p.Name) {
		return false
	}
	if p.PatternType == resource.Prefixed {
		return t.leavesBelow(p.Name)
	}
	_, taken := t.literals[p.Name]
	return !taken && p.Name != ""
}

func (t *takenNames) takesPrefixOf(name string) bool {
	for i := range len(name) + 1 {
		if _, ok := slices.BinarySearch(t.prefixes, name[:i]); ok {
			return true
		}
	}
	return false
}

// scalarValues is how many characters Unicode has room for: a prefix can be
// followed by that many different ones.
const scalarValues = utf8.MaxRune + 1 - (0xE000 - 0xD800)

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
