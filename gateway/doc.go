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
// A request that passes is sent on, and what comes back is handed to the client. One
// that is refused in part is sent on without what is refused, and the errors of the
// refused parts are put into the answer in the order of the request. One that is
// refused as a whole never reaches the cluster. An API or a version that Kafka 4.2 or
// kmsg does not know is refused and never advertised.
package gateway
