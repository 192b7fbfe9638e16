package relay_test

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway/relay"
)

const mebibyte = 1 << 20

// TestNobodyTakesAllRoom: however many clients take as much room as they can get, and
// however they divide it among frames, another client immediately finds room.
func TestNobodyTakesAllRoom(t *testing.T) {
	for _, clients := range []int64{1, 2, 5, 50} {
		for name, sizes := range map[string][]int64{
			"large frames first": {100 * mebibyte, 10 * mebibyte, mebibyte, 100 << 10, 17 << 10},
			"small frames":       {17 << 10},
			"of one size":        {mebibyte},
		} {
			t.Run(fmt.Sprint(clients, " clients, ", name), func(t *testing.T) {
				frames := relay.NewFrames(512 * mebibyte)
				var taken []func()
				for more := true; more; {
					more = false
					for client := range clients {
						for _, size := range sizes {
							for {
								room := frames.Claim(fmt.Sprint(client), size, 0)
								if room == nil {
									break
								}
								taken, more = append(taken, room.Release), true
							}
						}
					}
				}
				assert.Greater(t, frames.Held(), frames.Large()/3, "what they take")
				// The bound, of which the exception for frames that are large takes a half.
				left := frames.Large() / (4*clients + 2)
				require.GreaterOrEqual(t, frames.Large()-frames.Held(), left)
				for i := range clients { // that come after them, one by one
					most := max(frames.Large()/(8*(clients+1)*(clients+1)), 17<<10)
					room := frames.Claim(fmt.Sprint("other ", i), most, 0)
					require.NotNil(t, room, "room for %d of %d bytes, of which %d are held", most, frames.Large(), frames.Held())
					room.Release()
				}
				for _, release := range taken {
					release()
				}
				require.Zero(t, frames.Held())
				for _, size := range []int64{frames.Large(), 100 * mebibyte} {
					room := frames.Claim("0", size, 0)
					require.NotNil(t, room, "a frame of %d bytes in a room that is empty", size)
					room.Release()
				}
			})
		}
	}
}

// TestFramesOfAllClientsComeToTheirEnd: whatever clients claim at the same time, each gets
// its room in the end, and all of it comes back.
func TestFramesOfAllClientsComeToTheirEnd(t *testing.T) {
	for _, clients := range []int{2, 5, 50} {
		t.Run(fmt.Sprint(clients), func(t *testing.T) {
			frames := relay.NewFrames(16 * mebibyte)
			var group sync.WaitGroup
			var refused atomic.Int32
			for client := range clients {
				for connection := range 4 {
					group.Go(func() {
						r := rand.New(rand.NewPCG(uint64(client), uint64(connection)))
						for range 400 / clients {
							room := frames.Claim(fmt.Sprint(client), 17<<10+r.Int64N(frames.Large()/4), 30*time.Second)
							if room == nil {
								refused.Add(1)
								continue
							}
							if r.IntN(10) == 0 {
								time.Sleep(time.Millisecond)
							}
							if r.IntN(4) == 0 {
								room.Shrink(r.Int64N(17 << 10))
							}
							room.Release()
						}
					})
				}
			}
			group.Wait()
			assert.Zero(t, refused.Load(), "frames without room")
			require.NoError(t, frames.Check(true))
			assert.Zero(t, frames.Held())
			room := frames.Claim("0", frames.Large(), 0)
			require.NotNil(t, room, "all room is there again")
			room.Release()
		})
	}
}

// TestLargeRequestsAtTheBrokerMakeRoom: a large request that waits for its answer makes
// room for one that is still to be forwarded, as far as there is room for such
// requests; it still counts.
func TestLargeRequestsAtTheBrokerMakeRoom(t *testing.T) {
	frames := relay.NewFrames(512 * mebibyte)
	half := frames.Large() / 2
	poll := frames.Claim("a", 15*mebibyte, 0)
	require.NotNil(t, poll)
	require.Nil(t, frames.Claim("a", half, 0), "the poll is not sent yet")
	poll.Sent()
	assert.EqualValues(t, 15*mebibyte, frames.Held())
	next := frames.Claim("a", half, 0)
	require.NotNil(t, next)
	next.Sent() // for which there is no room any more
	require.Nil(t, frames.Claim("a", half, 0))
	poll.Release()
	next.Release()
	assert.Zero(t, frames.Held())
	all := frames.Claim("a", frames.Large(), 0)
	require.NotNil(t, all)
	all.Release()
}

// TestFramesBytes: the default leaves room for the largest request and respects the memory
// limit of the runtime; less than the largest request needs is refused.
func TestFramesBytes(t *testing.T) {
	was := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(was)
	for _, tt := range []struct {
		name       string
		limit      int64
		frameBytes int
		want       int64
	}{
		{"no limit", 1 << 62, relay.DefaultFrameBytes, 512 << 20},
		{"1 GiB", 1 << 30, relay.DefaultFrameBytes, 256 << 20},
		{"256 MiB", 256 << 20, relay.DefaultFrameBytes, 191_739_613},
		{"256 MiB and small frames", 256 << 20, mebibyte, 64 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			debug.SetMemoryLimit(tt.limit)
			assert.Equal(t, tt.want, relay.DefaultFramesBytes(tt.frameBytes))
		})
	}
	assert.ErrorContains(t, relay.Limits{FrameBytes: mebibyte, FramesBytes: mebibyte}.Validate(), "Limits.FramesBytes is 1048576: expected 1917397 or more")
}
