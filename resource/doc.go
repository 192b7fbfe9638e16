// Package resource defines the resources that Kafka's ACLs protect: resource types,
// resource patterns, and the filters that select patterns.
//
// A resource is a [Type] and a name. An ACL is attached to a [Pattern], which covers
// one name (LITERAL), every name (LITERAL "*") or every name that begins with its own
// (PREFIXED). A [PatternFilter] selects patterns, for listing and deleting ACLs.
//
// The package is a leaf: it imports none of this module's other public packages. Its
// values are plain data and safe for concurrent use.
//
// Source: Kafka 4.2 documentation, "Authorization and ACLs"; KIP-11, KIP-290 (prefixed
// patterns), KIP-373 (User resources).
package resource
