package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// access is how the clients of a listener connect and log in. It never changes;
// [Proxy.Reconfigure] puts another one in its place.
type access struct {
	tls         *tls.Config
	sasl        *SASL
	mechanisms  map[string]mechanism
	principals  *principal.Builder
	credentials map[string][]gateway.Credential
}

// newAccess validates what a listener says about its clients. salts is the secret of the salts
// of SCRAM if the listener has none. tokens is for clients that log in with delegation tokens; nil means
// that none does.
func newAccess(config Listener, salts []byte, tokens tokenLookup) (*access, error) {
	a := &access{tls: cloneTLS(config.TLS), sasl: config.SASL, principals: config.Principals, credentials: config.SASL.credentials()}
	if a.principals == nil {
		a.principals = &principal.Builder{}
	}
	if config.SASL == nil {
		return a, nil
	}
	var err error
	a.mechanisms, err = config.SASL.mechanisms(config.SASL.saltsOf(salts), tokens)
	return a, err
}

// Reconfigure replaces how clients and the proxy itself log in:
//
//   - The certificates, keys, authorities, users, mechanisms and mapping rules of the
//     listeners, which must be those of Config.Listeners in the same order, with the same
//     Protocol, Address, Advertised and FirstNode.
//   - The certificates and the login of the proxy at the cluster. Whether there is TLS, and
//     the mechanism, must be the same. Upstream.Brokers does not count.
//
// Connections that begin after it returned, and logins that begin after it on open
// connections, use only the new ones. A client that is logged in stays logged in, at most for
// its session (SASL.MaxSession), as at a broker.
//
// The error lists everything that is wrong; then nothing is replaced. Reconfigure is safe for
// concurrent use.
func (p *Proxy) Reconfigure(upstream relay.Upstream, listeners []Listener) error {
	p.reconfiguring.Lock()
	defer p.reconfiguring.Unlock()
	if len(listeners) != len(p.listeners) {
		return fmt.Errorf("proxy: %d listeners: expected the %d that are open", len(listeners), len(p.listeners))
	}
	errs := []error{p.cluster.CanReplace(upstream)}
	made := make([]*access, len(listeners))
	logins := false
	for i, l := range listeners {
		open := p.listeners[i].Listener
		fail := func(err error) { errs = append(errs, fmt.Errorf("listener %s: %w", lines.Name(open.Address), err)) }
		if l.Protocol != open.Protocol || l.Address != open.Address || l.Advertised != open.Advertised || l.FirstNode != open.FirstNode {
			fail(errors.New("protocol, addresses and nodes cannot change while it is open"))
			continue
		}
		err := l.validate()
		if err == nil {
			made[i], err = newAccess(l, p.salts, p.lookup)
		}
		if err != nil {
			fail(err)
		}
		logins = logins || l.SASL.hasPasswords()
	}
	if p.knowsPasswords() != logins {
		errs = append(errs, errors.New("proxy: whether any client logs in with a password cannot change while listeners are open"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.cluster.Replace(upstream)
	p.warnOfUpstream()
	for i, l := range p.listeners {
		l.access.Store(made[i])
		l.warn()
	}
	return nil
}

// hasPasswords reports whether clients log in with passwords that the proxy knows.
func (s *SASL) hasPasswords() bool { return s != nil && len(s.Users)+len(s.Credentials) > 0 }
