package proxy

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// listener is a Listener with its open ports.
type listener struct {
	Listener
	proxy    *Proxy
	log      *slog.Logger
	ports    *relay.Ports // nil until they are open
	gateway  *gateway.Gateway
	refusing *gateway.Gateway                                 // refuses everything; nil without Config.Refuse and Config.Groups
	decideBy func() func(client gateway.Client) relay.Decider // of a test; or nil
	access   atomic.Pointer[access]

	mu      sync.Mutex
	warned  time.Time // when it was logged last that connections are turned away
	endings endings   // of its connections, in the log
}

// newListener returns a listener without ports.
func (p *Proxy) newListener(config Listener) (*listener, error) {
	l := &listener{Listener: config, proxy: p, log: p.log.With("listener", string(config.Protocol))}
	// What can be replaced stands in access alone.
	l.TLS, l.SASL, l.Principals = nil, nil, nil
	a, err := newAccess(config, p.salts, p.lookup)
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

// portsConfig returns where the clients of a listener connect.
func (l *Listener) portsConfig() relay.PortsConfig {
	return relay.PortsConfig{Address: l.Address, Advertised: l.Advertised, FirstNode: l.FirstNode, Brokers: l.Brokers}
}

// open opens the ports of the known brokers, and creates the gateway.
func (l *listener) open() (err error) {
	p := l.proxy
	config := l.portsConfig()
	config.Logger, config.NotAccepted = l.log, p.metrics.notAccepted.Inc
	if l.ports, err = p.cluster.Listen(config); err != nil {
		return err
	}
	l.gateway, err = gateway.New(gateway.Config{
		Store: p.store, ACLs: p.acls, MetadataVersion: p.metadata, Address: l.ports.Address, Audit: p.auditor.forGateway(),
		CredentialHandling: p.credentialHandling(), Credentials: func() map[string][]gateway.Credential { return l.access.Load().credentials },
	})
	if err != nil || p.refuse == nil && p.groups == nil {
		return err
	}
	// A store without ACLs is not ready, and denies everything to everyone.
	l.refusing, err = gateway.New(gateway.Config{Store: snapshot.NewStore(snapshot.Config{}), ACLs: gateway.ShowACLs, Address: l.ports.Address, Audit: p.auditor.forGateway()})
	return err
}

// serve serves the connections of clients while the proxy runs.
func (p *Proxy) serve(l *listener) {
	l.ports.Serve(p.serving, func(client net.Conn, node int32) {
		admitted, err := p.relay.Admit(client)
		if err != nil {
			l.turnAway(client, err)
			return
		}
		c := &conn{Conn: admitted, listener: l, login: loginFlow{listener: l}, log: l.log.With("client", client.RemoteAddr().String(), "node", node)}
		p.running.Go(func() { c.serve(p.serving, node) })
	})
}

// turnAway closes a connection that is not admitted.
func (l *listener) turnAway(client net.Conn, err error) {
	_ = client.Close()
	var beyond *relay.LimitError
	if !errors.As(err, &beyond) { // the proxy stops
		return
	}
	l.proxy.metrics.turnedAway.WithLabelValues(string(beyond.Limit)).Inc()
	l.mu.Lock()
	due := time.Since(l.warned) > time.Second
	if due {
		l.warned = time.Now()
	}
	l.mu.Unlock()
	if due {
		l.log.Warn("connections turned away", "client", client.RemoteAddr().String(), "network", beyond.Network.String(),
			"limit", beyond.Most, "of", string(beyond.Limit))
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
