package relay_test

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// pausingBroker reads the beginning of a large request, and the rest when it is told to, as one
// whose memory for requests is used up (queued.max.request.bytes) or whose network is slow.
type pausingBroker struct {
	net.Listener
	began, goOn chan struct{}
	written     atomic.Int32 // large requests that came whole
}

func (b *pausingBroker) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if len(frame) > 1<<20 {
			if _, err := io.ReadFull(c, frame[:64<<10]); err != nil {
				return
			}
			close(b.began)
			<-b.goOn
			if _, err := io.ReadFull(c, frame[64<<10:]); err != nil {
				return
			}
			b.written.Add(1)
			return
		}
		if _, err := io.ReadFull(c, frame); err != nil {
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
		response := request.ResponseKind()
		switch r := response.(type) {
		case *kmsg.ApiVersionsResponse:
			for key, most := range map[int16]int16{0: 9, 3: 8, 18: 2} {
				r.ApiKeys = append(r.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: most})
			}
		case *kmsg.MetadataResponse:
			r.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 0, Host: "127.0.0.1", Port: int32(b.Addr().(*net.TCPAddr).Port)}}
		}
		answer := h.Response(response)
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// TestLargeRequestsAreDecidedWhenTheyAreSentWhole: a broker carries out a request when it has all of
// it, and decides about it then. While a part of one is on its way, which takes as long as the
// broker reads, the right to it is taken away: the rest is not sent.
func TestLargeRequestsAreDecidedWhenTheyAreSentWhole(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &pausingBroker{Listener: ln, began: make(chan struct{}), goOn: make(chan struct{})}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	cluster, err := relay.NewCluster(relay.Upstream{Brokers: []string{ln.Addr().String()}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	require.NoError(t, cluster.Refresh(t.Context()))
	r, err := relay.New(cluster, relay.Limits{})
	require.NoError(t, err)
	store := snapshot.NewStore(snapshot.Config{})
	write := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "orders"), Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Write, Permission: acl.Allow}}
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(write); return nil }))
	g, err := gateway.New(gateway.Config{Store: store})
	require.NoError(t, err)

	front, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer front.Close()
	client, err := net.Dial("tcp", front.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	conn, err := front.Accept()
	require.NoError(t, err)
	who := relay.Known{Principal: principal.User("alice"), Host: netip.MustParseAddr("127.0.0.1")}
	go func() { _ = r.Serve(t.Context(), conn, relay.Client{Gateway: g, Login: who}) }()

	produce := kmsg.NewPtrProduceRequest()
	produce.Version, produce.Acks = 9, -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, 48<<20)}}}}
	go func() { _, _ = client.Write(kmsg.NewRequestFormatter().AppendRequest(nil, produce, 5)) }()
	select {
	case <-b.began:
	case <-time.After(60 * time.Second):
		require.Fail(t, "nothing came")
	}
	time.Sleep(500 * time.Millisecond) // until all buffers are full
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(write); return nil }))
	close(b.goOn)
	assert.Never(t, func() bool { return b.written.Load() > 0 }, 5*time.Second, 50*time.Millisecond, "written although the right was gone long before the last byte was sent")
}
