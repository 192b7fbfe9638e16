package proxy_test

import (
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produceTo is a Produce with acks=-1 to a number of partitions of a topic, of which a gateway
// refuses each in 33 bytes.
func produceTo(topic string, partitions int) *kmsg.ProduceRequest {
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: topic}}
	for i := range partitions {
		produce.Topics[0].Partitions = append(produce.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: make([]byte, 9)})
	}
	return produce
}

// fetchMany is a Fetch of a number of topics: "open", and others with long names.
func fetchMany(topics int) *kmsg.FetchRequest {
	fetch := kmsg.NewPtrFetchRequest()
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.SessionEpoch = 1000, 1, -1
	for i := range topics {
		name := fmt.Sprintf("%s-%d", strings.Repeat("n", 100), i)
		if i == 0 {
			name = "open"
		}
		fetch.Topics = append(fetch.Topics, kmsg.FetchRequestTopic{Topic: name, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}})
	}
	return fetch
}

// reluctant is a connection of bob, who leaves what he is sent in small buffers.
func (r *running) reluctant(t testing.TB, patience time.Duration) *wire {
	t.Helper()
	w := dial(t, r.Addresses()[0])
	require.NoError(t, w.Conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_ = w.SetDeadline(time.Now().Add(patience))
	w.login("bob", passwords["bob"])
	return w
}

// takeRoom sends refused requests of bob, whose answers of 1.6 MB he does not read. They take
// his share of the room for answers until the connection ends. It does not wait for that.
func (r *running) takeRoom(t testing.TB, patience time.Duration) *wire {
	t.Helper()
	w := r.reluctant(t, patience)
	refused := produceTo("t", 50_000)
	refused.SetVersion(9)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, refused, 1)
	go func() {
		for range 12 {
			if _, err := w.Write(frame); err != nil {
				return
			}
		}
	}()
	return w
}

// mostMemory returns how many MiB more than before are in use at most while do runs. Garbage,
// of which a busy machine has any amount, does not count.
func mostMemory(do func()) (most int64) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, done := heap(), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				runtime.GC()
				most = max(most, int64(heap()-before)/mebibyte)
			}
		}
	})
	do()
	close(done)
	watch.Wait()
	return most
}

// heap returns how much memory is in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
