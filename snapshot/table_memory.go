package snapshot

import "github.com/portcullis-authz/portcullis/ops"

// A leaf and its slots, and a page and its items, are one piece of memory: what stands
// side by side costs a check fewer misses than what a pointer leads to, and an update one
// allocation instead of two.

// newLeaf returns a leaf with as many slots, a power of two up to leafWidth.
func newLeaf[K comparable, V any](slots int) *leaf[K, V] {
	switch slots {
	case 1:
		l := new(struct {
			leaf[K, V]
			slots [1]*page[K, V]
			marks [1]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	case 2:
		l := new(struct {
			leaf[K, V]
			slots [2]*page[K, V]
			marks [2]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	case 4:
		l := new(struct {
			leaf[K, V]
			slots [4]*page[K, V]
			marks [4]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	case 8:
		l := new(struct {
			leaf[K, V]
			slots [8]*page[K, V]
			marks [8]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	case 16:
		l := new(struct {
			leaf[K, V]
			slots [16]*page[K, V]
			marks [16]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	case 32:
		l := new(struct {
			leaf[K, V]
			slots [32]*page[K, V]
			marks [32]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	case 64:
		l := new(struct {
			leaf[K, V]
			slots [64]*page[K, V]
			marks [64]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	default:
		l := new(struct {
			leaf[K, V]
			slots [leafWidth]*page[K, V]
			marks [leafWidth]ops.Set
		})
		l.leaf.slots, l.leaf.marks = l.slots[:], l.marks[:]
		return &l.leaf
	}
}

// newPage returns an empty page with room for as many items, up to pageSize. It can take
// more, which is rare.
func newPage[K comparable, V any](items int) *page[K, V] {
	switch items {
	case 0:
		return new(page[K, V])
	case 1:
		p := new(struct {
			page[K, V]
			room [1]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	case 2:
		p := new(struct {
			page[K, V]
			room [2]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	case 3:
		p := new(struct {
			page[K, V]
			room [3]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	case 4:
		p := new(struct {
			page[K, V]
			room [4]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	case 5:
		p := new(struct {
			page[K, V]
			room [5]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	case 6:
		p := new(struct {
			page[K, V]
			room [6]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	case 7:
		p := new(struct {
			page[K, V]
			room [7]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	default:
		p := new(struct {
			page[K, V]
			room [pageSize]item[K, V]
		})
		p.items = p.room[:0]
		return &p.page
	}
}

// slotSet is a set of slots of a leaf.
type slotSet [leafWidth / 64]uint64

func (s *slotSet) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s *slotSet) add(i int) { s[i/64] |= 1 << (i % 64) }
