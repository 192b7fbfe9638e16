// Package fuzz holds the tests that cross packages. It has no code of its own.
//
// TestConformance replays what Apache Kafka's own classes answered, row by row;
// testdata/README.md says where the rows come from. To replay rows captured
// elsewhere, name their folder:
//
//	PORTCULLIS_VECTORS=DIR go test ./fuzz -run TestConformance -v
//
// TestKafkaAuthorizer, TestKafkaSSLMapping, TestKafkaKerberosMapping, TestKafkaHosts and
// TestJavaDistinguishedNames ask Kafka's own classes, in a JVM, about inputs that are
// drawn for them: see internal/kafkatest for what that needs. They print the first
// differences, those of the authorizer as small rows that can be added to testdata. To
// go on for longer than usual, with other inputs:
//
//	go test ./fuzz -run 'TestKafka|TestJava' -soak 1h -timeout 0 -v
//
// TestModelConformance replays the same rows on the reference model in
// internal/refmodel, and TestProperties holds what must be true in any world that
// internal/gen makes. What else there is to run:
//
//	.ci/fuzz 60                           every fuzz target of the module, a minute each
//	go run ./fuzz/linear/soak -for 10m    readers, writers and reloads at once, flat memory
//	.ci/mutants snapshot                  whether a test notices each change of the code
package fuzz
