// Package fuzz holds the tests that cross packages. It has no code of its own.
//
// TestConformance replays what Apache Kafka's own classes answered, row by row;
// testdata/README.md says where the rows come from. To replay rows captured
// elsewhere, name their folder:
//
//	PORTCULLIS_VECTORS=DIR go test ./fuzz -run TestConformance -v
package fuzz
