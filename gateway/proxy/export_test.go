package proxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// HostPort is hostPort.
var HostPort = hostPort

// FramesHeld returns how many bytes of requests have room.
func (p *Proxy) FramesHeld() int64 { return p.frames.held.Load() }

// ACLAge returns how long ago the ACLs in force were asked for.
func (p *Proxy) ACLAge() time.Duration { return p.mirror.age() }

// TakeTurnOfLists takes the turn of a tenant's lists until the test calls done.
func (p *Proxy) TakeTurnOfLists(who principal.Principal) (done func()) {
	t := p.tenants.join(tenantKey(who, netip.Prefix{}))
	t.lists <- struct{}{}
	return func() { <-t.lists; p.tenants.leave(t) }
}

// Strangers returns how many connections there are, and how many of them are not logged in.
func (p *Proxy) Strangers() (connections, strangers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, count := range p.addresses {
		connections, strangers = connections+count.connections, strangers+count.strangers
	}
	return connections, strangers
}

// Frames is room for the frames of clients that are logged in.
type Frames struct {
	memory  *frameMemory
	tenants tenants
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
	leave := func() { f.tenants.leave(t) }
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
		f.tenants.leave(t)
		return nil
	}
	return &Room{c, func() { f.tenants.leave(t) }}
}

// Check returns what is wrong with the counts of the room; if it is empty, also what is not
// given back.
func (f *Frames) Check(empty bool) error {
	for kind := range f.memory.rooms {
		r := &f.memory.rooms[kind]
		r.mu.Lock()
		half := r.size / 2
		wrong := r.free < 0 || r.free > r.size || r.aheadFree < 0 || r.aheadFree > half || r.beyond < 0 || r.vestibule < 0 || r.vestibule > r.size/8
		left := r.free != r.size || r.aheadFree != half || r.beyond != 0 || r.vestibule != 0 || r.turns.Len() != 0 || r.doors.Len() != 0
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
				kind, r.free, r.size, r.aheadFree, half, r.beyond, r.vestibule, r.turns.Len(), r.doors.Len())
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

// AuditSecond is the room for the events of one second.
type AuditSecond struct {
	auditSecond
	shares map[string]*auditShare
}

// NewAuditSecond returns room for a number of events.
func NewAuditSecond(room int) *AuditSecond {
	s := &AuditSecond{shares: map[string]*auditShare{}}
	s.begin(1, room)
	return s
}

// Take takes room for events of a client, and returns for how many there was some.
func (s *AuditSecond) Take(client string, events int) int {
	if s.shares[client] == nil {
		s.shares[client] = new(auditShare)
	}
	return s.take(s.shares[client], events)
}

// Questions returns how many questions for ids wait for their turn.
func (p *Proxy) Questions() (waiting int) {
	t := &p.cluster.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range t.ask {
		q.mu.Lock()
		for _, a := range q.askers {
			waiting += a.waiting.Len()
		}
		q.mu.Unlock()
	}
	return waiting
}

// Arrive counts a connection from an address, without serving it, and returns the limit
// that it is beyond, or "".
func (p *Proxy) Arrive(from net.Addr) string {
	c := newConn(p.listeners[0], bootstrap, visitor{from: from})
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.enter(c))
}

// visitor is the connection of a client of which nothing is known but its address.
type visitor struct {
	net.Conn
	from net.Addr
}

func (v visitor) RemoteAddr() net.Addr { return v.from }

func (v visitor) Close() error { return nil }

// unread is authorization switched off: what the proxy would do as well if it had none.
// Requests are not decoded but for those whose responses always show addresses, which
// the gateway rewrites for somebody who is allowed everything.
type unread struct {
	gateway *gateway.Conn
	// plans are those of the first requests of their kinds whose responses may show
	// addresses; nil if responses of newer versions are not looked at.
	plans map[kindOfRequest]*gateway.Plan
}

type kindOfRequest struct {
	key     ops.APIKey
	version int16
}

// addressed are the APIs whose responses show addresses in every version that
// franz-go's client sends here: Metadata, FindCoordinator, DescribeCluster.
var addressed = map[ops.APIKey]bool{3: true, 10: true, 60: true}

// seldomAddressed are those whose responses may show addresses from a version on, where
// a leader has moved: Produce and Fetch.
var seldomAddressed = map[ops.APIKey]int16{0: 10, 1: 16}

func (u unread) Request(frame []byte) (*gateway.Plan, error) {
	h, err := gateway.ParseHeader(frame)
	if err != nil || addressed[h.Key] {
		return u.gateway.Request(frame)
	}
	from, ok := seldomAddressed[h.Key]
	if !ok || h.Version < from || u.plans == nil {
		return forwarding(&gateway.Plan{Header: h, AsIs: true}, frame), nil
	}
	kind := kindOfRequest{h.Key, h.Version}
	if u.plans[kind] == nil {
		if u.plans[kind], err = u.gateway.Request(frame); err != nil {
			return nil, err
		}
	}
	plan := *u.plans[kind] // no response has been handed to it
	plan.Header = h
	return forwarding(&plan, frame), nil
}

// forwarding replaces the frames that a plan forwards. Only a test may do that: a gateway
// forwards nothing that it has not decided.
func forwarding(p *gateway.Plan, frames ...[]byte) *gateway.Plan {
	*(*[][]byte)(reflect.ValueOf(p).Elem().FieldByName("frames").Addr().UnsafePointer()) = frames
	return p
}

// Unauthorized switches authorization off for connections to come.
func (p *Proxy) Unauthorized() {
	for _, l := range p.listeners {
		l.newDecider = func(client gateway.Client) decider {
			return unread{l.gateway.Conn(client), map[kindOfRequest]*gateway.Plan{}}
		}
	}
}

// PassThrough switches authorization off for connections to come, and does not look at
// the responses to Produce and Fetch.
func (p *Proxy) PassThrough() {
	for _, l := range p.listeners {
		l.newDecider = func(client gateway.Client) decider { return unread{l.gateway.Conn(client), nil} }
	}
}

// SetBroker makes a broker known by its address, and opens its ports.
func (p *Proxy) SetBroker(node int32, address string) {
	p.cluster.know(node, address)
	for _, l := range p.listeners {
		_, _ = l.open(node)
	}
}

// Suspect is suspect.
func (p *Proxy) Suspect(node int32, address string) { p.suspect(node, address) }

// Answering returns the brokers that have said what they serve.
func (p *Proxy) Answering() (nodes []int32) {
	for _, node := range p.cluster.nodes() {
		if p.cluster.brokers[node].versions != nil {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// Suspected reports whether a goroutine looks after a broker.
func (p *Proxy) Suspected(node int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.suspects[node]
}

// PortOf returns the address of a broker's port of the first listener, open or not.
func (p *Proxy) PortOf(node int32) string {
	number, _ := p.listeners[0].open(node)
	return hostPort("127.0.0.1", int32(number))
}

// WarnOfDescriptors is what Listen does about the number of file descriptors.
func (p *Proxy) WarnOfDescriptors(limit uint64) { p.warnOfDescriptors(limit) }

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
