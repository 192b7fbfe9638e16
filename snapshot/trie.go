package snapshot

import (
	"bytes"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/phash"
)

// trie is a persistent path-compressed trie that counts byte strings. It answers
// which of its keys are prefixes of a name in one walk down, of at most as many steps
// as the name has bytes. An update copies the path to one key and shares the rest.
// The zero trie is empty.
type trie struct {
	root *trieNode // its label is empty
	n    int
}

// trieNode stands for the key made of the labels from the root down to it.
type trieNode struct {
	edit  *phash.Edit
	label string
	has   bool // the key is in the trie, with val
	val   int32
	first []byte      // first[i] is the first byte of kids[i].label; sorted
	kids  []*trieNode // with labels that are not empty
}

// next returns the child on the way to rest, and what of rest remains behind its
// label, or nil if no key continues with rest.
func (n *trieNode) next(rest string) (*trieNode, string) {
	if rest == "" {
		return nil, ""
	}
	i := bytes.IndexByte(n.first, rest[0])
	if i < 0 {
		return nil, ""
	}
	kid := n.kids[i]
	if !strings.HasPrefix(rest, kid.label) {
		return nil, ""
	}
	return kid, rest[len(kid.label):]
}

func (t trie) get(key string) (val int32, ok bool) {
	n, rest := t.root, key
	for n != nil && rest != "" {
		n, rest = n.next(rest)
	}
	if n == nil {
		return val, false
	}
	return n.val, n.has
}

// each calls yield for every key in byte order until it returns false.
func (t trie) each(yield func(key string, val int32) bool) {
	if t.root != nil {
		t.root.each("", yield)
	}
}

func (n *trieNode) each(prefix string, yield func(string, int32) bool) bool {
	key := prefix + n.label
	if n.has && !yield(key, n.val) {
		return false
	}
	for _, kid := range n.kids {
		if !kid.each(key, yield) {
			return false
		}
	}
	return true
}

// set returns the trie with key bound to val.
func (t trie) set(e *phash.Edit, key string, val int32) trie {
	root := t.root
	if root == nil {
		root = &trieNode{edit: e}
	}
	root, added := root.set(e, key, val)
	t.root = root
	if added {
		t.n++
	}
	return t
}

func (n *trieNode) set(e *phash.Edit, rest string, val int32) (_ *trieNode, added bool) {
	n = n.own(e)
	if rest == "" {
		added = !n.has
		n.has, n.val = true, val
		return n, added
	}
	i, found := slices.BinarySearch(n.first, rest[0])
	if !found {
		n.first = slices.Insert(n.first, i, rest[0])
		n.kids = slices.Insert(n.kids, i, &trieNode{edit: e, label: rest, has: true, val: val})
		return n, true
	}
	kid := n.kids[i]
	shared := sharedPrefix(kid.label, rest)
	if shared < len(kid.label) {
		kid = kid.split(e, shared)
	}
	n.kids[i], added = kid.set(e, rest[shared:], val)
	return n, added
}

// split returns a node for the first at bytes of n's label, with the rest of n
// as its only child.
func (n *trieNode) split(e *phash.Edit, at int) *trieNode {
	lower := n.own(e)
	upper := &trieNode{edit: e, label: lower.label[:at], first: []byte{lower.label[at]}, kids: []*trieNode{lower}}
	lower.label = lower.label[at:]
	return upper
}

func sharedPrefix(a, b string) int {
	n, i := min(len(a), len(b)), 0
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// delete returns the trie without key.
func (t trie) delete(e *phash.Edit, key string) trie {
	if _, ok := t.get(key); !ok {
		return t
	}
	t.root = t.root.delete(e, key)
	t.n--
	if t.n == 0 {
		t.root = nil
	}
	return t
}

// delete takes out a key that is there. It returns nil for a node that has
// nothing left, and joins a node with its only child, so that a trie that shrank
// is shaped as if it had never been larger.
func (n *trieNode) delete(e *phash.Edit, rest string) *trieNode {
	n = n.own(e)
	if rest == "" {
		n.has, n.val = false, 0
	} else {
		i, _ := slices.BinarySearch(n.first, rest[0])
		kid := n.kids[i]
		if kid = kid.delete(e, rest[len(kid.label):]); kid != nil {
			n.kids[i] = kid
		} else {
			n.first = slices.Delete(n.first, i, i+1)
			n.kids = slices.Delete(n.kids, i, i+1)
		}
	}
	switch {
	case n.has || len(n.kids) > 1 || n.label == "":
		return n // the root keeps its empty label, whatever hangs below it
	case len(n.kids) == 0:
		return nil
	}
	kid := n.kids[0].own(e)
	kid.label = n.label + kid.label
	return kid
}

// own returns n itself if the transaction made it, else a copy that it may
// change.
func (n *trieNode) own(e *phash.Edit) *trieNode {
	if n.edit == e {
		return n
	}
	c := *n
	c.edit = e
	c.first = slices.Clone(n.first)
	c.kids = slices.Clone(n.kids)
	return &c
}
