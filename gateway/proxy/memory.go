package proxy

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// What all clients together make the proxy hold is bounded: a frame is read only once
// there is room for it, and until then its connection waits, in the order in which the
// connections came, without the client being read: so it waits too. Frames of three kinds
// have room of their own, so that nobody who is not logged in holds up the others, and
// large frames do not hold up small ones.
//
// A request that is read ahead of its turn may wait behind a long poll, for as long as its
// client says. So requests that are read ahead have half of the room at the most: for the
// rest each connection has one request at a time, whose turn it is.
//
// Source: Kafka's queued.max.request.bytes (KIP-72).

// frameKind is a kind of frames that has room of its own.
type frameKind int

const (
	loginFrame frameKind = iota // of a client that is not logged in
	smallFrame                  // up to maxSmallFrame
	largeFrame
	frameKinds
)

// maxSmallFrame is the size of the largest frame that is small: of nearly every request
// but one to produce.
const maxSmallFrame = 64 << 10

// frameShares are the eighths of the room that each kind has.
var frameShares = [frameKinds]int64{loginFrame: 1, smallFrame: 2, largeFrame: 5}

const allShares = 8

// DefaultFramesBytes returns the default of Limits.FramesBytes: half a gigabyte, or a
// quarter of the memory limit of the Go runtime (GOMEMLIMIT) if that is less, so that what
// requests cause beside their frames has room too; and never less than the largest frame
// needs.
func DefaultFramesBytes(frameBytes int) int64 {
	const most = 512 << 20
	limit := debug.SetMemoryLimit(-1)
	return max(min(most, limit/4), minFramesBytes(frameBytes))
}

// minFramesBytes is the least room in which the largest frame can be read.
func minFramesBytes(frameBytes int) int64 {
	return (max(int64(frameBytes), maxSmallFrame)*allShares + frameShares[largeFrame] - 1) / frameShares[largeFrame]
}

// frameMemory is the room for the frames of all connections. It is safe for concurrent
// use.
type frameMemory struct {
	room  [frameKinds]*semaphore.Weighted
	ahead [frameKinds]*semaphore.Weighted // what of the room requests may have before their turn
	size  [frameKinds]int64
	held  atomic.Int64
}

func newFrameMemory(bytes int64) *frameMemory {
	m := new(frameMemory)
	for kind := range m.room {
		m.size[kind] = bytes / allShares * frameShares[kind]
		if frameKind(kind) == largeFrame {
			m.size[kind] = bytes * frameShares[kind] / allShares
		}
		m.room[kind], m.ahead[kind] = semaphore.NewWeighted(m.size[kind]), semaphore.NewWeighted(m.size[kind]/2)
	}
	return m
}

// claim is the room of one frame. A nil claim is of no frame.
type claim struct {
	memory *frameMemory
	kind   frameKind
	bytes  int64
	ahead  bool // the request was read before its turn
}

func (m *frameMemory) claimOf(bytes int, loggedIn bool) *claim {
	c := &claim{memory: m, kind: largeFrame, bytes: int64(bytes)}
	switch {
	case !loggedIn:
		c.kind = loginFrame
	case bytes <= maxSmallFrame:
		c.kind = smallFrame
	}
	return c
}

// claimAhead returns the room of a frame of a client that is logged in, which is read before
// its turn; nil if there is none now.
func (m *frameMemory) claimAhead(bytes int) *claim {
	c := m.claimOf(bytes, true)
	if !m.ahead[c.kind].TryAcquire(c.bytes) {
		return nil
	}
	if !m.room[c.kind].TryAcquire(c.bytes) {
		m.ahead[c.kind].Release(c.bytes)
		return nil
	}
	c.ahead = true
	m.held.Add(c.bytes)
	return c
}

// claim waits until there is room for a frame. The error says that there was none in time.
func (m *frameMemory) claim(ctx context.Context, bytes int, loggedIn bool, patience time.Duration) (*claim, error) {
	c := m.claimOf(bytes, loggedIn)
	if !m.room[c.kind].TryAcquire(c.bytes) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := m.room[c.kind].Acquire(ctx, c.bytes); err != nil {
			return nil, fmt.Errorf("no memory for a frame of %d bytes within %v: see Limits.FramesBytes", bytes, patience)
		}
	}
	m.held.Add(c.bytes)
	return c, nil
}

// release gives the room back. It may be called more than once.
func (c *claim) release() {
	if c == nil || c.bytes == 0 {
		return
	}
	c.memory.held.Add(-c.bytes)
	c.memory.room[c.kind].Release(c.bytes)
	if c.ahead {
		c.memory.ahead[c.kind].Release(c.bytes)
	}
	c.bytes = 0
}
