// Budget measures what the project promises about its speed and says of each
// promise whether it is kept on this machine, now:
//
//	go -C benchmarks run ./budget
//
// Each line gives what was measured, the budget and "ok" or "short"; lines without
// a budget are for information. The exit status is 1 if a line falls short, 2 if
// something could not be measured. It takes about a minute where two
// processors are free, longer where they are not.
//
// What is compared is measured in small slices that take turns, and the result is
// the median, so that another program on the machine decides little. Checks and
// updates are measured in the time for which their thread ran on a processor; what
// must be seen by the clock on the wall says so: loads, throughput and the tail.
// Ratios to a
// Go map are to a map of the very names that are asked, all of them, in random
// order: the 4,096 names of Kafka's workload fit in a cache and are shown beside.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

func main() {
	start := time.Now()
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	short, err := run(os.Stdout, full)
	if err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(2)
	}
	fmt.Printf("%d short, in %.0f s\n", short, time.Since(start).Seconds())
	if short > 0 {
		os.Exit(1)
	}
}

// scale is how much is loaded and for how long it is measured.
type scale struct {
	checks    []int // sizes of the flat shape for checks alone
	big       int   // size of the flat and kafka shapes for everything else
	kafka     int   // size of the kafka shape beside
	literals  int
	tenants   int
	crowd     int    // principals on a topic, hosts of a principal
	byType    [2]int // resources and ACLs on each
	updates   int    // different ones
	batch     int    // bindings in a large transaction
	perFigure time.Duration
	loads     time.Duration // no load is begun when this is over
}

var full = scale{
	checks: []int{1_000, 10_000, 100_000}, big: 1_000_000, kafka: 100_000, literals: 1_000_000, tenants: 1_000,
	crowd: 100_000, byType: [2]int{50_000, 50}, updates: 20_000, batch: 1_000,
	perFigure: 400 * time.Millisecond, loads: 5 * time.Second,
}

// parts are run in this order, each with nothing left in memory of those before.
var parts = []func(scale) ([]line, error){checkSmall, updateSmall, checkLiterals, worstCases, metadata, tenants, kafkaShape, everythingBig, byType}

// run prints the lines of all parts and returns how many fell short.
func run(w io.Writer, s scale) (short int, err error) {
	fmt.Fprintf(w, "%-62s %14s %16s\n", "", "measured", "budget")
	for _, part := range parts {
		runtime.GC()
		lines, err := part(s)
		if err != nil {
			return short, err
		}
		for _, l := range lines {
			fmt.Fprintln(w, l)
			if l.verdict() == fallsShort {
				short++
			}
		}
	}
	return short, nil
}
