package snapshot

import (
	"cmp"
	"iter"
	"strings"

	"github.com/google/btree"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// record holds the bindings of one principal and host on one pattern: they differ only in the
// operation and the permission. Once the transaction that made it goes on to another record,
// it is immutable: see Tx.set.
//
// A store may have millions of records, so a record is small and points to what many records
// share.
type record struct {
	name    string
	who     *party
	allow   ops.Set // the operations of its ALLOW entries, as they were written
	deny    ops.Set // the same for DENY
	typ     resource.Type
	pattern resource.PatternType
	count   int32 // in index.covered: the number of records on the pattern
	// variants is set in an index record that stands for several records with the same
	// host, written differently ("::1" and "::01"). It has the entries of all of them, and
	// who is nil.
	variants *variants
}

// party is the principal and the host of an entry, as they are written.
type party struct {
	principal string
	host      string
	kept      bool // the texts are copies that belong to the store: see owned
}

// noParty is before every other.
var noParty = new(party)

// firstRecord is before every other.
var firstRecord = &record{who: noParty}

// recordFor returns a record on the pattern of b, without entries.
func recordFor(b acl.Binding, who *party) record {
	return record{name: b.Pattern.Name, who: who, typ: b.Pattern.Type, pattern: b.Pattern.PatternType}
}

// compareRecords orders records as acl.Binding.Compare orders their bindings.
func compareRecords(a, b *record) int {
	if c := cmp.Compare(a.typ, b.typ); c != 0 {
		return c
	}
	if c := strings.Compare(a.name, b.name); c != 0 {
		return c
	}
	if c := cmp.Compare(a.pattern, b.pattern); c != 0 || a.who == b.who {
		return c
	}
	if c := strings.Compare(a.who.principal, b.who.principal); c != 0 {
		return c
	}
	return strings.Compare(a.who.host, b.who.host)
}

func (r *record) patternOf() resource.Pattern {
	return resource.Pattern{Type: r.typ, PatternType: r.pattern, Name: r.name}
}

func (r *record) binding(op ops.Operation, permission acl.PermissionType) acl.Binding {
	return acl.Binding{
		Pattern: r.patternOf(),
		Entry:   acl.Entry{Principal: r.who.principal, Host: r.who.host, Operation: op, Permission: permission},
	}
}

// bindings yields the bindings of r in the order of acl.Binding.Compare.
func (r *record) bindings(yield func(acl.Binding) bool) {
	for op := range (r.allow | r.deny).All() {
		if r.deny.Has(op) && !yield(r.binding(op, acl.Deny)) {
			return
		}
		if r.allow.Has(op) && !yield(r.binding(op, acl.Allow)) {
			return
		}
	}
}

// has reports whether r has the entry with op and permission.
func (r *record) has(op ops.Operation, permission acl.PermissionType) bool {
	return permission == acl.Allow && r.allow.Has(op) || permission == acl.Deny && r.deny.Has(op)
}

// toggled returns r without the entry with op and permission if it has it, else with it.
func (r record) toggled(op ops.Operation, permission acl.PermissionType) record {
	if permission == acl.Deny {
		r.deny ^= ops.SetOf(op)
	} else {
		r.allow ^= ops.SetOf(op)
	}
	return r
}

// isEmpty reports whether r has no entries.
func (r *record) isEmpty() bool { return r.allow == 0 && r.deny == 0 }

// deniesOnly returns a copy of r without its ALLOW entries, or nil if it has no others. r may
// be nil.
func (r *record) deniesOnly() *record {
	if r == nil || r.deny == 0 {
		return nil
	}
	c := *r
	c.allow = 0
	return &c
}

// kept returns a pointer to a copy of r.
func (r record) kept() *record { return &r }

// all yields the records that r stands for, which is r itself unless it has variants. It may
// yield a record more than once.
func (r *record) all() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		if r.variants == nil {
			yield(r)
			return
		}
		more := true
		for op := range (r.allow | r.deny).All() {
			for _, tree := range []*variantTree{r.variants.allow[op], r.variants.deny[op]} {
				if more && tree != nil {
					tree.Ascend(func(v *record) bool { more = yield(v); return more })
				}
			}
		}
	}
}

// replaceVariant returns the record that stands for the records of r with old replaced by new;
// nil if there are none left. old, new and r may be nil.
func (r *record) replaceVariant(old, new *record) *record {
	if r == nil || r.isFor(old) {
		return new
	}
	before := r.variants
	if before == nil {
		before = (&variants{}).replace(nil, r)
	}
	c := &record{name: r.name, typ: r.typ, pattern: r.pattern, variants: before.replace(old, new)}
	for op := range everything.All() {
		if c.variants.allow[op] != nil {
			c.allow |= ops.SetOf(op)
		}
		if c.variants.deny[op] != nil {
			c.deny |= ops.SetOf(op)
		}
	}
	if c.variants.n == 1 {
		for v := range c.all() {
			return v
		}
	}
	return c
}

// isFor reports whether r is old or the index's copy of it: the index has copies of records
// whose host fails closed. Both have the same pattern and principal.
func (r *record) isFor(old *record) bool {
	return r == old || old != nil && r.variants == nil && r.who.host == old.who.host
}

// variants holds records on one pattern, by their entries: the ACL that decides is the first or
// the last of an operation. A network can be written in as many ways as it has addresses, so
// there may be very many variants. Therefore they are in trees, and an update shares most of
// the trees with the variants before it. It is immutable.
type variants struct {
	n           int
	allow, deny [operationCount]*variantTree // by operation; nil if there is no entry
}

// variantTree holds records in Kafka's order of principals and hosts.
type variantTree = btree.BTreeG[*record]

// degree is the degree of the trees that are small or rarely read. Nearby values cost about the
// same.
const degree = 16

// operationCount is the number of operations that fit in an ops.Set.
const operationCount = 16

// replace returns v with old replaced by new. Either may be nil.
func (v *variants) replace(old, new *record) *variants {
	c := *v
	c.n += int(count(old, new))
	var before, after record
	if old != nil {
		before = *old
	}
	if new != nil {
		after = *new
	}
	replaceIn(&c.allow, before.allow, after.allow, old, new)
	replaceIn(&c.deny, before.deny, after.deny, old, new)
	return &c
}

// replaceIn replaces old, which is in the trees of the operations from, by new, which belongs
// in those of the operations to.
func replaceIn(trees *[operationCount]*variantTree, from, to ops.Set, old, new *record) {
	for op := range (from | to).All() {
		tree := trees[op]
		if tree == nil {
			tree = btree.NewG(degree, func(a, b *record) bool { return compareOnPattern(claim{a, op}, claim{b, op}) < 0 })
		} else {
			tree = cloned(tree)
		}
		if to.Has(op) {
			tree.ReplaceOrInsert(new)
		} else {
			tree.Delete(old)
		}
		if tree.Len() == 0 {
			tree = nil
		}
		trees[op] = tree
	}
}

// end returns the first or the last of the records that r stands for and that have an entry of
// op and permission. There must be one.
func (r *record) end(op ops.Operation, permission acl.PermissionType, last bool) *record {
	if r.variants == nil {
		return r
	}
	tree := r.variants.allow[op]
	if permission == acl.Deny {
		tree = r.variants.deny[op]
	}
	end, _ := tree.Min()
	if last {
		end, _ = tree.Max()
	}
	return end
}
