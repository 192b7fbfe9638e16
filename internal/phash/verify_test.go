//go:build invariants

package phash

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func verify[K comparable, V any](k *Kind[K, V], t Table[K, V]) error { return k.Verify(t) }

// TestVerifyNotices breaks a table in one place at a time.
func TestVerifyNotices(t *testing.T) {
	k := kindOfInts()
	k.Marks = func(i int) Marks { return Marks(1 << (i % 16)) }
	firstLeaf := func(t *Table[int, int]) *leaf[int, int] {
		s := t.root
		for s.branch != nil {
			s = s.branch.kids[0]
		}
		return s.leaf
	}
	for name, spoil := range map[string]func(t *Table[int, int]){
		"count":         func(t *Table[int, int]) { t.n++ },
		"branch marks":  func(t *Table[int, int]) { t.root.branch.marks[0] = 0 },
		"leaf marks":    func(t *Table[int, int]) { firstLeaf(t).marks[0] = 0 },
		"tag":           func(t *Table[int, int]) { firstLeaf(t).slots[0].tags ^= 1 },
		"tag too many":  func(t *Table[int, int]) { p := firstLeaf(t).slots[0]; p.items = p.items[:len(p.items)-1]; t.n-- },
		"page":          func(t *Table[int, int]) { p := firstLeaf(t).slots; p[0], p[1] = p[1], p[0] },
		"kid":           func(t *Table[int, int]) { b := t.root.branch; b.kids[0], b.kids[1] = b.kids[1], b.kids[0] },
		"value":         func(t *Table[int, int]) { firstLeaf(t).slots[0].items[0].val++ },
		"leaf width":    func(t *Table[int, int]) { l := firstLeaf(t); l.slots = l.slots[:len(l.slots)-1] },
		"page too long": func(t *Table[int, int]) { p := firstLeaf(t).slots[0]; p.items = slices.Repeat(p.items, pageSize+1) },
	} {
		t.Run(name, func(t *testing.T) {
			table := filled(k, 5_000)
			require.NoError(t, k.Verify(table))
			spoil(&table)
			assert.Error(t, k.Verify(table))
		})
	}
}
