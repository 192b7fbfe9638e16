package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
)

// page is RESULTS.md.
type page struct {
	results           results
	plots             []plotFile
	benchstat, budget string
	command, commit   string
}

// write prints the page. What was not measured is left out.
func (p page) write(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# What it costs

Written by a program; do not edit. Times are medians; the last section gives the spread of each and its number of runs.

- processor: %s, %d in use, %s/%s
- Go: %s
- commit: %s
- command: %s

`, p.config("cpu"), runtime.NumCPU(), p.config("goos"), p.config("goarch"), p.config("go"), code(p.commit), code(p.command))
	for _, f := range p.plots {
		fmt.Fprintf(&b, "![%s](plots/%s)\n\n", f.title, f.file)
	}
	p.rivals(&b)
	p.slower(&b)
	for _, t := range tables {
		p.table(&b, t)
	}
	p.readers(&b)
	if p.budget != "" {
		fmt.Fprintf(&b, "## The budgets\n\n```\n%s```\n\n", p.budget)
	}
	fmt.Fprintf(&b, "## Everything, as benchstat has it\n\n```\n%s```\n", p.benchstat)
	_, err := w.Write(b.Bytes())
	return err
}

func (p page) config(key string) string {
	if v := p.results.config[key]; v != "" {
		return v
	}
	return "unknown"
}

func code(s string) string {
	if s == "" {
		return "unknown"
	}
	return "`" + s + "`"
}

// rivalColumns are who is compared on the flat shape: the heading and the start of
// the name of the benchmark.
var rivalColumns = []struct{ heading, prefix string }{
	{"Portcullis", ours},
	{"one Go map", "Map/shape=flat/"},
	{"linear scan", "Rival/rival=linear/shape=flat/"},
	{"cedar-go", "Rival/rival=cedar/shape=flat/"},
	{"casbin", "Rival/rival=casbin/shape=flat/"},
}

const ours = "Check/shape=flat/"

// comparedCases are the cases of the flat shape in which rivals are shown: the names
// that no cache holds, and Kafka's own stream.
var comparedCases = []string{"/random", "/hit", "/miss-operation", "/miss-name", "/deny"}

func (p page) rivals(b *bytes.Buffer) {
	if len(p.results.sizesOf(ours, comparedCases[0])) == 0 {
		return
	}
	fmt.Fprintf(b, `## Beside others, on the flat shape

The map holds the answers for one principal, host and operation: it is the least that anything can cost, not an authorizer. The
scan and the two engines get the same ACLs, and gave the same answers before they were timed; package rivals says how they are
set up and what they cannot do. Kafka's column is from another run on another machine, times %s, which is what a map lookup
takes here of its time there; each question was one of 4,096.

`, plainNumber(machineFactor(p.results)))
	header := []string{"case", "ACLs"}
	for _, c := range rivalColumns {
		header = append(header, c.heading)
	}
	rows := [][]string{append(header, "of the map", "Kafka")}
	for _, suffix := range comparedCases {
		for _, s := range p.results.sizesOf(ours, suffix) {
			rows = append(rows, p.rivalRow(s, suffix))
		}
	}
	writeTable(b, rows)
}

func (p page) rivalRow(s sized, suffix string) []string {
	row := []string{suffix[1:], count(float64(s.n))}
	size := strings.TrimPrefix(s.benchmark, ours)
	for _, c := range rivalColumns {
		row = append(row, p.value(c.prefix+size, timeUnit))
	}
	ratio, kafka := "", ""
	us, _ := p.results.ns(s.benchmark)
	if m, ok := p.results.ns(rivalColumns[1].prefix + size); ok {
		ratio = plainNumber(us/m) + " x"
	}
	for _, f := range kafkaFigures {
		if f.n == s.n && suffix == "/hit" {
			kafka = duration(f.allow * machineFactor(p.results))
		}
	}
	return append(row, ratio, kafka)
}

// slower lists where somebody else is faster than we are.
func (p page) slower(b *bytes.Buffer) {
	var lines []string
	for _, c := range rivalColumns[1:] {
		for _, suffix := range comparedCases {
			var times []string
			for _, s := range p.results.sizesOf(ours, suffix) {
				us, _ := p.results.ns(s.benchmark)
				them, ok := p.results.ns(c.prefix + strings.TrimPrefix(s.benchmark, ours))
				if ok && them < us {
					times = append(times, fmt.Sprintf("%s times as fast at %s ACLs", plainNumber(us/them), count(float64(s.n))))
				}
			}
			if len(times) > 0 {
				lines = append(lines, fmt.Sprintf("- %s, %s: %s", c.heading, suffix[1:], strings.Join(times, ", ")))
			}
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "## Where others are faster\n\n%s\n\n", strings.Join(lines, "\n"))
	}
}

// column is a figure of a benchmark.
type column struct{ heading, unit string }

var (
	timeColumn  = column{"time", timeUnit}
	allocations = column{"allocations", allocsUnit}
)

// listing is a table with a row for each benchmark whose name begins with one of
// prefixes.
type listing struct {
	title    string
	prefixes []string
	columns  []column
}

var tables = []listing{
	{"A check, by shape and case", []string{"Check/"}, []column{timeColumn, allocations}},
	{"Without a session", []string{"Stateless/"}, []column{timeColumn, allocations}},
	{"Many at once, and by type", []string{"Metadata/", "CheckAny/", "Tenants/"}, []column{timeColumn, allocations}},
	{"Updates", []string{"Update/"}, []column{timeColumn, {"a binding", bindingUnit}, allocations}},
	{"Loading", []string{"Load/"}, []column{timeColumn, {"a binding", bindingUnit}, {"bytes a binding stay", residentUnit}, allocations}},
}

func (p page) table(b *bytes.Buffer, t listing) {
	header := []string{""}
	for _, c := range t.columns {
		header = append(header, c.heading)
	}
	rows := [][]string{header}
	for _, name := range p.results.names {
		if !slices.ContainsFunc(t.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		row := []string{name}
		for _, c := range t.columns {
			row = append(row, p.value(name, c.unit))
		}
		rows = append(rows, row)
	}
	if len(rows) > 1 {
		fmt.Fprintf(b, "## %s\n\n", t.title)
		writeTable(b, rows)
	}
}

// value returns a figure with its unit, or nothing if it was not measured.
func (p page) value(benchmark, unit string) string {
	v, ok := p.results.median(benchmark, unit)
	switch {
	case !ok:
		return ""
	case strings.HasPrefix(unit, "sec/"):
		return duration(v * nsPerSecond)
	default:
		return plainNumber(v)
	}
}

// readers lists the throughput by processors and rate of updates.
func (p page) readers(b *bytes.Buffer) {
	rows := [][]string{{"", "processors", "checks a second", "of one processor"}}
	for _, name := range p.results.names {
		if !strings.HasPrefix(name, "Readers/") {
			continue
		}
		one := 0.0
		for i, n := range p.results.processors(name) {
			perSecond := 1 / p.results.on(name, n)
			if i == 0 {
				one = perSecond
			}
			rows = append(rows, []string{name, fmt.Sprint(n), fmt.Sprintf("%.0f", perSecond), plainNumber(perSecond/one) + " x"})
		}
	}
	if len(rows) > 1 {
		fmt.Fprint(b, "## Readers\n\n")
		writeTable(b, rows)
	}
}

// writeTable writes rows as a table, the first one as its head.
func writeTable(b *bytes.Buffer, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
	b.WriteByte('\n')
}
