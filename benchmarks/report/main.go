// Report runs every benchmark and writes what they measured:
//
//	go -C benchmarks run ./report
//
// It leaves three things in the folder of the benchmarks: results.txt, the output of
// go test as benchstat reads it; plots/*.svg; and RESULTS.md, which shows both with
// the machine, the commit and the command. With -from FILE it measures nothing and
// writes the report of an earlier results.txt.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.out, "out", ".", "folder to write to")
	flag.StringVar(&o.from, "from", "", "results of an earlier run, instead of running the benchmarks")
	flag.StringVar(&o.bench, "bench", ".", "which benchmarks to run, as for go test")
	flag.DurationVar(&o.benchtime, "benchtime", 100*time.Millisecond, "how long each run of a benchmark takes")
	flag.IntVar(&o.count, "count", 10, "how many runs there are of each benchmark")
	flag.BoolVar(&o.large, "large", false, "measure ten million ACLs too")
	flag.BoolVar(&o.budget, "budget", true, "run the budget, too, and show what it prints")
	flag.Parse()
	if err := report(o, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	out, from, bench string
	benchtime        time.Duration
	count            int
	large, budget    bool
}

// command is how to run the report with these options again.
func (o options) command() string {
	s := fmt.Sprintf("go -C benchmarks run ./report -bench %s -benchtime %v -count %d", o.bench, o.benchtime, o.count)
	if o.large {
		s += " -large"
	}
	return s
}

// report writes all files. Progress goes to log.
func report(o options, log io.Writer) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	raw := o.from
	if raw == "" {
		raw = filepath.Join(o.out, "results.txt")
		if err := runBenchmarks(o, raw, log); err != nil {
			return err
		}
	}
	r, err := readResults(raw)
	if err != nil {
		return err
	}
	plots, err := writePlots(r, filepath.Join(o.out, "plots"))
	if err != nil {
		return err
	}
	page := page{results: r, plots: plots, command: r.config["command"], commit: r.config["commit"]}
	if page.benchstat, err = benchstat(raw); err != nil {
		return err
	}
	if o.budget {
		if page.budget, err = runBudget(log); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(o.out, "RESULTS.md"))
	if err != nil {
		return err
	}
	return errors.Join(page.write(f), f.Close())
}
