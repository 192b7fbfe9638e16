package snapshot

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sync/atomic"

	"github.com/google/btree"

	"github.com/portcullis-authz/portcullis/resource"
)

// recordSet holds the records of a snapshot, sorted as acl.Binding.Compare sorts their
// bindings: a tree, and the revisions that are pending, which the tree does not show yet.
// The zero recordSet is empty.
//
// Checks do not read the set, and a program that changes ACLs one by one seldom searches
// them. Therefore a small transaction only appends to the pending revisions. The first
// search applies them to a copy of the tree and caches the result; a transaction that finds
// maxPending of them does the same.
type recordSet struct {
	tree    *recordTree // nil if it is empty; it is never changed
	pending *pending    // the last one; nil if there is none
}

// recordTree holds records in the order of compareRecords. See cloned.
type recordTree = btree.BTreeG[*record]

// revision says that a record is new, replaces an equal one, or is removed. Two records are
// equal in this if compareRecords says so.
type revision struct {
	record  *record
	removed bool
}

// pending is a revision that the tree does not show yet.
type pending struct {
	revision
	count int32 // how many revisions are pending with this one
	// before is the pending revision before this one. It is nil for the first one, and also
	// once applied is set.
	before atomic.Pointer[pending]
	// applied shows this revision and all before it. A search sets it.
	applied atomic.Pointer[recordTree]
}

// maxPending bounds how many revisions are pending. They are applied in the order of the
// records, so many of them cost less each: neighbours find the nodes that they need in the
// processor's cache. All of them together take a few milliseconds.
const maxPending = 4096

// len returns how many revisions are pending.
func (p *pending) len() int {
	if p == nil {
		return 0
	}
	return int(p.count)
}

// list returns the pending revisions since the last one that was applied, in their order,
// and the tree that shows the others; nil if none was applied.
func (p *pending) list() (list []revision, applied *recordTree) {
	list = make([]revision, 0, p.len())
	for p != nil {
		before := p.before.Load() // read before applied: a search sets applied and then clears before
		if applied = p.applied.Load(); applied != nil {
			break
		}
		list = append(list, p.revision)
		p = before
	}
	slices.Reverse(list)
	return list, applied
}

// with returns the set after the revisions in list.
func (s recordSet) with(list []revision) recordSet {
	if s.pending != nil {
		if tree := s.pending.applied.Load(); tree != nil {
			s = recordSet{tree: tree}
		}
	}
	if s.pending.len()+len(list) > maxPending {
		return recordSet{tree: s.treeWith(list)}
	}
	for _, r := range list {
		next := &pending{revision: r, count: int32(s.pending.len()) + 1}
		next.before.Store(s.pending)
		s.pending = next
	}
	return s
}

// all returns a tree that shows all revisions.
func (s recordSet) all() *recordTree {
	if s.pending == nil {
		return cmp.Or(s.tree, newRecordTree())
	}
	if tree := s.pending.applied.Load(); tree != nil {
		return tree
	}
	tree := s.treeWith(nil)
	s.pending.applied.Store(tree) // if several searches do this at the same time, each tree is right
	s.pending.before.Store(nil)
	return tree
}

// treeWith returns a tree that shows all revisions, and those in list.
func (s recordSet) treeWith(list []revision) *recordTree {
	pending, tree := s.pending.list()
	return revised(cmp.Or(tree, s.tree), append(pending, list...))
}

func newRecordTree() *recordTree {
	return btree.NewG(recordDegree, func(a, b *record) bool { return compareRecords(a, b) < 0 })
}

// recordDegree is the degree of a recordTree: 16 to 64 cost about the same.
const recordDegree = 32

// revised returns a copy of tree, which may be nil, with the revisions in list. It reorders
// list.
func revised(tree *recordTree, list []revision) *recordTree {
	// Of several revisions of one record the last one counts.
	slices.SortStableFunc(list, func(a, b revision) int { return compareRecords(a.record, b.record) })
	tree = cmp.Or(cloned(tree), newRecordTree())
	for _, r := range list {
		if r.removed {
			tree.Delete(r.record)
		} else {
			tree.ReplaceOrInsert(r.record)
		}
	}
	return tree
}

// cloned returns a copy of tree, which may be nil. The copy may be changed, and shares what
// does not change with tree. Trees in published snapshots must be cloned with this function:
// Clone writes to its receiver, which others may be cloning at the same time.
func cloned[T any](tree *btree.BTreeG[T]) *btree.BTreeG[T] {
	if tree == nil {
		return nil
	}
	receiver := *tree
	return receiver.Clone()
}

// get returns the record that is equal to pivot, or nil.
func (s recordSet) get(pivot *record) *record {
	r, _ := s.all().Get(pivot)
	return r
}

// from yields the records that are not before pivot, in their order.
func (s recordSet) from(pivot *record) iter.Seq[*record] {
	return func(yield func(*record) bool) { s.all().AscendGreaterOrEqual(pivot, yield) }
}

// namesake returns a record of a resource, or nil if there is none. It does not look at
// pending revisions: it may miss a new record, and return a removed one.
func (s recordSet) namesake(t resource.Type, name string) (found *record) {
	if s.tree == nil {
		return nil
	}
	last := &record{name: name, typ: t, pattern: math.MaxInt8} // not before any record of the resource
	s.tree.DescendLessOrEqual(last, func(r *record) bool {
		if r.typ == t && r.name == name {
			found = r
		}
		return false
	})
	return found
}
