// Package relay is what a Kafka proxy needs around package gateway: the loop of a connection,
// what is known about the cluster, and the ports that clients see instead of the brokers'
// addresses. Package proxy is built on it. A proxy for clients without a login is this:
//
//	cluster, err := relay.NewCluster(relay.Upstream{Brokers: []string{"kafka-0:9092"}}, nil)
//	err = cluster.Refresh(ctx)                          // which brokers there are
//	ports, err := cluster.Listen(relay.PortsConfig{Address: "proxy.example:9192"})
//	g, err := gateway.New(gateway.Config{Store: store, Address: ports.Address})
//	r, err := relay.New(cluster, relay.Limits{})
//	go cluster.Run(ctx)
//	ports.Serve(ctx, func(client net.Conn, node int32) {
//		c, err := r.Admit(client)                       // within the limits
//		…
//		go c.Serve(context.Background(), relay.Client{Node: node, Gateway: g, Login: relay.Known{…}})
//	})
//	r.Drain()
//
// It imports neither metrics nor mechanisms for logins: those are hooks of [Client]. Its errors
// and its log call the program that uses it the proxy.
//
// # The pieces
//
// Each of them can be used without those below it:
//
//   - [Cluster] knows the brokers, their versions, and which of them are down.
//     [Cluster.Knowledge] answers what a gateway asks about topics and groups, from a cache that asks
//     on a miss. Software with its own loop gives it to gateway.Client.Cluster.
//   - [Ports] are the addresses of the proxy. [Ports.Address] is a gateway.Config.Address. With
//     ports of your own you need none: return their addresses from a function.
//   - [Tenants] share what clients use together. [Tenant.DecideList] is what
//     gateway.Client.Turn is made of.
//   - [Relay] and [Conn] are the loop. It calls a [Login] for who the client is.
//
// # What the loop guarantees
//
//   - Nothing from a client reaches the cluster before its Login says who it is and the gateway
//     has allowed it, nor after the Login says that the session has ended. A client that would
//     become another principal is disconnected.
//   - Requests are read ahead (Limits.Pipelined, and a megabyte) and answered in order. Like a broker,
//     each connection has one request in progress: the next one is decided when the answer
//     before it is written, and is forwarded immediately. If it has to wait before that, for the
//     broker, for room or for a turn, it is decided again after the wait.
//   - Behind an answer with a time of throttling nothing is sent for that time (KIP-219). A Produce
//     with acks=0 has no answer: the loop asks the broker for its versions behind it, and decides
//     the next request when that is answered.
//   - An answer that has come is sent before anything else is waited for.
//   - A request waits for room before it is read, in which each tenant has a share: see
//     [Limits]. A client that sends or reads slower than the limits say is disconnected.
//   - A connection that violates the protocol or a limit is closed. Others are not
//     affected. No input causes a panic.
//   - When a client has left, what it sent before is completed within Limits.Drain.
//
// Each connection of a client that reaches the cluster has one connection to its broker, and two
// goroutines. A request costs no lock that connections share, unless it needs room or asks the cluster.
//
// # What is known about topics, and how old it may be
//
// The name of a topic id comes from memory; an id that is not there is asked for. A name is never
// wrong, because an id is never used again, but its topic may be gone. At most 100,000 are
// remembered beyond those in the list of all topics. That list is asked for when a client
// subscribes to a pattern, once for all that wait, and is used for two seconds; [Cluster.TopicsAge]
// says how old it is. Which topics do not exist, and the topology of a streams group, are asked
// each time.
//
// A question waits for the turn of the client's [Tenant]. A client that asks for ids that are no
// topic's has ten questions at once and then ten a second. A request waits for names for at most
// Asker.Patience, a second by default; the loop of a Conn waits for five. What is not answered by
// then is unknown, and Kafka's clients try again.
package relay
