package proxy

import (
	"context"
	"fmt"
	"time"
)

// The pauses between attempts to reach something that does not answer.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// backOff is how long to wait after failures in a row. The zero backOff begins.
type backOff struct{ pause time.Duration }

// next returns the next pause, which is twice the one before, and not above most.
func (b *backOff) next(most time.Duration) time.Duration {
	b.pause = min(max(firstPause, 2*b.pause), most)
	return b.pause
}

// insist tries until it succeeds, and returns nil, or until ctx is done, and returns its
// cause. failed hears of every failure, and how long the pause after it is.
func insist(ctx context.Context, try func(context.Context) error, failed func(err error, pause time.Duration)) error {
	var wait backOff
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		pause := wait.next(lastPause)
		failed(err, pause)
		if !sleep(ctx, pause) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// sleep waits, and reports whether ctx is not done yet.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
