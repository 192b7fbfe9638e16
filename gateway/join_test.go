package gateway

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinSimply is a simple implementation of join.
func joinSimply(list []kmsg.ProduceResponseTopic, how repetition) []kmsg.ProduceResponseTopic {
	result := []kmsg.ProduceResponseTopic{}
	place := map[string]int{} // of the last entry of a topic
	seen := map[string]bool{}
	for _, t := range list {
		if how >= joinAdjacent {
			var once []kmsg.ProduceResponseTopicPartition
			for _, p := range t.Partitions {
				if key := fmt.Sprint(t.Topic, p.Partition); !seen[key] {
					seen[key] = true
					once = append(once, p)
				}
			}
			t.Partitions = once
		}
		if how >= joinSome && len(t.Partitions) == 0 {
			continue
		}
		at, known := place[t.Topic]
		switch {
		case !known || how == joinAdjacent && at != len(result)-1:
			place[t.Topic] = len(result)
			result = append(result, t)
		case how != firstOne:
			result[at].Partitions = slices.Concat(result[at].Partitions, t.Partitions)
		}
	}
	return result
}

// join joins topics as the table does.
func join(list []kmsg.ProduceResponseTopic, how repetition) []kmsg.ProduceResponseTopic {
	joiner := firstOnly[kmsg.ProduceResponseTopic]()
	if how != firstOne {
		joiner = joining(how, func(t *kmsg.ProduceResponseTopic) *[]kmsg.ProduceResponseTopicPartition { return &t.Partitions },
			func(p *kmsg.ProduceResponseTopicPartition) int32 { return p.Partition })
	}
	return joiner.of(list, func(t *kmsg.ProduceResponseTopic) entryKey { return entryKey{name: t.Topic} })
}

// randomTopics returns topics some of which are there several times, as their partitions
// are, or have no partition.
func randomTopics(r *rand.Rand) (list []kmsg.ProduceResponseTopic) {
	for range r.IntN(8) {
		topic := kmsg.ProduceResponseTopic{Topic: string(rune('a' + r.IntN(3)))}
		for range r.IntN(4) {
			topic.Partitions = append(topic.Partitions, kmsg.ProduceResponseTopicPartition{Partition: int32(r.IntN(5)), ErrorCode: int16(r.IntN(9))})
		}
		list = append(list, topic)
	}
	return list
}

func topicAndPartitions(t *kmsg.ProduceResponseTopic) string {
	text := t.Topic
	for _, p := range t.Partitions {
		text += fmt.Sprintf(" %d:%d", p.Partition, p.ErrorCode)
	}
	return text
}

// TestJoin compares join with the simple implementation.
func TestJoin(t *testing.T) {
	for how, name := range map[repetition]string{firstOne: "first", joinTopics: "topics", joinSome: "topics with partitions", joinAdjacent: "adjacent", joinPartition: "partitions"} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(how)))
			for range 5_000 {
				list := randomTopics(r)
				before := names(list, topicAndPartitions)
				want := names(joinSimply(list, how), topicAndPartitions)
				list = join(list, how)
				require.Equal(t, want, names(list, topicAndPartitions), "of %q", before)
			}
		})
	}
}

// TestJoinTakesMemoryOnce: the partitions of a topic with thousands of entries are
// joined in one allocation.
func TestJoinTakesMemoryOnce(t *testing.T) {
	const topics, partitions = 2_000, 4
	list := make([]kmsg.ProduceResponseTopic, topics)
	for i := range list {
		list[i] = kmsg.ProduceResponseTopic{Topic: "t", Partitions: make([]kmsg.ProduceResponseTopicPartition, partitions)}
		for j := range partitions {
			list[i].Partitions[j].Partition = int32(i*partitions + j)
		}
	}
	took := allocated(func() { list = join(list, joinPartition) })
	require.Len(t, list, 1)
	require.Len(t, list[0].Partitions, topics*partitions)
	one := int64(unsafe.Sizeof(kmsg.ProduceResponseTopicPartition{}))
	assert.Less(t, took, topics*partitions*(one+int64(partitionCost))+topics*32)
}
