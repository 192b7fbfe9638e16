package snapshot_test

import (
	"slices"
	"testing"

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
	if got.Semantics != config.Semantics || !got.AllowIfNoACL || !got.KeepIDs || got.AwaitInitialLoad || !slices.Equal(got.SuperUsers, want) {
		t.Errorf("got %+v, want super users %v", got, want)
	}
	if zero := new(snapshot.Snapshot).Config(); zero.Semantics != snapshot.Documented || zero.AllowIfNoACL || zero.KeepIDs || len(zero.SuperUsers) > 0 {
		t.Errorf("the zero Snapshot has %+v", zero)
	}
}
