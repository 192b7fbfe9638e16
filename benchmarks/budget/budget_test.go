package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

// tiny runs every part in a moment. What it measures says nothing.
var tiny = scale{
	checks: []int{100, 1_000}, big: 2_000, kafka: 1_000, literals: 500, tenants: 20, crowd: 200,
	byType: [2]int{20, 5}, updates: 50, batch: 10, perFigure: time.Millisecond,
}

// TestEveryPartRuns runs all parts, and counts what they print: a budget that is no
// longer measured must not go unnoticed.
func TestEveryPartRuns(t *testing.T) {
	var out strings.Builder
	if _, err := run(&out, tiny); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, l := range strings.Split(out.String(), "\n") {
		for _, verdict := range []string{" ok", " short"} {
			if strings.Contains(l, verdict) {
				got["judged"]++
			}
		}
		for _, wrong := range []string{"NaN", "Inf", "-1"} {
			if strings.Contains(l, " "+wrong) {
				t.Errorf("no figure: %s", l)
			}
		}
		got["lines"]++
	}
	// Of three flat sizes a check, a batch, Store.Check and two without allocations; of the
	// literals a check and two without allocations; two small updates, three worst cases,
	// Metadata, tenants, two of the kafka shape, load, memory, seven of CheckAny, two of
	// throughput, the tail, three of updates, Replace.
	if got["judged"] != 43 || got["lines"] != 66 {
		t.Errorf("%d lines judged of %d, want 43 of 66:\n%s", got["judged"], got["lines"], out.String())
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		line line
		want string
	}{
		{line{measured: 2.5, atMost: 2.5}, "ok"},
		{line{measured: 2.6, atMost: 2.5}, "short"},
		{line{measured: 1.9, atLeast: 1.9}, "ok"},
		{line{measured: 1.8, atLeast: 1.9}, "short"},
		{line{measured: 0, exact: true}, "ok"},
		{line{measured: 1, exact: true}, "short"},
		{line{measured: math.NaN(), atMost: 1}, "short"},
		{line{measured: 1e9}, ""},
	} {
		if got := tt.line.verdict(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 2: "2", 0.123: "0.12", 12.34: "12.3", 123.4: "123", 1e7: "10000000"} {
		if got := figure(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
