package proxy

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// FramesHeld returns how many bytes of requests have room.
func (p *Proxy) FramesHeld() int64 { return p.relay.FramesHeld() }

// ACLAge returns how long ago the ACLs in force were asked for.
func (p *Proxy) ACLAge() time.Duration { return p.mirror.age() }

// TakeTurnOfLists takes the turn of a tenant's lists until the test calls done.
func (p *Proxy) TakeTurnOfLists(who principal.Principal) (done func()) {
	t := p.relay.Tenants().Join(who, netip.Prefix{})
	taken, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		_ = t.DecideList(context.Background(), time.Hour, func() { close(taken); <-goOn })
		p.relay.Tenants().Leave(t)
	}()
	<-taken
	return func() { close(goOn) }
}

// Strangers returns how many connections there are, and how many of them are not logged in.
func (p *Proxy) Strangers() (connections, strangers int) { return p.relay.Connections() }

// AuditSecond is the room for the events of one second.
type AuditSecond struct{ auditSecond }

// NewAuditSecond returns room for a number of events.
func NewAuditSecond(room int) *AuditSecond {
	s := new(AuditSecond)
	s.begin(1, room)
	return s
}

// Take takes room for events of a client, and returns for how many there was some.
func (s *AuditSecond) Take(client string, events int) int { return s.take(client, events) }

// Questions returns how many questions for ids wait for their turn.
func (p *Proxy) Questions() (waiting int) { return p.cluster.Waiting() }

// Arrive counts a connection from an address, without serving it, and returns the limit
// that it is beyond, or "".
func (p *Proxy) Arrive(from net.Addr) string {
	_, err := p.relay.Admit(visitor{from: from})
	var beyond *relay.LimitError
	if errors.As(err, &beyond) {
		return string(beyond.Limit)
	}
	return ""
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
	p.decideBy(func() map[kindOfRequest]*gateway.Plan { return map[kindOfRequest]*gateway.Plan{} })
}

// PassThrough switches authorization off for connections to come, and does not look at
// the responses to Produce and Fetch.
func (p *Proxy) PassThrough() {
	p.decideBy(func() map[kindOfRequest]*gateway.Plan { return nil })
}

func (p *Proxy) decideBy(plans func() map[kindOfRequest]*gateway.Plan) {
	for _, l := range p.listeners {
		l.decideBy = func() func(gateway.Client) relay.Decider {
			return func(client gateway.Client) relay.Decider { return unread{l.gateway.Conn(client), plans()} }
		}
	}
}

// SetBroker makes a broker known by its address, and opens its ports.
func (p *Proxy) SetBroker(node int32, address string) {
	host, port, _ := hostport.Split(address)
	for _, l := range p.listeners {
		_, _ = l.ports.Address(gateway.Broker{NodeID: node, Host: host, Port: int32(port)})
	}
}

// Suspect is Suspect of the cluster.
func (p *Proxy) Suspect(node int32, address string) { p.cluster.Suspect(node, address) }

// Answering returns the brokers that have said what they serve.
func (p *Proxy) Answering() []int32 { return slices.Sorted(maps.Keys(p.cluster.Versions())) }

// Suspected reports whether a goroutine looks after a broker.
func (p *Proxy) Suspected(node int32) bool { return p.cluster.Suspected(node) }

// PortOf returns the address of a broker's port of the first listener, open or not.
func (p *Proxy) PortOf(node int32) string {
	number, _ := p.listeners[0].ports.Port(node)
	return hostport.Join("127.0.0.1", int32(number))
}

// WarnOfDescriptors is what Listen does about the number of file descriptors.
func (p *Proxy) WarnOfDescriptors(limit uint64) { p.warnOfDescriptors(limit) }
