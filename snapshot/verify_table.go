//go:build invariants

package snapshot

import (
	"fmt"
	"math/bits"

	"github.com/portcullis-authz/portcullis/ops"
)

// verify returns an error that says what is wrong with t, or nil.
func (k *kind[K, V]) verify(t table[K, V]) error {
	n, err := k.verifyLink(t.root, 0, 0)
	if err == nil && n != t.n {
		return fmt.Errorf("%d items in a table of %d", n, t.n)
	}
	return err
}

// verifyLink returns the number of items behind s, to which the digits lead, shift of
// them.
func (k *kind[K, V]) verifyLink(s link[K, V], shift int, digits uint64) (items int, err error) {
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
			return 0, fmt.Errorf("marks %b of a kid with %b", b.marks[i], kid.marks())
		}
		items += n
	}
	return items, nil
}

func (k *kind[K, V]) verifyLeaf(l *leaf[K, V], shift int, digits uint64) (items int, err error) {
	width := len(l.slots)
	if width == 0 || width > leafWidth || width&(width-1) != 0 {
		return 0, fmt.Errorf("a leaf of %d slots", width)
	}
	for i, p := range l.slots {
		depth := l.depth(i)
		if len(p.items) > pageSize && (depth < leafBits || shift+branchBits <= maxShift) {
			return 0, fmt.Errorf("a page of %d items at depth %d of a leaf at %d", len(p.items), depth, shift)
		}
		var marks ops.Set
		for j, it := range p.items {
			hash := k.hash(it.key)
			if k.marks != nil {
				marks |= k.marks(it.val)
			}
			switch {
			case j < pageSize && p.tags>>(j*8)&0xff != tagOf(hash):
				return 0, fmt.Errorf("tags %x: item %d has the tag %x", p.tags, j, tagOf(hash))
			case hash&(1<<shift-1) != digits, (hash>>shift^uint64(i))&(1<<depth-1) != 0:
				return 0, fmt.Errorf("an item of hash %x in page %d of depth %d, behind %x", hash, i, depth, digits)
			}
		}
		if l.marks[i] != marks {
			return 0, fmt.Errorf("marks %b of a page with %b", l.marks[i], marks)
		}
		if used := min(len(p.items), pageSize) * 8; bits.Len64(p.tags) > used {
			return 0, fmt.Errorf("tags %x of %d items", p.tags, len(p.items))
		}
		if !l.repeats(i) {
			items += len(p.items)
		}
	}
	return items, nil
}
