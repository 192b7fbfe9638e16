package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sample = "testdata/results.txt"

// TestReportFromResults writes everything of an earlier run.
func TestReportFromResults(t *testing.T) {
	folder := t.TempDir()
	if err := report(options{from: sample, out: folder}, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"processor: A Processor", "`0123456789ab`", "`go -C benchmarks run ./report`", "Go: go1.26.8",
		"| hit | 1k | 120 ns |  |  |  |  |  | 4.29 µs |", // the median of three; Kafka's 2,143 ns twice
		"| random | 1k | 100 ns | 10 ns | 4 µs |  | 600 µs | 10 x |  |",
		"- one Go map, random: 10 times as fast at 1k ACLs, 4.41 times as fast at 10k ACLs\n",
		"| Check/shape=kafka/n=10k/random | 999 ns | 0 |",
		"| Update/shape=flat/n=25k/transaction=1000 | 5 ms | 5 µs | 8462 |",
		"| Load/shape=flat/n=1k | 2 ms | 1.7 µs | 217 | 6757 |",
		"| Readers/shape=flat/n=100k/updates=0 | 2 | 5000000 | 2 x |",
		"sec/op", // benchstat's
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, name := range []string{"cost.svg", "throughput.svg", "update.svg"} {
		if !strings.Contains(string(text), "](plots/"+name+")") {
			t.Errorf("%s is not shown", name)
		}
		checkPlot(t, filepath.Join(folder, "plots", name))
	}
}

// checkPlot reads a plot to its end and looks for labels of both axes.
func checkPlot(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var labels []string
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if text, ok := token.(xml.CharData); ok {
			labels = append(labels, strings.TrimSpace(string(text)))
		}
	}
	unit := map[string]string{"cost.svg": "100 ns", "throughput.svg": "million checks a second", "update.svg": "10 µs"}[filepath.Base(file)]
	if !slices.Contains(labels, unit) {
		t.Errorf("%s: no %q among %q", file, unit, labels)
	}
}

func TestReadResultsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "PASS\n",
		"broken":  "BenchmarkCheck-2  many  100 ns/op\n",
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readResults(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestInvocations(t *testing.T) {
	for _, tt := range []struct {
		bench string
		runs  int
		last  string // what -bench is in the last run
	}{
		{".", 2, "^BenchmarkReaders$"},
		{"Readers/shape=flat", 2, "^BenchmarkReaders$/shape=flat"},
		{"Check$", 1, "Check$"},
	} {
		runs, err := invocations(options{bench: tt.bench, count: 1, large: true})
		if err != nil || len(runs) != tt.runs {
			t.Fatalf("%s: %d runs, %v", tt.bench, len(runs), err)
		}
		last := runs[len(runs)-1]
		if i := slices.Index(last, "-bench"); last[i+1] != tt.last || last[len(last)-1] != "-large" {
			t.Errorf("%s: %q", tt.bench, last)
		}
	}
	if _, err := invocations(options{bench: "("}); err == nil {
		t.Error("a broken pattern is no error")
	}
}

func TestNumbers(t *testing.T) {
	for ns, want := range map[float64]string{0: "0 ns", 12.345: "12.3 ns", 999: "999 ns", 1500: "1.5 µs", 2e6: "2 ms", 3e9: "3 s", 123456: "123 µs"} {
		if got := duration(ns); got != want {
			t.Errorf("%v ns: %q, want %q", ns, got, want)
		}
	}
	for n, want := range map[float64]string{1: "1", 25_000: "25k", 1_000_000: "1M"} {
		if got := count(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
		if back, ok := parseSize(want); !ok || float64(back) != n {
			t.Errorf("%q: read as %d", want, back)
		}
	}
	if name, n := splitProcessors("Check/shape=KAFKA-20667/hit"); n != 1 || name != "Check/shape=KAFKA-20667/hit" {
		t.Errorf("%q on %d", name, n)
	}
}

// TestProcessorsAreSorted holds for what a map yields in any order.
func TestProcessorsAreSorted(t *testing.T) {
	r := results{values: map[key][]float64{}}
	want := []int{1, 2, 4, 8, 16, 32, 64}
	for _, n := range want {
		r.values[key{"Readers", n, timeUnit}] = []float64{1 / float64(n)}
	}
	if got := r.processors("Readers"); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if ns, ok := r.ns("Readers"); !ok || ns != nsPerSecond/64 {
		t.Errorf("got %v ns, want those of the most processors", ns)
	}
}

// TestMachineFactor has a machine that is twice as slow in the one map measured.
func TestMachineFactor(t *testing.T) {
	r, err := readResults(sample)
	if err != nil {
		t.Fatal(err)
	}
	if got := machineFactor(r); math.Abs(got-2) > 1e-9 {
		t.Errorf("factor %v, want 2", got)
	}
	if got := machineFactor(results{}); got != 1 {
		t.Errorf("factor %v of nothing, want 1", got)
	}
}
