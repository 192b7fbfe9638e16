// Package gateway puts the authorizer between Kafka clients and a Kafka cluster. It
// decodes each request, decides it by the protocol table (package ops) and the ACLs of
// a store (package snapshot), and returns what to forward and what to answer. It opens
// no connections and starts no goroutines; the program that uses it does that.
//
//	g, err := gateway.New(gateway.Config{Store: store, Cluster: cluster, Audit: auditor})
//	conn := g.Conn(gateway.Client{Subject: subject})     // once a client connection
//	for {
//		frame, err := gateway.ReadFrame(client, gateway.DefaultMaxFrame) // the next request
//		plan, err := conn.Request(frame)                 // an error: log it, close the connection
//		replies := …                                     // send plan.Forward(), read as many frames
//		answer, err := plan.Response(replies...)          // what the client gets, or nil
//		…                                                // send it; close if plan.Close
//	}
//
// An allowed request is forwarded unchanged, and its response goes back to the client.
// A partly refused request is forwarded without the refused entries, and their errors
// are merged into the response in the order of the request. A request that is refused
// as a whole never reaches the cluster. Lists in responses are filtered: the topics of
// Metadata, groups, transactions, offsets, descriptions, and the authorized operations
// of KIP-430. APIs and versions that package ops (Kafka 4.4) or kmsg does not know are
// refused and not advertised.
//
// # When a request is decided
//
// If a request is forwarded after an Update of the store has returned, that update or a
// later one decided it. The same holds for every answer that shows what the cluster
// holds. An answer that reports what the cluster has done reports it unchanged.
//
// The guarantee for requests needs the help of the program that uses the gateway: it
// passes the requests of a connection one at a time, each after the previous one was
// answered, and sends Forward immediately. Behind a request without an answer
// ([Plan].Silent), and behind an answer after which the cluster reads nothing for a while
// ([Plan.Throttled]), it asks the cluster something, and waits for the answer to that. If it
// has to wait before Forward, it drops the plan and decides the request again: deciding has
// no effect. Package relay does this. The guarantee for
// answers is kept by [Plan.Response]: it decides again if the ACLs have changed while
// the cluster was busy. This matters for a Fetch that waited for records, a JoinGroup
// that waited for a group, and every list and description.
//
// # Logins
//
// The gateway authenticates nobody. The program answers SaslHandshake and SaslAuthenticate itself,
// before it passes a request to [Conn.Request], as package proxy does. Until the login it uses a
// Conn with the zero Subject, which decides ApiVersions and refuses everything else but these two
// with an error. After the login it creates a new Conn with the Subject of the client, and
// also when the client logs in again (KIP-368): a Conn never changes its Subject. Client.Before
// hands over share sessions and group members if the principal is the same; a
// client that logs in as another principal is to be disconnected, as by a broker. A SASL request that reaches Request all the same is
// answered with ILLEGAL_SASL_STATE and does not reach the cluster, where it would log
// the gateway in again.
//
// # Concurrency
//
// A Gateway and its Store may be used by any number of goroutines. A Conn, its Plans and
// the Conn that replaces it may be used by one at a time, and a Plan may be
// passed from one goroutine to another. A Config.Address, Config.Audit, Config.Credentials and Cluster are
// called by as many goroutines at once as there are connections.
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
// A share consumer that loses Read on a topic gets the error for its partitions with
// every fetch. The gateway removes the partitions from the cluster's session, and its
// next fetch releases the records that the member has acquired and not acknowledged, so
// that other members get them. Acknowledgements of these records are refused. When the
// right is granted again, the gateway adds the partitions again. It remembers up to 16
// sessions with 10,000 partitions and 10,000 ranges of acquired offsets for each
// connection. A fetch that begins one more session, or names more partitions, is refused. The cluster releases further ranges when their
// lock expires. After an answer with more than 1,000 refused partitions, or a fetch that
// the cluster refuses, the gateway drops the session, and the member begins a new one.
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
//   - Topics of a streams group's topology description, which Kafka does not check, are
//     shown only if the client may describe them.
//   - What ApiVersions says of the cluster and the broker that the client expects
//     (KIP-1242) is not forwarded.
//   - If a group member subscribes to a pattern, the gateway replaces the pattern by the
//     matching topics that the member may describe. It resolves the pattern again with
//     the first heartbeat after the topics or the client's ACLs have changed. A connection
//     resolves patterns at most once a second after the first ones: a new one may have to wait for a second,
//     with COORDINATOR_LOAD_IN_PROGRESS.
//   - Delegation tokens are disabled without a [Tokens]. With one, the gateway makes them for its
//     clients, and is their last renewer.
//   - DescribeAcls, CreateAcls and DeleteAcls use the gateway's store: see
//     [ACLHandling]. Package kmsgacl converts their messages.
//   - Versions of APIs that need facts about the cluster are not served without a [Cluster] that
//     provides them: see [Facts].
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
//
// The gateway alone bounds what one connection can cause, not what a client can over many
// connections. The program that uses it has to bound that: the number of connections and of
// requests at a time, what is kept between requests ([Client].Keep), requests that cost as
// much as the cluster has ([Client].Turn), decisions about lists of everything
// ([Plan.ListsAll]), memory ([Plan.Memory]), and what the [Cluster] asks. Its Topics should
// answer all that ask at about the same time with one list. Package relay does this.
package gateway
