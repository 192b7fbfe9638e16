package proxy_test

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestLeftBehindAThrottledAnswer: a client that is throttled sends a Produce with acks=0 and
// leaves, as a program does that has nothing more to do. The request is sent on when the broker
// reads again.
func TestLeftBehindAThrottledAnswer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	base := &largeCluster{Listener: ln}
	var silent atomic.Int32
	serve := func(c net.Conn) {
		defer c.Close()
		for {
			frame, err := gateway.ReadFrame(c, 1<<20)
			if err != nil {
				return
			}
			h, _ := gateway.ParseHeader(frame)
			request, err := h.Request(frame)
			if err != nil {
				return
			}
			var body []byte
			switch r := request.(type) {
			case *kmsg.ProduceRequest:
				if r.Acks == 0 {
					silent.Add(1)
					continue
				}
				response := r.ResponseKind().(*kmsg.ProduceResponse)
				response.Topics = []kmsg.ProduceResponseTopic{{Topic: "open", Partitions: make([]kmsg.ProduceResponseTopicPartition, 1)}}
				response.ThrottleMillis = 2000
				body = response.AppendTo([]byte{0})
			case *kmsg.ApiVersionsRequest:
				response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
				for _, k := range []int16{0, 3, 18, 20} {
					response.ApiKeys = append(response.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: k, MaxVersion: map[int16]int16{0: 9, 3: 12, 18: 3, 20: 5}[k]})
				}
				body = response.AppendTo(nil)
			case *kmsg.MetadataRequest:
				body = base.metadata().AppendTo([]byte{0})
			}
			out := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
			out = binary.BigEndian.AppendUint32(out, uint32(h.CorrelationID))
			if _, err := c.Write(append(out, body...)); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	p := start(t, nil, proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC open"), Upstream: relay.Upstream{Brokers: []string{ln.Addr().String()}}, Limits: relay.Limits{Drain: 10 * time.Second}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "open", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	require.Equal(t, int32(2000), w.ask(produce, 9).(*kmsg.ProduceResponse).ThrottleMillis)
	produce.Acks = 0
	w.send(produce, 9)
	time.Sleep(200 * time.Millisecond)
	w.Close()
	time.Sleep(4 * time.Second)
	assert.Equal(t, int32(1), silent.Load(), "of what the client has sent before it left")
}
