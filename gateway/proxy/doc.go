// Package proxy is an authorizing Kafka proxy: clients connect to it instead of the
// brokers, and it forwards only what the ACLs allow.
//
//	p, err := proxy.Listen(ctx, proxy.Config{
//		Upstream:  relay.Upstream{Brokers: []string{"kafka-0:9092"}},
//		Listeners: []proxy.Listener{{Protocol: ops.SASLSSL, Address: "proxy.example:9192", TLS: …, SASL: …}},
//		Store:     store,
//	})
//	err = p.Serve(ctx)
//
// It terminates TLS and SASL, maps the client to a principal by the rules of package principal,
// decides each request with package gateway, and shows clients its own ports instead of the
// brokers' addresses: see [Listener]. What a connection is served by, what is known about the
// cluster, and the ports are in package relay, for software that has other logins.
//
// # Guarantees
//
//   - Nothing from a client reaches the upstream before the client is logged in and the
//     ACLs allow it. While no ACLs are loaded, only super users are allowed anything.
//   - Requests are answered in order. The answer to a refused request comes between the
//     answers to the requests before and after it.
//   - If a request is forwarded after an Update of the ACLs has returned, that update or
//     a later one decided it; the same holds for every answer (see package gateway).
//     Like a broker, each connection has one request in progress: the next one is
//     decided when the previous answer is written, and is forwarded immediately. So no
//     request waits at the broker behind a long poll while the ACLs change. Behind an
//     answer with a time of throttling the broker reads nothing for that time, and the next
//     request is decided when it is over. A Produce with acks=0 has no answer: the proxy asks
//     the broker for its versions behind it, and decides the next request when that is
//     answered. Only further Produce requests with
//     acks=0 are sent before: at most 64 of them are at the broker, each decided when it
//     was sent.
//   - A connection that violates the protocol or a limit is closed, with a line in the
//     log. Other connections are not affected.
//   - The connections of one principal, or of one network of unauthenticated clients,
//     cannot use up the memory for requests, the questions to the upstream or the audit
//     log: a share always remains for others. See relay.Limits.
//   - Clients see no address of a broker. A broker without a port of the proxy is left
//     out.
//
// # What authorization costs
//
// Writing a record through the proxy takes at most 5 % longer than through the same
// proxy without authorization, for single records and for batches from several clients,
// with 10,000 ACLs in force. This command measures it, and fails if it takes longer:
//
//	go test -run xxx -bench Authorization -benchtime 10000x ./gateway/proxy
//
// It prints the median with confidence bounds for the run. Runs differ by about 1 %,
// even on a busy machine. Client, proxy and broker run in one process, the broker
// stores nothing, and there is no network between them, so the proxy's share is larger
// than in production.
//
// "Without authorization" has three variants. In "off", requests are not decoded, and
// only the addresses in responses are. In "bytes", not even the responses of Produce
// are decoded, which is less than any proxy that replaces addresses can do. In
// "unchecked", everything is decoded and decided, for a super user.
//
// # The cost of one request at a time
//
// A producer may send several batches ahead; Java's sends five. Through the proxy this
// hides the latency to the proxy, but not the latency from the proxy to the broker,
// which gets one batch at a time. Close to the broker the effect is small. If the round
// trip to the broker is much longer than storing a batch, each connection transfers one
// batch per round trip. So keep the proxy near its brokers, and use large batches. This
// command measures the effect:
//
//	go test -run xxx -bench Pipelined ./gateway/proxy
//
// # Limitations
//
// The upstream sees one client, the proxy. Quotas, and the hosts and principals in the
// upstream's logs, are those of the proxy. SCRAM credentials of the upstream do not work on
// the proxy's listeners, and delegation tokens only with Config.DelegationTokens. The proxy is
// not meant for replication between brokers.
//
// If the upstream limits the duration of sessions (connections.max.reauth.ms),
// connections through the proxy end with their upstream session, and clients reconnect.
package proxy
