package judge_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// batchOf returns a batch with one record of a size.
func batchOf(size int) []byte {
	body := binary.AppendVarint([]byte{0, 0, 0, 1}, int64(size))
	body = append(append(body, make([]byte, size)...), 0)
	return batchWith(append(binary.AppendVarint(nil, int64(len(body))), body...), 0)
}

// batchWith returns a batch with records in a codec.
func batchWith(records []byte, codec uint16) []byte {
	b := make([]byte, 61, 61+len(records))
	binary.BigEndian.PutUint32(b[8:], uint32(49+len(records)))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], codec)
	now := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint64(b[27:], now)
	binary.BigEndian.PutUint64(b[35:], now)
	for i := 43; i < 57; i++ { // no producer
		b[i] = 0xff
	}
	binary.BigEndian.PutUint32(b[57:], 1)
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// produceTo is a Produce of a large batch.
func produceTo(topic string, acks int16) *kmsg.ProduceRequest {
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks, produce.TimeoutMillis = acks, 30_000
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batchOf(200_000)}}}}
	return produce
}

// untilThrottled writes to a topic until the broker says that it reads nothing for longer than
// least. It returns for how long.
func untilThrottled(t *testing.T, w *wire, topic string, least time.Duration) time.Duration {
	t.Helper()
	untilThere(t, w, topic)
	for range 50 {
		r, err := w.ask(produceTo(topic, -1), 9)
		require.NoError(t, err)
		p := r.(*kmsg.ProduceResponse)
		throttled := time.Duration(p.ThrottleMillis) * time.Millisecond
		if p.Topics[0].Partitions[0].ErrorCode == 0 && throttled > least {
			return throttled
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, "not throttled")
	return 0
}

// TestChangesBehindAThrottledAnswer: a broker answers a client that is beyond its quota at
// once, and then reads nothing of its connection for a while (KIP-219). Meanwhile the right for
// the DeleteTopics that comes next is taken away. The broker refuses it, and so does the proxy.
func TestChangesBehindAThrottledAnswer(t *testing.T) {
	a := startProxied(t)
	a.limit("producer_byte_rate", 10_000)
	a.bothWays(t, "doomed", func(t *testing.T, w *wire, name string) {
		t.Logf("throttled for %v", untilThrottled(t, w, name, time.Second))
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.TopicNames, remove.TimeoutMillis = []string{name}, 30_000
		a.refusesAfter(t, w, 500*time.Millisecond, encode(remove, 4, 2), remove)
	})
}

// TestTopicsBehindAThrottledAnswer: while a broker reads nothing of the connection with the next
// heartbeat of a streams group, the group's internal topic is deleted. The client may not create
// topics, and so the topic is not created again, neither by the broker nor through the proxy.
func TestTopicsBehindAThrottledAnswer(t *testing.T) {
	a := startProxied(t)
	a.limit("producer_byte_rate", 20_000)
	a.cluster.CreateTopics(t, kafkatest.Topic{Name: "data"}, kafkatest.Topic{Name: "there"})
	for _, direct := range []bool{true, false} {
		t.Run(fmt.Sprintf("direct %t", direct), func(t *testing.T) {
			group := fmt.Sprintf("app-%t", direct)
			changelog := group + "-store-changelog"
			a.cluster.CreateTopics(t, kafkatest.Topic{Name: changelog})
			rights := []string{"All Topic:data", "Read Topic:there", "Describe Topic:" + changelog, "Delete Topic:" + changelog, "Read Group:" + group}
			a.allowAtBoth(rights...)
			w, other := a.connect(direct), a.connect(direct)
			find := kmsg.NewPtrFindCoordinatorRequest()
			find.CoordinatorKey = group
			untilCoordinated(t, w, find)
			heartbeat := kmsg.NewPtrStreamsGroupHeartbeatRequest()
			heartbeat.Group, heartbeat.MemberID, heartbeat.ProcessID = group, "AAAAAAAAAAAAAAAAAAAAAQ", new("p")
			heartbeat.RebalanceTimeoutMillis = 30_000
			topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
			sub := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
			sub.SubtopologyID, sub.SourceTopics = "0", []string{"there"}
			log := kmsg.NewTopicInfo()
			log.Topic = changelog
			sub.StateChangelogTopics = append(sub.StateChangelogTopics, log)
			topology.Subtopologies = append(topology.Subtopologies, sub)
			heartbeat.Topology = &topology
			heartbeat.ActiveTasks, heartbeat.StandbyTasks, heartbeat.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}

			throttled := untilThrottled(t, w, "data", 2*time.Second)
			_ = w.SetDeadline(time.Now().Add(2 * time.Minute))
			began := time.Now()
			_, err := w.Write(encode(heartbeat, 0, 2))
			require.NoError(t, err)
			time.Sleep(time.Second)
			remove := kmsg.NewPtrDeleteTopicsRequest()
			remove.TopicNames, remove.TimeoutMillis = []string{changelog}, 30_000
			r, err := other.ask(remove, 4)
			require.NoError(t, err)
			require.Zero(t, r.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode)
			time.Sleep(500 * time.Millisecond)
			require.NotContains(t, a.topics(), changelog)
			frame, err := readFrame(w)
			require.NoError(t, err)
			r, err = decode(heartbeat, 0, frame)
			require.NoError(t, err)
			h := r.(*kmsg.StreamsGroupHeartbeatResponse)
			t.Logf("throttled for %v, answered after %v: code %d, %v", throttled, time.Since(began), h.ErrorCode, h.Status)
			require.Greater(t, time.Since(began), 2*time.Second)
			time.Sleep(3 * time.Second)
			assert.NotContains(t, a.topics(), changelog, "it was created")
		})
	}
}
