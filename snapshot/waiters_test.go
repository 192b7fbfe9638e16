package snapshot

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestWaiters waits for news of a snapshot that is in force, and of one that no
// longer is. If the one were taken for the other, a watcher would spin, or sleep over
// what was published just before it lay down.
func TestWaiters(t *testing.T) {
	store := NewStore(Config{})
	is := func(news <-chan struct{}, want bool, when string) {
		t.Helper()
		select {
		case <-news:
			assert.True(t, want, "%s: there is news", when)
		default:
			assert.False(t, want, "%s: there is no news", when)
		}
	}
	old := store.begin()
	first, second := store.waiting.after(store, old), store.waiting.after(store, old)
	is(first, false, "nothing published")
	is(second, false, "nothing published")
	require.NoError(t, store.Update(func(tx *Tx) error {
		tx.Add(acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "a"),
			Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}})
		return nil
	}))
	is(first, true, "published")
	is(second, true, "published")
	is(store.waiting.after(store, old), true, "published before")
	is(store.waiting.after(store, store.begin()), false, "nothing published since")
}
