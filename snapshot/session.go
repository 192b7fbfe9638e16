package snapshot

import (
	"slices"
	"sync/atomic"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Session decides for one subject. Each call uses the ACLs that are in force in its [Store] at
// that time. Make one for each connection. It is safe for concurrent use by any
// number of goroutines. It must not be copied after first use. The zero Session
// denies everything.
type Session struct {
	store    *Store
	identity identity
	current  atomic.Pointer[View]
}

// View returns what the snapshot in force says about the subject. Use it where several checks
// must agree, such as those of one request (ops.Evaluate): they all see the ACLs of one
// generation. It is never nil. It allocates only in the first call after an update.
func (s *Session) View() *View {
	if s.store == nil {
		return new(View)
	}
	n := s.store.Load()
	v := s.current.Load()
	if v == nil || v.generation != n.generation {
		v = n.resolve(&s.identity, v)
		s.current.Store(v)
	}
	return v
}

// Check decides whether the subject may do op on the resource (t, name), by the snapshot in
// force. It takes no lock. It allocates only in the first check after an update. See
// [View.Check] for the rules and the cost.
func (s *Session) Check(op ops.Operation, t resource.Type, name string) Decision {
	return s.View().Check(op, t, name)
}

// CheckBatch appends the decisions on requests to dst, in their order, and returns
// it. All decisions are of one Snapshot: the one in force when the call began. It allocates
// only to grow dst, and as Check does.
func (s *Session) CheckBatch(dst []Decision, requests []Request) []Decision {
	dst = slices.Grow(dst, len(requests))
	v := s.View()
	for _, r := range requests {
		dst = append(dst, v.Check(r.Operation, r.Type, r.Name))
	}
	return dst
}

// CheckAny decides whether the subject may do op on any resource of type t, by the
// snapshot in force: see [View.CheckAny].
func (s *Session) CheckAny(op ops.Operation, t resource.Type) Decision {
	return s.View().CheckAny(op, t)
}
