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
// # When a request is decided
//
// A request that is forwarded after an Update of the store has returned was decided by
// that update or a later one, and so was every answer, as far as it shows what the cluster
// holds; what the cluster has done is told as it was.
//
// For the first half the program around it hands the requests of a connection over one by
// one, each once the one before is answered, and sends what Forward has at once: package
// proxy does. For the second half [Plan.Response] decides again if the ACLs have changed
// while the cluster was busy: about a Fetch that waited for records, about a JoinGroup
// that waited for a group, about every list and description.
//
// # What somebody may still do whose rights are taken away
//
// A consumer whose Read on a topic is taken away stays a member of its group, as in Kafka:
// it sends heartbeats, joins, leaves, and commits offsets of other topics; it gets no
// record of the topic any more, and commits no offset of it. One whose Read on the group is
// taken away is refused all of that; the cluster takes it for dead when its session times
// out, and gives its partitions to others. A transactional producer whose Write on its
// transactional id is taken away can neither commit nor abort: the cluster aborts when the
// transaction times out.
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
// The cluster does what it is sent for the gateway's own principal, which has all
// permissions. Where it would so do more than the client may, the gateway does less:
//
//   - Fetch sessions (KIP-227): a consumer gets none, so that every fetch names its
//     topics. Share sessions (KIP-932) stay, on the connection that made them.
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
