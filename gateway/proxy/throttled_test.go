package proxy_test

import (
	"encoding/binary"
	"net"
	"sync"
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

// throttle is how long the broker of TestBehindAThrottledAnswer mutes a connection.
const throttle = 1500 * time.Millisecond

// TestBehindAThrottledAnswer: a broker answers a client beyond its quota at once, and reads no
// more of the connection for throttle_time_ms (KIP-219). The next request is decided when that
// is over, so that a right that went meanwhile does not count.
func TestBehindAThrottledAnswer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	base := &largeCluster{Listener: ln}
	var handled atomic.Int32
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
			var mute time.Duration
			switch r := request.(type) {
			case *kmsg.ProduceRequest:
				response := r.ResponseKind().(*kmsg.ProduceResponse)
				response.Topics = []kmsg.ProduceResponseTopic{{Topic: "open", Partitions: make([]kmsg.ProduceResponseTopicPartition, 1)}}
				response.ThrottleMillis = int32(throttle.Milliseconds())
				body, mute = response.AppendTo([]byte{0}), throttle
			case *kmsg.DeleteTopicsRequest:
				handled.Add(1)
				response := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
				response.Topics = []kmsg.DeleteTopicsResponseTopic{{Topic: &r.TopicNames[0]}}
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
			time.Sleep(mute)
		}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	})
	s := store(t, "alice ALLOW ALL TOPIC open")
	p := start(t, nil, proxy.Config{Store: s, Upstream: relay.Upstream{Brokers: []string{ln.Addr().String()}}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "open", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	require.Zero(t, first(first(w.ask(produce, 9).(*kmsg.ProduceResponse).Topics).Partitions).ErrorCode)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames = []string{"open"}
	w.send(remove, 4)
	time.Sleep(throttle / 5)
	replace(t, s) // all rights are gone
	got := first(w.receive(remove).(*kmsg.DeleteTopicsResponse).Topics).ErrorCode
	assert.Contains(t, refusals, got, "the answer to the change")
	assert.Zero(t, handled.Load(), "changes that the broker carried out after the right was gone")
}
