package proxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReplaysAtTheEnd: a message is checked just before its time ends and added just after that, in
// the next minute. It is not accepted again because it was forgotten meanwhile.
func TestReplaysAtTheEnd(t *testing.T) {
	minute := time.Unix(1_000_000_020, 0)
	require.Zero(t, minute.Unix()%60)
	c, until := newReplayCache(100), minute.Add(59*time.Second+999*time.Millisecond)
	require.NoError(t, c.add("alice", numbered(1), until, minute))
	assert.Error(t, c.add("alice", numbered(1), until, minute.Add(time.Minute)))
}
