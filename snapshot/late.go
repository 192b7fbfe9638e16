package snapshot

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// revision is a record that is put in, in place of an equal one or new, or taken out.
type revision struct {
	record *record
	gone   bool
	at     int32  // which of its list it is
	order  uint64 // see orderOf
}

// late is a revision that waits to be done to a tree, behind those that came before it.
// nil stands for none.
type late struct {
	record *record
	gone   bool
	at     int32 // how many came before it
	before atomic.Pointer[late]
	// tree shows this revision and all before it, once somebody asked: see ordered. Then
	// before is not needed any more, and let go of.
	tree atomic.Pointer[run]
}

// len returns how many revisions wait, or more.
func (l *late) len() int {
	if l == nil {
		return 0
	}
	return int(l.at) + 1
}

// with returns l with more revisions, in the order of the list.
func (l *late) with(list []revision) *late {
	for _, r := range list {
		next := &late{record: r.record, gone: r.gone, at: int32(l.len())}
		next.before.Store(l)
		l = next
	}
	return l
}

// list returns the revisions that wait behind the last tree that was made, the first one
// first, and that tree, or nil.
func (l *late) list() (list []revision, tree *run) {
	list = make([]revision, 0, l.len())
	for l != nil {
		before := l.before.Load() // not after tree: it may be let go of in between
		if tree = l.tree.Load(); tree != nil {
			break
		}
		list = append(list, revision{record: l.record, gone: l.gone})
		l = before
	}
	slices.Reverse(list)
	return list, tree
}

// get returns the last revision of the record that is equal to pivot in its order, or nil.
func (l *late) get(pivot *record) *late {
	for l != nil && compareRecords(l.record, pivot) != 0 {
		l = l.before.Load()
	}
	return l
}

// inOrder returns the last revision of each record in the list, which it uses up, in the
// order of the records.
func inOrder(list []revision) []revision {
	if len(list) < 2 {
		return list
	}
	prefix := list[0].record.name
	for _, r := range list[1:] {
		prefix = prefix[:sharedPrefix(prefix, r.record.name)]
	}
	for i := range list {
		list[i].order, list[i].at = orderOf(list[i].record, len(prefix)), int32(i)
	}
	slices.SortFunc(list, func(a, b revision) int {
		if c := cmp.Compare(a.order, b.order); c != 0 {
			return c
		}
		return cmp.Or(compareRecords(a.record, b.record), cmp.Compare(b.at, a.at)) // the later one first
	})
	return slices.CompactFunc(list, func(a, b revision) bool {
		return a.order == b.order && compareRecords(a.record, b.record) == 0
	})
}
