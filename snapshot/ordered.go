package snapshot

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/google/btree"

	"github.com/portcullis-authz/portcullis/resource"
)

// ordered is the records in the order of acl.Binding.Compare: a tree, and beside it what
// the last small transactions did, which the tree does not show yet. That is done to the
// tree when there is enough of it: to copy a path through a tree of a million records
// would be a third of the cost of a small transaction. No check reads it. It is
// immutable; the zero value is empty.
type ordered struct {
	tree *btree.BTreeG[*record] // nil when nothing was put there yet
	late *late
}

// late is a revision that the tree does not show yet, with those before it.
type late struct {
	revision
	before *late
}

// revision is a record that was put in, in place of an equal one or new, or taken out.
type revision struct {
	record *record
	order  uint64 // as the records are ordered, as far as eight bytes tell: see sortRevisions
	at     int32  // how many revisions came before
	gone   bool
}

// degree is the number of children of a node of the tree. Somewhat arbitrarily chosen:
// from 6 to 64 the cost of an update hardly changes.
const degree = 16

// lateMost is how many revisions there may be beside the tree. More of them would make a
// search, which looks at each, slower than what is saved.
const lateMost = 32

// get returns the record that is equal to pivot in its order, or nil.
func (o ordered) get(pivot *record) *record {
	for l := o.late; l != nil; l = l.before {
		if compareRecords(l.record, pivot) == 0 {
			if l.gone {
				return nil
			}
			return l.record
		}
	}
	if o.tree == nil {
		return nil
	}
	r, _ := o.tree.Get(pivot)
	return r
}

// namesake returns a record of a resource that was there of late, or nil.
func (o ordered) namesake(t resource.Type, name string) (found *record) {
	for l := o.late; l != nil; l = l.before {
		if l.record.typ == t && l.record.name == name {
			return l.record
		}
	}
	if o.tree != nil {
		o.tree.AscendGreaterOrEqual(&record{name: name, typ: t, who: noParty}, func(r *record) bool {
			if r.typ == t && r.name == name {
				found = r
			}
			return false
		})
	}
	return found
}

// from yields the records from pivot on, or where it would be, in their order.
func (o ordered) from(pivot *record) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		late := o.late.from(pivot)
		more := true
		if o.tree != nil {
			o.tree.AscendGreaterOrEqual(pivot, func(r *record) bool {
				for len(late) > 0 && more {
					order := compareRecords(late[0].record, r)
					if order > 0 {
						break
					}
					more = late[0].gone || yield(late[0].record)
					late = late[1:]
					if order == 0 {
						return more
					}
				}
				more = more && yield(r)
				return more
			})
		}
		for _, l := range late {
			if !more {
				return
			}
			more = l.gone || yield(l.record)
		}
	}
}

// from returns the revisions of records from pivot on, in the order of the records: the
// last one of each.
func (l *late) from(pivot *record) (list []revision) {
	for ; l != nil; l = l.before {
		if compareRecords(l.record, pivot) >= 0 {
			list = append(list, l.revision)
		}
	}
	compare := func(a, b revision) int { return compareRecords(a.record, b.record) }
	slices.SortStableFunc(list, compare)
	return slices.CompactFunc(list, func(a, b revision) bool { return compare(a, b) == 0 })
}

// len returns how many revisions there are.
func (l *late) len() int {
	if l == nil {
		return 0
	}
	return int(l.at) + 1
}

// len returns the number of records, or a little more.
func (o ordered) len() int {
	if o.tree == nil {
		return o.late.len()
	}
	return o.tree.Len() + o.late.len()
}

// with returns the records once they are revised, in the order of the list, which it may
// change.
func (o ordered) with(list []revision) ordered {
	n := o.late.len()
	if n+len(list) <= lateMost {
		for _, r := range list {
			r.at = int32(o.late.len())
			o.late = &late{r, o.late}
		}
		return o
	}
	if n > 0 {
		list = slices.Insert(list, 0, make([]revision, n)...)
		for l := o.late; l != nil; l = l.before {
			list[l.at] = l.revision
		}
	}
	return ordered{tree: revise(o.tree, list)}
}

// revise returns a copy of tree, which may be nil, revised. It goes through the list in
// the order of the records: neighbours are found in nodes that were just read.
func revise(tree *btree.BTreeG[*record], list []revision) *btree.BTreeG[*record] {
	if tree == nil {
		tree = btree.NewG(degree, func(a, b *record) bool { return compareRecords(a, b) < 0 })
	} else {
		tree = tree.Clone()
	}
	sortRevisions(list)
	for i, r := range list {
		switch {
		case i+1 < len(list) && compareRecords(r.record, list[i+1].record) == 0: // the later one counts
		case r.gone:
			tree.Delete(r.record)
		default:
			tree.ReplaceOrInsert(r.record)
		}
	}
	return tree
}

// sortRevisions sorts by record, and those of one record by which came first. Most
// comparisons are of the bytes that follow what all names begin with.
func sortRevisions(list []revision) {
	shared := list[0].record.name
	for _, r := range list[1:] {
		shared = shared[:sharedPrefix(shared, r.record.name)]
	}
	for i := range list {
		var order [8]byte
		order[0] = byte(list[i].record.typ)
		copy(order[1:], list[i].record.name[len(shared):])
		list[i].order, list[i].at = binary.BigEndian.Uint64(order[:]), int32(i)
	}
	slices.SortFunc(list, func(a, b revision) int {
		if c := cmp.Compare(a.order, b.order); c != 0 {
			return c
		}
		return cmp.Or(compareRecords(a.record, b.record), cmp.Compare(a.at, b.at))
	})
}
