package benchmarks_test

import "testing"

// TestShort pins how sizes are written in the names of benchmarks: the report reads
// them.
func TestShort(t *testing.T) {
	for n, want := range map[int]string{62: "62", 1_000: "1k", 2_500_000: "2500k", 1_000_000: "1M"} {
		if got := short(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
