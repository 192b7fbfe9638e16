package relay_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// The rooms of these tests: of the default size, and the least for the largest frame.
var framesBytes = map[string]int64{"512 MiB": 512 * mebibyte, "the least": 183 * mebibyte}

// TestLargeFramesAreServed: a frame that is allowed at all has room in the end, however many
// others come and go meanwhile, and these have room in the end too.
func TestLargeFramesAreServed(t *testing.T) {
	for name, bytes := range framesBytes {
		for _, others := range []int{1, 3, 20, 200} {
			for _, size := range []int64{relay.DefaultFrameBytes, relay.DefaultFrameBytes / 2} {
				t.Run(fmt.Sprint(name, ", ", size>>20, " MiB beside ", others), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						frames := relay.NewFrames(bytes)
						var stop atomic.Bool
						var load sync.WaitGroup
						var served atomic.Int32
						for client := range others {
							for connection := range max(2, 20/others) {
								load.Go(func() {
									r := rand.New(rand.NewPCG(uint64(client), uint64(connection)))
									for !stop.Load() {
										room := frames.Claim(fmt.Sprint(client), 17<<10+r.Int64N(2*frames.Large()/int64(8+others)), time.Minute)
										if !assert.NotNil(t, room, "room for one of the others") {
											return
										}
										time.Sleep(time.Duration(1+r.IntN(200)) * time.Millisecond)
										room.Release()
										served.Add(1)
									}
								})
							}
						}
						time.Sleep(time.Second)
						for range 5 {
							began := time.Now()
							room := frames.Claim("large", size, time.Minute)
							if !assert.NotNil(t, room, "room for the large frame") {
								break
							}
							assert.Less(t, time.Since(began), 3*time.Second)
							before := served.Load()
							time.Sleep(time.Second)
							if frames.Large() >= 2*size {
								assert.Greater(t, served.Load(), before, "the others stand still")
							}
							room.Release()
						}
						stop.Store(true)
						load.Wait()
						require.NoError(t, frames.Check(true))
					})
				})
			}
		}
	}
}

// TestClosedDoorLeavesRoom: clients that keep the room that they have, so that a large frame
// waits in vain, leave room for others all the same.
func TestClosedDoorLeavesRoom(t *testing.T) {
	for name, bytes := range framesBytes {
		for _, clients := range []int64{1, 2, 10, 50} {
			t.Run(fmt.Sprint(name, ", ", clients), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					frames := relay.NewFrames(bytes)
					var taken []*relay.Room
					fill := func() {
						for client := range clients {
							for size := int64(relay.DefaultFrameBytes); size > 17<<10; size /= 2 {
								for room := frames.Claim(fmt.Sprint(client), size, 0); room != nil; room = frames.Claim(fmt.Sprint(client), size, 0) {
									taken = append(taken, room)
								}
							}
						}
					}
					fill()
					var waits sync.WaitGroup
					for i := range 3 {
						waits.Go(func() {
							if room := frames.Claim(fmt.Sprint("large ", i), relay.DefaultFrameBytes, time.Minute); room != nil {
								time.Sleep(time.Minute)
								room.Release()
							}
						})
					}
					for range 30 { // before the door is closed, while it is, and after that
						time.Sleep(5 * time.Second)
						fill()
						require.NoError(t, frames.Check(false))
						room := frames.Claim("other", max(17<<10, frames.Large()/(64*(clients+4)*(clients+4))), 0)
						require.NotNil(t, room, "room beside %d bytes of %d", frames.Held(), frames.Large())
						room.Release()
					}
					waits.Wait()
					for _, room := range taken {
						room.Release()
					}
					require.NoError(t, frames.Check(true))
				})
			})
		}
	}
}

// TestFramesAtRandom: whatever clients claim, send on, keep and leave, the counts are right
// at every time, all that wait long enough have room, and all of it comes back.
func TestFramesAtRandom(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				frames := relay.NewFrames([]int64{512, 183, 256}[r.IntN(3)] * mebibyte)
				clients := 1 + r.IntN(200)
				var group sync.WaitGroup
				var given, gaveUp, unserved, ahead atomic.Int32
				for client := range clients {
					for connection := range 1 + r.IntN(4) {
						group.Go(func() {
							r := rand.New(rand.NewPCG(seed, uint64(2+client*4+connection)))
							for range 20 {
								name, size := fmt.Sprint(client), int64(1)<<r.IntN(27)
								size = min(size+r.Int64N(size), relay.DefaultFrameBytes)
								patience := time.Hour
								if r.IntN(3) == 0 {
									patience = time.Duration(r.IntN(2000)) * time.Millisecond // it leaves
								}
								var room *relay.Room
								if r.IntN(4) == 0 {
									if room = frames.ClaimAhead(name, size); room != nil {
										ahead.Add(1)
									}
								}
								if room == nil {
									room = frames.Claim(name, size, patience)
								}
								switch {
								case room != nil:
									given.Add(1)
								case patience == time.Hour:
									unserved.Add(1)
									continue
								default:
									gaveUp.Add(1)
									continue
								}
								time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
								if r.IntN(2) == 0 {
									room.Sent()
									time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
								}
								room.Release()
								assert.NoError(t, frames.Check(false))
							}
						})
					}
				}
				group.Wait()
				assert.Zero(t, unserved.Load(), "frames without room")
				assert.NotZero(t, given.Load())
				assert.NotZero(t, ahead.Load())
				if clients > 20 {
					assert.NotZero(t, gaveUp.Load())
				}
				require.NoError(t, frames.Check(true))
			})
		})
	}
}
