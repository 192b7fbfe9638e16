package snapshot

import (
	"cmp"
	"iter"
	"math"

	"github.com/portcullis-authz/portcullis/resource"
)

// ordered is the records in the order of acl.Binding.Compare: a tree, and what was done
// since it was made. No check reads it, and a program that changes ACLs one by one seldom
// asks for their order, so that a small transaction only notes what it did. Whoever asks
// does it to the tree, for all who ask later, and so does a transaction that finds
// lateMost revisions waiting. The zero value is empty.
type ordered struct {
	tree *run // nil if it is empty
	late *late
}

// lateMost is how many revisions may wait. They are done to the tree in their order, so
// that more of them are cheaper, each: neighbours find what they need in the processor's
// cache. All of them together take a few milliseconds.
const lateMost = 4096

// settled returns a tree that shows all.
func (o ordered) settled() *run {
	if o.late == nil {
		return cmp.Or(o.tree, new(run))
	}
	if tree := o.late.tree.Load(); tree != nil {
		return tree
	}
	tree := o.settledWith(nil)
	o.late.tree.Store(tree) // if several ask at the same time, any of their trees will do
	o.late.before.Store(nil)
	return tree
}

// settledWith returns a tree that shows all and then the list.
func (o ordered) settledWith(list []revision) *run {
	late, tree := o.late.list()
	return cmp.Or(tree, o.tree, new(run)).revised(append(late, list...))
}

// get returns the record that is equal to pivot in its order, or nil.
func (o ordered) get(pivot *record) *record { return o.settled().get(pivot) }

// from yields the records from pivot on, or where it would be, in their order.
func (o ordered) from(pivot *record) iter.Seq[*record] { return o.settled().from(pivot) }

// namesake returns a record of a resource, which may be there no more, or nil where there
// is none or none is found cheaply: what waits is not looked at.
func (o ordered) namesake(t resource.Type, name string) *record {
	if o.tree == nil {
		return nil
	}
	behind := &record{name: name, typ: t, pattern: math.MaxInt8} // all records of the resource
	if r := o.tree.before(behind); r != nil && r.typ == t && r.name == name {
		return r
	}
	return nil
}

// with returns the records once they are revised, in the order of the list.
func (o ordered) with(list []revision) ordered {
	if o.late != nil {
		if tree := o.late.tree.Load(); tree != nil {
			o = ordered{tree: tree}
		}
	}
	if o.late.len()+len(list) > lateMost {
		return ordered{tree: o.settledWith(list)}
	}
	o.late = o.late.with(list)
	return o
}
