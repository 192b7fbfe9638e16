// Package measure times operations so that a noisy machine decides as little as
// possible: in many small slices, those of operations that are to be compared
// taking turns, with the median of the slices as the result.
package measure

import (
	"runtime"
	"slices"
	"time"
)

// Op does an operation n times.
type Op func(n int)

// slice is how long one slice takes, about. It is long beside a clock reading and
// short beside the time for which another program keeps a processor.
const slice = 2 * time.Millisecond

// minSlices is the least number of slices of which a median is taken, however long
// one of them takes.
const minSlices = 5

// Interleave runs the ops in turn, one slice each, for about as long as total, and
// returns what they cost. With few rounds, because one operation takes long, it
// takes longer than total.
func Interleave(total time.Duration, ops ...Op) Rounds { return interleave(total, wallTime, ops) }

// Busy is Interleave, but counts only the time for which the calling thread ran on a
// processor, so that other programs decide less. What an op leaves to other threads,
// such as the collector's, does not count. It is for ops that do not wait.
func Busy(total time.Duration, ops ...Op) Rounds {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return interleave(total, threadTime, ops)
}

var begunMeasuring = time.Now()

func wallTime() time.Duration { return time.Since(begunMeasuring) }

func interleave(total time.Duration, clock func() time.Duration, ops []Op) Rounds {
	times := make([]int, len(ops))
	for i, op := range ops {
		times[i] = calibrate(clock, op)
	}
	rounds := make(Rounds, len(ops))
	for start := time.Now(); len(rounds[0]) < minSlices || time.Since(start) < total; {
		for i, op := range ops {
			rounds[i] = append(rounds[i], cost(clock, op, times[i]))
		}
	}
	return rounds
}

// Time is Interleave with one op.
func Time(total time.Duration, op Op) float64 { return Interleave(total, op).Cost(0) }

// Rounds holds the cost of one operation in nanoseconds, by op and round.
type Rounds [][]float64

// Mean returns the mean cost of op: what a collector takes now and then counts.
func (r Rounds) Mean(op int) float64 {
	sum := 0.0
	for _, v := range r[op] {
		sum += v
	}
	return sum / float64(len(r[op]))
}

// Cost returns the median cost of op.
func (r Rounds) Cost(op int) float64 { return Median(r[op]) }

// Ratio returns the median, over all rounds, of the cost of a divided by the cost
// of b in the same round.
func (r Rounds) Ratio(a, b int) float64 {
	ratios := make([]float64, len(r[a]))
	for i := range ratios {
		ratios[i] = r[a][i] / r[b][i]
	}
	return Median(ratios)
}

// Median returns the median of values, and 0 of none. It does not change values.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// calibrate returns how many times op fits in a slice, at least once. It also warms
// op up. A number of times is tried again before it is believed to fill a slice: if
// another program had the processor meanwhile, the slices would be far too short, and
// measure the clock.
func calibrate(clock func() time.Duration, op Op) int {
	n := 1
	for {
		took := min(cost(clock, op, n), cost(clock, op, n)) * float64(n)
		if took >= float64(slice/2) {
			return max(1, int(float64(n)*float64(slice)/took))
		}
		n *= 2
	}
}

func cost(clock func() time.Duration, op Op, n int) float64 {
	start := clock()
	op(n)
	return float64((clock() - start).Nanoseconds()) / float64(n)
}
