package proxy

import (
	"context"
	"fmt"
	"time"
)

// Pauses between attempts to reach something that does not answer.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// backOff computes the pauses after consecutive failures. The zero backOff is ready to
// use.
type backOff struct{ pause time.Duration }

// next returns the next pause: twice the previous one, but at most most.
func (b *backOff) next(most time.Duration) time.Duration {
	b.pause = min(max(firstPause, 2*b.pause), most)
	return b.pause
}

// insist calls try until it succeeds, and returns nil. If ctx is done first, it returns
// the cause. It calls failed after every failure, with the length of the following
// pause.
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

// sleep waits, and reports whether ctx is still active.
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
