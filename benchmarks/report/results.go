package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/portcullis-authz/portcullis/benchmarks/measure"
)

// results are what all runs of all benchmarks measured.
type results struct {
	config map[string]string // such as cpu, commit and command
	names  []string          // of benchmarks, in the order in which they ran
	values map[key][]float64 // one value for each run
}

// key is one figure of one benchmark.
type key struct {
	benchmark  string // "Check/shape=flat/n=10k/hit", without the number of processors
	processors int
	unit       string // as benchfmt has it, which makes seconds of nanoseconds
}

// readResults reads the output of go test. Lines that are not results are
// skipped; a line that only begins like a result is an error.
func readResults(file string) (results, error) {
	r := results{config: map[string]string{}, values: map[key][]float64{}}
	f, err := os.Open(file)
	if err != nil {
		return r, err
	}
	defer f.Close()
	reader := benchfmt.NewReader(f, file)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			r.add(record)
		case *benchfmt.SyntaxError:
			return results{}, record
		}
	}
	if err := reader.Err(); err != nil {
		return results{}, err
	}
	if len(r.names) == 0 {
		return results{}, fmt.Errorf("%s: no benchmark in it", file)
	}
	return r, nil
}

func (r *results) add(record *benchfmt.Result) {
	for _, c := range record.Config {
		r.config[c.Key] = string(c.Value)
	}
	name, processors := splitProcessors(string(record.Name))
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
	for _, v := range record.Values {
		k := key{name, processors, v.Unit}
		r.values[k] = append(r.values[k], v.Value)
	}
}

// splitProcessors takes the number of processors off a name: go test leaves it out
// if it is 1.
func splitProcessors(full string) (name string, processors int) {
	if i := strings.LastIndexByte(full, '-'); i >= 0 {
		if n, err := strconv.Atoi(full[i+1:]); err == nil && n > 0 {
			return full[:i], n
		}
	}
	return full, 1
}

const (
	nsPerSecond  = 1e9
	timeUnit     = "sec/op"
	bindingUnit  = "sec/binding" // ns/binding, as the benchmark says it
	residentUnit = "B/binding"
	allocsUnit   = "allocs/op"
)

// ns returns the median time of one operation of a benchmark that was run on one
// number of processors, in nanoseconds. ok is false if it was not run.
func (r results) ns(benchmark string) (_ float64, ok bool) {
	v, ok := r.median(benchmark, timeUnit)
	return v * nsPerSecond, ok
}

// median is of the runs on the most processors.
func (r results) median(benchmark, unit string) (_ float64, ok bool) {
	all := r.processors(benchmark)
	if len(all) == 0 {
		return 0, false
	}
	values, ok := r.values[key{benchmark, all[len(all)-1], unit}]
	return measure.Median(values), ok
}

// on returns the median time of one operation on a number of processors that the
// benchmark was run on, in seconds.
func (r results) on(benchmark string, processors int) float64 {
	return measure.Median(r.values[key{benchmark, processors, timeUnit}])
}

// processors returns the numbers of processors that a benchmark was run on, in
// order.
func (r results) processors(benchmark string) (list []int) {
	for k := range r.values {
		if k.benchmark == benchmark && k.unit == timeUnit {
			list = append(list, k.processors)
		}
	}
	slices.Sort(list)
	return list
}

// sizesOf returns the sizes n for which a benchmark with prefix + "n=" + n + suffix
// ran, and its name for each, smallest first.
func (r results) sizesOf(prefix, suffix string) (list []sized) {
	for _, name := range r.names {
		middle, ok := strings.CutPrefix(name, prefix+"n=")
		if !ok {
			continue
		}
		if middle, ok = strings.CutSuffix(middle, suffix); !ok {
			continue
		}
		if n, ok := parseSize(middle); ok {
			list = append(list, sized{n, name})
		}
	}
	slices.SortFunc(list, func(a, b sized) int { return a.n - b.n })
	return list
}

// sized is a benchmark and its number of ACLs.
type sized struct {
	n         int
	benchmark string
}

// parseSize reads "25k" and "1M".
func parseSize(s string) (int, bool) {
	scale := 1
	if rest, ok := strings.CutSuffix(s, "k"); ok {
		s, scale = rest, 1_000
	} else if rest, ok := strings.CutSuffix(s, "M"); ok {
		s, scale = rest, 1_000_000
	}
	n, err := strconv.Atoi(s)
	return n * scale, err == nil
}
