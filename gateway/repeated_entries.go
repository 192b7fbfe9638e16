package gateway

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// A broker answers some entries as often as a request names them, and what is in them, with much
// more than they take: 20 kB of one group make an answer of 100 MB, and each of the four bytes of a
// partition one with the text of its offset or all of its producers. The gateway asks once for each:
// of entries that name the same resource, the first is sent, and it names what all of them name.
// Each is answered with its part of the answer to that one.
//
// What is answered with a few bytes for each entry is sent as it came: FindCoordinator,
// OffsetForLeaderEpoch, and the partitions of DescribeShareGroupOffsets. Fetch, ListOffsets, Metadata,
// DescribeTopicPartitions and DescribeLogDirs are not answered twice.
//
// Source: Kafka's KafkaApis, GroupCoordinatorService and ConfigHelper; observed with Kafka 4.4.0.

// repeatable says how entries of type Q with the same name, and answers of type R, stand for each
// other. The zero repeatable says that they do not.
type repeatable[Q, R any] struct {
	// class is a number that only entries have in common that can be united. Entries of class 0
	// cannot be.
	class func(*Q) int8
	// differ orders entries by what else must be equal for them to be united; nil if nothing.
	differ func(a, b *Q) int
	// most returns how often what takes most of the answer is named by entries; if it is nil, each
	// entry names the same. unite makes into name all that they name, once, and narrow
	// reduces the answer to that to what one of them names. Neither changes what is in the lists of
	// an entry or of an answer.
	most   func([]*Q) int64
	unite  func(into *Q, all []*Q)
	narrow func(asked *Q, answer *R)
}

// alwaysUnited is the class of entries that can all be united.
func alwaysUnited[Q any](*Q) int8 { return 1 }

// onlyIf returns a class for entries of which same is true.
func onlyIf[Q any](same func(*Q) bool) func(*Q) int8 {
	return func(q *Q) int8 {
		if same(q) {
			return 1
		}
		return 0
	}
}

// partitionsOnce is for entries with a list of partitions.
func partitionsOnce[Q, R, P any](asked func(*Q) *[]int32, answered func(*R) *[]P, id func(*P) int32) repeatable[Q, R] {
	gather := func(all []*Q) []int32 { return gather(all, func(q *Q) []int32 { return *asked(q) }) }
	return repeatable[Q, R]{
		class: alwaysUnited[Q],
		most:  func(all []*Q) int64 { return mostEqual(gather(all), cmp.Compare[int32]) },
		unite: func(into *Q, all []*Q) { *asked(into) = slices.Compact(gather(all)) },
		narrow: func(q *Q, r *R) {
			field := answered(r)
			*field = partsNamed(*asked(q), *field, id)
		},
	}
}

// gather returns the elements of all lists, sorted.
func gather[Q any, E cmp.Ordered](all []Q, list func(Q) []E) []E {
	n := 0
	for _, q := range all {
		n += len(list(q))
	}
	found := make([]E, 0, n)
	for _, q := range all {
		found = append(found, list(q)...)
	}
	slices.Sort(found)
	return found
}

// mostEqual returns how many elements of a sorted list are equal, at the most.
func mostEqual[E any](sorted []E, compare func(a, b E) int) (most int64) {
	for begin, i := 0, 0; i < len(sorted); i++ {
		if compare(sorted[begin], sorted[i]) != 0 {
			begin = i
		}
		most = max(most, int64(i-begin+1))
	}
	return most
}

// partsNamed returns the answers about the partitions that a request names, in its order.
func partsNamed[P any](asked []int32, given []P, id func(*P) int32) []P {
	order := inOrder(len(given), func(i, j int32) int { return cmp.Compare(id(&given[i]), id(&given[j])) })
	named := make([]P, 0, len(asked))
	for _, partition := range asked {
		at, found := slices.BinarySearchFunc(order, partition, func(i, partition int32) int { return cmp.Compare(id(&given[i]), partition) })
		if found {
			named = append(named, given[order[at]])
		}
	}
	return named
}

// configsOnce is for the resources of DescribeConfigs. A broker returns all configurations of one
// without names, and otherwise each that is named, once, in an order of its own. For several entries
// it is asked for all.
func configsOnce() repeatable[kmsg.DescribeConfigsRequestResource, kmsg.DescribeConfigsResponseResource] {
	type resource = kmsg.DescribeConfigsRequestResource
	return repeatable[resource, kmsg.DescribeConfigsResponseResource]{
		class: alwaysUnited[resource],
		most:  func(all []*resource) int64 { return int64(len(all)) },
		unite: func(into *resource, all []*resource) {
			if len(all) > 1 {
				into.ConfigNames = nil
			}
		},
		narrow: narrowConfigs,
	}
}

// narrowConfigs reduces the configurations of a resource to those that one entry names.
func narrowConfigs(c *kmsg.DescribeConfigsRequestResource, r *kmsg.DescribeConfigsResponseResource) {
	if len(c.ConfigNames) == 0 {
		return
	}
	order := inOrder(len(r.Configs), func(i, j int32) int { return cmp.Compare(r.Configs[i].Name, r.Configs[j].Name) })
	named := make([]bool, len(r.Configs))
	for _, name := range c.ConfigNames {
		at, found := slices.BinarySearchFunc(order, name, func(i int32, name string) int { return cmp.Compare(r.Configs[i].Name, name) })
		if found {
			named[order[at]] = true
		}
	}
	shown := make([]kmsg.DescribeConfigsResponseResourceConfig, 0, len(named))
	for i := range named {
		if named[i] {
			shown = append(shown, r.Configs[i])
		}
	}
	r.Configs = shown
}

// offsetsOnce is for the groups of OffsetFetch. A group without topics is about all of them.
func offsetsOnce() repeatable[kmsg.OffsetFetchRequestGroup, kmsg.OffsetFetchResponseGroup] {
	type group = kmsg.OffsetFetchRequestGroup
	return repeatable[group, kmsg.OffsetFetchResponseGroup]{
		class: func(g *group) int8 {
			if g.Topics == nil {
				return 1
			}
			return 2
		},
		// A broker refuses a member that it does not know, or of another epoch.
		differ: func(a, b *group) int {
			return cmp.Or(compareTexts(a.MemberID, b.MemberID), cmp.Compare(a.MemberEpoch, b.MemberEpoch))
		},
		most: func(all []*group) int64 {
			if all[0].Topics == nil {
				return int64(len(all))
			}
			most := int64(0)
			eachTopic(all, func(_ *kmsg.OffsetFetchRequestGroupTopic, partitions []int32) {
				most = max(most, mostEqual(partitions, cmp.Compare[int32]))
			})
			return most
		},
		unite: func(into *group, all []*group) {
			if into.Topics == nil {
				return
			}
			into.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
			eachTopic(all, func(t *kmsg.OffsetFetchRequestGroupTopic, partitions []int32) {
				united := *t
				united.Partitions = slices.Compact(partitions)
				into.Topics = append(into.Topics, united)
			})
		},
		narrow: narrowOffsets,
	}
}

// compareTexts orders texts, of which a missing one is the first.
func compareTexts(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return strings.Compare(*a, *b)
}

// eachTopic calls f with each topic that groups name, and all of its partitions, sorted. It keeps
// four bytes for each topic that is named: honest requests name many.
func eachTopic(all []*kmsg.OffsetFetchRequestGroup, f func(t *kmsg.OffsetFetchRequestGroupTopic, partitions []int32)) {
	n, starts := 0, make([]int32, len(all)) // the topics of all groups, one list behind the other
	for i, g := range all {
		starts[i] = int32(n)
		n += len(g.Topics)
	}
	at := func(i int32) *kmsg.OffsetFetchRequestGroupTopic {
		group := sort.Search(len(starts), func(g int) bool { return starts[g] > i }) - 1
		return &all[group].Topics[i-starts[group]]
	}
	compare := func(i, j int32) int {
		a, b := at(i), at(j)
		return entryKey{name: a.Topic, id: a.TopicID}.compare(entryKey{name: b.Topic, id: b.TopicID})
	}
	for order := inOrder(n, compare); len(order) > 0; {
		same := 1
		for same < len(order) && compare(order[0], order[same]) == 0 {
			same++
		}
		f(at(order[0]), gather(order[:same], func(i int32) []int32 { return at(i).Partitions }))
		order = order[same:]
	}
}

// narrowOffsets reduces the offsets of a group to those that one entry names.
func narrowOffsets(g *kmsg.OffsetFetchRequestGroup, r *kmsg.OffsetFetchResponseGroup) {
	if g.Topics == nil || r.ErrorCode != 0 {
		return
	}
	given := newAnswers(r.Topics, func(t *kmsg.OffsetFetchResponseGroupTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} })
	shown := make([]kmsg.OffsetFetchResponseGroupTopic, 0, len(g.Topics))
	for i := range g.Topics {
		t := given.find(entryKey{name: g.Topics[i].Topic, id: g.Topics[i].TopicID})
		if t == nil {
			continue
		}
		named := *t
		named.Partitions = partsNamed(g.Topics[i].Partitions, t.Partitions, func(p *kmsg.OffsetFetchResponseGroupTopicPartition) int32 { return p.Partition })
		shown = append(shown, named)
	}
	r.Topics = shown
}

// repeated are entries of a request that name the same resource. The zero repeated has none.
type repeated struct {
	// same are, by position, the first entry that the same answer is for: only that one is sent. It
	// is nil if nothing is named more than once. order are all positions, those of entries with the
	// same answer next to each other, the first one first. times is how often one thing is named, at
	// the most.
	same, order []int32
	times       int64
}

// first returns the entry whose answer is that of entry i.
func (r *repeated) first(i int) int {
	if r.same == nil {
		return i
	}
	return int(r.same[i])
}

// runs calls f for the entries that have the same answer.
func (r *repeated) runs(f func(run []int32)) {
	for left := r.order; len(left) > 0; {
		n := 1
		for n < len(left) && r.same[left[n]] == left[0] {
			n++
		}
		f(left[:n])
		left = left[n:]
	}
}

// withoutRepeats returns codes in which entries have an error that need not be sent.
func (r *repeated) withoutRepeats(codes []ops.ErrorCode) []ops.ErrorCode {
	if r.same == nil {
		return codes
	}
	codes = slices.Clone(codes)
	for i, first := range r.same {
		if int(first) != i {
			codes[i] = ops.DuplicateResource // whatever it is, it is not sent
		}
	}
	return codes
}

// findRepeated finds the entries that need not be sent since an earlier one has the same answer, and
// those that name something in them more than once. It reports whether there are any.
func (v *verdicts) findRepeated(q *query) bool {
	l, parent := v.list, -1
	if l == nil {
		l, parent = v.lists[0], 0
	}
	compare := func(i, j int32) int {
		return cmp.Or(q.keyOf(parent, int(i)).compare(q.keyOf(parent, int(j))), cmp.Compare(l.class(int(i)), l.class(int(j))), l.compare(int(i), int(j)))
	}
	found := repeated{same: make([]int32, l.len()), order: inOrder(l.len(), compare)}
	first := int32(-1)
	for _, i := range found.order {
		if first < 0 || l.class(int(i)) == 0 || compare(first, i) != 0 {
			first = i
		}
		found.same[i] = first
	}
	found.runs(func(run []int32) { found.times = max(found.times, l.most(run)) })
	if found.times < 2 {
		return false
	}
	v.repeated = found
	return true
}
