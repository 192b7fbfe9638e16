package proxy_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAnswerDoesNotWaitForTheNextRequest: the broker's answer has come, and the client has sent
// another request, whose refusal has no room. The answer is sent nevertheless.
func TestAnswerDoesNotWaitForTheNextRequest(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t, "bob ALLOW READ TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: 20 * time.Second}})
	cluster.ControlKey(1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		time.Sleep(time.Second) // until the next request is there
		return answerTo(r), nil, true
	})
	full := dial(t, p.Addresses()[0])
	require.NoError(t, full.Conn.(*net.TCPConn).SetReadBuffer(4<<10))
	full.login("bob", passwords["bob"])
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "t"}}
	for i := range 50_000 {
		produce.Topics[0].Partitions = append(produce.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: make([]byte, 9)})
	}
	produce.SetVersion(9)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, produce, 1)
	go func() { // whose answers he does not read
		_ = full.SetWriteDeadline(time.Now().Add(time.Minute))
		for range 12 {
			if _, err := full.Write(frame); err != nil {
				return
			}
		}
	}()
	time.Sleep(2 * time.Second)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = make([]string, 2400)
	fetch := kmsg.NewPtrFetchRequest()
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.SessionEpoch = 1000, 1, -1
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "open", Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	began := time.Now()
	w.send(fetch, 11)
	w.send(describe, 5)
	w.receive(fetch)
	took := time.Since(began)
	t.Logf("answered after %v", took)
	assert.Less(t, took, 5*time.Second)
}

// TestAnswersDoNotWaitForEachOther: the refusal of the next request needs room of the same kind
// as the answer before it. It takes none until that answer is sent.
func TestAnswersDoNotWaitForEachOther(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t, "bob ALLOW READ TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: 15 * time.Second}})
	cluster.ControlKey(1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		time.Sleep(2 * time.Second) // until the next request is there
		return answerTo(r), nil, true
	})
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "t"}}
	for i := range 9_000 {
		produce.Topics[0].Partitions = append(produce.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: make([]byte, 9)})
	}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.SessionEpoch = 1000, 1, -1
	for i := range 2_000 {
		name := fmt.Sprintf("%s-%d", strings.Repeat("n", 100), i)
		if i == 0 {
			name = "open"
		}
		fetch.Topics = append(fetch.Topics, kmsg.FetchRequestTopic{Topic: name, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}})
	}
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	began := time.Now()
	w.send(fetch, 11)
	w.send(produce, 9)
	defer func() {
		took := time.Since(began)
		t.Logf("after %v; %s", took, strings.Join(p.log.with("WARN"), "; "))
		assert.Less(t, took, 8*time.Second)
	}()
	w.receive(fetch)
	w.receive(produce)
}
