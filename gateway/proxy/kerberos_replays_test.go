package proxy

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// numbered returns a message with a number.
func numbered(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// TestReplays: a message is accepted once, by which client and listener it may come, until it is no
// longer valid.
func TestReplays(t *testing.T) {
	c, now := newReplayCache(100), time.Unix(1_000_000_000, 0)
	until := now.Add(10 * time.Minute)
	require.NoError(t, c.add("alice", numbered(1), until, now))
	require.ErrorIs(t, c.add("alice", numbered(1), until, now), errReplayed)
	require.NoError(t, c.add("alice", numbered(2), until, now))
	require.ErrorIs(t, c.add("alice", numbered(1), until, until), errReplayed, "as long as it is valid")
	assert.Equal(t, 2, c.messages)
	later := until.Add(time.Minute)
	require.NoError(t, c.add("alice", numbered(3), later.Add(time.Minute), later))
	assert.Equal(t, 1, c.messages, "the others are no longer valid")
	assert.Len(t, c.minutes, 1)
}

// TestReplaysAtOnce: of the same messages that come at the same time, one is accepted.
func TestReplaysAtOnce(t *testing.T) {
	const rounds, copies = 2000, 8
	c, now := newReplayCache(maxReplays), time.Now()
	for i := range rounds {
		var accepted atomic.Int32
		var ready, done sync.WaitGroup
		ready.Add(copies)
		for range copies {
			done.Go(func() {
				ready.Done()
				ready.Wait()
				if c.add("alice", numbered(i), now.Add(time.Minute), now) == nil {
					accepted.Add(1)
				}
			})
		}
		done.Wait()
		require.EqualValues(t, 1, accepted.Load())
	}
}

// TestReplaysAreBounded: a client that never finishes its logins takes half of the room, another
// one half of the rest, and all of it no more memory than it says.
func TestReplaysAreBounded(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	c, now := newReplayCache(maxReplays), time.Unix(1_000_000_000, 0)
	number := 0
	fill := func(client string) (added int) {
		for ; ; number++ {
			until := now.Add(time.Duration(number%10) * time.Minute)
			if err := c.add(client, numbered(number), until, now); err != nil {
				require.ErrorIs(t, err, errManyLogins)
				return added
			}
			added++
		}
	}
	assert.Equal(t, maxReplays/2, fill("mallory"))
	assert.Equal(t, maxReplays/4, fill("alice"))
	for i := range 100 {
		fill(fmt.Sprint(i))
	}
	took := heap() - before
	t.Logf("%d messages take %d bytes each", c.messages, took/int64(c.messages))
	assert.LessOrEqual(t, c.messages, maxReplays)
	assert.Less(t, took, int64(40<<20))
	after := now.Add(11 * time.Minute)
	require.NoError(t, c.add("mallory", numbered(0), after, after), "once the others are no longer valid")
	assert.Equal(t, 1, c.messages)
}
