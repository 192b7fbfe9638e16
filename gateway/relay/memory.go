package relay

import (
	"container/list"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// The memory that all clients together use in the proxy is limited: a frame is read
// only when there is room for it. Until then its connection is not read, so its client
// waits. Each kind of frame has its own room, so that clients that are not logged in do
// not delay others, and large frames do not delay small ones. In each room every tenant
// has a share, so that no tenant blocks another: see room.
//
// A small frame fits in the buffer of its connection, and takes room only when it has
// arrived completely. So a client that announces a frame and does not send it can use
// only room for large frames.
//
// So have the answers of the upstream that are decided about before the client is sent them: a
// request of a few bytes may be answered with every topic that there is, of which the client
// may see none. Where there is no room, the answer waits at the upstream.
//
// A request that is read before its turn may wait behind a long poll, for as long as its
// client says. So such requests have half of the room at the most: for the rest each
// connection has one request at a time, whose turn it is.
//
// A request that was sent on keeps what it was decoded to, and what was refused of it, until
// its answer comes, which may be as long as its client says. Where that is more than a small
// frame it has room of its own, before the request is sent on.
//
// The answers that the proxy makes itself, and those that grow because they refuse a part of
// a request, have the room of answers before they are made, and until the client has read them.
// Until there is room, only the frame of the request is kept, and what came of the upstream.
//
// What connections keep between requests has room of its own. Nothing waits for it: what has
// no room is refused.
//
// Source: Kafka's queued.max.request.bytes (KIP-72).

// frameKind is a kind of frames that has room of its own. A connection waits for kinds in the
// order of their numbers only: for none while it holds that kind or a later one. So no two
// connections wait for each other. For its requests a connection waits when it holds nothing;
// those that are read before their turn have room at once or not yet: see conn.claim. For the
// others conn.claimMemory sees to it.
type frameKind int

const (
	smallLogin frameKind = iota // of a client that is not logged in
	largeLogin                  // so is this one
	smallFrame
	largeFrame
	sentFrame   // a large one that was sent on, and whose answer has not come
	sentPlan    // what is kept for the answer to a request that was sent on, beside its frame
	answerFrame // an answer that is read whole, see conn.join, or made here, see conn.made
	laterAnswer // the second of two answers: a connection that waits for it holds the first
	keptState   // no frame, but what a connection keeps between requests: see conn.keep
	frameKinds
)

// MaxSmallFrame is the size of the largest frame that is small: of nearly every request
// but one to produce, and of every login but one with a large Kerberos ticket.
const MaxSmallFrame = bufferBytes - 4

// frameShares are the sixteenths of the room that each kind has. Those of requests are
// sixteen together; answers have half as much in addition. To decide about one takes a few
// times its size. What is kept of requests that were sent on has half as much in addition.
// What connections keep has an eighth as much in addition, and so have the second of two
// answers.
var frameShares = [frameKinds]int64{smallLogin: 1, largeLogin: 1, smallFrame: 3, largeFrame: 10, sentFrame: 1, answerFrame: 8, laterAnswer: 2, sentPlan: 8, keptState: 2}

const allShares = 16

// leastKept is the least room for what connections keep: two of the largest share sessions.
const leastKept = 4 << 20

// largestFrames are the sizes that each kind has room for whatever its share is, if it has
// a limit of its own.
var largestFrames = [frameKinds]int64{smallLogin: MaxSmallFrame, largeLogin: MaxLoginFrameBytes, smallFrame: roomFor(MaxSmallFrame), keptState: leastKept}

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
	return (roomFor(max(int64(frameBytes), MaxSmallFrame))*allShares + frameShares[largeFrame] - 1) / frameShares[largeFrame]
}

// roomFor returns the size of a room of which a frame takes at most seven eighths.
func roomFor(frameBytes int64) int64 { return (frameBytes*8 + 6) / 7 }

// frameMemory is the room for the frames of all connections. It is safe for concurrent
// use.
type frameMemory struct {
	rooms [frameKinds]room
	held  atomic.Int64
}

func newFrameMemory(bytes int64) *frameMemory {
	m := new(frameMemory)
	for kind := range m.rooms {
		r := &m.rooms[kind]
		r.kind = frameKind(kind)
		r.size = max(bytes*frameShares[kind]/allShares, largestFrames[kind])
		r.free, r.aheadFree = r.size, r.size/2
	}
	return m
}

// room is the room for frames of one kind. A tenant may keep its room as long as its
// client likes. So the less room is left, the less each tenant gets, and some always
// remains for tenants that come later.
//
// One tenant that takes all it can leaves half of the room, two leave 31 %, and N of them
// the (2N+1)th part or more: see share. Shares that fell to a half each time would leave
// nothing after a dozen.
//
// A frame that is larger than the share of its tenant has room all the same if the room is
// empty; or if it takes no more than half of what is free, the tenant holds nothing else and
// there is no other such frame.
//
// While others come and go neither need ever be so. So a frame that has waited for a while,
// of a tenant that holds nothing, has the door: what is given back is kept for it, and it
// has room, whatever the share of its tenant is, once an eighth of the room is left: no frame
// is larger than the rest (see roomFor). Until then the others have shares of that eighth only.
type room struct {
	kind frameKind
	size int64

	mu        sync.Mutex
	free      int64
	aheadFree int64     // of the half for requests that are read before their turn
	beyond    int       // frames that are there and larger than the share of their tenant
	turns     waiting   // tenants that wait, the one that waits longest first
	doors     list.List // of *claim: those that have waited for a while; the first has the door
	vestibule int64     // held by claims that were given room while another had the door
}

// doorAfter is how long a frame waits until it has the door, or a quarter of the time that
// it waits at all if that is less.
const doorAfter = time.Second

// holding is what one tenant has of a room, and waits for.
type holding struct {
	held    int64
	ahead   int64     // of that, for requests that are read before their turn
	waiting list.List // of *claim, in their order
	turn    int       // its leaf among the turns of the room, plus 1; 0 unless it waits
}

// share returns how much a tenant may hold when so much of size is left after it: as much as
// is left if that is half of size, half of what is left if that is a quarter, and so on.
func share(left, size int64) int64 { return int64(2 * float64(left) * float64(left) / float64(size)) }

// door returns the claim that has the door, or nil. r.mu is held.
func (r *room) door() *claim {
	at := r.doors.Front()
	if at == nil {
		return nil
	}
	return at.Value.(*claim)
}

// fits reports whether there is room for a claim now, and takes it if there is. r.mu is held.
func (r *room) fits(c *claim) bool {
	h := c.holding
	left, eighth := r.free-c.bytes, r.size/8
	if left < 0 {
		return false
	}
	within := h.held+c.bytes <= share(left, r.size)
	switch door := r.door(); {
	case door == c:
		if !within {
			if left+r.vestibule < eighth {
				return false
			}
			c.beyond = true
			r.beyond++
		}
	case door != nil:
		inside := eighth - r.vestibule - c.bytes
		if !within || c.ahead || inside < 0 || h.held+c.bytes > share(inside, eighth) {
			return false
		}
		c.vestibule = true
		r.vestibule += c.bytes
	case c.ahead:
		half := r.aheadFree - c.bytes
		if !within || half < 0 || h.ahead+c.bytes > share(half, r.size/2) {
			return false
		}
		r.aheadFree -= c.bytes
		h.ahead += c.bytes
	case within:
	case r.free < r.size && (h.held > 0 || r.beyond > 0 || c.bytes > r.free/2):
		return false
	default:
		c.beyond = true
		r.beyond++
	}
	r.free -= c.bytes
	r.hold(h, c.bytes)
	return true
}

// hold changes what a tenant holds. r.mu is held.
func (r *room) hold(h *holding, more int64) {
	h.held += more
	if h.turn > 0 {
		r.turns.update(h, r.needsOf(h))
	}
}

// tryClaim takes the room of a claim if there is room now.
func (r *room) tryClaim(c *claim) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.holding.waiting.Len() == 0 && r.fits(c)
}

// wait waits for the room of a claim, and reports whether there was some in time.
func (r *room) wait(ctx context.Context, c *claim, patience time.Duration) bool {
	r.mu.Lock()
	h := c.holding
	if h.waiting.Len() == 0 && r.fits(c) {
		r.mu.Unlock()
		return true
	}
	r.line(c)
	r.mu.Unlock()

	timer, knock := time.NewTimer(patience), time.NewTicker(max(1, min(doorAfter, patience/4)))
	defer timer.Stop()
	defer knock.Stop()
	for waiting := true; waiting; {
		select {
		case <-c.given:
			return true
		case <-knock.C:
			r.queueForDoor(c)
		case <-ctx.Done():
			waiting = false
		case <-timer.C:
			waiting = false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.at == nil {
		return true // it was given just now
	}
	r.leave(c)
	r.give() // to what waited behind it
	return false
}

// line puts a claim behind those of its tenant that wait. r.mu is held.
func (r *room) line(c *claim) {
	h := c.holding
	c.given = make(chan struct{})
	if c.at = h.waiting.PushBack(c); h.turn == 0 {
		r.turns.add(h, r.needsOf(h))
	}
}

// queueForDoor gives the door to a claim that has waited for a while, or a place behind the
// others that have. A tenant queues with one claim, and not while it holds something: so
// whoever keeps the room that he has does not keep the door closed with it.
func (r *room) queueForDoor(c *claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.at == nil || c.at != c.holding.waiting.Front() {
		return
	}
	if r.fits(c) { // give may not have come to it: see maxSteps
		r.leave(c)
		close(c.given)
		return
	}
	loggedIn := r.kind == smallFrame || r.kind == largeFrame // strangers close no door
	if !loggedIn || c.door != nil || c.holding.held > 0 {
		return
	}
	c.door = r.doors.PushBack(c)
	r.give()
}

// leave takes a claim out of those that wait. r.mu is held.
func (r *room) leave(c *claim) {
	h := c.holding
	h.waiting.Remove(c.at)
	c.at = nil
	if c.door != nil {
		r.doors.Remove(c.door)
		c.door = nil
	}
	if h.waiting.Len() == 0 {
		r.turns.remove(h)
	} else {
		r.turns.update(h, r.needsOf(h))
	}
}

// give gives the free room to waiting tenants. They take turns, with one frame each; the one with the
// door is first. Its cost is that of what is given, and hardly depends on how many wait. r.mu is held.
func (r *room) give() {
	for {
		c := r.door()
		if c == nil || !r.fits(c) {
			if c = r.takeFirst(); c == nil {
				return
			}
		}
		h := c.holding
		r.leave(c)
		close(c.given)
		if h.turn > 0 {
			r.turns.toBack(h)
		}
	}
}

// takeFirst takes room for the first tenant whose first claim has place now, and returns the claim; or
// nil. r.mu is held.
func (r *room) takeFirst() *claim {
	suffices := func(n needs) bool { return n.within <= r.free || n.alone <= r.free && r.beyond == 0 }
	switch left := r.size/8 - r.vestibule; {
	case r.door() != nil:
		suffices = func(n needs) bool { return n.within <= r.free && n.inside <= left }
	case r.free == r.size: // for one that is alone there
		suffices = func(n needs) bool { return n.within <= r.free || n.alone <= 2*r.free }
	}
	h := r.turns.first(suffices)
	if h == nil {
		return nil
	}
	c := h.waiting.Front().Value.(*claim)
	if !r.fits(c) {
		return nil
	}
	return c
}

// resize changes the size of a claim without waiting, and reports whether it did. A smaller
// size is always granted, a larger one within the share of the tenant. What is given back is
// given to those that wait, and a claim that fits in the share of its tenant again counts as one.
func (r *room) resize(c *claim, bytes int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	more := bytes - c.bytes
	left := r.free - more
	if more > 0 && (left < 0 || c.holding.held+more > share(left, r.size)) {
		return false
	}
	c.bytes, r.free = bytes, left
	r.hold(c.holding, more)
	if c.ahead {
		r.aheadFree -= more
		c.holding.ahead += more
	}
	if c.vestibule {
		r.vestibule += more
	}
	if c.beyond && c.holding.held <= share(left, r.size) {
		c.beyond = false
		r.beyond--
	}
	if more < 0 {
		r.give()
	}
	return true
}

// release gives the room of a claim back.
func (r *room) release(c *claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += c.bytes
	r.hold(c.holding, -c.bytes)
	if c.ahead {
		r.aheadFree += c.bytes
		c.holding.ahead -= c.bytes
	}
	if c.beyond {
		r.beyond--
	}
	if c.vestibule {
		r.vestibule -= c.bytes
	}
	r.give()
}

// claim is the room of one frame. A nil claim is of no frame.
type claim struct {
	memory  *frameMemory
	room    *room
	tenant  *Tenant
	holding *holding // of the tenant in the room
	bytes   int64
	ahead   bool // the request was read before its turn
	beyond  bool // it is larger than the share of its tenant

	vestibule bool // it was given while another had the door

	given chan struct{} // closed when it is given after it had to wait
	at    *list.Element // of the claims that wait; nil if it does not
	door  *list.Element // of those that have the door or wait for it
}

func (m *frameMemory) newClaim(kind frameKind, bytes int, of *Tenant) *claim {
	return &claim{memory: m, room: &m.rooms[kind], tenant: of, holding: &of.rooms[kind], bytes: int64(bytes)}
}

// claimAhead returns the room of a frame that is read before its turn; nil if there is none
// now.
func (m *frameMemory) claimAhead(bytes int, of *Tenant) *claim {
	c := m.newClaim(kindOfFrame(bytes, true), bytes, of)
	c.ahead = true
	if !c.room.tryClaim(c) {
		return nil
	}
	m.held.Add(c.bytes)
	return c
}

// claim waits until there is room for a frame, within the limits for all and for its
// tenant. It returns an error if there is none in time.
func (m *frameMemory) claim(ctx context.Context, bytes int, of *Tenant, loggedIn bool, patience time.Duration) (*claim, error) {
	c := m.newClaim(kindOfFrame(bytes, loggedIn), bytes, of)
	if !c.room.wait(ctx, c, patience) {
		return nil, fmt.Errorf("no memory for a frame of %d bytes within %v: other requests of this client or of other clients use it; see Limits.FramesBytes", bytes, patience)
	}
	m.held.Add(c.bytes)
	return c, nil
}

// claimNow returns the room of an answer, or of what is kept for one; nil if there is none
// now. What is larger than all of the room has it for itself.
func (m *frameMemory) claimNow(kind frameKind, bytes int64, of *Tenant) *claim {
	c := m.newClaim(kind, int(min(bytes, m.rooms[kind].size)), of)
	if !c.room.tryClaim(c) {
		return nil
	}
	m.held.Add(c.bytes)
	return c
}

// claimAnswer is claimNow, but it waits until there is room.
func (m *frameMemory) claimAnswer(ctx context.Context, kind frameKind, bytes int64, of *Tenant, patience time.Duration) (*claim, error) {
	c := m.newClaim(kind, int(min(bytes, m.rooms[kind].size)), of)
	if !c.room.wait(ctx, c, patience) {
		return nil, fmt.Errorf("no memory for an answer of %d bytes within %v beside other answers, to the same client or to others: see Limits.FramesBytes", bytes, patience)
	}
	m.held.Add(c.bytes)
	return c, nil
}

func kindOfFrame(bytes int, loggedIn bool) frameKind {
	switch small := bytes <= MaxSmallFrame; {
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

// sent says that the request was sent on, and that what is left of it waits for the answer,
// which may be a long poll. A small frame gives its room back: a connection has one of them
// at the most, of the size of its buffers. A large one moves to the room for such, as far as
// that goes, and makes place for one that is still to be sent.
func (c *claim) sent() {
	if c == nil || c.bytes == 0 {
		return
	}
	switch c.room.kind {
	case smallFrame:
		c.release()
	case largeFrame:
		to := c.memory.newClaim(sentFrame, int(c.bytes), c.tenant)
		if to.room.tryClaim(to) {
			c.room.release(c)
			*c = *to
		}
	}
}

// shrink gives a part of the room back, or all of it if bytes is 0.
func (c *claim) shrink(bytes int64) {
	if c == nil {
		return
	}
	if bytes <= 0 {
		c.release()
		return
	}
	if was := c.bytes; bytes < was && c.room.resize(c, bytes) {
		c.memory.held.Add(bytes - was)
	}
}

// release gives the room back. It may be called more than once.
func (c *claim) release() {
	if c == nil || c.bytes == 0 {
		return
	}
	c.memory.held.Add(-c.bytes)
	c.room.release(c)
	c.bytes = 0
}
