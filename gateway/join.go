package gateway

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// repetition says how an answer treats several entries about the same resource, and
// topics without partitions. Kafka collects refused entries by topic or by partition,
// and answers with what it has collected.
type repetition int8

const (
	firstOne      repetition = iota // keep the first entry and drop later ones
	joinTopics                      // join the partitions of a topic
	joinSome                        // joinTopics, and drop topics without partitions
	joinAdjacent                    // join the partitions of adjacent entries of a topic, each once; drop topics without partitions
	joinPartition                   // join the partitions of a topic, each once; drop topics without partitions
)

// joiner joins the answers of a list that are about the same resource. It changes the
// answers in place. It needs a few bytes for each answer, and memory for the joined
// partitions.
type joiner[R any] struct {
	of         func(answers []R, key func(*R) entryKey) []R
	partitions reflect.Type // of the joined entries, or nil
}

// firstOnly keeps the first answer about a resource.
func firstOnly[R any]() joiner[R] {
	return joiner[R]{func(answers []R, key func(*R) entryKey) []R {
		j := newJoining[R, struct{}](answers, key)
		return j.together(firstOne)
	}, nil}
}

// joining joins the partitions of a topic. partitions returns those of an answer, and
// number the number of one.
func joining[R, P any](how repetition, partitions func(*R) *[]P, number func(*P) int32) joiner[R] {
	return joiner[R]{func(answers []R, key func(*R) entryKey) []R {
		j := newJoining[R, P](answers, key)
		j.partitions, j.number = partitions, number
		if how >= joinAdjacent {
			j.eachOnce()
		}
		return j.together(how)
	}, reflect.TypeFor[P]()}
}

// joined is a list whose answers are being joined.
type joined[R, P any] struct {
	list       []R
	partitions func(*R) *[]P // nil if the answers have none
	number     func(*P) int32
	order      []int32 // answers sorted by resource, then by position
	first      []int32 // for each answer the first one about the same resource
}

func newJoining[R, P any](list []R, key func(*R) entryKey) *joined[R, P] {
	j := &joined[R, P]{list: list, first: make([]int32, len(list))}
	compare := func(a, b int32) int { return key(&list[a]).compare(key(&list[b])) }
	j.order = inOrder(len(list), compare)
	for n, i := range j.order {
		j.first[i] = i
		if n > 0 && compare(j.order[n-1], i) == 0 {
			j.first[i] = j.first[j.order[n-1]]
		}
	}
	return j
}

// of returns the partitions of an answer; nil if it has no such list.
func (j *joined[R, P]) of(i int32) []P {
	if j.partitions == nil {
		return nil
	}
	return *j.partitions(&j.list[i])
}

// eachOnce removes partitions that the same answer, or an earlier one about the same
// topic, already has.
func (j *joined[R, P]) eachOnce() {
	most := 0
	j.eachTopic(func(_ []int32, partitions int) { most = max(most, partitions) })
	if most < 2 {
		return
	}
	seen := make(map[int32]struct{}, most)
	j.eachTopic(func(topic []int32, _ int) {
		for _, i := range topic {
			partitions := j.of(i)
			kept := partitions[:0]
			for at := range partitions {
				number := j.number(&partitions[at])
				if _, repeated := seen[number]; !repeated {
					seen[number] = struct{}{}
					kept = append(kept, partitions[at])
				}
			}
			*j.partitions(&j.list[i]) = kept
		}
		for _, i := range topic { // clearing the map would take time for the largest topic
			partitions := j.of(i)
			for at := range partitions {
				delete(seen, j.number(&partitions[at]))
			}
		}
	})
}

// eachTopic calls f for each topic with its answers, in order, and their total number
// of partitions.
func (j *joined[R, P]) eachTopic(f func(topic []int32, partitions int)) {
	for start := 0; start < len(j.order); {
		end, partitions := start, 0
		for ; end < len(j.order) && j.first[j.order[end]] == j.first[j.order[start]]; end++ {
			partitions += len(j.of(j.order[end]))
		}
		f(j.order[start:end], partitions)
		start = end
	}
}

// together joins the answers about the same resource, and returns what is left.
func (j *joined[R, P]) together(how repetition) []R {
	to := make([]int32, len(j.list)) // new position of each answer; -1 if it is dropped
	last := j.order                  // by first answer of a resource: new position of its last answer, plus one
	clear(last)
	kept := int32(0)
	for i := range to {
		at := &last[j.first[i]]
		switch {
		case how >= joinSome && len(j.of(int32(i))) == 0, *at > 0 && how == firstOne:
			to[i] = -1
		case *at > 0 && (how != joinAdjacent || *at == kept):
			to[i] = *at - 1
		default:
			to[i] = kept
			kept++
			*at = kept
		}
	}
	if int(kept) < len(to) {
		j.move(to)
	}
	return j.list[:kept]
}

// move moves the answers to their new positions, which are never later than the old
// ones.
func (j *joined[R, P]) move(to []int32) {
	sizes := make([]int32, len(to)) // by new position: the future number of partitions
	for i, place := range to {
		if place >= 0 {
			sizes[place] += int32(len(j.of(int32(i))))
		}
	}
	filled := j.first // by new position: 1 if it is taken
	clear(filled)
	for i, place := range to {
		switch {
		case place < 0:
		case filled[place] == 0:
			filled[place] = 1
			j.list[place] = j.list[i]
			if missing := int(sizes[place]) - len(j.of(place)); missing > 0 {
				field := j.partitions(&j.list[place])
				*field = append(make([]P, 0, sizes[place]), *field...)
			}
		default:
			field := j.partitions(&j.list[place])
			*field = append(*field, j.of(int32(i))...)
		}
	}
}

// orderTopics puts described topics in Kafka's order: those without an authorization
// error first, then the others, each by name.
func orderTopics(topics []kmsg.DescribeTopicPartitionsResponseTopic, _ []ops.ErrorCode, _ []int32) []kmsg.DescribeTopicPartitionsResponseTopic {
	refused := func(t *kmsg.DescribeTopicPartitionsResponseTopic) int {
		if t.ErrorCode == int16(ops.TopicAuthorizationFailed) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(topics, func(a, b kmsg.DescribeTopicPartitionsResponseTopic) int {
		return cmp.Or(cmp.Compare(refused(&a), refused(&b)), cmp.Compare(stringOf(a.Topic), stringOf(b.Topic)))
	})
	return topics
}

// refusedLast puts the refused topics of a fetch after the others, those with an
// unknown id first, as Kafka does.
func refusedLast(topics []kmsg.FetchResponseTopic, codes []ops.ErrorCode, places []int32) []kmsg.FetchResponseTopic {
	rank := make([]int8, len(topics))
	for i, code := range codes {
		switch code {
		case ops.None:
		case ops.UnknownTopicID:
			rank[places[i]] = 1
		default:
			rank[places[i]] = 2
		}
	}
	moved := make([]kmsg.FetchResponseTopic, 0, len(topics))
	for want := range int8(3) {
		for i := range topics {
			if rank[i] == want {
				moved = append(moved, topics[i])
			}
		}
	}
	return moved
}
