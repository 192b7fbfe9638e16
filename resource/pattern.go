package resource

import "strings"

// PatternType says how the name of a pattern, or of a filter, is compared. Its
// value is Kafka's wire code. The zero PatternType is PatternUnknown.
type PatternType int8

// Wildcard is the name of the LITERAL pattern that covers every resource of its
// type. In a PREFIXED pattern it is an ordinary character: that pattern covers
// the names that begin with an asterisk.
const Wildcard = "*"

// IsSpecific reports whether p can be the type of a pattern (LITERAL or PREFIXED) and
// not only of a filter.
func (p PatternType) IsSpecific() bool { return p == Literal || p == Prefixed }

// Pattern is the part of an ACL that selects resources: those of one type with a given
// name, with a given prefix, or all of them. The zero Pattern covers nothing. Patterns
// are comparable with ==.
type Pattern struct {
	Type        Type
	PatternType PatternType // Literal or Prefixed
	Name        string      // compared byte by byte; not normalised; only Wildcard is special
}

// LiteralPattern returns the pattern that covers the resource called name, or every
// resource of the type if name is [Wildcard].
func LiteralPattern(t Type, name string) Pattern { return Pattern{t, Literal, name} }

// PrefixedPattern returns the pattern that covers every resource whose name begins with
// prefix.
func PrefixedPattern(t Type, prefix string) Pattern { return Pattern{t, Prefixed, prefix} }

// IsWildcard reports whether p is LITERAL "*", which covers every resource of its type.
func (p Pattern) IsWildcard() bool { return p.PatternType == Literal && p.Name == Wildcard }

// Covers reports whether p covers the resource (t, name) by the documented rules: a
// LITERAL pattern covers its own name, LITERAL "*" covers every name, and a PREFIXED
// pattern covers every name that begins with its own. A pattern of any other type
// covers nothing. Covers does not allocate; its cost is linear in the length of the
// name.
//
// Kafka's own authorizer differs in one case: its LITERAL "*" does not cover longer
// names that begin with an asterisk. Package snapshot reproduces that defect in its
// KafkaExact semantics; this function does not.
//
// Source: KIP-290.
func (p Pattern) Covers(t Type, name string) bool {
	if p.Type != t {
		return false
	}
	switch p.PatternType {
	case Literal:
		return p.Name == name || p.Name == Wildcard
	case Prefixed:
		return strings.HasPrefix(name, p.Name)
	default:
		return false
	}
}

// String returns p as Kafka prints it:
// "ResourcePattern(resourceType=TOPIC, name=foo, patternType=LITERAL)". The name
// is not escaped.
func (p Pattern) String() string {
	return "ResourcePattern(resourceType=" + p.Type.String() + ", name=" + p.Name +
		", patternType=" + p.PatternType.String() + ")"
}
