package proxy_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// largeCluster is an upstream of one broker with many topics. All its answers to who asks
// for all topics are the same bytes, so that they take no memory of this process.
type largeCluster struct {
	net.Listener
	all   []byte // what follows the header of the answer
	asked atomic.Int32
}

// newLargeCluster starts one, with topics of three partitions.
func newLargeCluster(t *testing.T, topics int) *largeCluster {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	c := &largeCluster{Listener: ln}
	r := c.metadata()
	for i := range topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.TopicID = new(fmt.Sprintf("topic-%06d", i)), [16]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}
		for n := range 3 {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Replicas, p.ISR = int32(n), []int32{1, 2, 3}, []int32{1, 2, 3}
			topic.Partitions = append(topic.Partitions, p)
		}
		r.Topics = append(r.Topics, topic)
	}
	c.all = r.AppendTo([]byte{0})
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go c.serve(client)
		}
	}()
	return c
}

func (c *largeCluster) metadata() *kmsg.MetadataResponse {
	r := kmsg.NewPtrMetadataResponse()
	r.Version = 12
	b := kmsg.NewMetadataResponseBroker()
	address := c.Addr().(*net.TCPAddr)
	b.NodeID, b.Host, b.Port = 1, "127.0.0.1", int32(address.Port)
	r.Brokers = append(r.Brokers, b)
	return r
}

// serve answers ApiVersions and Metadata of version 12.
func (c *largeCluster) serve(client net.Conn) {
	defer client.Close()
	for {
		frame, err := gateway.ReadFrame(client, 1<<20)
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
		body := c.answer(request)
		head := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
		head = binary.BigEndian.AppendUint32(head, uint32(h.CorrelationID))
		if _, err := (&net.Buffers{head, body}).WriteTo(client); err != nil {
			return
		}
	}
}

func (c *largeCluster) answer(request kmsg.Request) []byte {
	m, ok := request.(*kmsg.MetadataRequest)
	switch {
	case ok && m.Topics == nil:
		c.asked.Add(1)
		return c.all
	case ok:
		return c.metadata().AppendTo([]byte{0})
	}
	r := request.ResponseKind().(*kmsg.ApiVersionsResponse)
	for _, k := range []struct{ key, max int16 }{{3, 12}, {18, 3}} {
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MinVersion, key.MaxVersion = k.key, min(k.max, 12), k.max
		if k.key == 18 {
			key.MinVersion = 0
		}
		r.ApiKeys = append(r.ApiKeys, key)
	}
	return r.AppendTo(nil)
}

// TestAnswersHaveRoom: what the upstream answers takes no more memory than there is room
// for, however many connections somebody without a right asks over.
func TestAnswersHaveRoom(t *testing.T) {
	const clients = 100
	c := newLargeCluster(t, 10_000)
	p := start(t, nil, proxy.Config{
		Store: store(t), Upstream: proxy.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: proxy.Limits{FrameBytes: mebibyte, FramesBytes: 32 * mebibyte},
	})
	var all []*wire
	for range clients {
		w := dial(t, p.Addresses()[0])
		w.login("bob", passwords["bob"])
		all = append(all, w)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, most := heap(), uint64(0)
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	request := kmsg.NewPtrMetadataRequest()
	for _, w := range all {
		w.send(request, 12)
	}
	for _, w := range all {
		assert.Empty(t, w.receive(request).(*kmsg.MetadataResponse).Topics)
	}
	close(done)
	<-watched
	t.Logf("an answer of %d bytes, %d times: %d MiB", len(c.all), c.asked.Load(), (most-before)/mebibyte)
	assert.Less(t, (most-before)/mebibyte, uint64(64))
}

// heap returns how much memory is in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAnswersOfOneHoldUpNobody: somebody who asks for much and does not read it leaves room
// for the answers to others.
func TestAnswersOfOneHoldUpNobody(t *testing.T) {
	c := newLargeCluster(t, 60_000) // an answer of 10 MB, more than the buffers of a connection hold
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE TOPIC topic…"), Upstream: proxy.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: proxy.Limits{FrameBytes: mebibyte, FramesBytes: 128 * mebibyte},
	})
	request := kmsg.NewPtrMetadataRequest()
	for range 12 {
		w := dial(t, p.Addresses()[0])
		_ = w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		w.login("bob", passwords["bob"])
		w.send(request, 12)
	}
	eventually(t, "answers are held", func() bool { return c.asked.Load() == 12 && p.FramesHeld() > 25*mebibyte })
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	_ = w.SetDeadline(time.Now().Add(20 * time.Second))
	assert.Empty(t, w.ask(request, 12).(*kmsg.MetadataResponse).Topics)
}
