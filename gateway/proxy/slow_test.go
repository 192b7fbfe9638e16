package proxy_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// Slow clients take longer for a large frame than Limits.Frame, and go on as long as they make
// progress. Those that do not are cut off.
func TestSlowFrames(t *testing.T) {
	const (
		frame   = 700 * time.Millisecond
		size    = 24 << 20
		piece   = 256 << 10
		records = size - 1000
	)
	cluster := upstream(t, kfake.SeedTopics(1, "orders"))
	cluster.ControlKey(int16(ops.FetchKey), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.FetchResponse)
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.RecordBatches = make([]byte, records)
		response.Topics = []kmsg.FetchResponseTopic{{Topic: "orders", TopicID: r.(*kmsg.FetchRequest).Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{partition}}}
		return response, nil, true
	})
	cluster.ControlKey(int16(ops.ProduceKey), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return r.ResponseKind(), nil, true
	})
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Frame: frame, FrameBytes: 2 * size}})
	connect := func(t *testing.T) *wire {
		w := dial(t, p.Addresses()[0])
		require.Zero(t, w.login("admin", passwords["admin"]).ErrorCode)
		require.NoError(t, w.Conn.(*net.TCPConn).SetReadBuffer(64<<10))
		require.NoError(t, w.Conn.(*net.TCPConn).SetWriteBuffer(64<<10))
		return w
	}
	id := connect(t).ask(metadataOf("orders"), 12).(*kmsg.MetadataResponse).Topics[0].TopicID
	fetch := func(version int16) *kmsg.FetchRequest {
		m := kmsg.NewPtrFetchRequest()
		m.SetVersion(version)
		m.SessionEpoch, m.MaxBytes = -1, size
		m.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", TopicID: id, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
		return m
	}
	for name, version := range map[string]int16{"an answer that is passed on": 11, "an answer that is looked at": 16} {
		t.Run(name, func(t *testing.T) {
			w := connect(t)
			began := time.Now()
			w.send(fetch(version), version)
			var prefix [4]byte
			_, err := io.ReadFull(w, prefix[:])
			require.NoError(t, err)
			left := int64(binary.BigEndian.Uint32(prefix[:]))
			require.Greater(t, left, int64(records))
			for left > 0 {
				n, err := io.CopyN(io.Discard, w, min(left, piece))
				require.NoError(t, err, "%d bytes before the end, after %v", left, time.Since(began))
				left -= n
				time.Sleep(20 * time.Millisecond)
			}
			assert.Greater(t, time.Since(began), frame)
		})
	}
	t.Run("an answer that is not read on", func(t *testing.T) {
		w := connect(t)
		w.send(fetch(11), 11)
		_, err := io.CopyN(io.Discard, w, piece)
		require.NoError(t, err)
		time.Sleep(4 * frame)
		n, err := io.Copy(io.Discard, w)
		assert.True(t, err != nil || n < records-piece, "%d bytes more", n)
	})

	produce := kmsg.NewPtrProduceRequest()
	produce.SetVersion(9)
	produce.Acks = 1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, records)}}}}
	request := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, produce, 7)
	t.Run("a request", func(t *testing.T) {
		w := connect(t)
		began := time.Now()
		for rest := request; len(rest) > 0; rest = rest[min(len(rest), piece):] {
			w.write(rest[:min(len(rest), piece)])
			time.Sleep(20 * time.Millisecond)
		}
		require.IsType(t, &kmsg.ProduceResponse{}, w.receive(produce))
		assert.Greater(t, time.Since(began), frame)
	})
	t.Run("a request that does not go on", func(t *testing.T) {
		w := connect(t)
		w.write(request[:size/2])
		began := time.Now()
		w.closed("a pause in a request")
		assert.Less(t, time.Since(began), 20*frame)
	})
}
