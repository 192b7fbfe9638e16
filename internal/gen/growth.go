package gen

import (
	"runtime"
	"testing"
	"time"
)

// growth is the ratio of the two input sizes in [GrowsLinearly].
const growth = 8

// GrowsLinearly fails t unless the processor time of run grows in proportion to the
// size n of its input. It runs an input that is eight times larger, which may take 24
// times as long; quadratic growth would take 64 times. On systems that report the time
// of a single thread, other programs do not affect the result.
func GrowsLinearly(t testing.TB, what string, n int, run func(n int)) {
	t.Helper()
	const slack = 3 // for caches and the garbage collector
	small, large := least(n, run), least(growth*n, run)
	t.Logf("%s: %v, and %v for %d times as much", what, small, large, growth)
	if large > slack*growth*small {
		t.Errorf("%s: %v, and %v for %d times as much", what, small, large, growth)
	}
}

// least returns the shortest time of a few runs. Others may include garbage collection
// or a cold cache.
func least(n int, run func(n int)) (shortest time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const floor = 100 * time.Microsecond // a clock is too coarse for less
	for i := range 4 {
		start := threadTime()
		run(n)
		if took := threadTime() - start; i == 0 || took < shortest {
			shortest = took
		}
	}
	return max(shortest, floor)
}
