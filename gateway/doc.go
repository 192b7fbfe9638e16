// Package gateway puts the authorizer between Kafka clients and a Kafka cluster: it
// decodes each request, evaluates it by the protocol table (package ops) with the
// ACLs of a store (package snapshot), and says what to send on and what to answer.
// It opens no connection and starts no goroutine; those belong to the program around
// it.
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
// A request that passes is sent on as it came, and what comes back is handed to the
// client. One that is refused in part is sent on without what is refused, and the errors
// of the refused parts are put into the answer in the order of the request. One that is
// refused as a whole never reaches the cluster. Lists are filtered when they come back:
// the topics of Metadata, groups, transactions, offsets, descriptions, and the
// authorized operations of KIP-430. An API or a version that Kafka 4.2 or kmsg does not
// know is refused and not advertised.
//
// # What differs from a broker
//
// The cluster does what it is sent for the gateway's own principal, which has all
// permissions. Where it would so do more than the client may, the gateway does less:
//
//   - Fetch sessions (KIP-227): a consumer gets none, so that every fetch names its
//     topics. Share sessions (KIP-932) stay, and what comes back is decided about too.
//   - Topics are created by Metadata only if the client may create them. The heartbeat of
//     a streams group is sent on only if the client may create all internal topics of the
//     group, or those that it may not create exist. Else the gateway answers as Kafka
//     does, with a status that internal topics are missing, and the member waits.
//   - A pattern that a group member subscribes to is replaced by the topics that it
//     matches, of those that the member may describe. It is resolved again with the first
//     heartbeat after the topics or the client's ACLs have changed.
//   - Delegation tokens are switched off: they would be the gateway's own.
//   - DescribeAcls, CreateAcls and DeleteAcls are about the gateway's store: see
//     [ACLHandling].
//   - Whether a topic exists, which group protocols are on and what number the broker
//     has, the cluster knows and says to those who may ask. So the order of two errors
//     can be another one: a refusal by an ACL comes first.
//
// # Hostile input
//
// A frame is read only if it is one message of its kind to its last byte: every length
// and count is held against what is left before any memory is taken for it. What is read
// takes no more than its frame and 100 MiB, and no more time than its bytes. Nothing
// panics, and an error is about one connection.
//
// Nothing that depends on names which the client may not see, and nothing that costs
// more than its bytes, happens before the request is authorized: the [Cluster] is asked,
// and patterns are compiled and matched, only for a client that is told what comes of it.
package gateway
