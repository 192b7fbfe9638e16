// Package acl defines Kafka's access control lists as values. An [Entry] allows or
// denies a principal an operation from a host, a [Binding] attaches it to a resource
// pattern, and a [Filter] selects bindings. The package validates them as Kafka's
// controller does, and reads and writes them in three formats ([Format]).
//
// Package snapshot makes decisions with them. All values of this package are plain
// data. They are safe for concurrent use while no goroutine writes to them.
//
// Source: Kafka 4.2 documentation, "Authorization and ACLs"; KIP-11, KIP-290, KIP-1276
// (hosts as networks).
package acl
