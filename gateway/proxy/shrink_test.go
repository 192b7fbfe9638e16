package proxy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestBeyondIsGivenBack: a user without any right sends one large Produce with acks=0,
// which is refused without an answer. Afterwards nobody has more than his share of the room of
// answers, and a large answer has room beside another one.
func TestBeyondIsGivenBack(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{
		Store: store(t, "alice ALLOW DESCRIBE TOPIC *"), Limits: proxy.Limits{FrameBytes: 4 * mebibyte, FramesBytes: 8 * mebibyte},
	})
	m := kmsg.NewPtrProduceRequest()
	m.Version, m.Acks = 7, 0
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "x"
	for range 160_000 {
		topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Records: make([]byte, 16)})
	}
	m.Topics = append(m.Topics, topic)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, m, 7)
	assert.True(t, p.LargeAnswerBeside(), "before")
	for range 3 {
		w := dial(t, p.Addresses()[0])
		w.login("bob", passwords["bob"])
		w.write(frame)
		w.closed("a silent refusal")
	}
	eventually(t, "nothing is held", func() bool { return p.FramesHeld() == 0 })
	time.Sleep(100 * time.Millisecond)
	assert.Zero(t, p.Beyond(), "frames that are larger than the share of their tenant, while nothing is held")
	assert.True(t, p.LargeAnswerBeside(), "a large answer has room beside a small one")
}

// TestShrunkAnswersWakeOthers: what an answer that turns out small gives back goes to those
// that wait, also while its client does not read it.
func TestShrunkAnswersWakeOthers(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t), Limits: proxy.Limits{FrameBytes: 4 * mebibyte, FramesBytes: 8 * mebibyte}})
	assert.True(t, p.ShrinkWakes(3*time.Second), "an answer of 100 kB has room beside one of 100 kB")
}
