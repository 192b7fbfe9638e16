package snapshot

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
)

// A store remembers its last transactions for its watchers. The limits are a compromise: a
// watcher that falls further behind can as well take a whole snapshot, and a store without
// watchers should not use more than a few megabytes for this.
const (
	historySteps   = 1024    // transactions that a store remembers
	historyChanges = 1 << 16 // changes that a store remembers, of all these transactions
)

// change is one binding that a transaction added or removed.
type change struct {
	record     *record // for its pattern, principal and host; its operations do not matter
	operation  ops.Operation
	permission acl.PermissionType
	added      bool
}

func (c change) binding() acl.Binding { return c.record.binding(c.operation, c.permission) }

// compare orders changes as acl.Binding.Compare orders their bindings.
func (c change) compare(d change) int {
	return cmp.Or(compareRecords(c.record, d.record), cmp.Compare(c.operation, d.operation), cmp.Compare(c.permission, d.permission))
}

// changeLog collects the changes of a transaction.
type changeLog struct {
	changes []change
	tooMany bool // there were more than historyChanges, and changes is nil
}

func (l *changeLog) add(c change) {
	switch {
	case l.tooMany:
	case len(l.changes) == historyChanges:
		l.changes, l.tooMany = nil, true
	default:
		l.changes = append(l.changes, c)
	}
}

// history has the last transactions of a store. The current writer adds to it; readers read it
// without waiting.
type history struct {
	steps [historySteps]atomic.Pointer[step] // by generation, modulo their number
	// Only the writer uses these:
	oldest  uint64 // steps before this generation are gone
	changes int    // the number of changes in all steps
}

// step has the changes of the transaction that published a generation. It is immutable.
type step struct {
	generation uint64
	changes    []change
}

func (h *history) slot(generation uint64) *atomic.Pointer[step] {
	return &h.steps[generation%historySteps]
}

// add remembers the transaction that publishes generation, and forgets old ones to stay within
// the limits.
func (h *history) add(generation uint64, log *changeLog) {
	if generation >= historySteps {
		h.forgetUntil(generation - historySteps + 1)
	}
	if log.tooMany {
		return
	}
	h.changes += len(log.changes)
	for h.changes > historyChanges {
		h.forgetUntil(h.oldest + 1)
	}
	h.slot(generation).Store(&step{generation, log.changes})
}

func (h *history) forgetUntil(generation uint64) {
	for ; h.oldest < generation; h.oldest++ {
		if s := h.slot(h.oldest).Swap(nil); s != nil {
			h.changes -= len(s.changes)
		}
	}
}

// step returns the changes of the transaction that published generation, if it is still
// remembered.
func (h *history) step(generation uint64) (changes []change, ok bool) {
	s := h.slot(generation).Load()
	if s == nil || s.generation != generation {
		return nil, false
	}
	return s.changes, true
}

// between returns the changes after generation from, up to generation to, if all of them are
// still remembered.
func (h *history) between(from, to uint64) (changes []change, ok bool) {
	if to-from > historySteps {
		return nil, false
	}
	for generation := from + 1; generation <= to; generation++ {
		more, ok := h.step(generation)
		if !ok {
			return nil, false
		}
		changes = append(changes, more...)
	}
	return changes, true
}

// net returns the bindings that changes add and remove in total, sorted. A binding that is added
// and then removed, or the reverse, is in neither list. It does not modify its argument.
func net(changes []change) (added, removed []acl.Binding) {
	sorted := slices.SortedFunc(slices.Values(changes), change.compare)
	for i := 0; i < len(sorted); {
		c, balance := sorted[i], 0
		for ; i < len(sorted) && sorted[i].compare(c) == 0; i++ {
			if sorted[i].added {
				balance++
			} else {
				balance--
			}
		}
		switch {
		case balance > 0:
			added = append(added, c.binding())
		case balance < 0:
			removed = append(removed, c.binding())
		}
	}
	return added, removed
}
