package snapshot

import (
	"iter"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Snapshot is a set of ACLs with the configuration to decide by them. It is
// immutable once published. It is safe for concurrent use by any number of
// goroutines. The zero Snapshot is empty and not ready: it denies everything.
type Snapshot struct {
	generation uint64
	ready      bool
	semantics  Semantics
	defaultTo  Reason              // DefaultDeny or DefaultAllow: for resources that no ACL covers
	superUsers map[string]struct{} // by their text
	records    recordSet
	bindings   int
	index      index
	memo       *anyMemo // all snapshots of a store share it

	// The next fields are for the management of ACLs; checks do not read them.
	history  *history // all snapshots of a store share it
	keepsIDs bool
	ids      identities // empty unless keepsIDs
}

// Generation returns the number of transactions that were published up to this snapshot. Each
// transaction adds one.
func (n *Snapshot) Generation() uint64 { return n.generation }

// Ready reports whether the first load was complete. A snapshot that is not ready
// denies everyone but super users.
func (n *Snapshot) Ready() bool { return n.ready }

// Len returns the number of bindings.
func (n *Snapshot) Len() int { return n.bindings }

// Has reports whether b is one of the bindings. It costs a few hash look-ups. For bindings that
// match no client, and hosts that are written in several ways, it searches as
// [Snapshot.Matching] does.
func (n *Snapshot) Has(b acl.Binding) bool {
	if b.ValidateTypes() != nil {
		return false
	}
	r, _, sure := n.index.find(b.Pattern, b.Entry.Principal, b.Entry.Host)
	if !sure {
		r = n.search(b)
	}
	return r != nil && r.has(b.Entry.Operation, b.Entry.Permission)
}

// search returns the record that has b or would have it, or nil.
func (n *Snapshot) search(b acl.Binding) *record {
	pivot := recordFor(b, &party{principal: b.Entry.Principal, host: b.Entry.Host})
	return n.records.get(&pivot)
}

// All yields every binding once, in the order of [acl.Binding.Compare].
func (n *Snapshot) All() iter.Seq[acl.Binding] { return n.Matching(acl.AnyBinding) }

// Matching yields every binding that f selects, in the order of
// [acl.Binding.Compare]. If f names a resource type, and if it names a resource
// too, only the bindings of these are looked at.
//
// The first search of a snapshot sorts the changes that small transactions made since the last
// search: a few thousand at most, and each takes about a microsecond. Searches do not wait for
// each other or for writers.
func (n *Snapshot) Matching(f acl.Filter) iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) {
		from, inRange := n.searchRange(f.Pattern)
		for r := range n.records.from(from) {
			if !inRange(r) {
				return
			}
			for b := range r.bindings {
				if f.Matches(b) && !yield(b) {
					return
				}
			}
		}
	}
}

// searchRange returns the start of the records that f can select, and a function that reports
// whether a record after the start is still one of them.
func (n *Snapshot) searchRange(f resource.PatternFilter) (from *record, inRange func(*record) bool) {
	from = &record{who: noParty}
	switch {
	case f.Type == resource.Any:
		return from, func(*record) bool { return true }
	case f.Name == nil || f.PatternType == resource.PatternMatch:
		from.typ = f.Type
		return from, func(r *record) bool { return r.typ == f.Type }
	default:
		from.typ, from.name = f.Type, *f.Name
		return from, func(r *record) bool { return r.typ == f.Type && r.name == *f.Name }
	}
}

// Check decides whether subject may do op on the resource (t, name). It gives the
// same answers as a [Session], but looks the subject up each time. That allocates nothing for
// a subject with one principal whose text has at most 256 bytes, by the documented rules, if no
// ACL for it is for a network; for others it takes some ten allocations.
//
// An op that is not one of Kafka's, and a t that is not concrete, are denied to everyone.
func (n *Snapshot) Check(subject Subject, op ops.Operation, t resource.Type, name string) Decision {
	if d, ok := n.checkOnce(&subject, op, t, name); ok {
		return d
	}
	id := n.identify(&subject)
	return n.resolve(&id, nil).decide(op, t, name)
}

// CheckAny decides whether subject may do op on any resource of type t: see
// [Session.CheckAny].
func (n *Snapshot) CheckAny(subject Subject, op ops.Operation, t resource.Type) Decision {
	id := n.identify(&subject)
	return n.resolve(&id, nil).decideAny(op, t)
}
