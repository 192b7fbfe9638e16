package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLaneHasTurns: one tenant's questions do not come before the first of another, and what
// is given up leaves no place taken.
func TestLaneHasTurns(t *testing.T) {
	var l lane
	bob, alice := &Tenant{key: "bob"}, &Tenant{key: "alice"}
	for range laneWidth {
		require.True(t, l.enter(t.Context(), bob))
	}
	gone, giveUp := context.WithCancel(t.Context())
	entered := make(chan string, 10)
	wait := func(ctx context.Context, of *Tenant, waiting int) {
		go func() {
			if l.enter(ctx, of) {
				entered <- of.key
			} else {
				entered <- "gave up"
			}
		}()
		require.Eventually(t, func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			q := l.of[of]
			return q != nil && q.waiting.Len() == waiting
		}, 10*time.Second, time.Millisecond)
	}
	wait(gone, bob, 1)
	wait(t.Context(), bob, 2)
	wait(t.Context(), bob, 3)
	wait(t.Context(), alice, 1)
	giveUp()
	assert.Equal(t, "gave up", <-entered)
	for _, want := range []string{"bob", "alice", "bob"} {
		l.leave()
		assert.Equal(t, want, <-entered)
	}
	for range laneWidth {
		l.leave()
	}
	assert.Zero(t, l.busy)
	assert.Zero(t, l.turns.Len())
	assert.Empty(t, l.of)
}

// TestQuestionsOfAllBrokers: the questions that clients make the program ask at a time are bounded over all
// brokers, tenants and connections, and with them what their answers take. Each is asked in the end.
func TestQuestionsOfAllBrokers(t *testing.T) {
	for name, tt := range map[string]struct {
		framesBytes int64
		most        int32
	}{"512 MiB": {512 << 20, 32}, "200 MiB": {200 << 20, 12}, "the least": {1 << 20, 8}} {
		t.Run(name, func(t *testing.T) {
			c := new(Cluster)
			_, err := New(c, Limits{FrameBytes: 100 << 10, FramesBytes: tt.framesBytes})
			require.NoError(t, err)
			var now, most, asked atomic.Int32
			var all sync.WaitGroup
			for node := range int32(20) {
				for range 3 {
					of := new(Tenant)
					for range 5 {
						all.Go(func() {
							assert.True(t, c.askInTurn(t.Context(), node, of, func() {
								n := now.Add(1)
								for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
								}
								time.Sleep(time.Millisecond)
								now.Add(-1)
								asked.Add(1)
							}))
						})
					}
				}
			}
			all.Wait()
			assert.EqualValues(t, 20*3*5, asked.Load())
			assert.Equal(t, tt.most, most.Load())
			assert.LessOrEqual(t, int64(most.Load())*maxClientAnswer, max(tt.framesBytes/2, 64<<20))
			assert.Zero(t, c.topics.all.busy)
		})
	}
}
