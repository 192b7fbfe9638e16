package resource

// Type is a kind of resource. Its value is Kafka's wire code (ResourceType). The zero
// Type is Unknown; no resource has it.
type Type int8

// ClusterName is the name of the only resource of type Cluster.
const ClusterName = "kafka-cluster"

// Types returns the six types that a resource can have, in wire order. The
// caller owns the slice.
func Types() []Type {
	return []Type{Topic, Group, Cluster, TransactionalID, DelegationToken, User}
}

// IsConcrete reports whether t is one of the six types a resource can have.
func (t Type) IsConcrete() bool { return t >= Topic && t <= User }
