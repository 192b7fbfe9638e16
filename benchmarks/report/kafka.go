package main

import "github.com/portcullis-authz/portcullis/benchmarks/measure"

// kafkaFigure is what Kafka's StandardAuthorizer (October 2024, JDK 17) took on a
// machine with two shared processors, in nanoseconds, for the flat shape with n
// ALLOW ACLs: one check that is allowed, and one ACL added. Machines differ: see
// machineFactor.
type kafkaFigure struct {
	n             int
	allow, addACL float64
}

var kafkaFigures = []kafkaFigure{
	{1_000, 2_143, 3_554}, {10_000, 5_722, 4_716}, {100_000, 17_055, 6_768}, {1_000_000, 46_252, 8_160},
}

// thatMap is what one lookup of a random name in a Go map took on that machine, by
// the benchmark here whose map holds about as many names.
var thatMap = map[string]float64{
	"Map/shape=flat/n=10k/random": 17, "Map/shape=flat/n=100k/random": 22,
	"Map/shape=flat/n=1M/random": 47, "Map/shape=literals/n=1M/random": 233,
}

// machineFactor returns how many times slower this machine is than the one that
// Kafka was measured on: the median of the ratios of map lookups, and 1 where no
// map was measured.
func machineFactor(r results) float64 {
	var ratios []float64
	for benchmark, theirs := range thatMap {
		if ours, ok := r.ns(benchmark); ok {
			ratios = append(ratios, ours/theirs)
		}
	}
	if len(ratios) == 0 {
		return 1
	}
	return measure.Median(ratios)
}
