//go:build !linux

package gen

import "time"

var began = time.Now()

// threadTime returns elapsed time, in place of the processor time of this thread.
func threadTime() time.Duration { return time.Since(began) }
