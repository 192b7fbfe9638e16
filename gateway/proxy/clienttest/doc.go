// Package clienttest holds the tests in which Kafka's own clients judge the proxy.
//
// Each row of the tests is a client: a command-line tool, a Java client, a Streams
// application, a Connect worker, a client of another language. It runs with all rights,
// with exactly the rights that it needs, and with each of these missing; each time it
// runs straight at a real broker, where Kafka's own authorizer decides, and through the
// proxy to the same broker, where Portcullis decides by the same ACLs. What the client
// prints, its errors and its exit status must be the same.
//
// See the package kafkatest for what the tests need. Without flags the smaller set of
// rows runs. The flags of the test binary choose others:
//
//	go test ./gateway/proxy/clienttest -run Clients -timeout 30m -args -full
//	go test ./gateway/proxy/clienttest -run Clients -timeout 30m -args -full -kafka 3.9.2
//	go test ./gateway/proxy/clienttest -run Clients -args -only 'share|streams'
//
// Clients in other languages run where they are installed: kcat, and confluent-kafka of
// ../clients/requirements.txt. TestOldClients runs Java clients of old versions. TestTools
// counts the command-line tools and their command lines.
//
// TestLanguages runs Sarama, and kafkajs where node and npm are installed; with
// PORTCULLIS_REQUIRE_CLIENTS=1 it fails where they are not.
//
// TestReconnects runs Java clients of 4.4 whose connections end all the time: the proxy must not
// make them bootstrap again. -reconnect is for how long.
//
// The number of runs must not fall: testdata/counts.tsv has it for each set of rows.
//
// The logs of clients are not compared: what they warn of is up to timing. Nor is how
// often a client asks again. Kafka answers what it refuses at once, without a pause, and so
// does the proxy, only sooner: a Connect worker without READ on its internal topics was
// refused 27,000 fetches by a broker and 90,000 by the proxy in the same time, as it asks
// again as soon as it has its answer.
package clienttest
