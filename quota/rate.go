package quota

import (
	"math"
	"time"
)

// Window is over what usage is measured. The zero value is Kafka's default.
type Window struct {
	Samples int           // quota.window.num, 11 if 0
	Size    time.Duration // quota.window.size.seconds, 1 s if 0
}

// The defaults of Kafka's broker.
const (
	defaultSamples = 11
	defaultSize    = time.Second
)

func (w Window) samples() int {
	if w.Samples <= 0 {
		return defaultSamples
	}
	return w.Samples
}

// size returns the size in milliseconds, in which Kafka reckons.
func (w Window) size() int64 {
	if w.Size <= 0 {
		return defaultSize.Milliseconds()
	}
	return max(w.Size.Milliseconds(), 1)
}

// span is how long a record matters, in milliseconds.
func (w Window) span() int64 { return int64(w.samples()) * w.size() }

// Rate measures how much a second is used, as Kafka's Rate does: the sum of some windows, divided by
// the time that they cover, which is one window less at least. The zero value has measured nothing.
// It takes 24 bytes a window, and one more. It is not safe for concurrent use.
type Rate struct {
	samples []sample
	current int
}

type sample struct {
	start, last int64 // milliseconds
	sum         float64
}

// Record adds an amount and returns for how long the client is to be throttled, so that its rate comes
// down to the limit if it does nothing meanwhile: 0 if the rate does not exceed the limit. With a limit
// that is not above 0, or is no number, it only measures. Times must not go back by more than a window;
// what is older counts in the newest window.
func (r *Rate) Record(w Window, limit, amount float64, now time.Time) time.Duration {
	ms := now.UnixMilli()
	s := r.sample(ms)
	if ms-s.start >= w.size() {
		s = r.advance(w, ms)
	}
	s.sum += amount
	s.last = ms
	if !(limit > 0) {
		return 0
	}
	sum := r.sum(w, ms)
	length := r.length(w, ms)
	rate := sum / (float64(length) / 1000)
	if !(rate > limit) {
		return 0
	}
	return milliseconds((rate - limit) / limit * float64(length))
}

// milliseconds returns a time that Kafka's answers can tell: at most 24 days.
func milliseconds(ms float64) time.Duration {
	return time.Duration(math.Floor(min(ms, math.MaxInt32)+0.5)) * time.Millisecond
}

// Measure returns the rate, a second.
func (r *Rate) Measure(w Window, now time.Time) float64 {
	ms := now.UnixMilli()
	return r.sum(w, ms) / (float64(r.length(w, ms)) / 1000)
}

// sample returns the newest window.
func (r *Rate) sample(ms int64) *sample {
	if len(r.samples) == 0 {
		r.samples = append(r.samples, sample{start: ms, last: ms})
	}
	return &r.samples[r.current]
}

// advance begins a window. There is one more than is measured: the oldest one overlaps the beginning.
func (r *Rate) advance(w Window, ms int64) *sample {
	r.current = (r.current + 1) % (w.samples() + 1)
	if r.current >= len(r.samples) {
		r.current = len(r.samples)
		r.samples = append(r.samples, sample{})
	}
	r.samples[r.current] = sample{start: ms, last: ms}
	return &r.samples[r.current]
}

// sum forgets the windows that are too old and returns what the others have.
func (r *Rate) sum(w Window, ms int64) float64 {
	total := 0.0
	for i := range r.samples {
		if s := &r.samples[i]; ms-s.last >= w.span() {
			*s = sample{start: ms, last: ms}
		} else {
			total += s.sum
		}
	}
	return total
}

// length returns the time that the windows cover, in milliseconds. A client that has just begun is
// measured as if all windows but the newest were full.
func (r *Rate) length(w Window, ms int64) int64 {
	oldest := ms
	for i := range r.samples {
		oldest = min(oldest, r.samples[i].start)
	}
	elapsed := ms - oldest
	if full, least := elapsed/w.size(), int64(w.samples()-1); full < least {
		elapsed += (least - full) * w.size()
	}
	return max(elapsed, 1)
}

// Tokens are the changes that a client may make at once: limit a second, and as many as fit into all
// windows at most. It is Kafka's TokenBucket. The zero value is full. It is not safe for concurrent
// use.
type Tokens struct {
	used bool
	left float64
	last int64 // milliseconds
}

// Take takes an amount of tokens, of which there may be fewer than 0 afterwards, and returns for how
// long the client is to be throttled: until none are missing. If some are missing before, a strict
// client takes none and is refused (THROTTLING_QUOTA_EXCEEDED); taken is false then. Others always
// take.
func (t *Tokens) Take(w Window, limit, amount float64, strict bool, now time.Time) (throttle time.Duration, taken bool) {
	if !(limit > 0) {
		return 0, true
	}
	t.refill(w, limit, now)
	if strict && t.left < 0 {
		return milliseconds(-t.left / limit * 1000), false
	}
	t.left = min(t.burst(w, limit), t.left-amount)
	if strict || t.left >= 0 {
		return 0, true
	}
	return milliseconds(-t.left / limit * 1000), true
}

func (t *Tokens) burst(w Window, limit float64) float64 { return float64(w.span()) / 1000 * limit }

func (t *Tokens) refill(w Window, limit float64, now time.Time) {
	burst, ms := t.burst(w, limit), now.UnixMilli()
	if !t.used {
		t.used, t.left = true, burst
	} else if passed := ms - t.last; passed > 0 {
		t.left = min(burst, t.left+limit*float64(passed)/1000)
	}
	t.last = ms
}

// missing returns the time until the bucket is full again, in milliseconds, and an hour at most: that
// is when Kafka forgets a client.
func (t *Tokens) missing(w Window, limit float64) int64 {
	if !t.used {
		return 0
	}
	return int64(min((t.burst(w, limit)-t.left)/limit*1000+1, float64(time.Hour.Milliseconds())))
}
