package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// acceptPause is the pause after a connection could not be accepted, for example
// because there are no free file descriptors.
const acceptPause = 50 * time.Millisecond

// bootstrap is the pseudo node id of the bootstrap port.
const bootstrap int32 = -1

// listener is a Listener with its open ports.
type listener struct {
	Listener
	proxy      *Proxy
	host       string // advertised to clients
	port       int    // bootstrap port; 0 means any
	gateway    *gateway.Gateway
	refusing   *gateway.Gateway // refuses everything; nil without Config.Refuse
	newDecider func(gateway.Client) decider
	access     atomic.Pointer[access]

	mu     sync.Mutex
	ports  map[int32]*brokerPort // by node id, including bootstrap
	hidden map[int32]time.Time   // when it was logged last that a broker is not shown
}

// newListener returns a listener without ports.
func (p *Proxy) newListener(config Listener) (*listener, error) {
	host, port, err := splitAddress(config.Address)
	if err != nil {
		return nil, err
	}
	l := &listener{
		Listener: config, proxy: p, host: host, port: port, ports: map[int32]*brokerPort{}, hidden: map[int32]time.Time{},
	}
	if config.Advertised != "" {
		l.host = config.Advertised
	}
	// What can be replaced stands in access alone.
	l.TLS, l.SASL, l.Principals = nil, nil, nil
	a, err := newAccess(config, p.salts)
	if err != nil {
		return nil, err
	}
	l.access.Store(a)
	return l, nil
}

// now returns the configuration in force.
func (l *listener) now() Listener {
	now, a := l.Listener, l.access.Load()
	now.TLS, now.SASL = a.tls, a.sasl
	return now
}

// decideBy creates the gateway, and opens the ports of the known brokers.
func (l *listener) decideBy(p *Proxy) (err error) {
	l.gateway, err = gateway.New(gateway.Config{
		Store: p.store, ACLs: p.acls, MetadataVersion: p.metadata, Address: l.address, Audit: p.auditor.forGateway(),
		CredentialHandling: p.credentialHandling(), Credentials: func() map[string][]gateway.Credential { return l.access.Load().credentials },
	})
	if err != nil {
		return err
	}
	if p.refuse != nil {
		// A store without ACLs is not ready, and denies everything to everyone.
		if l.refusing, err = gateway.New(gateway.Config{Store: snapshot.NewStore(snapshot.Config{}), ACLs: gateway.ShowACLs, Address: l.address, Audit: p.auditor.forGateway()}); err != nil {
			return err
		}
	}
	l.newDecider = func(client gateway.Client) decider { return l.gateway.Conn(client) }
	for _, node := range append([]int32{bootstrap}, p.cluster.nodes()...) {
		if _, err := l.open(node); err != nil {
			return fmt.Errorf("port of broker %d: %w", node, err)
		}
	}
	return nil
}

// address returns where clients find a broker. Brokers without a port here are hidden,
// and so are controllers, which clients do not need.
func (l *listener) address(b gateway.Broker) (gateway.Broker, error) {
	if b.Controller || b.NodeID < 0 || b.Host == "" {
		return gateway.Broker{}, nil
	}
	l.proxy.cluster.learn(b.NodeID, b.Host, b.Port)
	port, err := l.open(b.NodeID)
	if err != nil {
		l.reportHidden(b.NodeID, err)
		return gateway.Broker{}, nil
	}
	return gateway.Broker{NodeID: b.NodeID, Host: l.host, Port: int32(port)}, nil
}

// repeatPause is the least time between two lines of the log about one thing that clients can
// cause all the time: a broker that they cannot be shown, which may be in the answers to
// every client, or a connection that cannot be accepted.
const repeatPause = time.Minute

// reportHidden logs that a broker is not shown, if that was not logged shortly before.
func (l *listener) reportHidden(node int32, reason error) {
	l.mu.Lock()
	last, now := l.hidden[node], time.Now()
	due := now.Sub(last) >= repeatPause
	if due {
		l.hidden[node] = now
	}
	l.mu.Unlock()
	if due {
		l.proxy.log.Warn("broker not shown", "listener", string(l.Protocol), "node", node, "reason", reason.Error())
	}
}

// open returns the port of a broker. It opens the port if necessary.
func (l *listener) open(node int32) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.ports[node]; ok {
		return at.number, nil
	}
	at := &brokerPort{number: l.port}
	if node != bootstrap {
		if node < l.FirstNode || int64(node) >= int64(l.FirstNode)+int64(l.proxy.limits.Brokers) {
			return 0, fmt.Errorf("its id is not from %d to %d", l.FirstNode, int64(l.FirstNode)+int64(l.proxy.limits.Brokers)-1)
		}
		if l.port != 0 {
			at.number += 1 + int(node-l.FirstNode)
		}
	}
	if err := l.listen(at, node); err != nil {
		return 0, err
	}
	l.ports[node] = at
	return at.number, nil
}

// listen opens a port by its number, or any free port if the number is 0. l.mu is held.
func (l *listener) listen(at *brokerPort, node int32) error {
	host, _, _ := splitAddress(l.Address)
	ln, err := l.proxy.listen(net.JoinHostPort(host, strconv.Itoa(at.number)))
	if err != nil {
		return err
	}
	at.open, at.number = ln, ln.Addr().(*net.TCPAddr).Port
	l.proxy.accept(func(ctx context.Context) { l.accept(ctx, ln, node) })
	return nil
}

// accept accepts connections for a broker until the listener is closed.
func (l *listener) accept(ctx context.Context, ln net.Listener, node int32) {
	var warned, failed time.Time
	for {
		client, err := ln.Accept()
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return
		default:
			l.proxy.metrics.notAccepted.Inc()
			if time.Since(failed) > repeatPause {
				failed = time.Now()
				l.proxy.log.Warn("cannot accept", "listener", string(l.Protocol), "reason", err.Error())
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		to := node
		if node == bootstrap {
			to = l.proxy.cluster.any()
		}
		c := newConn(l, to, client)
		served, beyond := l.proxy.start(ctx, c)
		if served {
			continue
		}
		_ = client.Close()
		if beyond == withinLimits { // the proxy stops
			continue
		}
		l.proxy.metrics.turnedAway.WithLabelValues(string(beyond)).Inc()
		if time.Since(warned) > time.Second {
			warned = time.Now()
			l.proxy.log.Warn("connections turned away", "listener", string(l.Protocol), "client", client.RemoteAddr().String(), "network", c.network.String(),
				"limit", l.proxy.limits.of(beyond), "of", string(beyond))
		}
	}
}

// close closes the ports.
func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.ports {
		if at.open != nil {
			_ = at.open.Close()
			at.open = nil
		}
	}
}

// cloneTLS returns config with the listener's changes. Kafka has no sessions beyond a
// connection, and a resumed TLS session would skip the check of a certificate that has
// been revoked since.
func cloneTLS(config *tls.Config) *tls.Config {
	if config == nil {
		return nil
	}
	config = config.Clone()
	config.SessionTicketsDisabled = true
	if config.MinVersion < tls.VersionTLS12 {
		config.MinVersion = tls.VersionTLS12
	}
	return config
}
