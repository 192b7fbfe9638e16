package resource

import (
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// PatternType says how the name of a pattern, or of a filter, is compared. Its
// value is Kafka's wire code. The zero PatternType is PatternUnknown.
type PatternType int8

// The pattern types, with Kafka's wire codes.
const (
	PatternUnknown PatternType = 0 // a code this version does not know
	PatternAny     PatternType = 1 // in a filter only: a pattern of either type with exactly this name
	PatternMatch   PatternType = 2 // in a filter only: every pattern that covers this name
	Literal        PatternType = 3 // this name, or every name if it is Wildcard
	Prefixed       PatternType = 4 // every name that begins with this one
)

// Wildcard is the name of the LITERAL pattern that covers every resource of its
// type. In a PREFIXED pattern it is an ordinary character: that pattern covers
// the names that begin with an asterisk.
const Wildcard = "*"

var patternTypeNames = enum.Names{"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"}

// PatternTypeFromCode returns the pattern type with Kafka's wire code, or
// PatternUnknown for a code that Kafka does not define.
func PatternTypeFromCode(code int8) PatternType {
	if !patternTypeNames.Known(int(code)) {
		return PatternUnknown
	}
	return PatternType(code)
}

// ParsePatternType parses the name of a pattern type. It is case sensitive, unlike the
// parsers of the other enumerations, because Kafka's is (PatternType.fromString). On
// error the result is PatternUnknown.
func ParsePatternType(s string) (PatternType, error) {
	code, err := patternTypeNames.ParseExact("pattern type", s)
	return PatternType(code), err
}

// IsSpecific reports whether p can be the type of a pattern (LITERAL or PREFIXED) and
// not only of a filter.
func (p PatternType) IsSpecific() bool { return p == Literal || p == Prefixed }

// String returns Kafka's name of p, such as "PREFIXED", or "PatternType(99)" for an
// unknown value.
func (p PatternType) String() string { return patternTypeNames.String("PatternType", int(p)) }

// MarshalText returns the name of p. An unknown value is an error.
func (p PatternType) MarshalText() ([]byte, error) {
	return patternTypeNames.MarshalText("PatternType", int(p))
}

// UnmarshalText parses text as [ParsePatternType] does. On error p is unchanged.
func (p *PatternType) UnmarshalText(text []byte) error {
	v, err := ParsePatternType(string(text))
	if err == nil {
		*p = v
	}
	return err
}

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
