package snapshot

import (
	"hash/maphash"
	"iter"
	"math/bits"
)

// edit marks the nodes that one transaction made: it may change those in place,
// and copies all others, which published snapshots may be reading. Once the
// transaction is over nobody holds its edit, so its nodes never change again.
type edit struct{ _ byte } // not empty: distinct edits need distinct addresses

// hashSeed is drawn once a process, so that nobody outside can choose names that
// collide.
var hashSeed = maphash.MakeSeed()

func hashString(s string) uint64 { return maphash.String(hashSeed, s) }

// hashMap is a persistent hash map: a hash array mapped trie with 32-way nodes.
// An update copies the path to one item and shares the rest. The zero hashMap is
// empty. The caller passes the hash of the key, which must be the same for equal
// keys.
type hashMap[K comparable, V any] struct {
	root *hashNode[K, V]
	n    int
}

// hashNode holds the items whose hashes agree in the bits above it. Below
// hashBits no bits are left: such a node keeps its items as a plain list, with
// an empty bitmap.
type hashNode[K comparable, V any] struct {
	edit   *edit
	bitmap uint32 // bit i: there is an item for the hash digit i
	items  []hashItem[K, V]
}

// hashItem is a key with its value or, if child is not nil, a deeper node.
type hashItem[K comparable, V any] struct {
	child *hashNode[K, V]
	hash  uint64
	key   K
	val   V
}

const (
	digitBits = 5
	digitMask = 1<<digitBits - 1
	hashBits  = 60 // the 12 whole digits of a 64-bit hash
)

func (m hashMap[K, V]) len() int { return m.n }

func (m hashMap[K, V]) get(hash uint64, key K) (val V, ok bool) {
	n := m.root
	for shift := 0; n != nil; shift += digitBits {
		if shift >= hashBits {
			return n.getFromList(key)
		}
		bit := uint32(1) << (hash >> shift & digitMask)
		if n.bitmap&bit == 0 {
			return val, false
		}
		item := &n.items[n.position(bit)]
		if item.child == nil {
			if item.hash == hash && item.key == key {
				return item.val, true
			}
			return val, false
		}
		n = item.child
	}
	return val, false
}

func (n *hashNode[K, V]) getFromList(key K) (val V, ok bool) {
	for i := range n.items {
		if n.items[i].key == key {
			return n.items[i].val, true
		}
	}
	return val, false
}

func (n *hashNode[K, V]) position(bit uint32) int { return bits.OnesCount32(n.bitmap & (bit - 1)) }

// all yields the keys and values in no order that a caller may rely on.
func (m hashMap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.root.each(yield) }
}

func (n *hashNode[K, V]) each(yield func(K, V) bool) bool {
	if n == nil {
		return true
	}
	for i := range n.items {
		item := &n.items[i]
		if item.child != nil {
			if !item.child.each(yield) {
				return false
			}
		} else if !yield(item.key, item.val) {
			return false
		}
	}
	return true
}

// set returns the map with key bound to val.
func (m hashMap[K, V]) set(e *edit, hash uint64, key K, val V) hashMap[K, V] {
	root, added := m.root.set(e, 0, hashItem[K, V]{hash: hash, key: key, val: val})
	m.root = root
	if added {
		m.n++
	}
	return m
}

func (n *hashNode[K, V]) set(e *edit, shift int, item hashItem[K, V]) (_ *hashNode[K, V], added bool) {
	if n == nil {
		n = &hashNode[K, V]{edit: e}
	}
	if shift >= hashBits {
		for i := range n.items {
			if n.items[i].key == item.key {
				n = n.own(e)
				n.items[i] = item
				return n, false
			}
		}
		n = n.own(e)
		n.items = append(n.items, item)
		return n, true
	}
	bit := uint32(1) << (item.hash >> shift & digitMask)
	pos := n.position(bit)
	if n.bitmap&bit == 0 {
		return n.insert(e, pos, bit, item), true
	}
	n = n.own(e)
	old := &n.items[pos]
	switch {
	case old.child != nil:
		old.child, added = old.child.set(e, shift+digitBits, item)
		return n, added
	case old.hash == item.hash && old.key == item.key:
		old.val = item.val
		return n, false
	}
	// Two keys with the same digits so far: both go one level down.
	child, _ := (*hashNode[K, V])(nil).set(e, shift+digitBits, *old)
	child, _ = child.set(e, shift+digitBits, item)
	n.items[pos] = hashItem[K, V]{child: child}
	return n, true
}

// insert returns n with a new item at pos. A new node has room for one item
// only: most nodes of a large map are small, and stay so.
func (n *hashNode[K, V]) insert(e *edit, pos int, bit uint32, item hashItem[K, V]) *hashNode[K, V] {
	items := make([]hashItem[K, V], len(n.items)+1)
	copy(items, n.items[:pos])
	items[pos] = item
	copy(items[pos+1:], n.items[pos:])
	if n.edit != e {
		n = &hashNode[K, V]{edit: e, bitmap: n.bitmap}
	}
	n.items = items
	n.bitmap |= bit
	return n
}

// delete returns the map without key.
func (m hashMap[K, V]) delete(e *edit, hash uint64, key K) hashMap[K, V] {
	root, removed := m.root.delete(e, 0, hash, key)
	if removed {
		m.root = root
		m.n--
	}
	return m
}

// delete returns nil for a node that has lost its last item. A node that is left
// with one item and no child is folded into its parent, so that a map that
// shrank is shaped as if it had never been larger.
func (n *hashNode[K, V]) delete(e *edit, shift int, hash uint64, key K) (_ *hashNode[K, V], removed bool) {
	if n == nil {
		return nil, false
	}
	if shift >= hashBits {
		for i := range n.items {
			if n.items[i].key == key {
				return n.without(e, i, 0), true
			}
		}
		return n, false
	}
	bit := uint32(1) << (hash >> shift & digitMask)
	if n.bitmap&bit == 0 {
		return n, false
	}
	pos := n.position(bit)
	item := &n.items[pos]
	if item.child == nil {
		if item.hash != hash || item.key != key {
			return n, false
		}
		return n.without(e, pos, bit), true
	}
	child, removed := item.child.delete(e, shift+digitBits, hash, key)
	if !removed {
		return n, false
	}
	if child == nil {
		return n.without(e, pos, bit), true
	}
	n = n.own(e)
	if len(child.items) == 1 && child.items[0].child == nil {
		n.items[pos] = child.items[0]
	} else {
		n.items[pos].child = child
	}
	return n, true
}

func (n *hashNode[K, V]) without(e *edit, pos int, bit uint32) *hashNode[K, V] {
	if len(n.items) == 1 {
		return nil
	}
	items := make([]hashItem[K, V], len(n.items)-1)
	copy(items, n.items[:pos])
	copy(items[pos:], n.items[pos+1:])
	return &hashNode[K, V]{edit: e, bitmap: n.bitmap &^ bit, items: items}
}

// own returns n itself if the transaction made it, else a copy that it may
// change.
func (n *hashNode[K, V]) own(e *edit) *hashNode[K, V] {
	if n.edit == e {
		return n
	}
	return &hashNode[K, V]{edit: e, bitmap: n.bitmap, items: append([]hashItem[K, V](nil), n.items...)}
}
