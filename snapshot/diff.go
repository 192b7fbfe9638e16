package snapshot

import (
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
)

// Diff returns the bindings that only to has (added), and those that only from has (removed),
// both sorted by [acl.Binding.Compare]. The snapshots may be of different stores. Ids and
// configuration are not compared.
//
// The cost is linear in the number of bindings. For two snapshots of one store it depends only
// on the number of changes between them, if [Store.Watch] could still yield these.
func Diff(from, to *Snapshot) (added, removed []acl.Binding) {
	if changes, forward, ok := remembered(from, to); ok {
		added, removed = net(changes)
		if !forward {
			added, removed = removed, added
		}
		return added, removed
	}
	eachDifference(from, to, func(old, new *record) bool {
		added = appendMissing(added, new, old)
		removed = appendMissing(removed, old, new)
		return true
	})
	return added, removed
}

// remembered returns the changes between two snapshots of one store, if the store still has
// them. forward reports whether to is not the older one.
func remembered(from, to *Snapshot) (changes []change, forward, ok bool) {
	forward = from.generation <= to.generation
	if !forward {
		from, to = to, from
	}
	if from == to {
		return nil, true, true
	}
	if from.history == nil || from.history != to.history {
		return nil, false, false
	}
	changes, ok = from.history.between(from.generation, to.generation)
	return changes, forward, ok
}

// eachDifference calls yield for the records in which the snapshots differ, in their order,
// until it returns false. The record is nil for a snapshot that does not have it. Shared records
// are recognised by their address.
func eachDifference(from, to *Snapshot, yield func(old, new *record) bool) {
	old, new := from.all(), to.all()
	for len(old) > 0 || len(new) > 0 {
		order := 0
		switch {
		case len(new) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		case old[0] != new[0]:
			order = compareRecords(old[0], new[0])
		}
		var gone, come *record
		if order <= 0 {
			gone, old = old[0], old[1:]
		}
		if order >= 0 {
			come, new = new[0], new[1:]
		}
		same := order == 0 && (gone == come || gone.allow == come.allow && gone.deny == come.deny)
		if !same && !yield(gone, come) {
			return
		}
	}
}

// all returns the records in their order.
func (n *Snapshot) all() []*record {
	return slices.AppendSeq(make([]*record, 0, n.bindings), n.records.from(firstRecord))
}

// appendMissing appends the bindings of r that other does not have. Either may be nil, which has
// no bindings.
func appendMissing(dst []acl.Binding, r, other *record) []acl.Binding {
	if r == nil {
		return dst
	}
	if other == nil {
		return slices.AppendSeq(dst, r.bindings)
	}
	for b := range r.bindings {
		if !other.has(b.Entry.Operation, b.Entry.Permission) {
			dst = append(dst, b)
		}
	}
	return dst
}
