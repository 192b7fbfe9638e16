package phash

// This file allocates leaves and pages. A leaf and its slots are one piece of memory, and
// so are a page and its items: a look-up then has fewer cache misses, and an update makes
// one allocation instead of two. Go has no arrays whose length is a parameter, therefore
// each length has a case.

// newLeaf returns a leaf with the given number of slots, a power of two up to leafWidth.
func newLeaf[K comparable, V any](slots int) *leaf[K, V] {
	switch slots {
	case 1:
		return leafWith(func(r *[1]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[1]Marks) []Marks { return r[:] })
	case 2:
		return leafWith(func(r *[2]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[2]Marks) []Marks { return r[:] })
	case 4:
		return leafWith(func(r *[4]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[4]Marks) []Marks { return r[:] })
	case 8:
		return leafWith(func(r *[8]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[8]Marks) []Marks { return r[:] })
	case 16:
		return leafWith(func(r *[16]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[16]Marks) []Marks { return r[:] })
	case 32:
		return leafWith(func(r *[32]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[32]Marks) []Marks { return r[:] })
	case 64:
		return leafWith(func(r *[64]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[64]Marks) []Marks { return r[:] })
	default:
		return leafWith(func(r *[leafWidth]*page[K, V]) []*page[K, V] { return r[:] }, func(r *[leafWidth]Marks) []Marks { return r[:] })
	}
}

// leafWith returns a leaf whose slots and marks lie in S and M.
func leafWith[K comparable, V, S, M any](slots func(*S) []*page[K, V], marks func(*M) []Marks) *leaf[K, V] {
	l := new(struct {
		leaf[K, V]
		slotRoom S
		markRoom M
	})
	l.slots, l.marks = slots(&l.slotRoom), marks(&l.markRoom)
	return &l.leaf
}

// newPage returns an empty page with room for the given number of items, up to pageSize.
// The rare page that gets more than pageSize items allocates them separately.
func newPage[K comparable, V any](items int) *page[K, V] {
	switch items {
	case 0:
		return new(page[K, V])
	case 1:
		return pageWith(func(r *[1]item[K, V]) []item[K, V] { return r[:0] })
	case 2:
		return pageWith(func(r *[2]item[K, V]) []item[K, V] { return r[:0] })
	case 3:
		return pageWith(func(r *[3]item[K, V]) []item[K, V] { return r[:0] })
	case 4:
		return pageWith(func(r *[4]item[K, V]) []item[K, V] { return r[:0] })
	case 5:
		return pageWith(func(r *[5]item[K, V]) []item[K, V] { return r[:0] })
	case 6:
		return pageWith(func(r *[6]item[K, V]) []item[K, V] { return r[:0] })
	case 7:
		return pageWith(func(r *[7]item[K, V]) []item[K, V] { return r[:0] })
	default:
		return pageWith(func(r *[pageSize]item[K, V]) []item[K, V] { return r[:0] })
	}
}

// pageWith returns a page whose items lie in R.
func pageWith[K comparable, V, R any](items func(*R) []item[K, V]) *page[K, V] {
	p := new(struct {
		page[K, V]
		room R
	})
	p.items = items(&p.room)
	return &p.page
}

// slotSet is a set of slots of a leaf.
type slotSet [leafWidth / 64]uint64

func (s *slotSet) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s *slotSet) add(i int) { s[i/64] |= 1 << (i % 64) }
