package snapshot

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
)

// A store remembers its last transactions for those who watch it. Both limits are
// somewhat arbitrarily chosen: a watcher that falls further behind is served as
// well by a whole snapshot, and a store that nobody watches must not pay for more
// than a few megabytes.
const (
	historySteps   = 1024    // transactions that are remembered at the most
	historyChanges = 1 << 16 // changes that are remembered at the most, of all transactions together
)

// change is one binding that a transaction added or removed.
type change struct {
	record     *record // its pattern, principal and host; the operations are of no account
	operation  ops.Operation
	permission acl.PermissionType
	added      bool
}

func (c change) binding() acl.Binding { return c.record.binding(c.operation, c.permission) }

// compare orders changes as acl.Binding.Compare orders their bindings.
func (c change) compare(d change) int {
	return cmp.Or(compareRecords(c.record, d.record), cmp.Compare(c.operation, d.operation), cmp.Compare(c.permission, d.permission))
}

// changeLog gathers the changes of a transaction.
type changeLog struct {
	changes []change
	tooMany bool // to be remembered: there were more than historyChanges
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

// history is the last transactions of a store. The writer of the moment adds to
// it, readers take from it without waiting.
type history struct {
	steps [historySteps]atomic.Pointer[step] // by generation, modulo their number
	// The writer's alone:
	oldest  uint64 // no step before this generation is held
	changes int    // in all steps
}

// step is what the transaction that published a generation changed. It is
// immutable.
type step struct {
	generation uint64
	changes    []change
}

func (h *history) slot(generation uint64) *atomic.Pointer[step] {
	return &h.steps[generation%historySteps]
}

// add remembers the transaction that publishes generation, and forgets as many old
// ones as the limits ask for.
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

// step returns what the transaction that published generation changed, if that is
// still remembered.
func (h *history) step(generation uint64) (changes []change, ok bool) {
	s := h.slot(generation).Load()
	if s == nil || s.generation != generation {
		return nil, false
	}
	return s.changes, true
}

// between returns what was changed after generation from, up to generation to, if
// all of it is still remembered.
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

// net returns which bindings there are more and less after all of changes than
// before, sorted. What was added and removed in turn cancels out. It does not
// change its argument.
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
