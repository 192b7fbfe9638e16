package relay_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
)

// TestBeyondIsGivenBack: a user without any right sends one large Produce with acks=0,
// which is refused without an answer. Afterwards nobody has more than his share of the room of
// answers, and a large answer has room beside another one.
func TestBeyondIsGivenBack(t *testing.T) {
	_, c := cluster(t)
	r, err := relay.New(c, relay.Limits{FrameBytes: 4 * mebibyte, FramesBytes: 8 * mebibyte})
	require.NoError(t, err)
	m := kmsg.NewPtrProduceRequest()
	m.Version, m.Acks = 7, 0
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "x"
	for range 160_000 {
		topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Records: make([]byte, 16)})
	}
	m.Topics = append(m.Topics, topic)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, m, 7)
	assert.True(t, r.LargeAnswerBeside(), "before")
	for range 3 {
		s := serve(t, r, relay.Known{Principal: principal.User("bob"), Host: netip.MustParseAddr("127.0.0.1")})
		_, err := s.Write(frame)
		require.NoError(t, err)
		require.True(t, relay.Ended(s.why()), "a silent refusal")
	}
	assert.Zero(t, r.FramesHeld())
	assert.Zero(t, r.Beyond(), "frames that are larger than the share of their tenant, while nothing is held")
	assert.True(t, r.LargeAnswerBeside(), "a large answer has room beside a small one")
}

// TestShrunkAnswersWakeOthers: what an answer that turns out small gives back goes to those
// that wait, also while its client does not read it.
func TestShrunkAnswersWakeOthers(t *testing.T) {
	r, err := relay.New(new(relay.Cluster), relay.Limits{FrameBytes: 4 * mebibyte, FramesBytes: 8 * mebibyte})
	require.NoError(t, err)
	assert.True(t, r.ShrinkWakes(3*time.Second), "an answer of 100 kB has room beside one of 100 kB")
}
