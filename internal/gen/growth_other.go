//go:build !linux

package gen

import "time"

var began = time.Now()

// threadTime stands for the processor time of this thread.
func threadTime() time.Duration { return time.Since(began) }
