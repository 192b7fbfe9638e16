package gateway

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// repetition says how an answer treats several entries about the same resource, and
// topics without partitions. Kafka collects refused entries by topic or by partition,
// and answers with what it has collected.
type repetition int8

const (
	everyOne      repetition = iota // keep all entries, as in the request
	firstOne                        // keep the first entry and drop later ones
	joinTopics                      // join the partitions of a topic
	joinSome                        // joinTopics, and drop topics without partitions
	joinBeside                      // join the partitions of adjacent entries of a topic, each once; drop topics without partitions
	joinPartition                   // join the partitions of a topic, each once; drop topics without partitions
)

// join joins the entries of a list that are about the same resource. It changes the
// entries in place. It needs a few bytes for each entry, and memory for the joined
// partitions.
func join(list reflect.Value, how repetition) {
	if how == everyOne || list.Len() == 0 {
		return
	}
	j := newJoining(list)
	if how >= joinBeside && j.fields.partitions >= 0 {
		j.eachOnce()
	}
	j.together(how)
}

// joining is a list whose entries are being joined.
type joining struct {
	list   reflect.Value
	fields *entryFields
	order  []int32 // entries sorted by resource, then by position
	first  []int32 // for each entry the first entry about the same resource
}

func newJoining(list reflect.Value) *joining {
	j := &joining{list: list, fields: entryFieldsOf(list.Type().Elem()), first: make([]int32, list.Len())}
	compare := func(a, b int32) int { return j.fields.compare(list.Index(int(a)), list.Index(int(b))) }
	j.order = inOrder(list.Len(), compare)
	for n, i := range j.order {
		j.first[i] = i
		if n > 0 && compare(j.order[n-1], i) == 0 {
			j.first[i] = j.first[j.order[n-1]]
		}
	}
	return j
}

// compare orders entries by the id and the name of their resource.
func (f *entryFields) compare(a, b reflect.Value) int {
	x, y := f.idOf(a), f.idOf(b)
	n, _ := f.nameOf(a)
	m, _ := f.nameOf(b)
	return cmp.Or(bytes.Compare(x[:], y[:]), cmp.Compare(n.kind, m.kind), strings.Compare(n.name, m.name))
}

// partitions returns the list of partitions of an entry.
func (j *joining) partitions(i int32) reflect.Value {
	return j.list.Index(int(i)).Field(j.fields.partitions)
}

// count returns the number of partitions of an entry; 0 if it has no such list.
func (j *joining) count(i int32) int {
	if j.fields.partitions < 0 {
		return 0
	}
	return j.partitions(i).Len()
}

// placed is a partition and its position in the list.
type placed struct{ number, entry, at int32 }

func (p placed) comparePlace(other placed) int {
	return cmp.Or(cmp.Compare(p.entry, other.entry), cmp.Compare(p.at, other.at))
}

// eachOnce removes partitions that the same entry, or an earlier one about the same
// topic, already has.
func (j *joining) eachOnce() {
	most := 0
	j.eachTopic(func(_ []int32, partitions int) { most = max(most, partitions) })
	var found []placed
	j.eachTopic(func(topic []int32, partitions int) {
		if partitions < 2 || len(topic) == 1 && j.rises(topic[0]) {
			return
		}
		if found == nil {
			found = make([]placed, 0, most)
		}
		found = found[:0]
		for _, i := range topic {
			for at := range j.count(i) {
				found = append(found, placed{j.number(i, at), i, int32(at)})
			}
		}
		slices.SortFunc(found, func(a, b placed) int { return cmp.Or(cmp.Compare(a.number, b.number), a.comparePlace(b)) })
		j.takeAway(repeatedOf(found))
	})
}

// eachTopic calls f for each topic with its entries, in order, and their total number
// of partitions.
func (j *joining) eachTopic(f func(topic []int32, partitions int)) {
	for start := 0; start < len(j.order); {
		end, partitions := start, 0
		for ; end < len(j.order) && j.first[j.order[end]] == j.first[j.order[start]]; end++ {
			partitions += j.count(j.order[end])
		}
		f(j.order[start:end], partitions)
		start = end
	}
}

// number returns the number of one partition of an entry.
func (j *joining) number(i int32, at int) int32 {
	p := j.partitions(i).Index(at)
	return int32(p.Field(entryFieldsOf(p.Type()).partition).Int())
}

// rises reports whether the partition numbers of an entry increase strictly, as most
// clients send them.
func (j *joining) rises(i int32) bool {
	for at := 1; at < j.count(i); at++ {
		if j.number(i, at-1) >= j.number(i, at) {
			return false
		}
	}
	return true
}

// repeatedOf returns the partitions that repeat the one before them, in order of
// position.
func repeatedOf(found []placed) []placed {
	again, last := found[:0], found[0].number
	for _, p := range found[1:] {
		if p.number == last {
			again = append(again, p)
		}
		last = p.number
	}
	slices.SortFunc(again, placed.comparePlace)
	return again
}

// takeAway removes partitions, given in order of position.
func (j *joining) takeAway(gone []placed) {
	for len(gone) > 0 {
		entry := gone[0].entry
		partitions, kept := j.partitions(entry), 0
		for at := range partitions.Len() {
			if len(gone) > 0 && gone[0].entry == entry && int(gone[0].at) == at {
				gone = gone[1:]
				continue
			}
			partitions.Index(kept).Set(partitions.Index(at))
			kept++
		}
		partitions.SetLen(kept)
	}
}

// together joins the entries about the same resource.
func (j *joining) together(how repetition) {
	n := len(j.first)
	to := make([]int32, n) // new position of each entry; -1 if it is dropped
	last := j.order        // by first entry of a resource: new position of its last entry, plus one
	clear(last)
	kept := int32(0)
	for i := range to {
		at := &last[j.first[i]]
		switch {
		case how >= joinSome && j.fields.partitions >= 0 && j.count(int32(i)) == 0, *at > 0 && (how == firstOne || j.fields.partitions < 0):
			to[i] = -1
		case *at > 0 && (how != joinBeside || *at == kept):
			to[i] = *at - 1
		default:
			to[i] = kept
			kept++
			*at = kept
		}
	}
	if int(kept) < n {
		j.move(to)
	}
	j.list.SetLen(int(kept))
}

// move moves the entries to their new positions, which are never later than the old
// ones.
func (j *joining) move(to []int32) {
	sizes := make([]int32, len(to)) // by new position: the future number of partitions
	for i, place := range to {
		if place >= 0 {
			sizes[place] += int32(j.count(int32(i)))
		}
	}
	filled := j.first // by new position: the current number of partitions, plus one
	clear(filled)
	for i, place := range to {
		if place < 0 {
			continue
		}
		if filled[place] == 0 {
			j.list.Index(int(place)).Set(j.list.Index(i))
			filled[place] = int32(j.count(place)) + 1
			if int(sizes[place]) > j.count(place) {
				all := reflect.MakeSlice(j.partitions(place).Type(), int(sizes[place]), int(sizes[place]))
				reflect.Copy(all, j.partitions(place))
				j.partitions(place).Set(all)
			}
			continue
		}
		for at := range j.count(int32(i)) {
			j.partitions(place).Index(int(filled[place]) - 1).Set(j.partitions(int32(i)).Index(at))
			filled[place]++
		}
	}
}

// joinRefused joins the entries of an answer that refuses a whole request, as Kafka
// does. Most such answers repeat the request unchanged.
func joinRefused(resp kmsg.Response) {
	switch r := resp.(type) {
	case *kmsg.ProduceResponse:
		join(reflect.ValueOf(&r.Topics).Elem(), joinPartition)
	case *kmsg.WriteTxnMarkersResponse:
		joinMarkers(r)
	}
}

// joinMarkers keeps the last marker of each producer: Kafka collects the errors by
// producer.
func joinMarkers(r *kmsg.WriteTxnMarkersResponse) {
	producer := func(i int32) int64 { return r.Markers[i].ProducerID }
	order := inOrder(len(r.Markers), func(i, j int32) int { return cmp.Compare(producer(i), producer(j)) })
	last := make([]bool, len(order))
	for n, i := range order {
		last[i] = n == len(order)-1 || producer(order[n+1]) != producer(i)
	}
	kept := r.Markers[:0]
	for i := range r.Markers {
		if last[i] {
			join(reflect.ValueOf(&r.Markers[i].Topics).Elem(), joinPartition)
			kept = append(kept, r.Markers[i])
		}
	}
	r.Markers = kept
}

// orderTopics puts described topics in Kafka's order: those without an authorization
// error first, then the others, each by name.
func orderTopics(r *kmsg.DescribeTopicPartitionsResponse) {
	name := func(t *kmsg.DescribeTopicPartitionsResponseTopic) string { return stringOf(t.Topic) }
	refused := func(t *kmsg.DescribeTopicPartitionsResponseTopic) int {
		if t.ErrorCode == int16(ops.TopicAuthorizationFailed) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(r.Topics, func(a, b kmsg.DescribeTopicPartitionsResponseTopic) int {
		return cmp.Or(cmp.Compare(refused(&a), refused(&b)), cmp.Compare(name(&a), name(&b)))
	})
}
