package acl

import (
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// EntryFilter selects entries. Texts are compared exactly: the principal "User:*" and
// the host "*" select only entries with that text, and the operation ALL selects only
// entries with ALL.
//
// Source: Kafka's AccessControlEntryFilter.
type EntryFilter struct {
	Principal  *string        // nil selects every principal
	Host       *string        // nil selects every host
	Operation  ops.Operation  // ops.Any selects every operation
	Permission PermissionType // PermissionAny selects both
}

func (f EntryFilter) matches(e Entry) bool {
	return (f.Principal == nil || *f.Principal == e.Principal) &&
		(f.Host == nil || *f.Host == e.Host) &&
		(f.Operation == ops.Any || f.Operation == e.Operation) &&
		(f.Permission == PermissionAny || f.Permission == e.Permission)
}

// Filter selects bindings by pattern and entry. The zero Filter selects no valid
// binding; [AnyBinding] selects all.
//
// Source: Kafka's AclBindingFilter.
type Filter struct {
	Pattern resource.PatternFilter
	Entry   EntryFilter
}

// AnyBinding matches every binding.
var AnyBinding = Filter{
	Pattern: resource.PatternFilter{Type: resource.Any, PatternType: resource.PatternAny},
	Entry:   EntryFilter{Operation: ops.Any, Permission: PermissionAny},
}

// FilterOf returns the filter that selects exactly b.
func FilterOf(b Binding) Filter {
	return Filter{
		Pattern: resource.PatternFilter{Type: b.Pattern.Type, PatternType: b.Pattern.PatternType, Name: &b.Pattern.Name},
		Entry: EntryFilter{Principal: &b.Entry.Principal, Host: &b.Entry.Host,
			Operation: b.Entry.Operation, Permission: b.Entry.Permission},
	}
}

// Matches reports whether f selects b. It does not allocate.
func (f Filter) Matches(b Binding) bool {
	return f.Pattern.Matches(b.Pattern) && f.Entry.matches(b.Entry)
}
