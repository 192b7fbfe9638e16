//go:build invariants

package phash

import (
	"fmt"
	"math/bits"
)

// Verify returns an error that says what is wrong with the structure of t, or nil. It exists
// only in builds with the tag invariants.
func (k *Kind[K, V]) Verify(t Table[K, V]) error {
	n, err := k.verifyLink(t.root, 0, 0)
	if err == nil && n != t.n {
		return fmt.Errorf("the table has %d items, but its count is %d", n, t.n)
	}
	return err
}

// verifyLink returns the number of items below s. The lowest shift bits of their hashes are
// digits.
func (k *Kind[K, V]) verifyLink(s link[K, V], shift int, digits uint64) (items int, err error) {
	if l := s.leaf; l != nil {
		return k.verifyLeaf(l, shift, digits)
	}
	b := s.branch
	if b == nil {
		return 0, nil
	}
	for i, kid := range b.kids {
		n, err := k.verifyLink(kid, shift+branchBits, digits|uint64(i)<<shift)
		if err != nil {
			return 0, err
		}
		if b.marks[i] != kid.marks() {
			return 0, fmt.Errorf("a kid has the marks %[2]b, but the branch says %[1]b", b.marks[i], kid.marks())
		}
		items += n
	}
	return items, nil
}

func (k *Kind[K, V]) verifyLeaf(l *leaf[K, V], shift int, digits uint64) (items int, err error) {
	width := len(l.slots)
	if width == 0 || width > leafWidth || width&(width-1) != 0 {
		return 0, fmt.Errorf("a leaf has %d slots", width)
	}
	for i, p := range l.slots {
		depth := l.depth(i)
		if len(p.items) > pageSize && (depth < leafBits || shift+branchBits <= maxShift) {
			return 0, fmt.Errorf("a page has %d items at depth %d of a leaf at shift %d", len(p.items), depth, shift)
		}
		var marks Marks
		for j, it := range p.items {
			hash := k.Hash(it.key)
			if k.Marks != nil {
				marks |= k.Marks(it.val)
			}
			switch {
			case j < pageSize && p.tags>>(j*8)&0xff != tagOf(hash):
				return 0, fmt.Errorf("the tags are %x, but the tag of item %d is %x", p.tags, j, tagOf(hash))
			case hash&(1<<shift-1) != digits, (hash>>shift^uint64(i))&(1<<depth-1) != 0:
				return 0, fmt.Errorf("an item with the hash %x is in slot %d at depth %d, below the digits %x", hash, i, depth, digits)
			}
		}
		if l.marks[i] != marks {
			return 0, fmt.Errorf("a page has the marks %[2]b, but the leaf says %[1]b", l.marks[i], marks)
		}
		if used := min(len(p.items), pageSize) * 8; bits.Len64(p.tags) > used {
			return 0, fmt.Errorf("the tags are %x, but there are only %d items", p.tags, len(p.items))
		}
		if !l.repeats(i) {
			items += len(p.items)
		}
	}
	return items, nil
}
