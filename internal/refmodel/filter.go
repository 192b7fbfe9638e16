package refmodel

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Select returns the ACLs that a filter selects, without duplicates, in the order of
// listings.
func (w World) Select(f acl.Filter) []acl.Binding {
	var selected []acl.Binding
	for _, b := range w.ACLs {
		if Selects(f, b) && !slices.Contains(selected, b) {
			selected = append(selected, b)
		}
	}
	slices.SortFunc(selected, compare)
	return selected
}

// Selects reports whether a filter selects an ACL.
//
// Source: Kafka's ResourcePatternFilter and AccessControlEntryFilter.
func Selects(f acl.Filter, b acl.Binding) bool {
	any := f.Pattern.Type == resource.Any
	if !any && f.Pattern.Type != b.Pattern.Type {
		return false
	}
	if !selectsName(f.Pattern, b.Pattern) {
		return false
	}
	e := f.Entry
	switch {
	case e.Principal != nil && *e.Principal != b.Entry.Principal,
		e.Host != nil && *e.Host != b.Entry.Host,
		e.Operation != ops.Any && e.Operation != b.Entry.Operation,
		e.Permission != acl.PermissionAny && e.Permission != b.Entry.Permission:
		return false
	}
	return true
}

func selectsName(f resource.PatternFilter, p resource.Pattern) bool {
	specific := f.PatternType != resource.PatternAny && f.PatternType != resource.PatternMatch
	switch {
	case specific && f.PatternType != p.PatternType:
		return false
	case f.Name == nil:
		return true
	case f.PatternType != resource.PatternMatch:
		return *f.Name == p.Name
	case p.PatternType == resource.Literal:
		return p.Name == "*" || p.Name == *f.Name
	case p.PatternType == resource.Prefixed:
		return strings.Index(*f.Name, p.Name) == 0
	default:
		return false
	}
}

// compare is the order of listings: every field in turn, text by bytes.
func compare(a, b acl.Binding) int {
	for _, difference := range []int{
		int(a.Pattern.Type) - int(b.Pattern.Type),
		strings.Compare(a.Pattern.Name, b.Pattern.Name),
		int(a.Pattern.PatternType) - int(b.Pattern.PatternType),
		strings.Compare(a.Entry.Principal, b.Entry.Principal),
		strings.Compare(a.Entry.Host, b.Entry.Host),
		int(a.Entry.Operation) - int(b.Entry.Operation),
		int(a.Entry.Permission) - int(b.Entry.Permission),
	} {
		if difference != 0 {
			return difference
		}
	}
	return 0
}
