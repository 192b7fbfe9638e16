package proxy

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Warnings returns what is unsafe about a listener that [Config.Validate] accepts. A proxy logs
// it when it opens the listener and when [Proxy.Reconfigure] replaces it.
func (l *Listener) Warnings() []string {
	var found []string
	if l.SASL == nil && (l.TLS == nil || l.TLS.ClientAuth < tls.RequireAndVerifyClientCert) {
		found = append(found, "clients are not authenticated: a client is User:ANONYMOUS, or the subject of its certificate if it sends one")
	}
	if l.SASL == nil {
		return found
	}
	if l.TLS == nil && slices.Contains(l.SASL.Mechanisms, Plain) && !isLoopback(l.Address) {
		found = append(found, "PLAIN without TLS: passwords cross the network in clear")
	}
	if l.TLS == nil && slices.Contains(l.SASL.Mechanisms, OAuthBearer) && !isLoopback(l.Address) {
		found = append(found, "OAUTHBEARER without TLS: tokens cross the network in clear")
	}
	if len(l.SASL.Credentials) > 0 && l.SASL.SaltSecret == nil {
		found = append(found, "users with salted credentials, and no secret for the salts of other names: a client without a login that asks before and after a restart, or at two proxies, learns who these users are")
	}
	return found
}

// clearMechanisms are those that send what somebody who listens on the way can log in with.
var clearMechanisms = map[string]string{Plain: "password", OAuthBearer: "token"}

// Warnings returns what is unsafe about the connections to the cluster. A proxy logs it before
// the first of them, and when [Proxy.Reconfigure] replaces their settings.
func (u *Upstream) Warnings() []string {
	if u.SASL == nil || u.TLS != nil {
		return nil
	}
	var found []string
	name := u.SASL.Name()
	for _, address := range u.Brokers {
		if secret := clearMechanisms[name]; secret != "" && !isLoopback(address) {
			found = append(found, fmt.Sprintf("%s without TLS: the %s of the proxy crosses the network to %s in clear", name, secret, printable(address)))
		}
	}
	return found
}

// isLoopback reports whether what is sent to an address (host:port) stays on the machine.
func isLoopback(address string) bool {
	host, _, _ := splitAddress(address) // which is read before
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// warnOfUpstream logs what is unsafe about the connections to the cluster.
func (p *Proxy) warnOfUpstream() {
	for _, warning := range p.upstream.now.Load().Warnings() {
		p.log.Warn(warning)
	}
}

// warn logs what is unsafe about the configuration in force.
func (l *listener) warn() {
	now := l.now()
	for _, warning := range now.Warnings() {
		l.proxy.log.Warn(warning, "listener", string(l.Protocol), "address", l.Address)
	}
}
