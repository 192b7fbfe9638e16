package phash

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func kindOfInts() *Kind[int, int] {
	return &Kind[int, int]{Hash: func(i int) uint64 { return HashString(fmt.Sprint(i)) }}
}

// filled returns a table of the numbers below n, made in one transaction.
func filled(k *Kind[int, int], n int) (t Table[int, int]) {
	e := new(Edit)
	for i := range n {
		t = k.Set(e, t, i, i)
	}
	return t
}

// pagesOf returns the pages below s. A page that several slots share is repeated.
func pagesOf[K comparable, V any](s link[K, V]) (all []*page[K, V]) {
	switch {
	case s.branch != nil:
		for _, kid := range s.branch.kids {
			all = append(all, pagesOf(kid)...)
		}
	case s.leaf != nil:
		all = s.leaf.slots
	}
	return all
}

// TestShrinks: a table that lost its items is as small as one that never had them.
func TestShrinks(t *testing.T) {
	k := kindOfInts()
	small := filled(k, 20_000)
	branches := small.Shape().Branches
	assert.True(t, branches == 2 || branches == 3, "20,000 items are below %d branches, want 2 or 3", branches)
	e := new(Edit)
	for i := range 19_990 {
		small = k.Delete(e, small, i)
	}
	require.Zero(t, small.Shape().Branches)
	// More than 64 slots are needed only if five of the items fall into one of 64 parts: chance does that once in 70,000 times.
	assert.LessOrEqual(t, len(small.root.leaf.slots), 64)
	rest := slices.Sorted(maps.Keys(maps.Collect(small.Each)))
	assert.Equal(t, []int{19_990, 19_991, 19_992, 19_993, 19_994, 19_995, 19_996, 19_997, 19_998, 19_999}, rest)
	for _, i := range rest {
		small = k.Delete(e, small, i)
	}
	assert.True(t, small == (Table[int, int]{}), "an empty table is not the zero table")
}

// TestPages: a page and its items are one piece of memory, however the page was made. The
// room that a page has left holds nothing of former items.
func TestPages(t *testing.T) {
	// 200 hashes for all keys: some pages get more items than there are tags.
	k := &Kind[int, *int]{Hash: func(i int) uint64 { return HashString(fmt.Sprint(i % 200)) }}
	var at Table[int, *int]
	overfull, roomy := 0, 0
	look := func() {
		for _, p := range pagesOf(at.root) {
			room := p.items[:cap(p.items)]
			switch {
			case len(room) > pageSize:
				overfull++
			case len(room) > 0 && unsafe.Pointer(&room[0]) != unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p)):
				t.Errorf("%d items do not lie next to their page", len(room))
			}
			for _, it := range room[len(p.items):] {
				roomy++
				if it != (item[int, *int]{}) { // no assert: this loop runs millions of times
					t.Errorf("the page still has %v", it)
				}
			}
		}
	}
	for _, changes := range []int{1, 2, 3, 100, 1, 5, 300, 1, 2, 1, 2000} {
		e := new(Edit)
		for range changes {
			at = k.Set(e, at, at.n, new(int))
		}
		look()
	}
	for at.n > 0 {
		e := new(Edit)
		for range min(at.n, 70) {
			at = k.Delete(e, at, at.n-1)
		}
		look()
	}
	assert.NotZero(t, overfull, "pages with items that have no tag")
	assert.NotZero(t, roomy, "pages with room")
}

// TestDroppedUpdate: an update whose result is dropped leaves nothing in the pages of the
// table that it began with, though these have room.
func TestDroppedUpdate(t *testing.T) {
	k := &Kind[string, int]{Hash: HashString}
	var published Table[string, int]
	for i := range 21 { // in transactions of one key each, so that pages have room
		published = k.Set(new(Edit), published, fmt.Sprint(i), i)
	}
	for i := range 50 {
		k.Set(new(Edit), published, fmt.Sprint("dropped-", i), i)
	}
	pages := pagesOf(published.root)
	require.GreaterOrEqual(t, len(pages), 3)
	for _, p := range pages {
		for _, it := range p.items[len(p.items):cap(p.items)] {
			assert.Zero(t, it)
		}
	}
}

// TestDeleteLeavesTheRest: to delete one of a few items does not copy the many in other
// branches.
func TestDeleteLeavesTheRest(t *testing.T) {
	k := &Kind[int, int]{Hash: func(i int) uint64 {
		h := HashString(fmt.Sprint(i))
		if i < 3 {
			return h &^ (branchWidth - 1)
		}
		return h | 1
	}}
	before := filled(k, 10_000)
	after := k.Delete(new(Edit), before, 0)
	require.NotNil(t, after.root.branch)
	require.False(t, before.root.branch.kids[0] == after.root.branch.kids[0], "the few are not where they should be")
	for i, kid := range before.root.branch.kids[1:] {
		assert.True(t, after.root.branch.kids[i+1] == kid, "kid %d was copied", i+1)
	}
}

// TestPackLeavesTheRest: to pack what a transaction made changes no table that was
// published before, and copies nothing else.
func TestPackLeavesTheRest(t *testing.T) {
	k := kindOfInts()
	for _, n := range []int{20, 20_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			published := filled(k, n)
			before := slices.Clone(pagesOf(published.root))
			e := new(Edit)
			after := k.Set(e, published, 7, -7)
			published.Pack(e) // the transaction did not change this one
			after.Pack(e)
			assert.True(t, slices.Equal(pagesOf(published.root), before), "the published table has other pages")
			others := map[*page[int, int]]bool{}
			for i, p := range pagesOf(after.root) {
				if p != before[i] {
					others[p] = true
				}
			}
			assert.Len(t, others, 1, "pages that were copied")
		})
	}
}

// TestChangedInPlace: a transaction does not copy again what it made itself.
func TestChangedInPlace(t *testing.T) {
	k := kindOfInts()
	for _, n := range []int{20, 20_000} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d items, later transaction %t", n, later), func(t *testing.T) {
				var made Table[int, int]
				e := new(Edit)
				for i := range n {
					made = k.Set(e, made, i, i)
				}
				if later {
					e = new(Edit)
					made = k.Set(e, made, 7, 7)
				}
				pages := slices.Clone(pagesOf(made.root))
				again := k.Set(e, made, 7, -7)
				assert.True(t, again.root == made.root && slices.Equal(pagesOf(again.root), pages), "something was copied")
			})
		}
	}
}
