// Package kmsgacl converts ACLs and their filters between the messages of franz-go (package kmsg)
// and package acl: for a server that answers DescribeAcls, CreateAcls and DeleteAcls, and for
// a client that sends them. The gateway answers with it, and the mirror of the proxy reads with
// it.
//
// For a server, the conversions of requests cannot fail: a code that is unknown becomes
// UNKNOWN, which [snapshot.Store] refuses item by item. For a client they can: an ACL
// that the protocol cannot express is an [*ItemError], and so is one in an answer that
// is not understood. What a cluster refuses is a [*CodeError].
//
// The functions keep no state, and are safe for concurrent use. They cost one step for each ACL
// or filter. The results share the strings of the arguments, and nothing else.
//
// Requests have no version; a client chooses it. Before version 1 the messages have no pattern
// type, which Kafka 4 no longer serves.
//
// Source: Kafka's CreateAclsRequest, DescribeAclsRequest, DeleteAclsRequest and their responses.
package kmsgacl
