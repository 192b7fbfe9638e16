package proxy

import (
	"context"
	"time"
)

// Beyond returns how many frames are larger than the share of their tenant, by kind of frame.
func (p *Proxy) Beyond() (beyond [frameKinds]int) {
	for kind := range p.frames.rooms {
		r := &p.frames.rooms[kind]
		r.mu.Lock()
		beyond[kind] = r.beyond
		r.mu.Unlock()
	}
	return beyond
}

// LargeAnswerBeside reports whether an answer of half of what is left has room beside one of 1 MiB
// of somebody else.
func (p *Proxy) LargeAnswerBeside() bool {
	all := &tenants{}
	other := p.frames.claimNow(answerFrame, 1<<20, all.join("other"))
	defer other.release()
	large := p.frames.claimNow(answerFrame, p.frames.rooms[answerFrame].free/2, all.join("one"))
	defer large.release()
	return other != nil && large != nil
}

// ShrinkWakes reports whether an answer that waits has room once another one has given enough back.
func (p *Proxy) ShrinkWakes(patience time.Duration) bool {
	all := &tenants{}
	size := p.frames.rooms[answerFrame].size
	large := p.frames.claimNow(answerFrame, size, all.join("one"))
	defer large.release()
	time.AfterFunc(patience/10, func() { large.shrink(100 << 10) })
	c, err := p.frames.claimAnswer(context.Background(), answerFrame, 100<<10, all.join("other"), patience)
	c.release()
	return err == nil
}
