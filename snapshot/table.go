package snapshot

import (
	"math/bits"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
)

// edit marks the nodes that one transaction made: it may change those in place,
// and copies all others, which published snapshots may be reading. Once the
// transaction is over nobody holds its edit, so its nodes never change again.
type edit struct{ _ byte } // not empty: distinct edits need distinct addresses

// table is a persistent hash table. Digits of the hash lead through branches to a
// page of up to pageSize items, where a tag, another part of the hash, tells which
// item to compare. Neighbouring slots of a branch share a page until it is full, as
// in extendible hashing, so that pages are well filled though branches are wide. An
// update copies the path to one page and shares the rest. The zero table is empty.
//
// A hash array mapped trie, which has an item for a leaf, was tried first: it takes
// twice as many steps, each a cache miss in a large table.
type table[K comparable, V any] struct {
	root slot[K, V]
	n    int
}

// slot holds a branch, a page, or nothing.
type slot[K comparable, V any] struct {
	branch *branch[K, V]
	page   *page[K, V]
}

// branch is a step on the way to a page. Its slots are all filled, if only with an
// empty page; those that share a page are a range of a power of two, aligned to its
// length.
type branch[K comparable, V any] struct {
	edit  *edit
	kids  [fanout]slot[K, V]
	marks [fanout]ops.Set // of the kids
}

// page holds items whose hashes agree in all digits above it.
type page[K comparable, V any] struct {
	edit  *edit
	tags  [pageSize / wordSize]uint64 // a byte for each item; 0 behind the last
	items []item[K, V]
	next  *page[K, V] // more items, where no digits are left to tell them apart
}

type item[K comparable, V any] struct {
	key K
	val V
}

const (
	digitBits = 6
	fanout    = 1 << digitBits
	pageSize  = 16
	hashBits  = 54 // of a hash go into digits; the tag is taken from the bits above
)

// kind says how the items of a table are treated.
type kind[K comparable, V any] struct {
	hash func(K) uint64 // the same for equal keys
	// marks says by which operations an item can be found (see eachMarked). It may
	// be nil: no item can be found so.
	marks func(V) ops.Set
}

// tagOf returns the tag of a hash in each byte of a word. No tag is 0.
func tagOf(hash uint64) uint64 { return (hash>>56 | 0x80) * everyByte }

const everyByte = 0x0101010101010101

// matching returns a word whose bytes have their highest bit set where tags has
// the tag. Bytes above a match may be set without one: the keys tell.
func matching(tags, tag uint64) uint64 {
	x := tags ^ tag
	return (x - everyByte) &^ x & (0x80 * everyByte)
}

func (t *table[K, V]) get(hash uint64, key K) (val V, ok bool) {
	s := &t.root
	for digits := hash; s.branch != nil; digits >>= digitBits {
		s = &s.branch.kids[digits%fanout]
	}
	tag := tagOf(hash)
	for p := s.page; p != nil; p = p.next {
		for w := range p.tags {
			for m := matching(p.tags[w], tag); m != 0; m &= m - 1 {
				i := w*wordSize + bits.TrailingZeros64(m)/8
				if i < len(p.items) && p.items[i].key == key {
					return p.items[i].val, true
				}
			}
		}
	}
	return val, false
}

// find returns where key is in p alone, or -1.
func (p *page[K, V]) find(key K) int {
	return slices.IndexFunc(p.items, func(it item[K, V]) bool { return it.key == key })
}

// each calls yield for every item, in no order that a caller may rely on, until it
// returns false.
func (t *table[K, V]) each(yield func(K, V) bool) {
	t.root.eachMarked(0, yield)
}

// eachMarked calls yield, until it returns false, for every item in a page of which
// some item has one of the marks. It passes over the rest without looking at it. No
// marks stand for every item.
func (s slot[K, V]) eachMarked(marked ops.Set, yield func(K, V) bool) bool {
	if s.branch != nil {
		for i, kid := range s.branch.kids {
			again := i > 0 && kid == s.branch.kids[i-1]
			if !again && (marked == 0 || s.branch.marks[i]&marked != 0) && !kid.eachMarked(marked, yield) {
				return false
			}
		}
		return true
	}
	for p := s.page; p != nil; p = p.next {
		for i := range p.items {
			if !yield(p.items[i].key, p.items[i].val) {
				return false
			}
		}
	}
	return true
}

// len returns the number of items in s, or more than pageSize if there is a branch.
func (s slot[K, V]) len() (n int) {
	if s.branch != nil {
		return pageSize + 1
	}
	for p := s.page; p != nil; p = p.next {
		n += len(p.items)
	}
	return n
}

// shared returns the range of slots of b that hold the same as slot i.
func (b *branch[K, V]) shared(i int) (from, to int) {
	from, to = i, i+1
	for from > 0 && b.kids[from-1] == b.kids[i] {
		from--
	}
	for to < fanout && b.kids[to] == b.kids[i] {
		to++
	}
	return from, to
}

// put fills a range of slots of b.
func (k *kind[K, V]) put(b *branch[K, V], from, to int, s slot[K, V]) {
	marks := k.marksOf(s)
	for i := from; i < to; i++ {
		b.kids[i], b.marks[i] = s, marks
	}
}

// bind returns the table with key bound to val or, if present is false, without
// key.
func (k *kind[K, V]) bind(e *edit, t table[K, V], key K, val V, present bool) table[K, V] {
	if present {
		return k.set(e, t, key, val)
	}
	return k.delete(e, t, key)
}

// set returns the table with key bound to val.
func (k *kind[K, V]) set(e *edit, t table[K, V], key K, val V) table[K, V] {
	root, added := k.setIn(e, t.root, 0, k.hash(key), item[K, V]{key, val})
	t.root = root
	if added {
		t.n++
	}
	return t
}

func (k *kind[K, V]) setIn(e *edit, s slot[K, V], shift int, hash uint64, it item[K, V]) (_ slot[K, V], added bool) {
	if s.branch != nil {
		b := s.branch.own(e)
		return slot[K, V]{branch: b}, k.setBelow(e, b, shift, hash, it)
	}
	for p := s.page; p != nil; p = p.next {
		if p.find(it.key) >= 0 {
			return s.replace(e, it), false
		}
	}
	switch {
	case s.page == nil || shift >= hashBits && len(s.page.items) == pageSize:
		p := &page[K, V]{edit: e, next: s.page}
		p.push(hash, it)
		return slot[K, V]{page: p}, true
	case len(s.page.items) < pageSize:
		p := s.page.own(e)
		p.push(hash, it)
		return slot[K, V]{page: p}, true
	}
	// The page is full: a branch takes its place, at first with all slots sharing it.
	b := &branch[K, V]{edit: e}
	k.put(b, 0, fanout, s)
	return slot[K, V]{branch: b}, k.setBelow(e, b, shift, hash, it)
}

// setBelow sets an item below b, which the transaction owns.
func (k *kind[K, V]) setBelow(e *edit, b *branch[K, V], shift int, hash uint64, it item[K, V]) (added bool) {
	for {
		i := int(hash >> shift % fanout)
		from, to := b.shared(i)
		full := b.kids[i].page
		if to-from == 1 || full == nil || len(full.items) < pageSize || full.find(it.key) >= 0 {
			s, added := k.setIn(e, b.kids[i], shift+digitBits, hash, it)
			k.put(b, from, to, s)
			return added
		}
		// A full page that slots share: halve the range.
		mid := (from + to) / 2
		lower, upper := &page[K, V]{edit: e}, &page[K, V]{edit: e}
		for _, old := range full.items {
			h := k.hash(old.key)
			half := lower
			if int(h>>shift%fanout) >= mid {
				half = upper
			}
			half.push(h, old)
		}
		k.put(b, from, mid, slot[K, V]{page: lower})
		k.put(b, mid, to, slot[K, V]{page: upper})
	}
}

// replace returns the pages of s with the item of it.key replaced.
func (s slot[K, V]) replace(e *edit, it item[K, V]) slot[K, V] {
	p := s.page.own(e)
	if i := p.find(it.key); i >= 0 {
		p.items[i] = it
	} else {
		p.next = slot[K, V]{page: p.next}.replace(e, it).page
	}
	return slot[K, V]{page: p}
}

// push adds an item for which there is room. Items grow by a few at a time, since
// many pages stay far from full.
func (p *page[K, V]) push(hash uint64, it item[K, V]) {
	const step = 4
	if n := len(p.items); n == cap(p.items) {
		grown := make([]item[K, V], n, min(n+step, pageSize))
		copy(grown, p.items)
		p.items = grown
	}
	p.setTag(len(p.items), tagOf(hash)&0xff)
	p.items = append(p.items, it)
}

func (p *page[K, V]) setTag(i int, tag uint64) {
	shift := i % wordSize * 8
	w := &p.tags[i/wordSize]
	*w = *w&^(0xff<<shift) | tag<<shift
}

func (p *page[K, V]) tag(i int) uint64 { return p.tags[i/wordSize] >> (i % wordSize * 8) & 0xff }

// delete returns the table without key.
func (k *kind[K, V]) delete(e *edit, t table[K, V], key K) table[K, V] {
	hash := k.hash(key)
	if _, ok := t.get(hash, key); !ok {
		return t
	}
	t.root = k.deleteIn(e, t.root, 0, hash, key)
	if t.n--; t.n == 0 {
		t.root = slot[K, V]{}
	}
	return t
}

// deleteIn takes out a key that is there. Neighbours that together fill half a page
// share one again, and a branch with one page left becomes that page.
func (k *kind[K, V]) deleteIn(e *edit, s slot[K, V], shift int, hash uint64, key K) slot[K, V] {
	if s.branch == nil {
		return slot[K, V]{page: s.page.without(e, key)}
	}
	b := s.branch.own(e)
	i := int(hash >> shift % fanout)
	from, to := b.shared(i)
	k.put(b, from, to, k.deleteIn(e, b.kids[i], shift+digitBits, hash, key))
	for to-from < fanout {
		// The other half of the range that is twice as long.
		n := to - from
		other := from ^ n
		f, t := b.shared(other)
		if f != other || t != other+n || b.kids[other].len()+b.kids[from].len() > pageSize/2 {
			return slot[K, V]{branch: b}
		}
		joined := slot[K, V]{page: &page[K, V]{edit: e}}
		for _, half := range []slot[K, V]{b.kids[from], b.kids[other]} {
			half.eachMarked(0, func(key K, val V) bool {
				joined.page.push(k.hash(key), item[K, V]{key, val})
				return true
			})
		}
		from, to = min(from, other), max(to, t)
		k.put(b, from, to, joined)
	}
	return b.kids[0]
}

// without returns p without key, which is in it or in the pages behind it. What is
// left may be an empty page.
func (p *page[K, V]) without(e *edit, key K) *page[K, V] {
	i := p.find(key)
	switch {
	case i < 0:
		p = p.own(e)
		p.next = p.next.without(e, key)
		return p
	case len(p.items) == 1 && p.next != nil:
		return p.next
	}
	p = p.own(e)
	last := len(p.items) - 1
	p.items[i] = p.items[last]
	p.setTag(i, p.tag(last))
	p.setTag(last, 0)
	p.items[last] = item[K, V]{}
	p.items = p.items[:last]
	return p
}

// marksOf returns the union of the marks of all items in s.
func (k *kind[K, V]) marksOf(s slot[K, V]) (m ops.Set) {
	switch {
	case k.marks == nil:
		return 0
	case s.branch != nil:
		for _, kid := range s.branch.marks {
			m |= kid
		}
		return m
	}
	for p := s.page; p != nil; p = p.next {
		for i := range p.items {
			m |= k.marks(p.items[i].val)
		}
	}
	return m
}

// own returns b itself if the transaction made it, else a copy that it may change.
func (b *branch[K, V]) own(e *edit) *branch[K, V] {
	if b.edit == e {
		return b
	}
	c := *b
	c.edit = e
	return &c
}

// own returns p itself if the transaction made it, else a copy that it may change,
// with room for one item more.
func (p *page[K, V]) own(e *edit) *page[K, V] {
	if p.edit == e {
		return p
	}
	c := *p
	c.edit = e
	c.items = make([]item[K, V], len(p.items), min(len(p.items)+1, pageSize))
	copy(c.items, p.items)
	return &c
}
