package resource

import "github.com/portcullis-authz/portcullis/internal/enum"

// Type is a kind of resource. Its value is Kafka's wire code (ResourceType).
// The zero Type is Unknown, which no resource has.
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
	User            Type = 7 // KIP-373: whose tokens may be created or described
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

// TypeFromCode returns the type with Kafka's wire code, or Unknown for a code
// that is none of Kafka's.
func TypeFromCode(code int8) Type {
	if !typeNames.Known(int(code)) {
		return Unknown
	}
	return Type(code)
}

// ParseType returns the type that s names, without regard to case and with or
// without the underscores: "TRANSACTIONAL_ID", "TransactionalId". White space
// is not trimmed. The canonical spelling is that of [Type.String]. On error the
// result is Unknown.
//
// Source: Kafka's ResourceType.fromString and SecurityUtils.resourceType, which
// take one half of these spellings each.
func ParseType(s string) (Type, error) {
	code, err := typeNames.ParseFold("resource type", s)
	return Type(code), err
}

// IsConcrete reports whether t is one of the six types a resource can have.
func (t Type) IsConcrete() bool { return t >= Topic && t <= User }

// String returns Kafka's name of t, such as "TRANSACTIONAL_ID", or "Type(99)"
// for a value that is none of Kafka's.
func (t Type) String() string { return typeNames.String("Type", int(t)) }

// DisplayName returns the Pascal-case name of t, such as "TransactionalId", as
// Kafka's audit log and its ZooKeeper paths spell it.
func (t Type) DisplayName() string { return typeNames.DisplayName("Type", int(t)) }

// MarshalText returns the name of t. A value that is none of Kafka's is an error.
func (t Type) MarshalText() ([]byte, error) { return typeNames.MarshalText("Type", int(t)) }

// UnmarshalText sets t to the type that text names, as [ParseType] reads it. On
// error t is unchanged.
func (t *Type) UnmarshalText(text []byte) error {
	v, err := ParseType(string(text))
	if err == nil {
		*t = v
	}
	return err
}
