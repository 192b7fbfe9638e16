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
// A request that is read before its turn may wait behind a long poll, for as long as its
// client says. So such requests have half of the room at the most, and half of that of a
// principal: for the rest each connection has one request at a time, whose turn it is.
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
	room [frameKinds]room
	held atomic.Int64

	mu     sync.Mutex
	shares map[string]*share // by principal
}

func newFrameMemory(bytes int64) *frameMemory {
	m := &frameMemory{shares: make(map[string]*share)}
	for kind := range m.room {
		m.room[kind] = newRoom(max(bytes*frameShares[kind]/allShares, largestFrames[kind]))
	}
	return m
}

// room is the room for frames of one kind.
type room struct {
	size  int64
	all   *semaphore.Weighted
	ahead *semaphore.Weighted // of the requests that are read before their turn
}

func newRoom(size int64) room {
	return room{size, semaphore.NewWeighted(size), semaphore.NewWeighted(size / 2)}
}

// acquire waits for room, and reports whether there was some in time.
func (r *room) acquire(ctx context.Context, bytes int64, patience time.Duration) bool {
	if r.all.TryAcquire(bytes) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.all.Acquire(ctx, bytes) == nil
}

// acquireAhead reports whether there is room now for a request before its turn, and takes
// it.
func (r *room) acquireAhead(bytes int64) bool {
	if !r.ahead.TryAcquire(bytes) {
		return false
	}
	if !r.all.TryAcquire(bytes) {
		r.ahead.Release(bytes)
		return false
	}
	return true
}

func (r *room) release(bytes int64, ahead bool) {
	r.all.Release(bytes)
	if ahead {
		r.ahead.Release(bytes)
	}
}

// share is what one principal may have of the room: half of each kind, or one frame. The
// other half stays for others, however many connections it has and however long its requests
// wait: for the rest of a frame, or behind a long poll. A nil share is of nobody.
type share struct {
	memory      *frameMemory
	principal   string
	room        [frameKinds]room
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
			s.room[kind] = newRoom(m.room[kind].size / 2)
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
	ahead  bool // the request was read before its turn
}

// claimAhead returns the room of a frame that is read before its turn; nil if there is none
// now.
func (m *frameMemory) claimAhead(bytes int, of *share) *claim {
	c := &claim{memory: m, kind: kindOfFrame(bytes, true), bytes: int64(bytes), share: of, ahead: true}
	if !of.room[c.kind].acquireAhead(c.ofShare()) {
		return nil
	}
	if !m.room[c.kind].acquireAhead(c.bytes) {
		c.releaseShare()
		return nil
	}
	m.held.Add(c.bytes)
	return c
}

// claim waits until there is room for a frame, in the share of its principal and in all.
// The error says that there was none in time.
func (m *frameMemory) claim(ctx context.Context, bytes int, of *share, patience time.Duration) (*claim, error) {
	c := &claim{memory: m, kind: kindOfFrame(bytes, of != nil), bytes: int64(bytes), share: of}
	if of != nil {
		if !of.room[c.kind].acquire(ctx, c.ofShare(), patience) {
			return nil, fmt.Errorf("no memory for a frame of %d bytes within %v beside other requests of the principal: see Limits.FramesBytes", bytes, patience)
		}
	}
	if !m.room[c.kind].acquire(ctx, c.bytes, patience) {
		c.releaseShare()
		return nil, fmt.Errorf("no memory for a frame of %d bytes within %v: see Limits.FramesBytes", bytes, patience)
	}
	m.held.Add(c.bytes)
	return c, nil
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
func (c *claim) ofShare() int64 { return min(c.bytes, c.share.room[c.kind].size) }

func (c *claim) releaseShare() {
	if c.share != nil {
		c.share.room[c.kind].release(c.ofShare(), c.ahead)
	}
}

// release gives the room back. It may be called more than once.
func (c *claim) release() {
	if c == nil || c.bytes == 0 {
		return
	}
	c.memory.held.Add(-c.bytes)
	c.memory.room[c.kind].release(c.bytes, c.ahead)
	c.releaseShare()
	c.bytes = 0
}
