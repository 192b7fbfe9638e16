package snapshot_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// followed is a store that follows a source, which has one ACL, and the writer of the source.
func followed(t *testing.T) (store *snapshot.Store, update func(func(*snapshot.Tx) error) error, has acl.Binding) {
	t.Helper()
	store, has = snapshot.NewStore(snapshot.Config{}), binding("mine")
	update, err := store.Follow("the file acls")
	require.NoError(t, err)
	require.NoError(t, update(func(tx *snapshot.Tx) error { tx.Add(has); return nil }))
	return store, update, has
}

// binding is an ACL that denies.
func binding(topic string) acl.Binding {
	return acl.Binding{
		Pattern: acltest.Topic(topic),
		Entry:   acl.Entry{Principal: "User:a", Host: acl.WildcardHost, Operation: ops.Read, Permission: acl.Deny},
	}
}

// TestAFollowedStoreHasOneWriter: each way to change a store but that of its source is refused,
// with an error that has the source, and changes nothing.
func TestAFollowedStoreHasOneWriter(t *testing.T) {
	store, update, has := followed(t)
	other := binding("other")
	for name, write := range map[string]func() error{
		"Update":   func() error { return store.Update(func(tx *snapshot.Tx) error { tx.Add(other); return nil }) },
		"UpdateIf": func() error { return store.UpdateIf(1, func(tx *snapshot.Tx) error { tx.Remove(has); return nil }) },
		"Replace":  func() error { return store.Replace(slices.Values([]acl.Binding{other})) },
		"Create": func() error {
			results, err := store.Create([]acl.Binding{other}, snapshot.WriteOptions{})
			assert.Nil(t, results)
			return err
		},
		"Create, dry run": func() error {
			_, err := store.Create([]acl.Binding{other}, snapshot.WriteOptions{DryRun: true})
			return err
		},
		"Delete": func() error {
			results, err := store.Delete([]acl.Filter{acl.AnyBinding}, snapshot.WriteOptions{})
			assert.Nil(t, results)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *snapshot.RefusedError
			require.ErrorAs(t, write(), &refused)
			assert.Equal(t, snapshot.RefusedError{Code: ops.PolicyViolation, Source: "the file acls"}, *refused)
			assert.EqualError(t, refused, "the store follows the file acls: change the ACLs there")
			assert.Equal(t, []acl.Binding{has}, slices.Collect(store.Load().All()))
			assert.Equal(t, uint64(1), store.Load().Generation())
		})
	}
	require.NoError(t, update(func(tx *snapshot.Tx) error { tx.Add(other); tx.Remove(has); return nil }))
	assert.Equal(t, []acl.Binding{other}, slices.Collect(store.Load().All()))
}

// TestFollow: a store that has ACLs, or follows something else, cannot begin to follow a source.
func TestFollow(t *testing.T) {
	t.Run("it has ACLs", func(t *testing.T) {
		store := snapshot.NewStore(snapshot.Config{})
		_, err := store.Create([]acl.Binding{binding("mine")}, snapshot.WriteOptions{})
		require.NoError(t, err)
		update, err := store.Follow("the file acls")
		assert.Nil(t, update)
		assert.EqualError(t, err, "the store has ACLs from elsewhere, which would be lost if it followed the file acls: follow it with a new store")
		require.NoError(t, store.Update(func(*snapshot.Tx) error { return nil }), "it follows nothing")
	})
	t.Run("it follows another source", func(t *testing.T) {
		store, _, has := followed(t)
		update, err := store.Follow("a cluster")
		assert.Nil(t, update)
		assert.EqualError(t, err, "the store follows the file acls, and cannot follow a cluster too: each would drop the ACLs of the other")
		assert.True(t, store.Load().Has(has))
	})
	t.Run("no name", func(t *testing.T) {
		update, err := new(snapshot.Store).Follow("")
		assert.Nil(t, update)
		assert.EqualError(t, err, "the source of a store has no name")
	})
	t.Run("the same source again", func(t *testing.T) {
		store, _, has := followed(t)
		update, err := store.Follow("the file acls")
		require.NoError(t, err)
		require.NoError(t, update(func(tx *snapshot.Tx) error { tx.Remove(has); return nil }))
		assert.Zero(t, store.Load().Len())
	})
	t.Run("the zero store, and the ready one without ACLs", func(t *testing.T) {
		_, err := new(snapshot.Store).Follow("x")
		require.NoError(t, err)
		ready := snapshot.NewStore(snapshot.Config{})
		require.NoError(t, ready.Update(func(*snapshot.Tx) error { return nil }))
		_, err = ready.Follow("x")
		require.NoError(t, err)
	})
	t.Run("the initial load", func(t *testing.T) {
		store := snapshot.NewStore(snapshot.Config{AwaitInitialLoad: true})
		update, err := store.Follow("a log")
		require.NoError(t, err)
		require.NoError(t, update(func(tx *snapshot.Tx) error { tx.Add(binding("mine")); return nil }))
		assert.False(t, store.Load().Ready())
		store.CompleteInitialLoad()
		assert.True(t, store.Load().Ready())
	})
}
