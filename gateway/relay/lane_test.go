package relay

import (
	"context"
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
