// Package ops names what can be done to a resource, and knows what each Kafka
// request needs.
//
// The names are Kafka's ACL operations, the operations that each resource type
// supports, what an ALLOW implies, the error codes of a refusal, and the API keys.
//
// The protocol table ([APIs], [Lookup]) says for each API key which questions
// Kafka asks its authorizer, in what order, with which fallbacks, and what a denial
// does to the response. [Evaluate] answers a request by it, over any [Authorizer].
// [Uses] and [Client.Needs] read the table the other way round.
//
// The package imports only package resource. Its values are plain data and safe
// for concurrent use.
//
// Source: Kafka 4.2 documentation, "Authorization and ACLs", "Operations in
// Kafka", and the request handlers of Kafka 4.2.1; KIP-11, KIP-373 (token
// operations), KIP-430 (authorized operations), KIP-590 (envelopes), KIP-679
// (idempotent producers), KIP-939 (two-phase commit).
package ops
