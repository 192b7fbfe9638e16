package snapshot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func TestSnapshotTellsItsConfig(t *testing.T) {
	config := snapshot.Config{
		Semantics: snapshot.KafkaExact, AllowIfNoACL: true, KeepIDs: true, AwaitInitialLoad: true,
		SuperUsers: []principal.Principal{principal.User("b"), principal.User("a"), {Type: "User:x", Name: "y"}, principal.User("b")},
	}
	got := snapshot.NewStore(config).Load().Config()
	want := []principal.Principal{principal.User("a"), principal.User("b"), principal.User("x:y")}
	assert.Equal(t, config.Semantics, got.Semantics, "got %+v, want super users %v", got, want)
	require.True(t, got.AllowIfNoACL, "got %+v, want super users %v", got, want)
	require.True(t, got.KeepIDs, "got %+v, want super users %v", got, want)
	require.False(t, got.AwaitInitialLoad, "got %+v, want super users %v", got, want)
	assert.Equal(t, want, got.SuperUsers, "got %+v, want super users %v", got, want)
	zero := new(snapshot.Snapshot).Config()
	assert.Equal(t, snapshot.Documented, zero.Semantics, "the zero Snapshot has %+v", zero)
	require.False(t, zero.AllowIfNoACL, "the zero Snapshot has %+v", zero)
	require.False(t, zero.KeepIDs, "the zero Snapshot has %+v", zero)
	assert.Empty(t, zero.SuperUsers, "the zero Snapshot has %+v", zero)
}
