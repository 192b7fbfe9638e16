package snapshot

import (
	"hash/maphash"
	"sync"
	"weak"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// A by-type check looks for one ALLOW that no DENY overrides. It usually finds one at once, or
// there is no ALLOW, which an index says. But each of thousands of ALLOW may be overridden by
// the DENY of a shorter prefix, and such a check is open to every client. So the answer of a
// search that has visited some ALLOW in vain is remembered until these ACLs change.

const (
	// manyVisits is how many ALLOW a search visits before it looks for a remembered answer.
	// They take about a microsecond; most searches end earlier.
	manyVisits = 16
	// maxAnswers limits the remembered answers. A subject has at most one for each operation
	// and type. If there is no room, all are forgotten, since few of them are current.
	maxAnswers = 1024
)

// anyRule is what a search looks for.
type anyRule uint8

const (
	documentedAny anyRule = iota // an ALLOW that counts by the documented rules
	kafkaAny                     // one that counts in Kafka's authorizeByResourceType
	uncoveredAny                 // a name that no ACL covers
)

// anyMemo remembers answers of by-type checks. They depend only on the ACLs of some scopes on
// one type, which are immutable once published; so they hold in all snapshots that share these.
// It is safe for concurrent use.
type anyMemo struct {
	seed maphash.Seed

	mu      sync.Mutex
	answers map[uint64]anyAnswer // by the hash of the question
}

func newAnyMemo() *anyMemo {
	return &anyMemo{seed: maphash.MakeSeed(), answers: make(map[uint64]anyAnswer)}
}

// anyAnswer is a question and its answer.
type anyAnswer struct {
	rule  anyRule
	bit   ops.Set
	of    []weak.Pointer[names] // so that ACLs that are gone are not kept in memory
	found bool
}

// search is one search for an ALLOW.
type search struct {
	memo   *anyMemo // nil remembers nothing
	rule   anyRule
	bit    ops.Set
	typ    resource.Type
	scopes []*scope

	visited       int
	known, answer bool // a remembered answer
}

// goesOn counts a visit, and reports whether the search goes on: it does not once the answer
// is known.
func (s *search) goesOn() bool {
	if s.visited++; s.visited == manyVisits {
		s.recall()
	}
	return !s.known
}

// recall looks for a remembered answer, and reports whether there is one.
func (s *search) recall() bool {
	if s.memo == nil {
		return false
	}
	s.visited = max(s.visited, manyVisits)
	key := s.key()
	s.memo.mu.Lock()
	defer s.memo.mu.Unlock()
	if a, ok := s.memo.answers[key]; ok && s.asked(&a) {
		s.known, s.answer = true, a.found
	}
	return s.known
}

// ends returns the answer: the remembered one, or what the search has found, which is
// remembered if it took many visits.
func (s *search) ends(found bool) bool {
	switch {
	case s.known:
		return s.answer
	case s.memo == nil || s.visited < manyVisits:
		return found
	}
	a := anyAnswer{rule: s.rule, bit: s.bit, found: found}
	for _, of := range s.scopes {
		if n := of.of(s.typ); n != nil {
			a.of = append(a.of, weak.Make(n))
		}
	}
	key := s.key()
	s.memo.mu.Lock()
	defer s.memo.mu.Unlock()
	if len(s.memo.answers) >= maxAnswers {
		clear(s.memo.answers)
	}
	s.memo.answers[key] = a
	return found
}

// key returns the hash of the question.
func (s *search) key() uint64 {
	hash := maphash.Comparable(s.memo.seed, [2]uint64{uint64(s.rule), uint64(s.bit)})
	for _, of := range s.scopes {
		if n := of.of(s.typ); n != nil {
			hash = maphash.Comparable(s.memo.seed, struct {
				before uint64
				of     *names
			}{hash, n})
		}
	}
	return hash
}

// asked reports whether a answers this question. Different questions may have the same hash.
func (s *search) asked(a *anyAnswer) bool {
	if a.rule != s.rule || a.bit != s.bit {
		return false
	}
	left := a.of
	for _, of := range s.scopes {
		if n := of.of(s.typ); n == nil {
			continue
		} else if len(left) == 0 || left[0] != weak.Make(n) {
			return false
		}
		left = left[1:]
	}
	return len(left) == 0
}

// search begins a search among the ACLs of scopes on a type.
func (v *View) search(rule anyRule, scopes []*scope, bit ops.Set, t resource.Type) search {
	return search{memo: v.memo, rule: rule, bit: bit, typ: t, scopes: scopes}
}
