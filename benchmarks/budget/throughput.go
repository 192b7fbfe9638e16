package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/portcullis-authz/portcullis/benchmarks/measure"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// updateRate is how many transactions a second readers are to bear.
const updateRate = 1_000

// throughput measures two readers against one, and against two while a writer
// publishes. Each reader has a session of its own, as each connection has.
//
// Two processors that other programs use as well are less than two. A loop that
// touches no memory is run in the same rounds, and the gain is given in terms of
// what that loop gained of the second processor.
func throughput(s scale, shape workload.Shape, store *snapshot.Store) ([]line, error) {
	random, _ := shape.Case(workload.Random)
	readers := []measure.Op{
		checks(store.Session(shape.Subject), random),
		checks(store.Session(shape.Subject), rotated(random)),
	}
	gain, control := scaling(s.perFigure, readers)
	note := fmt.Sprintf("%.2f x, where a loop without memory has %.2f x", gain, control)
	if control >= leastControl {
		gain *= 2 / control
	}
	kept, updates, err := underUpdates(s, shape, store, readers)
	name := fmt.Sprintf("throughput, %d ACLs, ", shape.Entries)
	return []line{
		{
			name: name + "two readers against one", measured: gain, unit: " x", atLeast: 1.9, note: note,
		},
		{
			name: name + fmt.Sprintf("kept under %d updates/s", updateRate), measured: kept * 100, unit: " %", atLeast: 95,
			note: fmt.Sprintf("%.0f updates/s published", updates),
		},
	}, err
}

// rotated returns c begun in its middle, so that two readers are not at one name.
func rotated(c workload.Case) workload.Case {
	half := len(c.Names) / 2
	c.Names = append(c.Names[half:len(c.Names):len(c.Names)], c.Names[:half]...)
	return c
}

// leastControl is the gain of the loop without memory below which there is no
// second processor to speak of: then the gain stands as it is, and falls short.
const leastControl = 1.5

const rounds = 15

// scaling returns how many times faster two readers are than one, and two loops
// without memory than one: medians over rounds of both.
func scaling(total time.Duration, readers []measure.Op) (gain, control float64) {
	each := total / rounds
	var gains, controls []float64
	for round := range rounds {
		gains = append(gains, gainOfTwo(each, round%2 == 0, readers[0], readers[1]))
		controls = append(controls, gainOfTwo(each, round%2 == 0, spin(), spin()))
	}
	return measure.Median(gains), measure.Median(controls)
}

// gainOfTwo returns how many times more a and b do together than a does alone. Who
// goes first has what the other left in the caches, so callers change that.
func gainOfTwo(each time.Duration, aloneFirst bool, a, b measure.Op) float64 {
	if aloneFirst {
		alone := measure.Throughput(each, a)
		return measure.Throughput(each, a, b) / alone
	}
	both := measure.Throughput(each, a, b)
	return both / measure.Throughput(each, a)
}

// spin returns a loop that stays within a processor.
func spin() measure.Op {
	x := uint64(1)
	return func(n int) {
		for range n * 10 {
			x = x*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
		}
		runtime.KeepAlive(x)
	}
}

// underUpdates returns the share of the readers' throughput that is left while a
// writer publishes, and how many updates a second it managed to publish. The share
// is of sums, not a median: what the collector takes now and then counts.
func underUpdates(s scale, shape workload.Shape, store *snapshot.Store, readers []measure.Op) (kept, updates float64, err error) {
	each := s.perFigure / 2
	writer := workload.NewUpdater(store, workload.Updates(s.big, s.updates))
	var alone, beside float64
	published := 0
	for range rounds / 2 {
		alone += measure.Throughput(each, readers...)
		stop := measure.Every(updateRate, func(int) {
			published++
			if e := writer.Run(1); e != nil {
				err = e
			}
		})
		beside += measure.Throughput(each, readers...)
		stop()
	}
	return beside / alone, float64(published) / (each * (rounds / 2)).Seconds(), errors.Join(err, writer.Reset())
}
