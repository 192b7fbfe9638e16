package judge_test

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestSilentProduceBehindAQuota: a client writes with acks=0, and uses up its quota with the
// first batches, so that the broker reads the next one of the connection much later. Meanwhile
// the right to write is taken away. The broker refuses the next batch, which means that it
// closes the connection, and writes none of those behind it. So does the proxy.
func TestSilentProduceBehindAQuota(t *testing.T) {
	const batches = 5
	a := startProxied(t)
	a.limit("producer_byte_rate", 20_000)
	a.bothWays(t, "silent", func(t *testing.T, w *wire, name string) {
		untilThere(t, w, name)
		_ = w.SetDeadline(time.Now().Add(2 * time.Minute))
		for range batches {
			_, err := w.Write(encode(produceTo(name, 0), 9, 2))
			require.NoError(t, err)
		}
		time.Sleep(500 * time.Millisecond)
		a.allowAtBoth()
		revoked, there := time.Now(), a.endOf(name)
		_, err := io.ReadAll(w)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is not closed")
		took, written := time.Since(revoked), a.endOf(name)-there
		t.Logf("silent: closed %v after the right went, with %d batches written before and %d after", took.Round(10*time.Millisecond), there, written)
		require.Less(t, there, int64(batches), "batches written before")
		require.Greater(t, took, 100*time.Millisecond, "the broker read on before the right went")
		assert.Zero(t, written, "batches written without the right")
	})
}

// endOf returns how many records the only partition of a topic has got.
func (a *proxied) endOf(topic string) int64 {
	a.t.Helper()
	list := kmsg.NewPtrListOffsetsRequest()
	list.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: -1, CurrentLeaderEpoch: -1}}}}
	r, err := a.admin.ask(list, 6)
	require.NoError(a.t, err)
	partition := r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	require.Zero(a.t, partition.ErrorCode)
	return partition.Offset
}
