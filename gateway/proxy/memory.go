package proxy

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// What all clients together make the proxy hold is bounded: a frame is read only once
// there is room for it, and until then its connection waits, in the order in which the
// connections came, without the client being read: so it waits too. Frames of four kinds
// have room of their own, so that nobody who is not logged in holds up the others, and
// large frames do not hold up small ones.
//
// A small frame fits in the buffer of its connection, and takes room once all of it is
// there. So a client that says how long its frame is and sends no more of it has room only
// among the large ones.
//
// Source: Kafka's queued.max.request.bytes (KIP-72).

// frameKind is a kind of frames that has room of its own.
type frameKind int

const (
	smallLogin frameKind = iota // of a client that is not logged in
	largeLogin                  // so is this one
	smallFrame
	largeFrame
	frameKinds
)

// maxSmallFrame is the size of the largest frame that is small: of nearly every request
// but one to produce, and of every login but one with a large Kerberos ticket.
const maxSmallFrame = bufferBytes - 4

// frameShares are the sixteenths of the room that each kind has.
var frameShares = [frameKinds]int64{smallLogin: 1, largeLogin: 1, smallFrame: 4, largeFrame: 10}

const allShares = 16

// largestFrames are the sizes that each kind has room for whatever its share is, if it has
// a limit of its own.
var largestFrames = [frameKinds]int64{smallLogin: maxSmallFrame, largeLogin: maxLoginFrameBytes, smallFrame: maxSmallFrame}

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
	room [frameKinds]*semaphore.Weighted
	size [frameKinds]int64
	held atomic.Int64

	mu     sync.Mutex
	shares map[string]*share // by principal
}

func newFrameMemory(bytes int64) *frameMemory {
	m := &frameMemory{shares: make(map[string]*share)}
	for kind := range m.room {
		m.size[kind] = max(bytes*frameShares[kind]/allShares, largestFrames[kind])
		m.room[kind] = semaphore.NewWeighted(m.size[kind])
	}
	return m
}

// share is what one principal may have of the room: half of each kind, or one frame. The
// other half stays for others, however many connections it has and however long its requests
// wait: for the rest of a frame, or behind a long poll. A nil share is of nobody.
type share struct {
	memory      *frameMemory
	principal   string
	room        [frameKinds]*semaphore.Weighted
	size        [frameKinds]int64
	connections int // guarded by the mutex of memory
}

// join returns the share of a principal for another connection, which leaves it when it ends.
func (m *frameMemory) join(principal string) *share {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.shares[principal]
	if s == nil {
		s = &share{memory: m, principal: principal}
		for kind := range s.room {
			s.size[kind] = m.size[kind] / 2
			s.room[kind] = semaphore.NewWeighted(s.size[kind])
		}
		m.shares[principal] = s
	}
	s.connections++
	return s
}

// leave says that a connection has ended.
func (s *share) leave() {
	if s == nil {
		return
	}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.connections--; s.connections == 0 {
		delete(s.memory.shares, s.principal)
	}
}

// claim is the room of one frame. A nil claim is of no frame.
type claim struct {
	memory *frameMemory
	kind   frameKind
	bytes  int64
	share  *share
}

// claim waits until there is room for a frame, in the share of its principal and in all.
// The error says that there was none in time.
func (m *frameMemory) claim(ctx context.Context, bytes int, of *share, patience time.Duration) (*claim, error) {
	c := &claim{memory: m, kind: kindOfFrame(bytes, of != nil), bytes: int64(bytes), share: of}
	if of != nil {
		if !acquire(ctx, of.room[c.kind], c.ofShare(), patience) {
			return nil, fmt.Errorf("no memory for a frame of %d bytes within %v beside other requests of the principal: see Limits.FramesBytes", bytes, patience)
		}
	}
	if !acquire(ctx, m.room[c.kind], c.bytes, patience) {
		c.releaseShare()
		return nil, fmt.Errorf("no memory for a frame of %d bytes within %v: see Limits.FramesBytes", bytes, patience)
	}
	m.held.Add(c.bytes)
	return c, nil
}

// acquire waits for room, and reports whether there was some in time.
func acquire(ctx context.Context, room *semaphore.Weighted, bytes int64, patience time.Duration) bool {
	if room.TryAcquire(bytes) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return room.Acquire(ctx, bytes) == nil
}

func kindOfFrame(bytes int, loggedIn bool) frameKind {
	switch small := bytes <= maxSmallFrame; {
	case small && loggedIn:
		return smallFrame
	case small:
		return smallLogin
	case loggedIn:
		return largeFrame
	default:
		return largeLogin
	}
}

// ofShare returns how much the claim takes of its share: a frame that is larger takes all.
func (c *claim) ofShare() int64 { return min(c.bytes, c.share.size[c.kind]) }

func (c *claim) releaseShare() {
	if c.share != nil {
		c.share.room[c.kind].Release(c.ofShare())
	}
}

// release gives the room back. It may be called more than once.
func (c *claim) release() {
	if c == nil || c.bytes == 0 {
		return
	}
	c.memory.held.Add(-c.bytes)
	c.memory.room[c.kind].Release(c.bytes)
	c.releaseShare()
	c.bytes = 0
}
