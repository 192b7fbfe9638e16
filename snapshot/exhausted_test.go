//go:build !race

package snapshot_test

import (
	"testing"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/acl"
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
	denyAll := func(p resource.Pattern) acl.Binding { return deny(principal.Wildcard, ops.Read, p) }
	var all []acl.Binding
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if utf8.ValidRune(c) {
			all = append(all, denyAll(topics(string(c))))
		}
	}
	store := newStore(t, snapshot.Config{AllowIfNoACL: true}, all...)
	want := func(reason snapshot.Reason, come, gone acl.Binding) {
		t.Helper()
		if err := store.Update(func(tx *snapshot.Tx) error {
			tx.Remove(gone)
			tx.Add(come)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wantDecision(t, store.Load().CheckAny(alice, ops.Read, resource.Topic), reason)
	}
	// LITERAL, so that the prefixes are exactly as many as the characters.
	everything := allow("User:alice", ops.Read, topic("*"))
	open := denyAll(topics("q"))
	want(snapshot.DefaultDeny, everything, acl.Binding{Pattern: topic("none")})
	want(snapshot.MatchingAllow, denyAll(topics("qq")), open) // q, and what begins with it but not with qq
	// Without any ALLOW what no ACL covers is allowed: nothing, as long as all of q is
	// covered, and then q itself.
	if err := store.Update(func(tx *snapshot.Tx) error { tx.Remove(denyAll(topics("qq"))); tx.Add(open); return nil }); err != nil {
		t.Fatal(err)
	}
	want(snapshot.DefaultDeny, acl.Binding{Pattern: resource.LiteralPattern(resource.Group, "q"), Entry: open.Entry}, everything)
	want(snapshot.DefaultAllow, deny("User:bob", ops.Read, topics("qq")), open)
}
