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

// AnyEntry matches every entry.
var AnyEntry = EntryFilter{Operation: ops.Any, Permission: PermissionAny}

// Matches reports whether f selects e. It does not allocate.
func (f EntryFilter) Matches(e Entry) bool {
	return (f.Principal == nil || *f.Principal == e.Principal) &&
		(f.Host == nil || *f.Host == e.Host) &&
		(f.Operation == ops.Any || f.Operation == e.Operation) &&
		(f.Permission == PermissionAny || f.Permission == e.Permission)
}

// IsUnknown reports whether a field of f holds a value this version does not know.
// Refuse such a filter instead of answering it.
func (f EntryFilter) IsUnknown() bool {
	return !f.Operation.IsKnown() || PermissionTypeFromCode(int8(f.Permission)) == PermissionUnknown
}

// IndefiniteField returns, in Kafka's words, the reason why f can select more than one
// entry, or "" if it selects at most one.
func (f EntryFilter) IndefiniteField() string {
	switch {
	case f.Principal == nil:
		return "Principal is NULL"
	case f.Host == nil:
		return "Host is NULL"
	case f.Operation == ops.Any:
		return "Operation is ANY"
	case !f.Operation.IsKnown():
		return "Operation is UNKNOWN"
	case f.Permission == PermissionAny:
		return "Permission type is ANY"
	case PermissionTypeFromCode(int8(f.Permission)) == PermissionUnknown:
		return "Permission type is UNKNOWN"
	default:
		return ""
	}
}

// String returns f as Kafka prints it; nil is printed as "<any>". Nothing is escaped.
func (f EntryFilter) String() string {
	return "(principal=" + orAny(f.Principal) + ", host=" + orAny(f.Host) +
		", operation=" + f.Operation.String() + ", permissionType=" + f.Permission.String() + ")"
}

func orAny(s *string) string {
	if s == nil {
		return "<any>"
	}
	return *s
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
var AnyBinding = Filter{Pattern: resource.AnyPattern, Entry: AnyEntry}

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
	return f.Pattern.Matches(b.Pattern) && f.Entry.Matches(b.Entry)
}

// IsUnknown reports whether a field of f holds a value this version does not know.
// Refuse such a filter instead of answering it.
func (f Filter) IsUnknown() bool { return f.Pattern.IsUnknown() || f.Entry.IsUnknown() }

// MatchesAtMostOne reports whether f can select at most one binding.
func (f Filter) MatchesAtMostOne() bool { return f.IndefiniteField() == "" }

// IndefiniteField returns, in Kafka's words, the first reason why f can select more
// than one binding, or "" if there is none.
func (f Filter) IndefiniteField() string {
	if field := f.Pattern.IndefiniteField(); field != "" {
		return field
	}
	return f.Entry.IndefiniteField()
}

// String returns f as Kafka prints it; nil is printed as "<any>". Nothing is escaped.
func (f Filter) String() string {
	return "(patternFilter=" + f.Pattern.String() + ", entryFilter=" + f.Entry.String() + ")"
}
