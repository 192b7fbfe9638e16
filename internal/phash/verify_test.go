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
	const strange = 1_000_000 // no other value of a page has its mark
	k.Marks = func(i int) Marks {
		if i == strange {
			return 1 << 15
		}
		return 1 << (i % 15)
	}
	// firstLeaf returns the first leaf with two pages of their own that have items. Where the
	// items are depends on the seed of the hash.
	firstLeaf := func(table *Table[int, int]) *leaf[int, int] {
		open := []link[int, int]{table.root}
		for len(open) > 0 {
			n := open[0]
			open = open[1:]
			l := n.leaf
			if n.branch != nil {
				open = append(open, n.branch.kids[:]...)
			} else if l != nil && len(l.slots) > 1 && l.slots[0] != l.slots[1] && len(l.slots[0].items) > 1 && len(l.slots[1].items) > 0 {
				return l
			}
		}
		require.Fail(t, "no leaf has two pages with items")
		return nil
	}
	for name, spoil := range map[string]func(t *Table[int, int]){
		"count":         func(t *Table[int, int]) { t.n++ },
		"branch marks":  func(t *Table[int, int]) { t.root.branch.marks[0] = 0 },
		"leaf marks":    func(t *Table[int, int]) { firstLeaf(t).marks[0] = 0 },
		"tag":           func(t *Table[int, int]) { firstLeaf(t).slots[0].tags ^= 1 },
		"tag too many":  func(t *Table[int, int]) { p := firstLeaf(t).slots[0]; p.items = p.items[:len(p.items)-1]; t.n-- },
		"page":          func(t *Table[int, int]) { p := firstLeaf(t).slots; p[0], p[1] = p[1], p[0] },
		"kid":           func(t *Table[int, int]) { b := t.root.branch; b.kids[0], b.kids[1] = b.kids[1], b.kids[0] },
		"value":         func(t *Table[int, int]) { firstLeaf(t).slots[0].items[0].val = strange },
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
