// Package refmodel is the reference model for tests of the engine. It gives the answers
// of package snapshot by reading every ACL and following the documented rules. It
// shares no code with package snapshot, nor with the matching in packages resource, ops
// and acl, and uses only their types. So a mistake in one of them shows as a
// difference.
//
// It is deliberately slow: it has no index, no cache and no short cuts. It is for tests
// only.
//
// Source: Kafka's documentation ("Authorization and ACLs"), KIP-11, KIP-290, KIP-679,
// KIP-1276; for the exact semantics StandardAuthorizerData and the default method of
// Authorizer, Kafka 4.2.
package refmodel
