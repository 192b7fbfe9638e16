package measure_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-authz/portcullis/benchmarks/measure"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := measure.Median(tt.values); got != tt.want {
			t.Errorf("median of %v: %v, want %v", tt.values, got, tt.want)
		}
	}
}

// TestRatioIsOfOneRound has a machine that becomes slower and slower: the ratio of
// medians would be right by luck only.
func TestRatioIsOfOneRound(t *testing.T) {
	r := measure.Rounds{{2, 4, 200}, {1, 2, 100}}
	if r.Ratio(0, 1) != 2 || r.Cost(0) != 4 || r.Cost(1) != 2 {
		t.Errorf("ratio %v of %v and %v", r.Ratio(0, 1), r.Cost(0), r.Cost(1))
	}
}

// TestInterleaveTakesTurns counts: each op is called once a round after it was
// calibrated, and a slow one at least five times.
func TestInterleaveTakesTurns(t *testing.T) {
	var order []int
	sleep := func(id int, d time.Duration) measure.Op {
		return func(n int) { order = append(order, id); time.Sleep(d * time.Duration(n)) }
	}
	r := measure.Interleave(0, sleep(0, 3*time.Millisecond), sleep(1, 6*time.Millisecond))
	if len(r) != 2 || len(r[0]) != 5 || len(r[1]) != 5 {
		t.Fatalf("rounds: %v", r)
	}
	rounds := order[len(order)-10:]
	for i, id := range rounds {
		if id != i%2 {
			t.Errorf("order of the last ten calls: %v", rounds)
			break
		}
	}
	if c := r.Cost(1); c < 6e6 {
		t.Errorf("cost %v ns of an operation that takes 6 ms", c)
	}
}

// TestBusyCountsWork: what an op waits for does not count where the system says how long a
// thread ran, and what it works for does.
func TestBusyCountsWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is asked for the time of a thread")
	}
	work := func(n int) {
		x := uint64(1)
		for range n * 1000 {
			x = x*6364136223846793005 + 1
		}
		runtime.KeepAlive(x)
	}
	r := measure.Busy(0, work, func(n int) { work(n); time.Sleep(5 * time.Millisecond) })
	if r.Ratio(1, 0) > 1.5 || r.Cost(0) < 100 {
		t.Errorf("%v ns of work cost %v ns with waiting beside", r.Cost(0), r.Cost(1))
	}
	if m := (measure.Rounds{{1, 2, 6}}).Mean(0); m != 3 {
		t.Errorf("the mean is %v", m)
	}
}

func TestThroughputCountsAllReaders(t *testing.T) {
	var did atomic.Int64
	read := func(n int) { did.Add(int64(n)); time.Sleep(time.Millisecond) }
	start := time.Now()
	rate := measure.Throughput(20*time.Millisecond, read, read, read, read)
	if got := rate * time.Since(start).Seconds(); got < float64(did.Load())*0.5 || got > float64(did.Load())*1.5 {
		t.Errorf("%v operations reported, %d done", got, did.Load())
	}
}

func TestEveryKeepsItsRate(t *testing.T) {
	var calls atomic.Int64
	stop := measure.Every(500, func(i int) {
		if int64(i) != calls.Load() {
			t.Errorf("call %d is told that it is call %d", calls.Load(), i)
		}
		calls.Add(1)
	})
	time.Sleep(100 * time.Millisecond)
	stop()
	n := calls.Load()
	if n < 20 || n > 60 { // 50, on a machine that does nothing else
		t.Errorf("%d calls in 100 ms at 500 a second", n)
	}
	time.Sleep(10 * time.Millisecond)
	if calls.Load() != n {
		t.Error("it did not stop")
	}
}
