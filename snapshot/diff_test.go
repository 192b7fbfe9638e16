package snapshot_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestDiffOfStores compares stores with themselves and with others, of the same
// generations and of other ones: what one store remembers says nothing about another.
func TestDiffOfStores(t *testing.T) {
	a, b, c := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topic("b")), acltest.Deny("User:alice", ops.Read, acltest.Topic("c"))
	var snapshots []*snapshot.Snapshot
	var held [][]acl.Binding
	for _, steps := range [][]acl.Binding{{}, {a, b, c}, {b, c, a}, {c}} {
		store := snapshot.NewStore(snapshot.Config{})
		for i := range len(steps) + 1 {
			if i > 0 {
				add(t, store, steps[i-1])
			}
			snapshots, held = append(snapshots, store.Load()), append(held, steps[:i])
		}
	}
	snapshots, held = append(snapshots, &snapshot.Snapshot{}), append(held, nil)
	for i, from := range snapshots {
		for k, to := range snapshots {
			sorted := func(list []acl.Binding) []acl.Binding {
				return slices.SortedFunc(slices.Values(list), acl.Binding.Compare)
			}
			wantAdded, wantRemoved := sorted(without(held[k], held[i])), sorted(without(held[i], held[k]))
			added, removed := snapshot.Diff(from, to)
			assert.Equal(t, wantAdded, added, "from %v to %v: added %v, removed %v", held[i], held[k], added, removed)
			assert.Equal(t, wantRemoved, removed, "from %v to %v: added %v, removed %v", held[i], held[k], added, removed)
		}
	}
}
