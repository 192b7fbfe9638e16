package proxy

import (
	"crypto/tls"
	"slices"

	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
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
	if l.TLS == nil && slices.Contains(l.SASL.Mechanisms, Plain) && !hostport.IsLoopback(l.Address) {
		found = append(found, "PLAIN without TLS: passwords cross the network in clear")
	}
	if l.TLS == nil && slices.Contains(l.SASL.Mechanisms, OAuthBearer) && !hostport.IsLoopback(l.Address) {
		found = append(found, "OAUTHBEARER without TLS: tokens cross the network in clear")
	}
	if len(l.SASL.Credentials) > 0 && l.SASL.SaltSecret == nil {
		found = append(found, "users with salted credentials, and no secret for the salts of other names: a client without a login that asks before and after a restart, or at two proxies, learns who these users are")
	}
	return found
}

// warnOfUpstream logs what is unsafe about the connections to the cluster.
func (p *Proxy) warnOfUpstream() {
	for _, warning := range p.cluster.Warnings() {
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
