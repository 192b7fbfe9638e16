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

// record holds the bindings of one principal and host on one pattern: all that
// differs between them is the operation and the permission. It is immutable once the
// transaction that made it went on to another: see Tx.set.
//
// A million records are a usual number, so that a record is kept small: what many
// have in common they point to.
type record struct {
	name    string
	who     *party
	allow   ops.Set // the operations of its ALLOW entries, as they were written
	deny    ops.Set // the same for DENY
	typ     resource.Type
	pattern resource.PatternType
	count   int32 // in index.covered: how many records are on the pattern
	// variants is set in a record that stands for several in the index: their hosts
	// are one, but were written differently ("::1" and "::01"). Such a record has the
	// entries of them all, and who is nil.
	variants *variants
}

// party is a principal and a host as an entry names them.
type party struct {
	principal string
	host      string
	kept      bool // by a store, whose the texts are
}

// noParty is before every other.
var noParty = new(party)

// firstRecord is before every other.
var firstRecord = &record{who: noParty}

// recordFor returns a record without entries, on the pattern of b.
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

// isWildcard reports whether r is on LITERAL "*".
func (r *record) isWildcard() bool {
	return r.pattern == resource.Literal && r.name == resource.Wildcard
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

// has reports whether the entry with op and permission is in r.
func (r *record) has(op ops.Operation, permission acl.PermissionType) bool {
	return permission == acl.Allow && r.allow.Has(op) || permission == acl.Deny && r.deny.Has(op)
}

// toggled returns r with one entry more or, if it has that, less.
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

// deniesOnly returns a copy of r without its ALLOW entries, or nil if nothing is left.
// r may be nil.
func (r *record) deniesOnly() *record {
	if r == nil || r.deny == 0 {
		return nil
	}
	c := *r
	c.allow = 0
	return &c
}

// kept returns r in memory of its own.
func (r record) kept() *record { return &r }

// all returns the records that r stands for, some of them repeatedly: itself, if it
// has no variants.
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

// replaceVariant returns the record that stands for those of r with old (nil:
// none) replaced by new (nil: none), or nil when none is left. r may be nil.
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

// isFor reports whether r is old, or a copy of it, of which the index has those of hosts
// that fail closed. Both are on one pattern and for one principal.
func (r *record) isFor(old *record) bool {
	return r == old || old != nil && r.variants == nil && r.who.host == old.who.host
}

// variants are records on one pattern, found by each entry that they have: the ACLs
// that decide are the first and the last by that order. There may be as many as
// somebody takes the trouble to write, for a network has a spelling for every
// address in it; so they are kept in trees, and an update shares the rest with the
// variants before it. It is immutable.
type variants struct {
	n           int
	allow, deny [operationCount]*variantTree // by operation; nil where there is none
}

// variantTree holds records in Kafka's order of principals and hosts.
type variantTree = btree.BTreeG[*record]

// degree is the number of children of a node of a tree of the library. Somewhat
// arbitrarily chosen.
const degree = 16

// operationCount is how many operations a set has room for.
const operationCount = 16

// replace returns v with old (nil: none) replaced by new (nil: none).
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

// replaceIn replaces old, which is in the trees of some operations, by new, which
// shall be in those of others.
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

// end returns the first, or last, of the records that r stands for with an entry of
// op and permission, which one of them must have.
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
