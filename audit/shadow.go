package audit

import (
	"sync"

	"github.com/portcullis-authz/portcullis/snapshot"
)

// Shadow lets a candidate set of ACLs, or another configuration, decide beside the
// live one. What it answers, how slow it is, or that it is not loaded, never changes
// a live verdict. It costs one more check for each question, and a lock for its
// counts. It must not be copied after first use. It is safe for concurrent use by any
// number of goroutines. The zero Shadow has no candidate and compares nothing.
//
// It is asked what the live ACLs are asked. Where ops.Evaluate asks a second question
// because the first was denied, it is not asked what it would have been asked had it
// allowed the first.
type Shadow struct {
	Candidate *snapshot.Store
	// Report is called with each flip, in the goroutine of the check; nil only
	// counts. A Queue or a channel of the caller's takes the load off the check.
	Report func(Flip)

	mu     sync.Mutex
	counts ShadowCounts
}

// Flip is a question that the candidate decides otherwise.
type Flip struct {
	Event     Event             // with the live decision
	Candidate snapshot.Decision // the other one
}

// ShadowCounts says how many questions were compared, and how many of them flipped.
type ShadowCounts struct {
	Compared, Flipped uint64
}

// Counts returns the counts so far.
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
