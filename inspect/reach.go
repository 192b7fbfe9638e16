package inspect

import (
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Reach returns the names that an ACL on the pattern covers in n, and the patterns of
// other ACLs of n that cover only such names, sorted as by acl.Binding.Compare. These
// may be resources that the pattern was not meant for. A pattern without an ACL in n
// covers nothing.
//
// In KafkaExact LITERAL "*" does not cover longer names that begin with an asterisk,
// except those for which Kafka gives no answer. The cost is that of listing the ACLs on
// the type.
func Reach(n *snapshot.Snapshot, pattern resource.Pattern) (NameSet, []resource.Pattern) {
	if !pattern.Type.IsConcrete() || !pattern.PatternType.IsSpecific() {
		return nil, nil
	}
	p := load(n, pattern.Type)
	top := pointOf(pattern)
	points := append(p.points(nil), top)
	for other := range p.stands {
		points = append(points, pointOf(other))
	}
	names := newNameTree(points)
	silent, _ := p.silent.mark(names)
	from, _ := names.find(top)
	covers := func(node int) bool {
		skipped := pattern.IsWildcard() && !silent[node] && !wildcardCovers(names.nodes[node], p.exact)
		return from <= node && node < int(names.end[from]) && !skipped
	}
	var within []resource.Pattern
	for other := range p.stands {
		at := pointOf(other)
		node, _ := names.find(at)
		// All names of a node are covered if those of its cell are. The exception is
		// the node of all names, of which Kafka excludes some.
		if other != pattern && covers(node) && (at != root || !p.exact || other.IsWildcard()) {
			within = append(within, other)
		}
	}
	slices.SortFunc(within, func(a, b resource.Pattern) int { return acl.Binding{Pattern: a}.Compare(acl.Binding{Pattern: b}) })
	return names.set(covers), within
}
