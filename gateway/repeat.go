package gateway

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
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
	joinBeside                      // those of topics beside each other do, each of them once; a topic without any goes
	joinPartition                   // so they do, each of them once; a topic without any goes
)

// repetitions are those of the lists whose entries are refused one by one.
//
// Source: the handlers of Kafka 4.2, and what brokers answer.
var repetitions = map[ops.APIKey]repetition{
	0: joinPartition, 1: joinBeside, 3: firstOne, 8: joinTopics, 19: firstOne, 20: firstOne, 21: joinPartition,
	24: joinPartition, 28: joinTopics, 37: firstOne, 42: firstOne, 47: joinTopics, 75: firstOne,
	78: joinPartition, 79: joinPartition, 91: joinPartition,
}

// join brings together the entries of a list that are about the same thing.
func join(list reflect.Value, how repetition) {
	if how == everyOne {
		return
	}
	type place struct {
		at   int
		seen map[int64]bool // its partitions
	}
	places := make(map[entryKey]*place, list.Len())
	joined := reflect.MakeSlice(list.Type(), 0, list.Len())
	for i := range list.Len() {
		entry := list.Index(i)
		key := wholeKey(entry)
		at, known := places[key]
		beside := how != joinBeside || known && at.at == joined.Len()-1
		if !known {
			at = &place{at: joined.Len(), seen: make(map[int64]bool)}
			places[key] = at
		}
		partitions := partitionsIn(entry)
		if how >= joinBeside && partitions.IsValid() {
			partitions.Set(eachOnce(partitions, at.seen))
			if partitions.Len() == 0 {
				if !known {
					delete(places, key)
				}
				continue
			}
		}
		switch {
		case !known || !beside:
			at.at = joined.Len()
			joined = reflect.Append(joined, entry)
		case how != firstOne && partitions.IsValid():
			of := partitionsIn(joined.Index(at.at))
			of.Set(reflect.AppendSlice(slicesClip(of), partitions))
		}
	}
	list.Set(joined)
}

func partitionsIn(entry reflect.Value) reflect.Value { return entry.FieldByName("Partitions") }

// slicesClip returns a list that nothing can be appended to in place: it may share memory
// with another.
func slicesClip(list reflect.Value) reflect.Value { return list.Slice3(0, list.Len(), list.Len()) }

// eachOnce returns the partitions that are not in seen, and adds them.
func eachOnce(partitions reflect.Value, seen map[int64]bool) reflect.Value {
	kept := reflect.MakeSlice(partitions.Type(), 0, partitions.Len())
	for i := range partitions.Len() {
		n := partitions.Index(i).FieldByName("Partition").Int()
		if !seen[n] {
			seen[n] = true
			kept = reflect.Append(kept, partitions.Index(i))
		}
	}
	return kept
}

// wholeKey returns the key of an entry with both its name and its id.
func wholeKey(v reflect.Value) (key entryKey) {
	for _, k := range keysOf(v) {
		if k.id != [16]byte{} {
			key.id = k.id
		} else {
			key.name, key.kind = k.name, k.kind
		}
	}
	return key
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
	last := make(map[int64]int, len(r.Markers))
	for i := range r.Markers {
		last[r.Markers[i].ProducerID] = i
	}
	kept := make([]kmsg.WriteTxnMarkersResponseMarker, 0, len(last))
	for i := range r.Markers {
		if last[r.Markers[i].ProducerID] == i {
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
