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
// compare. The tags stand in the leaf, so that a look-up that finds nothing reads no
// page. An update copies the path to one page and shares the rest; branches and
// leaves are narrow enough for that to be little. The zero table is empty.
//
// Two shapes were tried before: a hash array mapped trie takes twice as many steps,
// each a cache miss in a large table; wide branches of pages that hold their own tags
// take one step more, and copy four times as much.
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

// leaf holds the pages of all items whose hashes agree in the digits above it. Their
// number is a power of two. Those whose numbers agree in the lowest bits may be one
// and the same page, as long as it is not full; the number of these bits is the depth
// of the page.
type leaf[K comparable, V any] struct {
	edit  *edit
	marks ops.Set // of the items
	// fresh has a bit for each page whose items the transaction of edit laid out: where
	// there is room, it may append to them.
	fresh uint32
	pages []page[K, V]
}

type page[K comparable, V any] struct {
	tags  uint64 // a byte for each of the first items; 0 behind the last
	items []item[K, V]
}

type item[K comparable, V any] struct {
	key K
	val V
}

const (
	branchBits  = 4
	branchWidth = 1 << branchBits
	leafBits    = 5 // of a leaf of full width
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

// matching returns a word whose bytes have their highest bit set where tags has
// the tag. Bytes above a match may be set without one: the keys tell.
func matching(tags, tag uint64) uint64 {
	x := tags ^ tag*everyByte
	return (x - everyByte) &^ x & (0x80 * everyByte)
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
	p := &s.leaf.pages[digits&uint64(len(s.leaf.pages)-1)]
	for m := matching(p.tags, tagOf(hash)); m != 0; m &= m - 1 {
		if i := bits.TrailingZeros64(m) / 8; i < len(p.items) && p.items[i].key == key {
			return p.items[i].val, true
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
		if i := bits.TrailingZeros64(m) / 8; i < len(p.items) && p.items[i].key == key {
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

// eachMarked calls yield, until it returns false, for every item in a leaf of which
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
	if s.leaf == nil || marked != 0 && s.leaf.marks&marked == 0 {
		return true
	}
	for i := range s.leaf.pages {
		if s.leaf.repeats(i) {
			continue
		}
		for _, it := range s.leaf.pages[i].items {
			if !yield(it.key, it.val) {
				return false
			}
		}
	}
	return true
}

// marks returns the union of the marks of all items behind s.
func (s link[K, V]) marks() (m ops.Set) {
	if s.branch != nil {
		for _, kid := range s.branch.marks {
			m |= kid
		}
	} else if s.leaf != nil {
		m = s.leaf.marks
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
		b.marks[i] = b.kids[i].marks()
		return link[K, V]{branch: b}, added
	}
	l := s.leaf.own(e)
	for {
		i := l.at(hash >> shift)
		p := l.pages[i]
		depth := l.depth(i)
		at := p.find(hash, it.key)
		switch {
		case at >= 0:
			l.put(i, depth, p.with(at, it))
			k.remark(l, it.val)
			return link[K, V]{leaf: l}, false
		case len(p.items) < pageSize || shift+branchBits > maxShift && 1<<depth == leafWidth:
			l.put(i, depth, l.owned(i).push(hash, it))
			if k.marks != nil {
				l.marks |= k.marks(it.val)
			}
			return link[K, V]{leaf: l}, true
		case 1<<depth < len(l.pages):
			k.split(l, i, depth, shift)
		case len(l.pages) < leafWidth:
			l.fresh |= l.fresh << len(l.pages)
			l.pages = append(slices.Grow(l.pages, len(l.pages)), l.pages...)
		default:
			return k.setIn(e, link[K, V]{branch: k.fork(e, l, shift)}, shift, hash, it)
		}
	}
}

// at returns which page of l the digits choose.
func (l *leaf[K, V]) at(digits uint64) int { return int(digits & uint64(len(l.pages)-1)) }

// repeats reports whether page i is the same as one before it.
func (l *leaf[K, V]) repeats(i int) bool {
	return i > 0 && l.pages[i].same(&l.pages[i&^(1<<(bits.Len(uint(i))-1))])
}

// same reports whether two pages of a leaf are one. Of empty pages it does not matter.
func (p *page[K, V]) same(o *page[K, V]) bool {
	return len(p.items) == len(o.items) && (len(p.items) == 0 || &p.items[0] == &o.items[0])
}

// depth returns the depth of page i.
func (l *leaf[K, V]) depth(i int) int {
	depth := bits.Len(uint(len(l.pages))) - 1
	for depth > 0 && l.shared(i, depth-1) {
		depth--
	}
	return depth
}

// shared reports whether all pages whose numbers agree with i in the lowest bits,
// depth of them, are the same.
func (l *leaf[K, V]) shared(i, depth int) bool {
	step := 1 << depth
	for j := i & (step - 1); j < len(l.pages); j += step {
		if !l.pages[j].same(&l.pages[i]) {
			return false
		}
	}
	return true
}

// put makes p, whose items the transaction laid out, the page of all numbers that agree
// with i in the lowest bits, depth of them.
func (l *leaf[K, V]) put(i, depth int, p page[K, V]) {
	step := 1 << depth
	for j := i & (step - 1); j < len(l.pages); j += step {
		l.pages[j] = p
		l.fresh |= 1 << j
	}
}

// owned returns page i, with items that the transaction may append to: a copy with room
// for one more, unless it laid them out itself.
func (l *leaf[K, V]) owned(i int) page[K, V] {
	p := l.pages[i]
	if l.fresh>>i&1 == 0 {
		p.items = append(make([]item[K, V], 0, len(p.items)+1), p.items...)
	}
	return p
}

// remark sets the marks of l when val has taken the place of another value. Mostly a
// few items have all marks there are, and the rest need not be looked at.
func (k *kind[K, V]) remark(l *leaf[K, V], val V) {
	if k.marks != nil {
		l.marks = k.marksOf(l, l.marks|k.marks(val))
	}
}

// marksOf returns the union of the marks of all items in l, which are some of those
// given.
func (k *kind[K, V]) marksOf(l *leaf[K, V], all ops.Set) (m ops.Set) {
	if k.marks == nil {
		return 0
	}
	for i := range l.pages {
		for j := range l.pages[i].items {
			if m |= k.marks(l.pages[i].items[j].val); m == all {
				return m
			}
		}
	}
	return m
}

// split divides page i, of a depth that leaves room for it, in two.
func (k *kind[K, V]) split(l *leaf[K, V], i, depth, shift int) {
	var halves [2]page[K, V]
	for i := range halves {
		halves[i].items = make([]item[K, V], 0, pageSize) // a table that grows, grows on
	}
	for _, it := range l.pages[i].items {
		hash := k.hash(it.key)
		half := &halves[hash>>shift>>depth&1]
		*half = half.push(hash, it)
	}
	i &= 1<<depth - 1
	l.put(i, depth+1, halves[0])
	l.put(i|1<<depth, depth+1, halves[1])
}

// fork returns a branch with the items of l, which is full.
func (k *kind[K, V]) fork(e *edit, l *leaf[K, V], shift int) *branch[K, V] {
	b := &branch[K, V]{edit: e}
	link[K, V]{leaf: l}.eachMarked(0, func(key K, val V) bool {
		hash := k.hash(key)
		i := hash >> shift % branchWidth
		b.kids[i], _ = k.setIn(e, b.kids[i], shift+branchBits, hash, item[K, V]{key, val})
		b.marks[i] = b.kids[i].marks()
		return true
	})
	return b
}

// push returns p, which the transaction may append to, with one item more.
func (p page[K, V]) push(hash uint64, it item[K, V]) page[K, V] {
	n := len(p.items)
	if n < pageSize {
		p.tags |= tagOf(hash) << (n * 8)
	}
	p.items = append(p.items, it)
	return p
}

// with returns p with an item replaced by another of the same key.
func (p page[K, V]) with(i int, it item[K, V]) page[K, V] {
	p.items = slices.Clone(p.items)
	p.items[i] = it
	return p
}

// without returns p without an item.
func (k *kind[K, V]) without(p page[K, V], i int) (rest page[K, V]) {
	for j, it := range p.items {
		if j != i {
			rest = rest.push(k.hash(it.key), it)
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
		if l := b.kids[i].leaf; l == nil || len(l.pages) > 1 || len(l.pages[0].items) > pageSize/4 {
			return link[K, V]{branch: b}
		}
		return k.join(e, b, shift)
	}
	l := s.leaf.own(e)
	i := l.at(hash >> shift)
	depth := l.depth(i)
	l.put(i, depth, k.without(l.pages[i], l.pages[i].find(hash, key)))
	for ; depth > 0; depth-- {
		buddy := i ^ 1<<(depth-1)
		if l.depth(buddy) != depth || len(l.pages[i].items)+len(l.pages[buddy].items) > pageSize/2 {
			break
		}
		joined := l.owned(i)
		for _, it := range l.pages[buddy].items {
			joined = joined.push(k.hash(it.key), it)
		}
		l.put(i, depth-1, joined)
	}
	for half := len(l.pages) / 2; half > 0 && slices.EqualFunc(l.pages[:half], l.pages[half:],
		func(a, b page[K, V]) bool { return a.same(&b) }); half /= 2 {
		l.pages = slices.Clone(l.pages[:half])
		l.fresh &= 1<<half - 1
	}
	l.marks = k.marksOf(l, l.marks)
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
	packed := make([]page[K, V], len(l.pages))
	for i, p := range l.pages {
		if l.repeats(i) {
			packed[i] = packed[i&^(1<<(bits.Len(uint(i))-1))]
			continue
		}
		packed[i] = page[K, V]{p.tags, slices.Clip(slices.Clone(p.items))}
	}
	l.pages = packed
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
		return &leaf[K, V]{edit: e, pages: make([]page[K, V], 1)}
	case l.edit == e:
		return l
	}
	return &leaf[K, V]{edit: e, marks: l.marks, pages: slices.Clone(l.pages)}
}
