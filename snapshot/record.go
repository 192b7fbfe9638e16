package snapshot

import (
	"cmp"
	"iter"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// record holds the bindings of one principal and host on one pattern: all that
// differs between them is the operation and the permission. It is immutable.
//
// A million records are a usual number, so that a record is kept small: what many
// have in common they point to.
type record struct {
	name    string
	who     *party
	allow   ops.Set // the operations of its ALLOW entries, as they were written
	deny    ops.Set // the same for DENY
	grants  ops.Set // what the ALLOW entries grant, implied operations included
	refuses ops.Set // what the DENY entries refuse
	typ     resource.Type
	pattern resource.PatternType
	count   int32 // in index.covered: how many records are on the pattern
	// variants is set in a record that stands for several in the index: their hosts
	// are one, but were written differently ("::1" and "::01"). Of such a record
	// only grants, refuses, typ, pattern and name count.
	variants *[]*record
}

// party is a principal and a host as an entry names them.
type party struct {
	principal string
	host      string
}

// recordFor returns a record without entries, on the pattern of b.
func recordFor(b acl.Binding, who *party) *record {
	return &record{name: b.Pattern.Name, who: who, typ: b.Pattern.Type, pattern: b.Pattern.PatternType}
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
func (r *record) bindings() iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) {
		for op := range (r.allow | r.deny).All() {
			if r.deny.Has(op) && !yield(r.binding(op, acl.Deny)) {
				return
			}
			if r.allow.Has(op) && !yield(r.binding(op, acl.Allow)) {
				return
			}
		}
	}
}

// has reports whether the entry with op and permission is in r.
func (r *record) has(op ops.Operation, permission acl.PermissionType) bool {
	return permission == acl.Allow && r.allow.Has(op) || permission == acl.Deny && r.deny.Has(op)
}

// toggle returns r with one entry more or, if it has that, less; nil if nothing is
// left.
func (r *record) toggle(op ops.Operation, permission acl.PermissionType) *record {
	c := *r
	if permission == acl.Deny {
		c.deny ^= ops.SetOf(op)
	} else {
		c.allow ^= ops.SetOf(op)
	}
	if c.allow == 0 && c.deny == 0 {
		return nil
	}
	c.grants, c.refuses = 0, 0
	for op := range c.allow.All() {
		c.grants |= ops.AllowedBy(op)
	}
	for op := range c.deny.All() {
		c.refuses |= ops.DeniedBy(op)
	}
	return &c
}

// all returns the records that r stands for: itself, if it has no variants.
func (r *record) all() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		if r.variants == nil {
			yield(r)
			return
		}
		for _, v := range *r.variants {
			if !yield(v) {
				return
			}
		}
	}
}

// replaceVariant returns the record that stands for those of r with old (nil:
// none) replaced by new (nil: none), or nil when none is left. r may be nil.
func (r *record) replaceVariant(old, new *record) *record {
	if r == nil || r == old {
		return new
	}
	var variants []*record
	for v := range r.all() {
		if v != old {
			variants = append(variants, v)
		}
	}
	if new != nil {
		variants = append(variants, new)
	}
	if len(variants) == 1 {
		return variants[0]
	}
	c := &record{name: r.name, typ: r.typ, pattern: r.pattern, variants: &variants}
	for _, v := range variants {
		c.grants |= v.grants
		c.refuses |= v.refuses
	}
	return c
}
