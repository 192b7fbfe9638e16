package resource

import "strings"

// PatternFilter selects patterns by type, name and pattern type. The zero PatternFilter
// has unknown types and therefore matches no valid pattern. [AnyPattern] matches all.
//
// Source: Kafka's ResourcePatternFilter; KIP-290.
type PatternFilter struct {
	Type Type // Any selects every type
	// PatternType is Literal or Prefixed to select patterns of that type with
	// exactly this name, PatternAny for both types, or PatternMatch for the
	// patterns that cover a resource of this name.
	PatternType PatternType
	Name        *string // nil selects every name
}

// AnyPattern matches every pattern.
var AnyPattern = PatternFilter{Type: Any, PatternType: PatternAny}

// Matches reports whether f selects p. It does not allocate.
//
// With PatternMatch, LITERAL "*" is selected for every name, including names that begin
// with an asterisk. Kafka's authorizer gets those names wrong (see [Pattern.Covers]),
// but its filters do not.
func (f PatternFilter) Matches(p Pattern) bool {
	if f.Type != Any && f.Type != p.Type {
		return false
	}
	if f.PatternType != PatternAny && f.PatternType != PatternMatch && f.PatternType != p.PatternType {
		return false
	}
	if f.Name == nil {
		return true
	}
	if f.PatternType != PatternMatch {
		return *f.Name == p.Name
	}
	switch p.PatternType {
	case Literal:
		return *f.Name == p.Name || p.Name == Wildcard
	case Prefixed:
		return strings.HasPrefix(*f.Name, p.Name)
	default:
		return false
	}
}

// IsUnknown reports whether a field of f holds a value this version does not know.
// Refuse such a filter instead of answering it.
func (f PatternFilter) IsUnknown() bool {
	return f.Type.known() == Unknown || f.PatternType.known() == PatternUnknown
}

// IndefiniteField returns, in Kafka's words, the reason why f can select more than one
// pattern, or "" if it selects at most one. As in Kafka, PatternAny is not reported.
func (f PatternFilter) IndefiniteField() string {
	switch {
	case f.Type == Any:
		return "Resource type is ANY."
	case f.Type.known() == Unknown:
		return "Resource type is UNKNOWN."
	case f.Name == nil:
		return "Resource name is NULL."
	case f.PatternType == PatternMatch:
		return "Resource pattern type is MATCH."
	case f.PatternType.known() == PatternUnknown:
		return "Resource pattern type is UNKNOWN."
	default:
		return ""
	}
}

// String returns f as Kafka prints it; a nil name is "<any>". The name is not
// escaped.
func (f PatternFilter) String() string {
	name := "<any>"
	if f.Name != nil {
		name = *f.Name
	}
	return "ResourcePattern(resourceType=" + f.Type.String() + ", name=" + name +
		", patternType=" + f.PatternType.String() + ")"
}

// known returns t, or Unknown for a value that Kafka does not define. Such a value is
// treated as a code from a later version.
func (t Type) known() Type { return TypeFromCode(int8(t)) }

// known returns p, or PatternUnknown for a value that Kafka does not define.
func (p PatternType) known() PatternType { return PatternTypeFromCode(int8(p)) }
