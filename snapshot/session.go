package snapshot

import (
	"slices"
	"sync/atomic"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Session decides for one subject by the ACLs in force in its [Store] at the time
// of each call. Make one for each connection. It is safe for concurrent use by any
// number of goroutines. It must not be copied after first use. The zero Session
// denies everything.
type Session struct {
	store    *Store
	identity identity
	current  atomic.Pointer[view]
}

// Check decides whether the subject may do op on the resource (t, name). It takes
// no lock. It does not allocate, but for the first check after each update, which
// looks the subject up anew. Its cost grows with the length of the name, and with
// the number of the subject's principals and of the mask lengths of networks that
// hold its address; not with the number of ACLs, of principals, of prefixes or of
// hosts.
//
// A value of op that is none of Kafka's, and a t that no resource has, are denied
// to everyone.
//
// Source: Kafka's StandardAuthorizer.authorize.
func (s *Session) Check(op ops.Operation, t resource.Type, name string) Decision {
	v := s.view()
	if v == nil {
		return Decision{}
	}
	return v.decide(op, t, name)
}

// CheckBatch appends the decisions on requests to dst, in their order, and returns
// it. Calls see exactly one Snapshot: the one current when the call began. It
// allocates only to grow dst, and as Check does.
func (s *Session) CheckBatch(dst []Decision, requests []Request) []Decision {
	dst = slices.Grow(dst, len(requests))
	v := s.view()
	for _, r := range requests {
		if v == nil {
			dst = append(dst, Decision{})
		} else {
			dst = append(dst, v.decide(r.Operation, r.Type, r.Name))
		}
	}
	return dst
}

// CheckAny decides whether the subject may do op on any resource of type t
// (Kafka's authorizeByResourceType). In the Documented semantics the answer is
// allow if and only if there is a name, a Unicode text that is not empty, for
// which Check would allow; the Decision names an ACL that makes it so. In
// KafkaExact it is the answer of Kafka's default method, which does not consider
// implied operations and probes the name "hardcode".
//
// What [ops.ValidateByType] refuses is denied to everyone. Its cost grows with the
// number of ACLs of the subject for type t, and it allocates.
func (s *Session) CheckAny(op ops.Operation, t resource.Type) Decision {
	v := s.view()
	if v == nil {
		return Decision{}
	}
	return v.decideAny(op, t)
}

// view returns the subject as the current snapshot sees it, or nil for the zero
// Session.
func (s *Session) view() *view {
	if s.store == nil {
		return nil
	}
	n := s.store.Load()
	v := s.current.Load()
	if v == nil || v.snapshot != n {
		v = n.resolve(&s.identity, v)
		s.current.Store(v)
	}
	return v
}
