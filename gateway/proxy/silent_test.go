package proxy_test

import (
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

// slowBroker is a broker that takes its time for a Produce with acks=0, as a real one does
// that validates a large batch, or whose client is over its quota. What comes over the same
// connection waits.
type slowBroker struct {
	*largeCluster
	before           int32 // how many come before the slow one
	began, goOn      chan struct{}
	letGo            func()       // closes goOn
	came             atomic.Int32 // requests over the connection with the Produce, with it
	silent, answered atomic.Int32 // requests that were carried out: Produce with acks=0, and changes
}

func newSlowBroker(t *testing.T, before int32) *slowBroker {
	b := &slowBroker{largeCluster: &largeCluster{Listener: openPort(t)}, before: before, began: make(chan struct{}), goOn: make(chan struct{})}
	b.letGo = sync.OnceFunc(func() { close(b.goOn) })
	t.Cleanup(b.letGo)
	go acceptAll(b, b.serve)
	return b
}

func (b *slowBroker) serve(c net.Conn) {
	defer c.Close()
	frames := make(chan []byte, 1000)
	if b.before > 0 {
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		frames = make(chan []byte) // it reads no more than it handles
	}
	go func() {
		defer close(frames)
		for produces := false; ; {
			frame, err := gateway.ReadFrame(c, 1<<20)
			if err != nil {
				return
			}
			if produces = produces || frame[1] == byte(kmsg.Produce); produces {
				b.came.Add(1)
			}
			frames <- frame
		}
	}()
	for frame := range frames {
		h, _ := gateway.ParseHeader(frame)
		request, err := h.Request(frame)
		if err != nil {
			return
		}
		if body := b.handle(request); body != nil && writeAnswer(c, h.CorrelationID, body) != nil {
			return
		}
	}
}

// handle carries out a request, and returns what follows the id of its answer, if it has one.
func (b *slowBroker) handle(request kmsg.Request) []byte {
	switch r := request.(type) {
	case *kmsg.ProduceRequest:
		if r.Acks == 0 {
			if b.silent.Load() == b.before {
				close(b.began)
				<-b.goOn
			}
			b.silent.Add(1)
			return nil
		}
	case *kmsg.ApiVersionsRequest:
		return versionsAnswer(r, map[int16]int16{0: 9, 3: 12, 18: 3, 20: 5, 30: 3})
	case *kmsg.MetadataRequest:
		return b.metadata().AppendTo([]byte{0})
	}
	b.answered.Add(1)
	return request.ResponseKind().AppendTo([]byte{0})
}

// silentProduce is a Produce with acks=0.
func silentProduce() *kmsg.ProduceRequest {
	produce := kmsg.NewPtrProduceRequest()
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "open", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	return produce
}

// TestRequestsBehindASilentProduce: a change behind a Produce that the broker does not answer
// is decided when the broker is done with the Produce, by the ACLs of that time.
func TestRequestsBehindASilentProduce(t *testing.T) {
	for name := range changes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, change := newSlowBroker(t, 0), changes()[name]
			s := store(t, "alice ALLOW ALL TOPIC open", "alice ALLOW ALTER CLUSTER kafka-cluster")
			p := start(t, nil, proxy.Config{Store: s, ACLs: gateway.ForwardACLs, Upstream: relay.Upstream{Brokers: []string{b.Addr().String()}}})
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			w.send(silentProduce(), 9)
			<-b.began
			eventually(t, "the fence is at the broker", func() bool { return b.came.Load() == 2 && p.FramesHeld() == 0 })
			w.send(change.request, change.version)
			eventually(t, "the change has come to the proxy", func() bool { return p.FramesHeld() > 0 })
			time.Sleep(50 * time.Millisecond) // in which it is decided, and would be sent on
			replace(t, s)                     // all rights are gone
			b.letGo()
			assert.Contains(t, refusals, change.code(w.receive(change.request)), "the answer to the change")
			assert.Zero(t, b.answered.Load(), "changes that the broker carried out")
			eventually(t, "what was sent before is carried out", func() bool { return b.silent.Load() == 1 })
		})
	}
}

// TestSilentRequestsWaitForEachOther: of a client that sends nothing but requests without an
// answer, one is at the broker. Those behind it are decided when the broker is done with it.
func TestSilentRequestsWaitForEachOther(t *testing.T) {
	b := newSlowBroker(t, 0)
	s := store(t, "alice ALLOW ALL TOPIC open")
	p := start(t, nil, proxy.Config{Store: s, Upstream: relay.Upstream{Brokers: []string{b.Addr().String()}}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	for range 100 {
		w.send(silentProduce(), 9)
	}
	<-b.began
	eventually(t, "one request and its fence are at the broker", func() bool { return b.came.Load() == 2 })
	time.Sleep(100 * time.Millisecond)
	assert.EqualValues(t, 2, b.came.Load(), "requests at the broker")
	replace(t, s) // all rights are gone
	b.letGo()
	_, err := gateway.ReadFrame(w, 1<<20)
	assert.Error(t, err, "the connection is closed, as by a broker")
	assert.EqualValues(t, 1, b.silent.Load(), "requests that the broker carried out")
}

// TestSilentRequestsOfOneWhoLeft: what a client sent before it left is carried out by a broker
// that is slow.
func TestSilentRequestsOfOneWhoLeft(t *testing.T) {
	for _, tt := range []struct {
		name         string
		sent, before int32
		size         int
	}{
		{"one", 1, 0, 0},
		{"one waits", 2, 0, 0},
		{"many wait", 100, 0, 0},
		{"the broker is slow with one of many", 100, 50, 600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newSlowBroker(t, tt.before)
			p := start(t, nil, proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC open"), Upstream: relay.Upstream{Brokers: []string{b.Addr().String()}}})
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			produce := silentProduce()
			produce.Topics[0].Partitions[0].Records = make([]byte, tt.size)
			for range tt.sent {
				w.send(produce, 9)
			}
			<-b.began
			time.Sleep(200 * time.Millisecond) // in which the proxy reads what it can
			require.NoError(t, w.Close())
			time.Sleep(100 * time.Millisecond)
			b.letGo()
			eventually(t, "all are carried out", func() bool { return b.silent.Load() == tt.sent })
		})
	}
}
