package proxy

import (
	"crypto/tls"
	"slices"
	"sync"
	"time"

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

// maxEndings is how many lines a minute the log has about connections of a listener that have ended
// for a reason. Anybody can cause them, without a login, and metrics count them all.
const maxEndings = 300

// endings counts lines of the log about connections that have ended. It is safe for concurrent use.
type endings struct {
	mu          sync.Mutex
	began       time.Time // of the minute
	lines, left int       // in it
}

// next reports whether there may be another line, and how many were left out in the minute before, if
// that has just ended.
func (e *endings) next(now time.Time) (may bool, left int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.began) >= time.Minute {
		left = e.left
		e.began, e.lines, e.left = now, 0, 0
	}
	if e.lines == maxEndings {
		e.left++
		return false, left
	}
	e.lines++
	return true, left
}
