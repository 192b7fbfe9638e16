package gateway_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An acknowledgement takes memory in proportion to its bytes, also if it names a partition
// many times of which the member has acquired many ranges.
func TestAcknowledgementsTakeMemoryByTheirSize(t *testing.T) {
	const acquired, entries = 2_000, 20_000
	s := newShareMember(t)
	m := s.fetch("mine")
	answer[*kmsg.ShareFetchResponse](t, decide(t, s.conn, m), m, reply(m))
	m = s.fetch()
	answer[*kmsg.ShareFetchResponse](t, decide(t, s.conn, m), m, reply(m, "mine 0-1999"))

	batch := func(first int64) kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch {
		b := kmsg.NewShareAcknowledgeRequestTopicPartitionAcknowledgementBatch()
		b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = first, first, []int8{1}
		return b
	}
	acknowledge := func(partitions ...kmsg.ShareAcknowledgeRequestTopicPartition) *kmsg.ShareAcknowledgeRequest {
		m := kmsg.NewPtrShareAcknowledgeRequest()
		m.SetVersion(1)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), new("m"), s.epoch
		s.epoch++
		m.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: idOf("mine"), Partitions: partitions}}
		return m
	}
	every := kmsg.ShareAcknowledgeRequestTopicPartition{Partition: 7}
	for offset := int64(0); offset < acquired; offset += 2 {
		every.AcknowledgementBatches = append(every.AcknowledgementBatches, batch(offset))
	}
	require.Len(t, decide(t, s.conn, acknowledge(every)).Forward(), 1)

	one := kmsg.ShareAcknowledgeRequestTopicPartition{Partition: 7}
	one.AcknowledgementBatches = append(one.AcknowledgementBatches, batch(1_000_000))
	var many []kmsg.ShareAcknowledgeRequestTopicPartition
	for range entries {
		many = append(many, one)
	}
	frame := frameOf(acknowledge(many...))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.conn.Request(frame)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	took := int(after.TotalAlloc - before.TotalAlloc)
	t.Logf("%d bytes take %d, %d times as much", len(frame), took, took/len(frame))
	assert.LessOrEqual(t, took, 16*len(frame)+1<<20)
}
