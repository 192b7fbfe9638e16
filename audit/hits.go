package audit

import (
	"iter"
	"slices"
	"sync"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Hits counts for each ACL how many checks it has decided, which is how often a
// Decision named it. The counts are exact and survive updates of the store, even for
// removed ACLs. A session without Hits pays nothing. Memory grows with the number of
// ACLs that have decided a check. Hits is safe for concurrent use, but must not be
// copied after first use. The zero Hits has counted nothing and is ready to use.
//
// If several ACLs match, only the one in the Decision is counted. By-type checks name
// no ACL, so they count none.
type Hits struct {
	mu     sync.Mutex // protects next
	next   int
	shards [hitShards]hitShard
}

// hitShards is the number of sets of counters. Sessions are assigned to them in turn,
// so that they rarely wait for each other. The number is arbitrary, but larger than the
// cores of most machines.
const hitShards = 64

// maxKnown is the maximum number of decisions for which a shard caches the counter. It
// bounds memory, because decisions of old generations remain in the cache. Without a
// cache entry the counter is found by its ACL.
const maxKnown = 4096

// hitShard has the counters of some sessions.
type hitShard struct {
	mu     sync.Mutex
	counts map[acl.Binding]*uint64
	// known caches the counter of a decision. Hashing a Decision takes 24 bytes;
	// hashing its ACL takes three strings. After an update the same ACL has other
	// decisions.
	known map[snapshot.Decision]*uint64
	_     [64]byte // puts the next shard's lock on another cache line
}

// shard returns the shard for a new session.
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

// All yields every ACL that has decided a check and its count, in the order of
// [acl.Binding.Compare]. It first adds up all counters; concurrent checks may or may
// not be included.
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
// Review them before removal. A by-type check may depend on an ACL without naming it.
// And with Config.AllowIfNoACL an ACL that is never named can still keep a resource
// from being open to everyone.
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
