package relay

import (
	"context"
	"fmt"
	"time"
)

// Frames is room for the frames of clients that are logged in.
type Frames struct {
	memory  *frameMemory
	tenants Tenants
}

// NewFrames returns room of a size.
func NewFrames(bytes int64) *Frames { return &Frames{memory: newFrameMemory(bytes)} }

// Large returns the size of the part for frames of more than 16 KiB.
func (f *Frames) Large() int64 { return f.memory.rooms[largeFrame].size }

// Held returns how much is held.
func (f *Frames) Held() int64 { return f.memory.held.Load() }

// Room is the room of one frame.
type Room struct {
	*claim
	leave func()
}

// Claim waits for room for a frame of a client. It returns nil if there is none in time.
func (f *Frames) Claim(client string, bytes int64, patience time.Duration) *Room {
	t := f.tenants.join(client)
	leave := func() { f.tenants.Leave(t) }
	c, err := f.memory.claim(context.Background(), int(bytes), t, true, patience)
	if err != nil {
		leave()
		return nil
	}
	return &Room{c, leave}
}

// ClaimAhead returns room for a frame that is read before its turn; nil if there is none now.
func (f *Frames) ClaimAhead(client string, bytes int64) *Room {
	t := f.tenants.join(client)
	c := f.memory.claimAhead(int(bytes), t)
	if c == nil {
		f.tenants.Leave(t)
		return nil
	}
	return &Room{c, func() { f.tenants.Leave(t) }}
}

// Check returns what is wrong with the counts of the room; if it is empty, also what is not
// given back.
func (f *Frames) Check(empty bool) error {
	for kind := range f.memory.rooms {
		r := &f.memory.rooms[kind]
		r.mu.Lock()
		half := r.size / 2
		wrong := r.free < 0 || r.free > r.size || r.aheadFree < 0 || r.aheadFree > half || r.beyond < 0 || r.vestibule < 0 || r.vestibule > r.size/8
		left := r.free != r.size || r.aheadFree != half || r.beyond != 0 || r.vestibule != 0 || r.turns.count != 0 || r.doors.Len() != 0
		f.tenants.mu.Lock()
		for _, t := range f.tenants.byKey {
			h := &t.rooms[kind]
			wrong = wrong || h.held < 0 || h.ahead < 0 || h.ahead > h.held
			left = left || h.held != 0 || h.ahead != 0 || h.waiting.Len() != 0
		}
		f.tenants.mu.Unlock()
		r.mu.Unlock()
		if wrong || empty && left {
			return fmt.Errorf("room %d: %d of %d bytes are free, %d of %d ahead, %d beyond, %d inside, %d tenants wait, %d for the door",
				kind, r.free, r.size, r.aheadFree, half, r.beyond, r.vestibule, r.turns.count, r.doors.Len())
		}
	}
	if held := f.memory.held.Load(); held < 0 || empty && held != 0 {
		return fmt.Errorf("%d bytes are held", held)
	}
	return nil
}

// Shrink gives a part of the room back.
func (r *Room) Shrink(bytes int64) { r.shrink(bytes) }

// Release gives the room back.
func (r *Room) Release() { r.release(); r.leave() }

// Sent says that the frame was sent on.
func (r *Room) Sent() { r.sent() }

// SetStalledAfter sets how long a client that logs in keeps its place if others do not.
func (r *Relay) SetStalledAfter(d time.Duration) { r.stalledAfter = d }

// Beyond returns how many frames are larger than the share of their tenant, by kind of frame.
func (r *Relay) Beyond() (beyond [frameKinds]int) {
	for kind := range r.frames.rooms {
		room := &r.frames.rooms[kind]
		room.mu.Lock()
		beyond[kind] = room.beyond
		room.mu.Unlock()
	}
	return beyond
}

// LargeAnswerBeside reports whether an answer of half of what is left has room beside one of 1 MiB
// of somebody else.
func (r *Relay) LargeAnswerBeside() bool {
	all := new(Tenants)
	other := r.frames.claimNow(answerFrame, 1<<20, all.join("other"))
	defer other.release()
	large := r.frames.claimNow(answerFrame, r.frames.rooms[answerFrame].free/2, all.join("one"))
	defer large.release()
	return other != nil && large != nil
}

// ShrinkWakes reports whether an answer that waits has room once another one has given enough back.
func (r *Relay) ShrinkWakes(patience time.Duration) bool {
	all := new(Tenants)
	size := r.frames.rooms[answerFrame].size
	large := r.frames.claimNow(answerFrame, size, all.join("one"))
	defer large.release()
	time.AfterFunc(patience/10, func() { large.shrink(100 << 10) })
	c, err := r.frames.claimAnswer(context.Background(), answerFrame, 100<<10, all.join("other"), patience)
	c.release()
	return err == nil
}
