package measure

import (
	"sync"
	"time"
)

// stepSize is how many operations a reader does between looks at the clock.
const stepSize = 256

// Throughput runs readers on goroutines of their own for about as long as d and
// returns how many operations a second they did together.
func Throughput(d time.Duration, readers ...Op) float64 {
	done := make([]int, len(readers))
	start := time.Now()
	var wait sync.WaitGroup
	for i, read := range readers {
		wait.Go(func() {
			n := 0
			for time.Since(start) < d {
				read(stepSize)
				n += stepSize
			}
			done[i] = n // once, so that readers do not write to one cache line
		})
	}
	wait.Wait()
	total := 0
	for _, n := range done {
		total += n
	}
	return float64(total) / time.Since(start).Seconds()
}

// Every calls f n times a second, each time with the number of the call, until the
// function it returns is called; that waits for the last call to return. A call
// that is late is made up for. n must be positive.
func Every(n int, f func(i int)) (stop func()) {
	quit := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		start := time.Now()
		for i := 0; ; i++ {
			due := start.Add(time.Duration(i) * time.Second / time.Duration(n))
			select {
			case <-quit:
				return
			case <-time.After(time.Until(due)):
				f(i)
			}
		}
	})
	return func() {
		close(quit)
		wait.Wait()
	}
}

// Background runs op again and again on a goroutine of its own until the function
// it returns is called.
func Background(op Op) (stop func()) {
	quit := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
				op(stepSize)
			}
		}
	})
	return func() {
		close(quit)
		wait.Wait()
	}
}
