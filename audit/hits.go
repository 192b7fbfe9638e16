package audit

import (
	"iter"
	"slices"
	"sync"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Hits counts for each ACL how many checks it has decided: that is, how often a
// Decision named it. It is exact, keeps the counts of ACLs through all updates of the
// store, also those of ACLs that were removed, and costs a session that is not told
// to count nothing. Its memory grows with the number of ACLs that have decided. It
// must not be copied after first use. It is safe for concurrent use by any number of
// goroutines. The zero Hits has counted nothing and is ready to use.
//
// An ACL that matches beside another one that is named is not counted, nor are those
// behind a by-type check, which name none.
type Hits struct {
	mu     sync.Mutex // of next
	next   int
	shards [hitShards]hitShard
}

// hitShards is how many sets of counters there are. Sessions take turns at them, so
// that they seldom wait for each other. Somewhat arbitrarily chosen: more than the
// cores of most machines.
const hitShards = 64

// maxKnown is how many decisions a shard remembers the counter of. It bounds memory,
// also that of decisions of generations gone by; what is forgotten is looked up by its
// ACL again.
const maxKnown = 4096

// hitShard is the counters of some sessions.
type hitShard struct {
	mu     sync.Mutex
	counts map[acl.Binding]*uint64
	// known finds the counter of a decision. A Decision is 24 bytes to hash, its ACL
	// is three strings. After an update the same ACL has other decisions.
	known map[snapshot.Decision]*uint64
	_     [64]byte // the next shard's lock is on another cache line
}

// shard returns the shard of the next session.
func (h *Hits) shard() *hitShard {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	return &h.shards[h.next%hitShards]
}

func (s *hitShard) count(d snapshot.Decision) {
	if r := d.Reason(); r != snapshot.MatchingAllow && r != snapshot.MatchingDeny {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.known[d]
	if n == nil {
		if n = s.counter(d); n == nil {
			return
		}
	}
	*n++
}

// counter returns the counter of the ACL that d names, or nil if it names none.
func (s *hitShard) counter(d snapshot.Decision) *uint64 {
	b, ok := d.Binding()
	if !ok {
		return nil
	}
	if s.counts == nil {
		s.counts, s.known = make(map[acl.Binding]*uint64), make(map[snapshot.Decision]*uint64)
	}
	n := s.counts[b]
	if n == nil {
		n = new(uint64)
		s.counts[b] = n
	}
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[d] = n
	return n
}

// Of returns how many checks b has decided.
func (h *Hits) Of(b acl.Binding) uint64 {
	total := uint64(0)
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		if n := s.counts[b]; n != nil {
			total += *n
		}
		s.mu.Unlock()
	}
	return total
}

// All yields every ACL that has decided a check, in the order of
// [acl.Binding.Compare], and how many. It adds up all counters first; checks that run
// meanwhile are counted or not.
func (h *Hits) All() iter.Seq2[acl.Binding, uint64] {
	return func(yield func(acl.Binding, uint64) bool) {
		totals := h.totals()
		list := make([]acl.Binding, 0, len(totals))
		for b := range totals {
			list = append(list, b)
		}
		slices.SortFunc(list, acl.Binding.Compare)
		for _, b := range list {
			if !yield(b, totals[b]) {
				return
			}
		}
	}
}

// Unused yields the ACLs of n that have decided no check, in the order of
// [acl.Binding.Compare].
//
// Look twice before removing them. A by-type check names no ACL and so uses none
// here, and with Config.AllowIfNoACL an ACL can keep a resource from being open to
// everyone without ever being named.
func (h *Hits) Unused(n *snapshot.Snapshot) iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) {
		totals := h.totals()
		for b := range n.All() {
			if totals[b] == 0 && !yield(b) {
				return
			}
		}
	}
}

func (h *Hits) totals() map[acl.Binding]uint64 {
	totals := make(map[acl.Binding]uint64)
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		for b, n := range s.counts {
			totals[b] += *n
		}
		s.mu.Unlock()
	}
	return totals
}
