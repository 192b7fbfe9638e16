package relay

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRoomIsClaimedInOrder: a connection waits for no kind of room while it holds that kind or a
// later one. Two connections that did could wait for each other until they are closed.
func TestRoomIsClaimedInOrder(t *testing.T) {
	r, err := New(new(Cluster), Limits{})
	require.NoError(t, err)
	kinds := []frameKind{sentPlan, answerFrame, laterAnswer}
	for i, held := range kinds {
		for j, wanted := range kinds {
			c := &Conn{relay: r, tenant: r.tenants.join("one"), ctx: t.Context()}
			first, err := c.claimMemory(held, 1<<20)
			require.NoError(t, err)
			second, err := c.claimMemory(wanted, 1<<20)
			if j <= i {
				require.ErrorIs(t, err, errClaimOrder, "%d while %d is held", wanted, held)
				assert.Nil(t, second)
			} else {
				require.NoError(t, err)
			}
			first.release()
			second.release()
			again, err := c.claimMemory(wanted, 1<<20)
			require.NoError(t, err, "nothing is held any more")
			again.release()
			assert.Len(t, c.claimed, 1, "what was released is not kept")
		}
	}
}
