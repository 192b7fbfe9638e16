// Package ops defines the operations on resources and the permissions that each Kafka
// request needs.
//
// It has Kafka's ACL operations, the operations that each resource type supports, the
// operations that an ALLOW implies, the authorization error codes, and the API keys.
//
// The protocol table ([APIs], [Lookup]) has a row for each API key: which questions
// Kafka asks its authorizer, in which order and with which fallbacks, and how a denial
// changes the response. [Evaluate] applies it to a request, with any [Authorizer].
// [Uses] and [Client.Needs] use the table in the other direction.
//
// The package imports only package resource. Its values are plain data and safe for
// concurrent use.
//
// Source: Kafka 4.2 documentation, "Authorization and ACLs", "Operations in Kafka", and
// the request handlers of Kafka 4.2.1 and 4.4.0; KIP-11, KIP-373 (token operations), KIP-430
// (authorized operations), KIP-590 (envelopes), KIP-679 (idempotent producers), KIP-939
// (two-phase commit).
package ops
