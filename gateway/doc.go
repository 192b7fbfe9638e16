// Package gateway puts the authorizer between Kafka clients and a Kafka cluster. It
// decodes each request, decides it by the protocol table (package ops) and the ACLs of
// a store (package snapshot), and returns what to forward and what to answer. It opens
// no connections and starts no goroutines; the program that uses it does that.
//
//	g, err := gateway.New(gateway.Config{Store: store, Cluster: cluster})
//	conn := g.Conn(gateway.Client{Subject: subject})     // once a client connection
//	for {
//		frame, err := gateway.ReadFrame(client, gateway.DefaultMaxFrame) // the next request
//		plan, err := conn.Request(frame)                 // an error: log it, close the connection
//		replies := …                                     // send plan.Forward, read as many frames
//		answer, err := plan.Response(replies)            // what the client gets, or nil
//		…                                                // send it; close if plan.Close
//	}
//
// An allowed request is forwarded unchanged, and its response goes back to the client.
// A partly refused request is forwarded without the refused entries, and their errors
// are merged into the response in the order of the request. A request that is refused
// as a whole never reaches the cluster. Lists in responses are filtered: the topics of
// Metadata, groups, transactions, offsets, descriptions, and the authorized operations
// of KIP-430. APIs and versions that Kafka 4.2 or kmsg does not know are refused and
// not advertised.
//
// # When a request is decided
//
// If a request is forwarded after an Update of the store has returned, that update or a
// later one decided it. The same holds for every answer that shows what the cluster
// holds. An answer that reports what the cluster has done reports it unchanged.
//
// The guarantee for requests needs the help of the program that uses the gateway: it
// passes the requests of a connection one at a time, each after the previous one was
// answered, and sends Forward immediately. Package proxy does this. The guarantee for
// answers is kept by [Plan.Response]: it decides again if the ACLs have changed while
// the cluster was busy. This matters for a Fetch that waited for records, a JoinGroup
// that waited for a group, and every list and description.
//
// # What clients can still do after a right is revoked
//
// A consumer that loses Read on a topic stays a member of its group, as in Kafka. It
// can send heartbeats, join, leave, and commit offsets of other topics. It gets no more
// records of that topic and cannot commit offsets of it. A consumer that loses Read on
// the group can do none of this; the cluster removes it when its session times out, and
// reassigns its partitions. A transactional producer that loses Write on its
// transactional id can neither commit nor abort; the cluster aborts the transaction
// when it times out.
//
// A share consumer whose Read on a topic is taken away is told so with every fetch. The
// cluster's session forgets the partitions, and the records that the member has acquired
// and not acknowledged are released with its next fetch, so that other members get them.
// What it acknowledges of them is refused. If the right is given back, the partitions come
// back by themselves. The gateway remembers up to 10,000 partitions and 10,000 ranges of
// acquired offsets for each connection; a member that names more partitions is refused, and
// ranges beyond are released by the cluster when their lock ends. After an answer with more
// than 1,000 refused partitions, or one by which the cluster refuses a fetch, the session is
// forgotten, and the member begins a new one.
//
// # What differs from a broker
//
// The cluster sees the gateway's own principal, which has all permissions. Where the
// cluster would therefore do more than the client may, the gateway does less:
//
//   - Fetch sessions (KIP-227): consumers get none, so that every fetch names its
//     topics. Share sessions (KIP-932) work, but only on the connection that created
//     them.
//   - Metadata creates topics only if the client may create them. A heartbeat of a
//     streams group is forwarded only if the client may create all internal topics of
//     the group, or if those that it may not create exist. Otherwise the gateway answers
//     as Kafka does: with the status that internal topics are missing, and the member
//     waits.
//   - If a group member subscribes to a pattern, the gateway replaces the pattern by the
//     matching topics that the member may describe. It resolves the pattern again with
//     the first heartbeat after the topics or the client's ACLs have changed.
//   - Delegation tokens are disabled: they would belong to the gateway's principal.
//   - DescribeAcls, CreateAcls and DeleteAcls use the gateway's store: see
//     [ACLHandling].
//   - Only the cluster knows whether a topic exists, which group protocols are enabled
//     and which id the broker has, and it answers only requests that were allowed. So
//     errors can come in another order: a refusal by an ACL comes first.
//
// # Hostile input
//
// A frame is accepted only if it is exactly one message of its kind. Every length and
// count is compared with the remaining bytes before memory is allocated for it. A request
// uses at most sixteen times the size of its frame plus one megabyte of memory, and time in
// proportion to its bytes. No input causes a panic, and an error affects only its own
// connection.
//
// Before a request is authorized, the gateway does nothing that depends on names hidden
// from the client, and nothing that costs more than the request's own bytes. It asks
// the [Cluster], and compiles and matches patterns, only for a client that is allowed
// to see the result.
package gateway
