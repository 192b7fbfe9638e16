// Package acl holds Kafka's access control lists as values: an [Entry] says who
// may or may not do what from where, a [Binding] attaches it to a resource
// pattern, a [Filter] selects bindings. It validates them as Kafka's controller
// does, and reads and writes them in three formats ([Format]).
//
// Package snapshot decides by them. All values of this package are plain data
// and safe for concurrent use as long as nobody writes to them.
//
// Source: Kafka 4.2 documentation, "Authorization and ACLs"; KIP-11, KIP-290,
// KIP-1276 (hosts as networks).
package acl
