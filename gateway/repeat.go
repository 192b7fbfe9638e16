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

// repetition is what becomes of the entries of an answer about the same thing, which a
// request may name more than once, and of topics of which it names no partition. Kafka
// collects what it refuses by topic or by partition, and answers with what it has
// collected.
type repetition int8

const (
	everyOne      repetition = iota // stays: as the request has them
	firstOne                        // stays, and later ones go
	joinTopics                      // the partitions of a topic come together
	joinSome                        // so they do; a topic without any goes
	joinBeside                      // those of topics beside each other do, each of them once; a topic without any goes
	joinPartition                   // so they do, each of them once; a topic without any goes
)

// join brings together the entries of a list that are about the same thing. Its entries
// are the answer's own: it changes them in place. It takes a few bytes for each, and room
// for the partitions that come together.
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

// joining is a list whose entries are brought together.
type joining struct {
	list   reflect.Value
	fields *entryFields
	order  []int32 // the entries by what they are about, and then as they stand
	first  []int32 // for each entry the first one that is about the same
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

// compare orders entries by both the id and the name of what they are about.
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

// count returns how many partitions an entry has; 0 if it has no list of them.
func (j *joining) count(i int32) int {
	if j.fields.partitions < 0 {
		return 0
	}
	return j.partitions(i).Len()
}

// placed is a partition of an entry.
type placed struct{ number, entry, at int32 }

func (p placed) comparePlace(other placed) int {
	return cmp.Or(cmp.Compare(p.entry, other.entry), cmp.Compare(p.at, other.at))
}

// eachOnce takes the partitions away that the same or an earlier entry about the same topic
// has.
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

// eachTopic calls f with the entries about each topic, as they stand, and how many
// partitions they have.
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

// number returns the number of a partition of an entry.
func (j *joining) number(i int32, at int) int32 {
	p := j.partitions(i).Index(at)
	return int32(p.Field(entryFieldsOf(p.Type()).partition).Int())
}

// rises reports whether the partitions of an entry are in their order, each of them once:
// as most clients name them.
func (j *joining) rises(i int32) bool {
	for at := 1; at < j.count(i); at++ {
		if j.number(i, at-1) >= j.number(i, at) {
			return false
		}
	}
	return true
}

// repeatedOf returns the partitions that repeat the one before them, by their places.
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

// takeAway takes partitions away, which are in the order of their places.
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

// together makes one entry of those that come together.
func (j *joining) together(how repetition) {
	n := len(j.first)
	to := make([]int32, n) // where each entry goes; -1 for nowhere
	last := j.order        // where the last entry goes that is about the same, and one more; by the first of them
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

// move moves the entries to their places, which are never behind them.
func (j *joining) move(to []int32) {
	sizes := make([]int32, len(to)) // by place: how many partitions there will be
	for i, place := range to {
		if place >= 0 {
			sizes[place] += int32(j.count(int32(i)))
		}
	}
	filled := j.first // by place: one more than how many partitions are there
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

// joinRefused does to the answer that refuses a request as a whole what Kafka does to it.
// Most such answers repeat the request.
func joinRefused(resp kmsg.Response) {
	switch r := resp.(type) {
	case *kmsg.ProduceResponse:
		join(reflect.ValueOf(&r.Topics).Elem(), joinPartition)
	case *kmsg.WriteTxnMarkersResponse:
		joinMarkers(r)
	}
}

// joinMarkers leaves the last marker of each producer: Kafka keeps the errors by producer.
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

// orderTopics gives described topics the order of Kafka: those without an authorization
// error before the others, by name.
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
