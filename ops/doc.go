// Package ops names what can be done to a resource: Kafka's ACL operations, the
// operations that each resource type supports, what an ALLOW implies, the error
// codes of a refusal, and the API keys of Kafka's requests.
//
// The package imports only package resource. Its values are plain data and safe
// for concurrent use.
//
// Source: Kafka 4.2 documentation, "Authorization and ACLs", "Operations in
// Kafka"; KIP-11, KIP-373 (token operations), KIP-939 (two-phase commit).
package ops
