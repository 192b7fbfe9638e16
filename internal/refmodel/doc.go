// Package refmodel is the reference that the engine is tested against: it answers
// what package snapshot answers, by reading every ACL there is, in the words of the
// rules. It shares no code with package snapshot, nor with the matching of packages
// resource, ops and acl, whose types alone it uses: a mistake in one of them shows
// as a difference.
//
// It is slow on purpose: there is no index, no cache and no short cut in it. It is
// for tests only.
//
// Source: Kafka's documentation ("Authorization and ACLs"), KIP-11, KIP-290,
// KIP-679, KIP-1276; for the exact semantics StandardAuthorizerData and the default
// method of Authorizer, Kafka 4.2.
package refmodel
