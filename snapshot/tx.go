package snapshot

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
)

// Tx is a transaction: a private copy of the ACLs that nobody else sees until it is published.
// It is not safe for concurrent use. It must not be used after the function that received it
// has returned: it is empty then, and its methods panic or do nothing.
type Tx struct {
	next    *Snapshot
	edit    *phash.Edit
	added   int // calls of Add and AddID
	changes int // of bindings and ids
	log     changeLog
	errs    []error
	// pending has the revisions of this transaction that next.records does not have yet.
	// The index always shows them.
	pending []revision
	first   [1]revision       // memory for pending: most transactions have one revision
	names   map[string]string // the names of this transaction's bindings, each by itself
	recent  *recentNames      // the names of the transactions before
	texts   strings.Builder   // the last chunk of names
}

func newTx(old *Snapshot, recent *recentNames) *Tx {
	next := *old
	next.ids = next.ids.clone()
	next.index.below = cloned(next.index.below)
	return &Tx{next: &next, edit: new(phash.Edit), recent: recent}
}

func (tx *Tx) close() { tx.next, tx.edit = nil, nil }

// Add adds b and reports whether it was new. Adding it twice is no error. If its types,
// operation or permission are not valid for an ACL ([acl.Binding.ValidateTypes]), b is not
// added, and Update fails. Nothing else is checked: a name, principal or host that matches
// nothing does no harm, and the log of an earlier Kafka release may have one. Use
// [acl.Binding.Validate] where ACLs are created.
func (tx *Tx) Add(b acl.Binding) bool {
	index := tx.added
	tx.added++
	if err := b.ValidateTypes(); err != nil {
		tx.errs = append(tx.errs, &BindingError{Index: index, Binding: b, Err: err})
		return false
	}
	r, changed := tx.set(b, true)
	if changed && tx.next.keepsIDs {
		tx.give(tx.newID(), r.binding(b.Entry.Operation, b.Entry.Permission))
	}
	return changed
}

// Remove removes b, with all its ids, and reports whether it was there.
func (tx *Tx) Remove(b acl.Binding) bool {
	if b.ValidateTypes() != nil {
		return false
	}
	if _, changed := tx.set(b, false); !changed {
		return false
	}
	tx.forget(b)
	return true
}

// RemoveMatching removes every binding that f selects and returns them in the
// order of [acl.Binding.Compare].
func (tx *Tx) RemoveMatching(f acl.Filter) []acl.Binding {
	removed := slices.Collect(tx.view().Matching(f))
	for _, b := range removed {
		tx.Remove(b)
	}
	return removed
}

// Replace makes the bindings of list the only ones: it adds the new ones, as [Tx.Add] does,
// and removes all that are not in list. A binding that stays keeps its ids and is not a
// change. The cost is that of the changes, one step for each binding, and memory for the
// list; filling an empty store costs no more than adding the bindings.
func (tx *Tx) Replace(list iter.Seq[acl.Binding]) {
	if tx.next.bindings == 0 {
		for b := range list {
			tx.Add(b)
		}
		return
	}
	before := tx.view().records // later changes do not show in it
	wanted := make(map[acl.Binding]struct{})
	for b := range list {
		wanted[b] = struct{}{}
		tx.Add(b)
	}
	for r := range before.from(firstRecord) {
		for b := range r.bindings {
			if _, ok := wanted[b]; !ok {
				tx.Remove(b)
			}
		}
	}
}

// SetSemantics makes the transaction's snapshot, and those after it, decide by s. It is for
// programs that follow a cluster, which may be upgraded. An unknown value counts as
// Documented. To change between Documented and KafkaExact costs as much as loading all
// bindings; to change between two releases of Kafka costs nothing.
func (tx *Tx) SetSemantics(s Semantics) {
	if !s.isKafkaExact() {
		s = Documented
	}
	tx.next.semantics = s
	if x := &tx.next.index; x.keepsBelow != s.isKafkaExact() {
		fresh := index{keepsCovered: x.keepsCovered, keepsBelow: s.isKafkaExact()}
		for r := range tx.view().records.from(firstRecord) {
			fresh.change(tx.edit, nil, r)
		}
		tx.next.index = fresh
	}
}

// set adds or removes b. It returns the record that has b, or had it, and whether anything
// changed.
func (tx *Tx) set(b acl.Binding, present bool) (_ *record, changed bool) {
	old, who := tx.record(b)
	op, permission := b.Entry.Operation, b.Entry.Permission
	if (old != nil && old.has(op, permission)) == present {
		return old, false
	}
	var from record
	if old != nil {
		from = *old
	} else {
		from = recordFor(b, who.owned())
		from.name = tx.ownName(from.typ, from.name)
	}
	after := from.toggled(op, permission)
	var new *record
	switch n := len(tx.pending); {
	case after.isEmpty():
	case n > 0 && tx.pending[n-1].record == old: // the change before this one made it: nobody has seen it
		*old = after
		new = old
	default:
		new = after.kept()
	}
	tx.next.index.change(tx.edit, old, new)
	if new != old {
		tx.await(revision{record: cmp.Or(new, old), removed: new == nil})
	}
	if present {
		tx.next.bindings++
	} else {
		tx.next.bindings--
	}
	tx.changes++
	tx.log.add(change{cmp.Or(new, old), op, permission, present})
	return cmp.Or(new, old), true
}

// await appends to pending.
func (tx *Tx) await(r revision) {
	switch n := len(tx.pending); n {
	case 0:
		tx.pending = tx.first[:0]
	case cap(tx.pending):
		tx.pending = slices.Grow(tx.pending, n+1) // twice as many: append is thriftier, and copies more
	}
	tx.pending = append(tx.pending, r)
}

// record returns the record that has b or would have it, or nil, and the party of b.
func (tx *Tx) record(b acl.Binding) (*record, *party) {
	r, who, sure := tx.next.index.find(b.Pattern, b.Entry.Principal, b.Entry.Host)
	if sure {
		return r, who
	}
	return tx.view().search(b), who
}

// view returns the snapshot as it would be published now. First it applies the revisions of
// earlier transactions and caches the result, which is of use even if this transaction fails.
func (tx *Tx) view() *Snapshot {
	tx.next.records.all()
	tx.flush()
	return tx.next
}

// flush moves the pending revisions to next.records.
func (tx *Tx) flush() {
	tx.next.records = tx.next.records.with(tx.pending)
	tx.pending = nil
}

// A transaction packs its part of the index if it makes at least one change for each
// packedPart bindings. Packing costs about as much as the changes. Changes of ids count too.
const packedPart = 4

// finish prepares next for publication.
func (tx *Tx) finish() {
	tx.flush()
	if tx.changes >= tx.next.bindings/packedPart {
		tx.next.index.pack(tx.edit)
	}
}
