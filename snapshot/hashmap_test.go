package snapshot

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestHashMapAgainstMap drives a hashMap and a Go map through the same changes, in
// transactions, with hashes that collide in part or in whole. Every published
// version must keep its content.
func TestHashMapAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The fewer bits of the hash are used, the more collide, down to all of them.
		mask := rapid.SampledFrom([]uint64{0, 1, 1 << 62, 0x3ff, 0xf00000000000000f, ^uint64(0)}).Draw(t, "mask")
		hash := func(k string) uint64 { return hashString(k) & mask }
		type version struct {
			m    hashMap[string, int]
			want map[string]int
		}
		var published []version
		current := version{want: map[string]int{}}
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			e := &edit{}
			current.want = maps.Clone(current.want)
			for range rapid.IntRange(1, 30).Draw(t, "changes") {
				k := fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "key"))
				if rapid.Bool().Draw(t, "set") {
					v := rapid.Int().Draw(t, "val")
					current.m = current.m.set(e, hash(k), k, v)
					current.want[k] = v
				} else {
					current.m = current.m.delete(e, hash(k), k)
					delete(current.want, k)
				}
			}
			published = append(published, current)
			for _, v := range published {
				if v.m.len() != len(v.want) {
					t.Fatalf("len %d, want %d", v.m.len(), len(v.want))
				}
				if got := maps.Collect(v.m.all()); !maps.Equal(got, v.want) {
					t.Fatalf("holds %v, want %v", got, v.want)
				}
				for i := range 42 {
					k := fmt.Sprint(i)
					got, ok := v.m.get(hash(k), k)
					want, wantOK := v.want[k]
					if got != want || ok != wantOK {
						t.Fatalf("get %s: %d, %t, want %d, %t", k, got, ok, want, wantOK)
					}
				}
				checkHashNode(t, v.m.root, 0)
			}
		}
	})
}

// checkHashNode asserts the shape that keeps look-ups short: no empty node, and no
// node below the root that could be folded into its parent.
func checkHashNode(t *rapid.T, n *hashNode[string, int], depth int) {
	if n == nil {
		return
	}
	if len(n.items) == 0 {
		t.Fatal("empty node")
	}
	if depth > 0 && len(n.items) == 1 && n.items[0].child == nil {
		t.Fatal("a node of one item was not folded into its parent")
	}
	for i := range n.items {
		if n.items[i].child != nil {
			checkHashNode(t, n.items[i].child, depth+1)
		}
	}
}
