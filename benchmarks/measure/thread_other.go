//go:build !linux

package measure

import "time"

// threadTime returns the time of day: only Linux is asked for the time of a thread.
func threadTime() time.Duration { return wallTime() }
