// Package proxy is a Kafka proxy that authorizes: clients connect to it instead of the
// brokers, and get of the cluster what the ACLs allow them.
//
//	p, err := proxy.Listen(ctx, proxy.Config{
//		Upstream:  proxy.Upstream{Brokers: []string{"kafka-0:9092"}},
//		Listeners: []proxy.Listener{{Protocol: proxy.SASLSSL, Address: "proxy.example:9192", TLS: …, SASL: …}},
//		Store:     store,
//	})
//	err = p.Serve(ctx)
//
// It terminates TLS and SASL, names the client by the rules of package principal,
// decides each request by package gateway, and shows its own ports for those of the
// brokers: see [Listener].
//
// # Guarantees
//
//   - Nothing of a client reaches the upstream before it is logged in and the ACLs
//     allow it. While no ACLs are loaded, only super users are allowed anything.
//   - Requests are answered in their order. A request that is refused is answered
//     between those before and after it.
//   - A request forwarded after an Update of the ACLs returned was decided by that update
//     or a later one, and so was every answer (see package gateway). Each connection has
//     one request under way at its broker, as a broker has itself: the next one is
//     decided when the answer to the one before has come, and forwarded at once. So none
//     waits at the broker behind a long poll while the ACLs change.
//   - A connection that breaks the protocol, or a limit, is closed, with a line in the
//     log. It takes no other with it.
//   - What the connections of one principal, or of one network of clients that are not
//     authenticated, take of the room for requests, of the questions to the upstream and of
//     the audit log leaves a share for others: see [Limits].
//   - No address of a broker is shown to a client: a broker without a port of the proxy
//     is left out.
//
// # What authorization costs
//
// A record that is written through the proxy takes at most 5 % more time than through
// the same proxy without authorization, one by one as well as in batches of several
// clients, with 10,000 ACLs in force. This says how much it is, and fails if it is more:
//
//	go test -run xxx -bench Authorization -benchtime 10000x ./gateway/proxy
//
// It prints the median, with bounds for the run; runs differ by about 1 %, however busy
// the machine is. Client, proxy and broker are in one process, the broker stores nothing
// and nothing lies between them, so that the proxy's part is larger than elsewhere.
//
// Authorization is off in three ways: requests are not read, and of the responses only
// the addresses are ("off"); not even those of Produce are, which is less than any proxy
// can do that shows addresses of its own ("bytes"); everything is read and decided, for a
// super user ("unchecked").
//
// # What turns cost
//
// A producer that sends several batches ahead, as Java's does with five, saves the way to
// the proxy and not the way from there to the broker, which takes one after the other.
// Beside the broker that is little. Where the round trip to the broker is much longer than
// it takes to store a batch, one connection gets one batch for each round trip. Keep the
// proxy near its brokers, and batches large. This measures it:
//
//	go test -run xxx -bench Pipelined ./gateway/proxy
//
// # What it cannot do
//
// The upstream sees one client, the proxy: its quotas, and the hosts and principals in
// its own logs, are the proxy's. Delegation tokens and SCRAM credentials of the
// upstream are not those of the proxy's listeners; requests about tokens are refused,
// since the upstream would make them out to the proxy. Brokers that replicate through
// the proxy are not what it is for.
//
// If the upstream ends sessions (connections.max.reauth.ms), the connections through
// the proxy end with them, and clients connect again.
package proxy
