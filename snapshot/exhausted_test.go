//go:build !race

package snapshot_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestByTypeWithEveryCharacterTaken denies the names that begin with each character
// there is, which leaves none that a wildcard or the lack of an ACL could allow, and
// then gives single ones back. Fewer prefixes cannot exhaust what may follow.
//
// It takes over a million ACLs, and so much time that the race detector does not see
// it.
func TestByTypeWithEveryCharacterTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a million ACLs")
	}
	denyAll := func(p resource.Pattern) acl.Binding { return acltest.Deny(principal.Wildcard, ops.Read, p) }
	var all []acl.Binding
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if utf8.ValidRune(c) {
			all = append(all, denyAll(acltest.Topics(string(c))))
		}
	}
	store := newStore(t, snapshot.Config{AllowIfNoACL: true}, all...)
	want := func(reason snapshot.Reason, come, gone acl.Binding) {
		t.Helper()
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			tx.Remove(gone)
			tx.Add(come)
			return nil
		}))
		wantDecision(t, store.Load().CheckAny(alice, ops.Read, resource.Topic), reason)
	}
	// LITERAL, so that the prefixes are exactly as many as the characters.
	everything := acltest.Allow("User:alice", ops.Read, acltest.Topic("*"))
	open := denyAll(acltest.Topics("q"))
	want(snapshot.DefaultDeny, everything, acl.Binding{Pattern: acltest.Topic("none")})
	want(snapshot.MatchingAllow, denyAll(acltest.Topics("qq")), open) // q, and what begins with it but not with qq
	// Without any ALLOW what no ACL covers is allowed: nothing, as long as all of q is
	// covered, and then q itself.
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(denyAll(acltest.Topics("qq"))); tx.Add(open); return nil }))
	want(snapshot.DefaultDeny, acl.Binding{Pattern: resource.LiteralPattern(resource.Group, "q"), Entry: open.Entry}, everything)
	want(snapshot.DefaultAllow, acltest.Deny("User:bob", ops.Read, acltest.Topics("qq")), open)
}
