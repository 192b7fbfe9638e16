// Package pause waits between attempts to reach something that does not answer.
package pause

import (
	"context"
	"fmt"
	"time"
)

// Pauses between attempts.
const (
	first = 100 * time.Millisecond
	last  = 5 * time.Second
)

// BackOff computes the pauses after consecutive failures. The zero BackOff is ready to
// use, by one goroutine.
type BackOff struct{ pause time.Duration }

// Next returns the next pause: twice the previous one, 100 ms at first, but at most most.
func (b *BackOff) Next(most time.Duration) time.Duration {
	b.pause = min(max(first, 2*b.pause), most)
	return b.pause
}

// Insist calls try until it succeeds, and returns nil. If ctx is done first, it returns
// the cause. It calls failed after every failure, with the length of the following
// pause, which is five seconds at most.
func Insist(ctx context.Context, try func(context.Context) error, failed func(err error, pause time.Duration)) error {
	var wait BackOff
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		pause := wait.Next(last)
		failed(err, pause)
		if !Sleep(ctx, pause) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// Sleep waits, and reports whether ctx is still active.
func Sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
