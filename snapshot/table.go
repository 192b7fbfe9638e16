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
// leaf, which is a directory of pages as in extendible hashing: the next digits
// choose a page, and a tag, another part of the hash, tells which item of it to
// compare. A look-up in a large table pays for each place that it reads with a cache
// miss, so that a directory is little more than pointers, and a page is one piece of
// memory, tags and items. An update copies the path to one page and shares the rest;
// branches and leaves are narrow enough for that to be little. The zero table is empty.
//
// Three shapes were tried before: a hash array mapped trie takes twice as many steps;
// wide branches of pages copy four times as much; tags beside the pointers in a leaf
// save a miss where nothing is found, but make it four times as large, which costs more
// where something is.
type table[K comparable, V any] struct {
	root link[K, V]
	n    int
}

// link leads to a branch, to a leaf, or nowhere.
type link[K comparable, V any] struct {
	branch *branch[K, V]
	leaf   *leaf[K, V]
}

type branch[K comparable, V any] struct {
	edit  *edit
	kids  [branchWidth]link[K, V]
	marks [branchWidth]ops.Set // of the kids
}

// leaf holds the pages of all items whose hashes agree in the digits above it. The
// number of its slots is a power of two. Those whose numbers agree in the lowest bits
// may hold one and the same page, as long as it is not full; the number of these bits is
// the depth of the page.
type leaf[K comparable, V any] struct {
	edit  *edit
	fresh slotSet // whose pages the transaction of edit made: it may change these
	slots []*page[K, V]
	marks []ops.Set // of the slots
}

// page holds items; its first ones have a tag each. It and they are one piece of memory,
// but for what newPage left no room for.
type page[K comparable, V any] struct {
	tags  uint64 // a byte for each; 0 behind the last
	items []item[K, V]
}

type item[K comparable, V any] struct {
	key K
	val V
}

const (
	branchBits  = 4
	branchWidth = 1 << branchBits
	leafBits    = 7 // of a leaf of full width
	leafWidth   = 1 << leafBits
	pageSize    = wordSize // as many as have a tag
	digitBits   = 56       // of a hash go into digits; the tag is taken from the bits above
	maxShift    = digitBits - leafBits
)

// kind says how the items of a table are treated.
type kind[K comparable, V any] struct {
	hash func(K) uint64 // the same for equal keys
	// marks says by which operations an item can be found (see eachMarked). It may
	// be nil: no item can be found so.
	marks func(V) ops.Set
}

// tagOf returns the tag of a hash. No tag is 0.
func tagOf(hash uint64) uint64 { return hash>>56 | 0x80 }

const everyByte = 0x0101010101010101

// matching returns a word whose bytes have their highest bit set where tags has the tag,
// and are 0 elsewhere.
func matching(tags, tag uint64) uint64 {
	const low = 0x7f * everyByte
	x := tags ^ tag*everyByte
	return ^(x&low + low | x | low)
}

// get returns the value of key, whose hash the caller has, or the zero value.
func (t *table[K, V]) get(hash uint64, key K) (val V, ok bool) {
	s, digits := t.root, hash
	for ; s.branch != nil; digits >>= branchBits {
		s = s.branch.kids[digits%branchWidth]
	}
	if s.leaf == nil {
		return val, false
	}
	p := s.leaf.slots[digits&uint64(len(s.leaf.slots)-1)]
	for m := matching(p.tags, tagOf(hash)); m != 0; m &= m - 1 {
		if it := &p.items[bits.TrailingZeros64(m)/8]; it.key == key {
			return it.val, true
		}
	}
	if i := p.findUntagged(key); i >= 0 {
		return p.items[i].val, true
	}
	return val, false
}

// find returns where key is in p, or -1.
func (p *page[K, V]) find(hash uint64, key K) int {
	for m := matching(p.tags, tagOf(hash)); m != 0; m &= m - 1 {
		if i := bits.TrailingZeros64(m) / 8; p.items[i].key == key {
			return i
		}
	}
	return p.findUntagged(key)
}

// findUntagged is find among the items behind those with a tag. There are such only
// where no digits are left to tell items apart.
func (p *page[K, V]) findUntagged(key K) int {
	for i := pageSize; i < len(p.items); i++ {
		if p.items[i].key == key {
			return i
		}
	}
	return -1
}

// each calls yield for every item, in no order that a caller may rely on, until it
// returns false.
func (t *table[K, V]) each(yield func(K, V) bool) {
	t.root.eachMarked(0, yield)
}

// eachMarked calls yield, until it returns false, for every item in a page of which
// some item has one of the marks. It passes over the rest without looking at it. No
// marks stand for every item.
func (s link[K, V]) eachMarked(marked ops.Set, yield func(K, V) bool) bool {
	if b := s.branch; b != nil {
		for i := range b.kids {
			if (marked == 0 || b.marks[i]&marked != 0) && !b.kids[i].eachMarked(marked, yield) {
				return false
			}
		}
		return true
	}
	if s.leaf == nil {
		return true
	}
	for i, p := range s.leaf.slots {
		if marked != 0 && s.leaf.marks[i]&marked == 0 || s.leaf.repeats(i) {
			continue
		}
		for _, it := range p.items {
			if !yield(it.key, it.val) {
				return false
			}
		}
	}
	return true
}

// marks returns the union of the marks of all items behind s.
func (s link[K, V]) marks() ops.Set {
	switch {
	case s.branch != nil:
		return union(s.branch.marks[:])
	case s.leaf != nil:
		return union(s.leaf.marks)
	}
	return 0
}

func union(marks []ops.Set) (m ops.Set) {
	for _, more := range marks {
		m |= more
	}
	return m
}

// len returns the number of items behind s, or more than limit if there are more.
func (s link[K, V]) len(limit int) (n int) {
	s.eachMarked(0, func(K, V) bool {
		n++
		return n <= limit
	})
	return n
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

func (k *kind[K, V]) setIn(e *edit, s link[K, V], shift int, hash uint64, it item[K, V]) (_ link[K, V], added bool) {
	if s.branch != nil {
		b := s.branch.own(e)
		i := hash >> shift % branchWidth
		b.kids[i], added = k.setIn(e, b.kids[i], shift+branchBits, hash, it)
		switch {
		case k.marks == nil:
		case added:
			b.marks[i] |= k.marks(it.val)
		default: // what the value before had may be gone
			b.marks[i] = b.kids[i].marks()
		}
		return link[K, V]{branch: b}, added
	}
	l := s.leaf.own(e)
	for {
		i := l.at(hash >> shift)
		depth := l.depth(i)
		at := l.slots[i].find(hash, it.key)
		switch n := len(l.slots[i].items); {
		case at >= 0:
			l.owned(i, depth, n).items[at] = it
			k.remark(l, i, depth)
			return link[K, V]{leaf: l}, false
		case n < pageSize || shift+branchBits > maxShift && 1<<depth == leafWidth:
			l.owned(i, depth, n+1).push(hash, it)
			k.remark(l, i, depth)
			return link[K, V]{leaf: l}, true
		case 1<<depth < len(l.slots):
			k.split(l, i, depth, shift)
		case len(l.slots) < leafWidth:
			l = l.resized(2 * len(l.slots))
		default:
			return k.setIn(e, link[K, V]{branch: k.fork(e, l, shift)}, shift, hash, it)
		}
	}
}

// at returns which slot of l the digits choose.
func (l *leaf[K, V]) at(digits uint64) int { return int(digits & uint64(len(l.slots)-1)) }

// repeats reports whether slot i holds the page of one before it.
func (l *leaf[K, V]) repeats(i int) bool {
	return i > 0 && l.slots[i] == l.slots[i&^(1<<(bits.Len(uint(i))-1))]
}

// depth returns the depth of the page in slot i.
func (l *leaf[K, V]) depth(i int) int {
	depth := bits.Len(uint(len(l.slots))) - 1
	for depth > 0 && l.slots[i^1<<(depth-1)] == l.slots[i] {
		depth--
	}
	return depth
}

// put makes p, which the transaction made, the page of all slots whose numbers agree
// with i in the lowest bits, depth of them. Their marks are left as they are.
func (l *leaf[K, V]) put(i, depth int, p *page[K, V]) {
	step := 1 << depth
	for j := i & (step - 1); j < len(l.slots); j += step {
		l.slots[j] = p
		l.fresh.add(j)
	}
}

// owned returns the page in slot i, of a depth, for the transaction to change: a copy
// with room for n items, unless it made the page itself. A page that grows twice in one
// transaction grows on.
func (l *leaf[K, V]) owned(i, depth, n int) *page[K, V] {
	switch p := l.slots[i]; {
	case !l.fresh.has(i):
		l.put(i, depth, p.clone(n))
	case cap(p.items) < min(n, pageSize):
		l.put(i, depth, p.clone(pageSize))
	}
	return l.slots[i]
}

// remark sets the marks of the page in slot i, of a depth.
func (k *kind[K, V]) remark(l *leaf[K, V], i, depth int) {
	if k.marks == nil {
		return
	}
	var marks ops.Set
	for _, it := range l.slots[i].items {
		marks |= k.marks(it.val)
	}
	step := 1 << depth
	for j := i & (step - 1); j < len(l.slots); j += step {
		l.marks[j] = marks
	}
}

// split divides the page in slot i, of a depth that leaves room for it, in two.
func (k *kind[K, V]) split(l *leaf[K, V], i, depth, shift int) {
	items := l.slots[i].items
	halves := [2]*page[K, V]{nil, newPage[K, V](pageSize)} // a table that grows, grows on
	if l.fresh.has(i) {
		var room [pageSize]item[K, V]
		halves[0], items = l.slots[i], append(room[:0], items...)
		halves[0].empty()
	} else {
		halves[0] = newPage[K, V](pageSize)
	}
	for _, it := range items {
		hash := k.hash(it.key)
		halves[hash>>shift>>depth&1].push(hash, it)
	}
	i &= 1<<depth - 1
	for bit, half := range halves {
		at := i | bit<<depth
		l.put(at, depth+1, half)
		k.remark(l, at, depth+1)
	}
}

// fork returns a branch with the pages of l, which is full: the lowest digits of a slot
// are those of the branch, the others those of the slot in its kid.
func (k *kind[K, V]) fork(e *edit, l *leaf[K, V], shift int) *branch[K, V] {
	b := &branch[K, V]{edit: e}
	for i := range b.kids {
		for depth := l.depth(i); depth < branchBits; depth++ {
			k.split(l, i, depth, shift) // a page of several kids
		}
		kid := newLeaf[K, V](leafWidth / branchWidth)
		kid.edit = e
		for j := range kid.slots {
			kid.take(j, l, i|j<<branchBits)
		}
		b.kids[i].leaf, b.marks[i] = kid, union(kid.marks)
	}
	return b
}

// push adds an item.
func (p *page[K, V]) push(hash uint64, it item[K, V]) {
	if n := len(p.items); n < pageSize {
		p.tags |= tagOf(hash) << (n * 8)
	}
	p.items = append(p.items, it)
}

// empty takes all items out of p, and leaves nothing of them in memory.
func (p *page[K, V]) empty() {
	clear(p.items)
	p.tags, p.items = 0, p.items[:0]
}

// clone returns a copy with room for n items, which may be more.
func (p *page[K, V]) clone(n int) *page[K, V] {
	c := newPage[K, V](n)
	c.tags, c.items = p.tags, append(c.items, p.items...)
	return c
}

// without returns p without an item.
func (k *kind[K, V]) without(p *page[K, V], i int) *page[K, V] {
	rest := newPage[K, V](len(p.items) - 1)
	for j, it := range p.items {
		if j != i {
			rest.push(k.hash(it.key), it)
		}
	}
	return rest
}

// delete returns the table without key.
func (k *kind[K, V]) delete(e *edit, t table[K, V], key K) table[K, V] {
	hash := k.hash(key)
	if _, ok := t.get(hash, key); !ok {
		return t
	}
	t.root = k.deleteIn(e, t.root, 0, hash, key)
	if t.n--; t.n == 0 {
		t.root = link[K, V]{}
	}
	return t
}

// deleteIn takes out a key that is there. Pages that together fill half of one become
// one, a leaf of equal halves becomes one of them, and a branch of few items a leaf.
func (k *kind[K, V]) deleteIn(e *edit, s link[K, V], shift int, hash uint64, key K) link[K, V] {
	if s.branch != nil {
		b := s.branch.own(e)
		i := hash >> shift % branchWidth
		b.kids[i] = k.deleteIn(e, b.kids[i], shift+branchBits, hash, key)
		b.marks[i] = b.kids[i].marks()
		if l := b.kids[i].leaf; l == nil || len(l.slots) > 1 || len(l.slots[0].items) > pageSize/4 {
			return link[K, V]{branch: b}
		}
		return k.join(e, b, shift)
	}
	l := s.leaf.own(e)
	i := l.at(hash >> shift)
	depth := l.depth(i)
	l.put(i, depth, k.without(l.slots[i], l.slots[i].find(hash, key)))
	for ; depth > 0; depth-- {
		buddy := i ^ 1<<(depth-1)
		n := len(l.slots[i].items) + len(l.slots[buddy].items)
		if n > pageSize/2 || l.depth(buddy) != depth {
			break
		}
		joined := l.slots[i].clone(n)
		for _, it := range l.slots[buddy].items {
			joined.push(k.hash(it.key), it)
		}
		l.put(i, depth-1, joined)
	}
	k.remark(l, i, depth)
	half := len(l.slots) / 2
	for half > 0 && slices.Equal(l.slots[:half], l.slots[half:2*half]) {
		half /= 2
	}
	if n := max(1, 2*half); n < len(l.slots) {
		l = l.resized(n)
	}
	return link[K, V]{leaf: l}
}

// join returns a leaf with the items of b if they are few, or b.
func (k *kind[K, V]) join(e *edit, b *branch[K, V], shift int) link[K, V] {
	const few = leafWidth * pageSize / 8
	whole := link[K, V]{branch: b}
	if whole.len(few) > few {
		return whole
	}
	joined := link[K, V]{leaf: (*leaf[K, V])(nil).own(e)}
	whole.eachMarked(0, func(key K, val V) bool {
		joined, _ = k.setIn(e, joined, shift, k.hash(key), item[K, V]{key, val})
		return true
	})
	return joined
}

// pack lays the pages that a transaction put into s out anew, one after the other and
// without room to grow: a check of a large table then reads less memory. What snapshots
// before have a part in stays where it is.
func (s link[K, V]) pack(e *edit) {
	if b := s.branch; b != nil && b.edit == e {
		for _, kid := range b.kids {
			kid.pack(e)
		}
	}
	l := s.leaf
	if l == nil || l.edit != e {
		return
	}
	for i, p := range l.slots {
		if l.fresh.has(i) && !l.repeats(i) {
			l.put(i, l.depth(i), p.clone(len(p.items)))
		}
	}
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

// own returns l itself if the transaction made it, else a copy that it may change;
// for nil a leaf of one page, which is empty.
func (l *leaf[K, V]) own(e *edit) *leaf[K, V] {
	switch {
	case l == nil:
		l = newLeaf[K, V](1)
		l.edit = e
		l.put(0, 0, newPage[K, V](1))
		return l
	case l.edit == e:
		return l
	}
	c := newLeaf[K, V](len(l.slots))
	c.edit = e
	copy(c.slots, l.slots)
	copy(c.marks, l.marks)
	return c
}

// resized returns l, which is the transaction's own, with as many slots: the first ones,
// if the others repeat them, or twice as many.
func (l *leaf[K, V]) resized(slots int) *leaf[K, V] {
	c := newLeaf[K, V](slots)
	c.edit = l.edit
	for i := range c.slots {
		c.take(i, l, i%len(l.slots))
	}
	return c
}

// take makes slot i of l what slot j of o is, a leaf of the same transaction.
func (l *leaf[K, V]) take(i int, o *leaf[K, V], j int) {
	l.slots[i], l.marks[i] = o.slots[j], o.marks[j]
	if o.fresh.has(j) {
		l.fresh.add(i)
	}
}
