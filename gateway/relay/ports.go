package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// acceptPause is the pause after a connection could not be accepted, for example
// because there are no free file descriptors.
const acceptPause = 50 * time.Millisecond

// repeatPause is the least time between two lines of the log about one thing that clients can
// cause all the time: a broker that they cannot be shown, which may be in the answers to
// every client, or a connection that cannot be accepted.
const repeatPause = time.Minute

// DefaultBrokers is the default of PortsConfig.Brokers: this many consecutive ports.
const DefaultBrokers = 128

// bootstrap is the pseudo node id of the bootstrap port.
const bootstrap int32 = -1

// PortsConfig says where clients connect.
type PortsConfig struct {
	// Address is the bootstrap address (host:port) to listen on. The port of the broker with
	// node id N is its port, plus 1, plus N, minus FirstNode. If its port is 0, all ports are
	// free ports chosen by the system.
	Address string
	// Advertised is the host that clients are told to connect to. If it is empty, the
	// host of Address is used.
	Advertised string
	// FirstNode is the lowest node id of the upstream's brokers.
	FirstNode int32
	// Brokers is how many node ids there are, from FirstNode on; 0 means DefaultBrokers.
	Brokers int
	// Logger receives why a broker is not shown or a connection is not accepted, each once a
	// minute at the most. Nil means that of the Cluster.
	Logger *slog.Logger
	// NotAccepted, if not nil, is called each time a connection cannot be accepted.
	NotAccepted func()
}

// Validate returns what is wrong with c, as far as that can be known without a port.
func (c *PortsConfig) Validate() error {
	host, _, err := hostport.Split(c.Address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); c.Advertised == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return errors.New("the advertised host is empty and the proxy listens on all addresses: expected the host that clients connect to")
	}
	if c.FirstNode < 0 {
		return fmt.Errorf("the first node is %d: expected a node id", c.FirstNode)
	}
	if c.Brokers < 0 {
		return fmt.Errorf("%d ports for brokers: expected a positive number", c.Brokers)
	}
	return nil
}

// Ports are the ports on which clients find the brokers of a Cluster: one to begin with, and
// one for each broker, because a Kafka client connects to a specific broker. They are the same
// for every program with the same configuration, and after every restart. A port is closed while
// its broker is down: see [Cluster.Suspect].
//
// Ports are safe for concurrent use. They are made by [Cluster.Listen].
type Ports struct {
	config  PortsConfig
	cluster *Cluster
	host    string // advertised to clients
	port    int    // bootstrap port; 0 means any

	mu        sync.Mutex
	ports     map[int32]*brokerPort   // by node id, including bootstrap
	hidden    map[int32]time.Time     // when it was logged last that a broker is not shown
	accepting []func(context.Context) // for the ports that were opened before Serve
	serving   context.Context         // the context of Serve, once it runs
	closed    chan struct{}
	running   sync.WaitGroup // goroutines of Serve
	handle    func(client net.Conn, node int32)
}

// Listen opens the bootstrap port, and those of the brokers that are known: call Refresh before.
// Ports of other brokers are opened when an answer shows them. They accept connections once
// [Ports.Serve] is called. After an error nothing is left open.
func (c *Cluster) Listen(config PortsConfig) (*Ports, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if len(c.Nodes()) == 0 {
		return nil, errors.New("relay: no broker of the cluster is known: call Refresh before Listen")
	}
	p := &Ports{config: config, cluster: c, ports: map[int32]*brokerPort{}, hidden: map[int32]time.Time{}, closed: make(chan struct{})}
	p.host, p.port, _ = hostport.Split(config.Address)
	if config.Advertised != "" {
		p.host = config.Advertised
	}
	if p.config.Brokers == 0 {
		p.config.Brokers = DefaultBrokers
	}
	if p.config.Logger == nil {
		p.config.Logger = c.log
	}
	for _, node := range append([]int32{bootstrap}, c.Nodes()...) {
		if _, err := p.Port(node); err != nil {
			p.Close()
			return nil, fmt.Errorf("port of broker %d: %w", node, err)
		}
	}
	c.watch.add(p)
	return p, nil
}

// Bootstrap returns the address (host:port) that clients are given to begin with.
func (p *Ports) Bootstrap() string {
	port, _ := p.Port(bootstrap) // it is open already
	return hostport.Join(p.host, int32(port))
}

// Address returns where clients find a broker, for gateway.Config. Brokers without a port here
// are hidden (the zero Broker), and so are controllers, which clients do not need. It opens the port
// if necessary, and remembers the broker's own address.
func (p *Ports) Address(b gateway.Broker) (gateway.Broker, error) {
	if b.Controller || b.NodeID < 0 || b.Host == "" {
		return gateway.Broker{}, nil
	}
	p.cluster.know(b.NodeID, hostport.Join(b.Host, b.Port))
	port, err := p.Port(b.NodeID)
	if err != nil {
		p.reportHidden(b.NodeID, err)
		return gateway.Broker{}, nil
	}
	return gateway.Broker{NodeID: b.NodeID, Host: p.host, Port: int32(port)}, nil
}

// reportHidden logs that a broker is not shown, if that was not logged shortly before.
func (p *Ports) reportHidden(node int32, reason error) {
	p.mu.Lock()
	last, now := p.hidden[node], time.Now()
	due := now.Sub(last) >= repeatPause
	if due {
		p.hidden[node] = now
	}
	p.mu.Unlock()
	if due {
		p.config.Logger.Warn("broker not shown", "node", node, "reason", reason.Error())
	}
}

// brokerPort is one of the ports. It keeps its number while it is closed.
type brokerPort struct {
	number int
	open   net.Listener // nil while it is closed
}

// Port returns the port on which clients find a broker. It opens the port if necessary, and
// returns an error if it cannot, or if the node id is not among those of the configuration.
func (p *Ports) Port(node int32) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.ports[node]; ok {
		return at.number, nil
	}
	at := &brokerPort{number: p.port}
	if node != bootstrap {
		if node < p.config.FirstNode || int64(node) >= int64(p.config.FirstNode)+int64(p.config.Brokers) {
			return 0, fmt.Errorf("its id is not from %d to %d", p.config.FirstNode, int64(p.config.FirstNode)+int64(p.config.Brokers)-1)
		}
		if p.port != 0 {
			at.number += 1 + int(node-p.config.FirstNode)
		}
	}
	if err := p.listen(at, node); err != nil {
		return 0, err
	}
	p.ports[node] = at
	return at.number, nil
}

// shut closes the port of a broker, if it has one.
func (p *Ports) shut(node int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shutPort(p.ports[node])
}

// shutPort closes a port, or nil. p.mu is held.
func (p *Ports) shutPort(at *brokerPort) {
	if at != nil && at.open != nil {
		_ = at.open.Close()
		at.open = nil
	}
}

// openAgain reopens a closed port, unless p is closed.
func (p *Ports) openAgain(node int32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.ports[node]
	if at == nil || at.open != nil || p.isClosed() {
		return nil
	}
	return p.listen(at, node)
}

// isClosed reports whether Close was called. p.mu is held.
func (p *Ports) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// listen opens a port by its number, or any free port if the number is 0. p.mu is held.
func (p *Ports) listen(at *brokerPort, node int32) error {
	if p.isClosed() {
		return net.ErrClosed
	}
	host, _, _ := hostport.Split(p.config.Address)
	ln, err := net.Listen("tcp", hostport.Join(host, int32(at.number)))
	if err != nil {
		return err
	}
	at.open, at.number = ln, ln.Addr().(*net.TCPAddr).Port
	accept := func(ctx context.Context) { p.accept(ctx, ln, node) }
	if p.serving == nil {
		p.accepting = append(p.accepting, accept)
		return nil
	}
	serving := p.serving
	p.running.Go(func() { accept(serving) })
	return nil
}

// Serve accepts connections until ctx is done or Close is called, and closes the ports. It calls
// handle with each connection and the broker that it leads to, which may be any on the bootstrap
// port. handle closes the connection. The next connection of the port is accepted when handle has
// returned, so it starts a goroutine that serves the client: one that first calls [Relay.Admit] has
// no more of them than its limits say. Call Serve only once. When it returns, handle is not called
// any more.
func (p *Ports) Serve(ctx context.Context, handle func(client net.Conn, node int32)) {
	p.mu.Lock()
	p.serving, p.handle = ctx, handle
	for _, accept := range p.accepting {
		p.running.Go(func() { accept(ctx) })
	}
	p.accepting = nil
	p.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-p.closed:
	}
	p.Close()
	p.running.Wait()
}

// accept accepts connections for a broker until the port is closed.
func (p *Ports) accept(ctx context.Context, ln net.Listener, node int32) {
	var failed time.Time
	for {
		client, err := ln.Accept()
		switch {
		case err == nil && node == bootstrap:
			p.handle(client, p.cluster.Any())
		case err == nil:
			p.handle(client, node)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if p.config.NotAccepted != nil {
				p.config.NotAccepted()
			}
			if time.Since(failed) > repeatPause {
				failed = time.Now()
				p.config.Logger.Warn("cannot accept", "address", lines.Name(p.config.Address), "reason", err.Error())
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
		}
	}
}

// Close closes the ports; none is opened any more. It may be called again.
func (p *Ports) Close() {
	p.cluster.watch.remove(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isClosed() {
		close(p.closed)
	}
	for _, at := range p.ports {
		p.shutPort(at)
	}
}
