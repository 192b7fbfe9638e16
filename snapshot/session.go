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
	current  atomic.Pointer[View]
}

// View returns what the snapshot in force says of the subject. Use it where several
// checks must agree, as those of one request do (ops.Evaluate): they all see the
// ACLs of one generation. It is never nil. It does not allocate, but for the first
// call after an update.
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

// Check decides whether the subject may do op on the resource (t, name), by the
// snapshot in force. It takes no lock. It does not allocate, but for the first
// check after an update. See [View.Check] for what counts and what it costs.
func (s *Session) Check(op ops.Operation, t resource.Type, name string) Decision {
	return s.View().Check(op, t, name)
}

// CheckBatch appends the decisions on requests to dst, in their order, and returns
// it. Calls see exactly one Snapshot: the one current when the call began. It
// allocates only to grow dst, and as Check does.
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

// Check decides whether the subject may do op on the resource (t, name). It takes no
// lock and does not allocate. Its cost grows with the length of the name, with the
// lengths of the PREFIXED patterns that cover it, which are compared byte by byte, and
// with the number of the subject's principals and of the mask lengths of networks that
// hold its address; not with the number of ACLs, of principals, of other prefixes or of
// hosts.
//
// A value of op that is none of Kafka's, and a t that no resource has, are denied
// to everyone.
//
// Source: Kafka's StandardAuthorizer.authorize.
func (v *View) Check(op ops.Operation, t resource.Type, name string) Decision {
	if v.identity == nil {
		return Decision{}
	}
	return v.decide(op, t, name)
}

// CheckAny decides whether the subject may do op on any resource of type t (Kafka's
// authorizeByResourceType). In the Documented semantics the answer is allow if and
// only if there is a name, a Unicode text that is not empty, for which Check would
// allow. In KafkaExact it is the answer of Kafka's default method, which does not
// consider implied operations and probes the name "hardcode".
//
// What [ops.ValidateByType] refuses is denied to everyone. Where the subject's first
// ALLOW is denied by no ACL of another of its principals or hosts, which is the rule,
// the number of steps grows with the logarithm of the number of its ACLs; ALLOW that
// are so denied are gone through one by one, and in KafkaExact all its ACLs are.
func (v *View) CheckAny(op ops.Operation, t resource.Type) Decision {
	if v.identity == nil {
		return Decision{}
	}
	return v.decideAny(op, t)
}

// Allowed reports whether [View.Check] allows.
func (v *View) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return v.Check(op, t, name).Allowed()
}

// AllowedAny reports whether [View.CheckAny] allows.
func (v *View) AllowedAny(op ops.Operation, t resource.Type) bool {
	return v.CheckAny(op, t).Allowed()
}

// Generation returns the generation of the snapshot that the view is of.
func (v *View) Generation() uint64 { return v.generation }
