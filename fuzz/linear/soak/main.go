// Command soak puts one store under load for a long time and says what it checked:
//
//	go run ./fuzz/linear/soak -for 10m
//
// It fails on the first wrong answer, and if memory has grown.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/portcullis-authz/portcullis/fuzz/linear"
)

func main() {
	length := flag.Duration("for", 10*time.Minute, "how long to run")
	seed := flag.Uint64("seed", 1, "which world, and which choices")
	readers := flag.Int("readers", 4, "how many readers")
	flag.Parse()
	if err := soak(*length, *seed, *readers); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// rounds is how many times memory is measured. The first tenths fill caches and the
// record of generations, and are not compared.
const rounds = 10

// maxGrowth is by how much the heap at the end may exceed that after the warm-up: the
// noise of what happens to be alive when it is measured.
const maxGrowth = 1.5

func soak(length time.Duration, seed uint64, readers int) error {
	s := linear.NewStress(seed)
	var heap [rounds]uint64
	for round := range rounds {
		ctx, cancel := context.WithTimeout(context.Background(), length/rounds)
		err := s.Run(ctx, seed<<32+uint64(round)<<16, readers)
		cancel()
		if err != nil {
			return err
		}
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		heap[round] = memory.HeapAlloc
		fmt.Printf("%d/%d: %d checks, %d of old snapshots, %d updates, %d reloads, %d listings, heap %d KiB\n", round+1, rounds,
			s.Checks.Load(), s.OldChecks.Load(), s.Updates.Load(), s.Reloads.Load(), s.Listings.Load(), memory.HeapAlloc/1024)
	}
	// The record of generations is full after its first few thousand updates.
	if before, after := heap[rounds/2], heap[rounds-1]; float64(after) > maxGrowth*float64(before) {
		return fmt.Errorf("the heap has grown from %d to %d bytes", before, after)
	}
	return nil
}
