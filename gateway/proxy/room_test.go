package proxy_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAllowedWhileWaitingForRoom: a client's first request is refused, and its answer waits
// for room. Meanwhile the right is granted. The request is then forwarded to the broker, to
// which the connection has not connected yet.
func TestAllowedWhileWaitingForRoom(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t)
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: time.Minute}})
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
	for i := range describe.Groups {
		describe.Groups[i] = "g"
	}
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	w.send(describe, 5)
	time.Sleep(time.Second)
	replace(t, s, "bob ALLOW DESCRIBE GROUP g")
	full.Close() // the room is free
	w.receive(describe)
}
