package proxy_test

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// openPort listens on a free port until the test ends.
func openPort(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln
}

// acceptAll serves each connection of a port.
func acceptAll(ln net.Listener, serve func(net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go serve(c)
	}
}

// listenBehind makes each port of a fake cluster what wrap returns for it.
func listenBehind(wrap func(net.Listener) net.Listener) kfake.Opt {
	return kfake.ListenFn(func(network, address string) (net.Listener, error) {
		ln, err := net.Listen(network, address)
		return wrap(ln), err
	})
}

// answerEach answers the requests of a connection by hand. answer returns what follows the id
// of the answer, or nil if there is none.
func answerEach(c net.Conn, answer func(kmsg.Request) []byte) {
	defer c.Close()
	for {
		frame, err := gateway.ReadFrame(c, 1<<20)
		if err != nil {
			return
		}
		h, err := gateway.ParseHeader(frame)
		if err != nil {
			return
		}
		request, err := h.Request(frame)
		if err != nil {
			return
		}
		if body := answer(request); body != nil && writeAnswer(c, h.CorrelationID, body) != nil {
			return
		}
	}
}

func writeAnswer(c net.Conn, id int32, body []byte) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	head = binary.BigEndian.AppendUint32(head, uint32(id))
	_, err := (&net.Buffers{head, body}).WriteTo(c)
	return err
}

// versionsAnswer answers ApiVersions with the APIs and their newest versions.
func versionsAnswer(r *kmsg.ApiVersionsRequest, newest map[int16]int16) []byte {
	response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
	for key, version := range newest {
		response.ApiKeys = append(response.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: version})
	}
	return response.AppendTo(nil)
}

// throttlingBroker is a broker whose clients are beyond their quota: it answers a Produce at
// once, and then reads no more of the connection for throttle_time_ms (KIP-219).
type throttlingBroker struct {
	*largeCluster
	throttle       time.Duration
	silent, erased atomic.Int32 // Produce with acks=0, and DeleteTopics
}

func newThrottlingBroker(t *testing.T, throttle time.Duration) *throttlingBroker {
	b := &throttlingBroker{largeCluster: &largeCluster{Listener: openPort(t)}, throttle: throttle}
	go acceptAll(b, func(c net.Conn) {
		var muted time.Time
		answerEach(c, func(request kmsg.Request) []byte {
			time.Sleep(time.Until(muted))
			body, throttled := b.answer(request)
			if throttled {
				muted = time.Now().Add(throttle)
			}
			return body
		})
	})
	return b
}

func (b *throttlingBroker) answer(request kmsg.Request) (body []byte, throttled bool) {
	switch r := request.(type) {
	case *kmsg.ProduceRequest:
		if r.Acks == 0 {
			b.silent.Add(1)
			return nil, false
		}
		response := r.ResponseKind().(*kmsg.ProduceResponse)
		response.Topics = []kmsg.ProduceResponseTopic{{Topic: "open", Partitions: make([]kmsg.ProduceResponseTopicPartition, 1)}}
		response.ThrottleMillis = int32(b.throttle.Milliseconds())
		return response.AppendTo([]byte{0}), true
	case *kmsg.DeleteTopicsRequest:
		b.erased.Add(1)
		response := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
		response.Topics = []kmsg.DeleteTopicsResponseTopic{{Topic: &r.TopicNames[0]}}
		return response.AppendTo([]byte{0}), false
	case *kmsg.ApiVersionsRequest:
		return versionsAnswer(r, map[int16]int16{0: 9, 3: 12, 18: 3, 20: 5}), false
	case *kmsg.MetadataRequest:
		return b.metadata().AppendTo([]byte{0}), false
	}
	return []byte{}, false
}
