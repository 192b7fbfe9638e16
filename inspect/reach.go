package inspect

import (
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Reach returns the names that an ACL on the pattern covers in n, and the patterns of
// the ACLs of n that stand on nothing but such names, sorted as
// acl.ComparePatterns sorts and without the pattern itself: what it opens beside the
// resources it was meant for. A pattern that is none of an ACL covers nothing.
//
// In KafkaExact LITERAL "*" leaves out longer names that begin with an asterisk, save
// those on which Kafka gives no answer. The cost is that of listing the ACLs on the
// type.
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
		// The names of a node are all reached if those of its cell are, save all names,
		// of which Kafka leaves some out.
		if other != pattern && covers(node) && (at != root || !p.exact || other.IsWildcard()) {
			within = append(within, other)
		}
	}
	slices.SortFunc(within, acl.ComparePatterns)
	return names.set(covers), within
}
