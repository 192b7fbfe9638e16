// Code generated from ops/names.tsv by "go test ./ops -run TestNames -update". DO NOT EDIT.

package resource

import "github.com/portcullis-authz/portcullis/internal/enum"

// Kafka's resource types.
//
// Source: Kafka 4.2, ResourceType.
const (
	Unknown         Type = 0 // a code this version does not know
	Any             Type = 1 // in a filter only: every type
	Topic           Type = 2
	Group           Type = 3 // consumer, share and streams groups
	Cluster         Type = 4 // one resource, named ClusterName
	TransactionalID Type = 5
	DelegationToken Type = 6
	User            Type = 7 // users whose delegation tokens may be created or described (KIP-373)
)

// typeNames are Kafka's names, indexed by code.
var typeNames = enum.Names{
	Unknown:         "UNKNOWN",
	Any:             "ANY",
	Topic:           "TOPIC",
	Group:           "GROUP",
	Cluster:         "CLUSTER",
	TransactionalID: "TRANSACTIONAL_ID",
	DelegationToken: "DELEGATION_TOKEN",
	User:            "USER",
}

// TypeFromCode returns the resource type with Kafka's wire code, or Unknown for a code that
// Kafka does not define.
func TypeFromCode(code int8) Type {
	if !typeNames.Known(int(code)) {
		return Unknown
	}
	return Type(code)
}

// ParseType parses the name of a resource type. Case is ignored and underscores are optional:
// "TRANSACTIONAL_ID", "TransactionalId". White space is not trimmed. [Type.String] returns the
// canonical spelling. On error the result is Unknown.
func ParseType(s string) (Type, error) {
	code, err := typeNames.ParseFold("resource type", s)
	return Type(code), err
}

// String returns Kafka's name, such as "TRANSACTIONAL_ID", or "Type(99)" for an unknown value.
func (v Type) String() string { return typeNames.String("Type", int(v)) }

// DisplayName returns the name in Pascal case, such as "TransactionalId", as in Kafka's audit log.
func (v Type) DisplayName() string { return typeNames.DisplayName("Type", int(v)) }

// MarshalText returns Kafka's name. An unknown value is an error.
func (v Type) MarshalText() ([]byte, error) { return typeNames.MarshalText("Type", int(v)) }

// UnmarshalText parses text as [ParseType] does. On error v is unchanged.
func (v *Type) UnmarshalText(text []byte) error {
	parsed, err := ParseType(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}

// Kafka's pattern types.
//
// Source: Kafka 4.2, PatternType.
const (
	PatternUnknown PatternType = 0 // a code this version does not know
	PatternAny     PatternType = 1 // in a filter only: a pattern of either type with exactly this name
	PatternMatch   PatternType = 2 // in a filter only: every pattern that covers this name
	Literal        PatternType = 3 // this name, or every name if it is Wildcard
	Prefixed       PatternType = 4 // every name that begins with this one
)

// patternTypeNames are Kafka's names, indexed by code.
var patternTypeNames = enum.Names{
	PatternUnknown: "UNKNOWN",
	PatternAny:     "ANY",
	PatternMatch:   "MATCH",
	Literal:        "LITERAL",
	Prefixed:       "PREFIXED",
}

// PatternTypeFromCode returns the pattern type with Kafka's wire code, or PatternUnknown for a code that
// Kafka does not define.
func PatternTypeFromCode(code int8) PatternType {
	if !patternTypeNames.Known(int(code)) {
		return PatternUnknown
	}
	return PatternType(code)
}

// ParsePatternType parses the name of a pattern type. It is case sensitive, unlike the parsers of the
// other enumerations, because Kafka's is (fromString). [PatternType.String] returns the
// canonical spelling. On error the result is PatternUnknown.
func ParsePatternType(s string) (PatternType, error) {
	code, err := patternTypeNames.ParseExact("pattern type", s)
	return PatternType(code), err
}

// String returns Kafka's name, such as "PREFIXED", or "PatternType(99)" for an unknown value.
func (v PatternType) String() string { return patternTypeNames.String("PatternType", int(v)) }

// MarshalText returns Kafka's name. An unknown value is an error.
func (v PatternType) MarshalText() ([]byte, error) {
	return patternTypeNames.MarshalText("PatternType", int(v))
}

// UnmarshalText parses text as [ParsePatternType] does. On error v is unchanged.
func (v *PatternType) UnmarshalText(text []byte) error {
	parsed, err := ParsePatternType(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}
