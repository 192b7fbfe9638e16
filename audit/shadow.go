package audit

import (
	"sync"

	"github.com/portcullis-authz/portcullis/snapshot"
)

// Shadow compares a candidate set of ACLs, or another configuration, with the live one.
// The candidate never changes a live verdict, whatever it answers, however slow it is,
// and even if it is not loaded. It costs one more check for each question, and a lock
// for its counts. Shadow is safe for concurrent use, but must not be copied after first
// use. The zero Shadow has no candidate and compares nothing.
//
// The candidate gets the same questions as the live ACLs. If the live ACLs deny the
// first question and ops.Evaluate asks a fallback, a candidate that would have allowed
// the first does not get the questions that would then have followed.
type Shadow struct {
	Candidate *snapshot.Store
	// Report is called with each flip, in the goroutine of the check. A nil Report only
	// counts. To take load off the check, let it pass flips to a channel.
	Report func(Flip)

	mu     sync.Mutex
	counts ShadowCounts
}

// Flip is a question for which the candidate's verdict differs.
type Flip struct {
	Event     Event             // with the live decision
	Candidate snapshot.Decision // the candidate's decision
}

// ShadowCounts are the number of questions that were compared, and how many of them
// flipped.
type ShadowCounts struct {
	Compared, Flipped uint64
}

// Counts returns the current counts.
func (s *Shadow) Counts() ShadowCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func (s *Shadow) compared(flipped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Compared++
	if flipped {
		s.counts.Flipped++
	}
}
