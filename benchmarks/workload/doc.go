// Package workload makes the ACLs that the benchmarks load and the questions they
// ask. Everything is made by formula or with a fixed seed, so that two runs, two
// versions and two languages do the same work.
//
// A [Shape] is a set of ACLs with the questions for it. [Flat] and [Kafka] are the
// shapes of Kafka's own AuthorizerBenchmark with its random draws replaced by
// formulas; [QueryHash] is a number by which to tell that another program asks the
// same questions.
package workload
