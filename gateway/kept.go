package gateway

import (
	"time"

	"github.com/portcullis-authz/portcullis/ops"
)

// kept is what a connection remembers about sessions and group members. A request is
// decided with a copy, which takes effect when the request is forwarded. The lists that it
// shares with the copy are replaced, never changed.
type kept struct {
	share   shareSessions
	members subscriptions
	secret  string // of renameMember; empty until it is needed
}

// bytes returns how much memory it takes. The allocator rounds texts up by an eighth or less.
func (k *kept) bytes() int { return k.share.bytes() + k.members.bytes()*9/8 }

// memory is what a connection remembers now. It is kept when the peer authenticates again:
// an answer that is still on its way then belongs to the same session as the requests after
// it.
type memory struct {
	now     kept
	version uint64               // changes with now
	keep    func(bytes int) bool // of the Client; may be nil
	granted int                  // what keep last allowed
	// resolved is when the patterns that were resolved so far no longer count: see
	// resolvePause.
	resolved time.Time
}

// mayResolve reports whether the connection may resolve a pattern now.
func (m *memory) mayResolve() bool { return time.Until(m.resolved) <= (maxResolutions-1)*resolvePause }

// countResolution counts that a pattern was resolved.
func (m *memory) countResolution() {
	if now := time.Now(); m.resolved.Before(now) {
		m.resolved = now
	}
	m.resolved = m.resolved.Add(resolvePause)
}

// grants reports whether the connection may keep so many bytes.
func (m *memory) grants(bytes int) bool {
	if m.keep == nil || bytes == m.granted {
		return true
	}
	if !m.keep(bytes) {
		return false
	}
	m.granted = bytes
	return true
}

// change changes a share session because of an answer. If the acquired records of its member
// do not fit, they are forgotten.
func (m *memory) change(key shareKey, by func(*shareSession)) {
	m.version++
	s := m.now.share.change(key)
	by(s)
	if m.now.share = m.now.share.with(s); !m.grants(m.now.bytes()) {
		s.release()
		m.grants(m.now.bytes())
	}
}

// restore makes the connection remember the subscription that a member had before, if it is not
// nil and there is room. The next heartbeat sends its topics again: an error of the cluster does
// not always say that it has changed nothing.
func (m *memory) restore(group, member string, before *subscription) {
	m.version++
	without := m.now.members.without(group, member)
	if before != nil {
		again := *before
		again.lost = true
		if m.now.members = without.with(&again); m.grants(m.now.bytes()) {
			return
		}
	}
	m.now.members = without
	m.grants(m.now.bytes())
}

// pending is what a connection remembers once a plan is forwarded or answered.
type pending struct {
	kept
	basis   uint64   // the version of the memory that the plan was decided with
	session shareKey // of the share session that the plan is about, if it is about one
}

// rememberSession returns what the connection remembers once the plan, which is about a share
// session, is forwarded or answered.
func (p *Plan) rememberSession(key shareKey) *kept {
	next := p.remember()
	p.next.session = key
	return next
}

// remember returns what the connection remembers once the plan is forwarded or answered.
// Deciding changes nothing else: a plan may be dropped, and its request decided again.
func (p *Plan) remember() *kept {
	if p.next == nil {
		m := p.conn.memory
		p.next = &pending{kept: m.now, basis: m.version}
	}
	return &p.next.kept
}

// commit makes the connection remember what the plan changes. If there is no room for it, or
// if the connection remembers something else by now, the request is refused instead.
func (p *Plan) commit() {
	if p.resolves {
		p.resolves = false
		p.conn.memory.countResolution()
	}
	n := p.next
	if n == nil {
		return
	}
	p.next = nil
	m := p.conn.memory
	if n.basis == m.version && m.grants(n.bytes()) {
		m.now, m.version = n.kept, m.version+1
		return
	}
	code := ops.CoordinatorLoadInProgress // the client tries again after a pause
	if p.Header.Key != ops.ConsumerGroupHeartbeatKey {
		code = ops.ShareSessionLimitReached
		m.loseSession(n.session)
	}
	if p.local == nil { // otherwise it is refused already
		p.frames, p.AsIs = nil, false
		p.local, p.failure = refuseAll(p.query, code)
	}
}

// loseSession makes the member of a share session begin a new one.
func (m *memory) loseSession(key shareKey) {
	m.version++
	s := m.now.share.change(key)
	s.lose()
	if m.now.share = m.now.share.with(s); !m.grants(m.now.bytes()) {
		s.end()
		m.now.share = m.now.share.with(s)
		m.grants(m.now.bytes())
	}
}
