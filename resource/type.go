package resource

import "github.com/portcullis-authz/portcullis/internal/enum"

// Type is a kind of resource. Its value is Kafka's wire code (ResourceType). The zero
// Type is Unknown; no resource has it.
type Type int8

// The resource types, with Kafka's wire codes.
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

// ClusterName is the name of the only resource of type Cluster.
const ClusterName = "kafka-cluster"

var typeNames = enum.Names{
	"UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER",
}

// Types returns the six types that a resource can have, in wire order. The
// caller owns the slice.
func Types() []Type {
	return []Type{Topic, Group, Cluster, TransactionalID, DelegationToken, User}
}

// TypeFromCode returns the type with Kafka's wire code, or Unknown for a code that
// Kafka does not define.
func TypeFromCode(code int8) Type {
	if !typeNames.Known(int(code)) {
		return Unknown
	}
	return Type(code)
}

// ParseType parses the name of a type. Case is ignored and underscores are optional:
// "TRANSACTIONAL_ID", "TransactionalId". White space is not trimmed. [Type.String]
// returns the canonical spelling. On error the result is Unknown.
//
// Source: Kafka's ResourceType.fromString and SecurityUtils.resourceType, each of which
// accepts half of these spellings.
func ParseType(s string) (Type, error) {
	code, err := typeNames.ParseFold("resource type", s)
	return Type(code), err
}

// IsConcrete reports whether t is one of the six types a resource can have.
func (t Type) IsConcrete() bool { return t >= Topic && t <= User }

// String returns Kafka's name of t, such as "TRANSACTIONAL_ID", or "Type(99)" for an
// unknown value.
func (t Type) String() string { return typeNames.String("Type", int(t)) }

// DisplayName returns the Pascal-case name of t, such as "TransactionalId", as in
// Kafka's audit log and ZooKeeper paths.
func (t Type) DisplayName() string { return typeNames.DisplayName("Type", int(t)) }

// MarshalText returns the name of t. An unknown value is an error.
func (t Type) MarshalText() ([]byte, error) { return typeNames.MarshalText("Type", int(t)) }

// UnmarshalText parses text as [ParseType] does. On error t is unchanged.
func (t *Type) UnmarshalText(text []byte) error {
	v, err := ParseType(string(text))
	if err == nil {
		*t = v
	}
	return err
}
