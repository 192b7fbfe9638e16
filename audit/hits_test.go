package audit_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestHitsAreExact counts in many sessions while other ACLs are updated, and compares
// the counts with the decisions that the sessions got.
func TestHitsAreExact(t *testing.T) {
	acls := []acl.Binding{
		acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow(principal.Wildcard, ops.Read, resource.PrefixedPattern(resource.Topic, "b")),
		acltest.Deny("User:alice", ops.Write, acltest.Topic("*")), acltest.Allow("User:alice", ops.All, acltest.Topic("unasked")),
	}
	store := acltest.Store(t, snapshot.Config{}, acls...)
	hits := new(audit.Hits)
	auditor := audit.Auditor{Hits: hits}
	const sessions, rounds = 8, 400
	var mu sync.Mutex
	want := make(map[acl.Binding]uint64)
	var group sync.WaitGroup
	for range sessions {
		group.Go(func() {
			session := auditor.Session(store, alice)
			mine := make(map[acl.Binding]uint64)
			for i := range rounds {
				for _, d := range []snapshot.Decision{
					session.Check(audit.Call{}, ops.Read, resource.Topic, "a"),
					session.Check(audit.Call{}, ops.Describe, resource.Topic, fmt.Sprint("b", i)),
					session.Check(audit.Call{}, ops.Write, resource.Topic, "a"),
					session.Check(audit.Call{}, ops.Read, resource.Topic, "none"),
					session.CheckAny(audit.Call{}, ops.Read, resource.Topic),
				} {
					if b, ok := d.Binding(); ok {
						mine[b]++
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for b, n := range mine {
				want[b] += n
			}
		})
	}
	group.Go(func() {
		for i := range 50 {
			update(t, store, func(tx *snapshot.Tx) {
				other := acltest.Allow("User:alice", ops.Alter, acltest.Topic("a")) // in the same record as the deciding ACL
				if i%2 == 0 {
					tx.Add(other)
				} else {
					tx.Remove(other)
				}
			})
		}
	})
	group.Wait()
	total := uint64(0)
	var order []acl.Binding
	for b, n := range hits.All() {
		order = append(order, b)
		total += n
		assert.Equal(t, want[b], n, "%v: %d hits, %d by Of, want %d", b, n, hits.Of(b), want[b])
		assert.Equal(t, n, hits.Of(b), "%v: %d hits, %d by Of, want %d", b, n, hits.Of(b), want[b])
	}
	require.Len(t, order, len(want), "%d ACLs with %d hits, want %d with %d", len(order), total, len(want), sessions*rounds*3)
	assert.Equal(t, uint64(sessions*rounds*3), total, "%d ACLs with %d hits, want %d with %d", len(order), total, len(want), sessions*rounds*3)
	assert.True(t, slices.IsSortedFunc(order, acl.Binding.Compare), "%d ACLs with %d hits, want %d with %d", len(order), total, len(want), sessions*rounds*3)
	assert.Equal(t, acls[3:], slices.Collect(hits.Unused(store.Load())), "unused")
	for range hits.All() {
		break
	}
	for range hits.Unused(store.Load()) {
		break
	}
}

// An ACL that is removed and added again keeps its count. Decisions beyond the size of
// a shard's cache are counted too.
func TestHitsStay(t *testing.T) {
	const n = 20_000
	var acls []acl.Binding
	for i := range n {
		acls = append(acls, acltest.Allow("User:alice", ops.Read, acltest.Topic(fmt.Sprint("t", i))))
	}
	store := acltest.Store(t, snapshot.Config{}, acls...)
	hits := new(audit.Hits)
	session := (&audit.Auditor{Hits: hits}).Session(store, alice)
	for range 2 {
		for i := range n {
			session.Check(audit.Call{}, ops.Read, resource.Topic, fmt.Sprint("t", i))
		}
	}
	update(t, store, func(tx *snapshot.Tx) { tx.Remove(acls[0]) })
	session.Check(audit.Call{}, ops.Read, resource.Topic, "t0")
	got := hits.Of(acls[0])
	assert.Equal(t, uint64(2), got, "a removed ACL has %d hits, want 2", got)
	update(t, store, func(tx *snapshot.Tx) { tx.Add(acls[0]) })
	session.Check(audit.Call{}, ops.Read, resource.Topic, "t0")
	for i, b := range acls {
		want := uint64(2)
		if i == 0 {
			want = 3
		}
		got := hits.Of(b)
		require.Equal(t, want, got, "%v has %d hits, want %d", b, got, want)
	}
}
