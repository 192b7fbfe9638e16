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
type record struct {
	pattern   resource.Pattern
	principal string
	host      string
	allow     ops.Set // the operations of its ALLOW entries, as they were written
	deny      ops.Set // the same for DENY
}

// compareRecords orders records as acl.Binding.Compare orders their bindings.
func compareRecords(a, b *record) int {
	return cmp.Or(
		acl.ComparePatterns(a.pattern, b.pattern),
		strings.Compare(a.principal, b.principal),
		strings.Compare(a.host, b.host),
	)
}

func (r *record) len() int { return r.allow.Len() + r.deny.Len() }

func (r *record) binding(op ops.Operation, permission acl.PermissionType) acl.Binding {
	return acl.Binding{
		Pattern: r.pattern,
		Entry:   acl.Entry{Principal: r.principal, Host: r.host, Operation: op, Permission: permission},
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

// with returns r with the entry of b added or, if present is false, taken out,
// and whether that changes it. r may be nil. The result is nil when nothing is
// left.
func (r *record) with(b acl.Binding, present bool) (_ *record, changed bool) {
	c := record{pattern: b.Pattern, principal: b.Entry.Principal, host: b.Entry.Host}
	if r != nil {
		c = *r // keeps the strings it has, so that equal text is held once
	}
	set := &c.allow
	if b.Entry.Permission == acl.Deny {
		set = &c.deny
	}
	if set.Has(b.Entry.Operation) == present {
		return r, false
	}
	*set ^= ops.SetOf(b.Entry.Operation)
	if c.allow == 0 && c.deny == 0 {
		return nil, true
	}
	return &c, true
}

// leaf is what a check finds: the records on one pattern for one principal and
// one host. Nearly always there is one record; there are more only where a host
// was written in several ways ("::1" and "::01"). It is immutable and never
// empty.
type leaf struct {
	allow   ops.Set // the operations that some record allows, implied ones included
	deny    ops.Set // the operations that some record denies
	records []*record
}

// replace returns l with old (nil: none) replaced by new (nil: none), or nil when
// no record is left. l may be nil.
func (l *leaf) replace(old, new *record) *leaf {
	c := &leaf{}
	if l != nil {
		for _, r := range l.records {
			if r != old {
				c.records = append(c.records, r)
			}
		}
	}
	if new != nil {
		c.records = append(c.records, new)
	}
	if len(c.records) == 0 {
		return nil
	}
	for _, r := range c.records {
		for op := range r.allow.All() {
			c.allow |= ops.AllowedBy(op)
		}
		for op := range r.deny.All() {
			c.deny |= ops.DeniedBy(op)
		}
	}
	return c
}
