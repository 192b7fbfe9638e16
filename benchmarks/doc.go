// Package benchmarks measures the authorizer, beside rivals in the same run. It has
// no code of its own beside its tests.
//
//	go test -bench . -benchtime 100ms      every benchmark
//	go test -bench . . -large              with ten million ACLs too
//	go run ./budget                        is every promise about speed kept?
//	go run ./report                        writes RESULTS.md and plots/*.svg
//
// The names of benchmarks are Check/shape=flat/n=10k/hit: what is done, the shape of
// the ACLs and their number (package workload), and how the question is answered.
// "hit", "deny", "miss-operation" and "miss-name" ask about 4,096 names in turn,
// which caches like; "random" asks about all names in random order.
package benchmarks
