package proxy_test

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAllowedBehindASilentProduce: as TestAllowedWhileWaitingForRoom, but the broker is
// connected, and busy with a Produce with acks=0. The change waits for a fence, and is refused
// when the right has gone again meanwhile.
func TestAllowedBehindASilentProduce(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	cluster.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
		time.Sleep(6 * time.Second)
		return nil, nil, false
	})
	var handled atomic.Int32
	cluster.ControlKey(20, func(r kmsg.Request) (kmsg.Response, error, bool) {
		handled.Add(1)
		return nil, nil, false
	})
	s := store(t, "bob ALLOW WRITE TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: time.Minute}})
	full := dial(t, p.Addresses()[0])
	require.NoError(t, full.Conn.(*net.TCPConn).SetReadBuffer(4<<10))
	full.login("bob", passwords["bob"])
	refused := kmsg.NewPtrProduceRequest()
	refused.Acks = -1
	refused.Topics = []kmsg.ProduceRequestTopic{{Topic: "t"}}
	for i := range 50_000 {
		refused.Topics[0].Partitions = append(refused.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: make([]byte, 9)})
	}
	refused.SetVersion(9)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, refused, 1)
	go func() { // whose answers he does not read
		_ = full.SetWriteDeadline(time.Now().Add(time.Minute))
		for range 12 {
			if _, err := full.Write(frame); err != nil {
				return
			}
		}
	}()
	w := dial(t, p.Addresses()[0])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	w.login("bob", passwords["bob"])
	w.works()
	time.Sleep(2 * time.Second)
	silent := kmsg.NewPtrProduceRequest()
	silent.Topics = []kmsg.ProduceRequestTopic{{Topic: "open", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	w.send(silent, 9)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	for i := range 300 {
		remove.TopicNames = append(remove.TopicNames, fmt.Sprintf("%s-%d", strings.Repeat("n", 100), i))
	}
	w.send(remove, 4)
	time.Sleep(time.Second)
	replace(t, s, "bob ALLOW WRITE TOPIC open", "bob ALLOW DELETE TOPIC *")
	full.Close() // the room is free
	time.Sleep(time.Second)
	replace(t, s) // all rights are gone
	require.Zero(t, handled.Load(), "the broker is still busy")
	time.Sleep(6 * time.Second)
	assert.Zero(t, handled.Load(), "changes that are carried out after the right was gone")
}
