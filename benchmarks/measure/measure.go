// Package measure times operations so that a noisy machine decides as little as
// possible: in many small slices, those of operations that are to be compared
// taking turns, with the median of the slices as the result.
package measure

import (
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
func Interleave(total time.Duration, ops ...Op) Rounds {
	times := make([]int, len(ops))
	for i, op := range ops {
		times[i] = calibrate(op)
	}
	rounds := make(Rounds, len(ops))
	for start := time.Now(); len(rounds[0]) < minSlices || time.Since(start) < total; {
		for i, op := range ops {
			rounds[i] = append(rounds[i], cost(op, times[i]))
		}
	}
	return rounds
}

// Time is Interleave with one op.
func Time(total time.Duration, op Op) float64 { return Interleave(total, op).Cost(0) }

// Rounds holds the cost of one operation in nanoseconds, by op and round.
type Rounds [][]float64

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
// op up.
func calibrate(op Op) int {
	n := 1
	for {
		took := time.Duration(cost(op, n) * float64(n))
		if took >= slice/2 {
			return max(1, int(float64(n)*float64(slice)/float64(took)))
		}
		n *= 2
	}
}

func cost(op Op, n int) float64 {
	start := time.Now()
	op(n)
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}
