package snapshot

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestHistoryIsFull fills both limits of a history exactly, after more transactions
// than it holds: each is remembered, and what lies between two snapshots is found
// in both directions, without a look at the rest.
func TestHistoryIsFull(t *testing.T) {
	const each, transactions = historyChanges / historySteps, historySteps + 100
	store := NewStore(Config{})
	var first, last *Snapshot
	for i := range transactions {
		require.NoError(t, store.Update(func(tx *Tx) error {
			for k := range each {
				b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, fmt.Sprint(k)),
					Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}}
				_ = tx.Remove(b) || tx.Add(b)
			}
			return nil
		}))
		if last = store.Load(); i+1 == transactions-historySteps {
			first = last
		}
	}
	h := last.history
	assert.Equal(t, historyChanges, h.changes, "remembers %d changes from generation %d on", h.changes, h.oldest)
	assert.Equal(t, first.generation+1, h.oldest, "remembers %d changes from generation %d on", h.changes, h.oldest)
	for _, pair := range [][2]*Snapshot{{first, last}, {last, first}, {last, last}} {
		t.Run(fmt.Sprintf("from %d to %d", pair[0].generation, pair[1].generation), func(t *testing.T) {
			want := historyChanges
			if pair[0] == pair[1] {
				want = 0
			}
			changes, forward, ok := remembered(pair[0], pair[1])
			require.True(t, ok, "from %d to %d: %d changes, forward %t, %t", pair[0].generation, pair[1].generation, len(changes), forward, ok)
			require.Len(t, changes, want, "from %d to %d: %d changes, forward %t, %t", pair[0].generation, pair[1].generation, len(changes), forward, ok)
			assert.Equal(t, pair[0] != last || want == 0, forward, "from %d to %d: %d changes, forward %t, %t", pair[0].generation, pair[1].generation, len(changes), forward, ok)
		})
	}
	_, ok := first.history.between(first.generation-1, last.generation)
	assert.False(t, ok, "remembers more than it may")
}
