package resource

import "strings"

// PatternFilter selects patterns by type, name and pattern type. The zero PatternFilter
// has unknown types and therefore matches no valid pattern.
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
