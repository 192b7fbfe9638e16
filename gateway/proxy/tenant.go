package proxy

import (
	"net/netip"
	"sync"
	"time"

	"github.com/portcullis-authz/portcullis/principal"
)

// tenant is a party that gets a share of the proxy's resources: memory for frames,
// questions to the upstream, and the audit log. It is a principal with all its
// connections or, for unauthenticated clients, a network (see networkOf).
type tenant struct {
	key string

	rooms   [frameKinds]holding // each guarded by the mutex of its room
	audited auditShare          // guarded by the mutex of the auditor

	mu      sync.Mutex
	unknown time.Time // when its questions for unknown ids are paid for: see mayAsk

	connections int // guarded by the mutex of tenants
	left        int // how often the last of them has ended; so is this
}

// tenants are those that have connections. It is safe for concurrent use.
type tenants struct {
	mu    sync.Mutex
	byKey map[string]*tenant
}

// tenantKey returns the key that identifies a tenant. who may be the zero Principal.
func tenantKey(who principal.Principal, network netip.Prefix) string {
	if who.IsZero() || who.Equal(principal.Anonymous) {
		return "network " + network.String()
	}
	return "principal " + who.String()
}

// join adds a connection to the tenant with this key. The connection leaves it when it
// ends.
func (all *tenants) join(key string) *tenant {
	all.mu.Lock()
	defer all.mu.Unlock()
	t := all.byKey[key]
	if t == nil {
		if all.byKey == nil {
			all.byKey = make(map[string]*tenant)
		}
		t = &tenant{key: key}
		all.byKey[key] = t
	}
	t.connections++
	return t
}

// rememberTenant is how long a tenant without connections is remembered at least: for the
// second in which it may have taken its share of the audit log.
const rememberTenant = time.Second

// leave says that a connection has ended. The tenant is remembered for as long as what it
// has taken counts: it has no more by connecting again.
func (all *tenants) leave(t *tenant) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if t.connections--; t.connections == 0 {
		t.left++
		left := t.left
		time.AfterFunc(max(rememberTenant, t.owes(time.Now())), func() { all.forget(t, left) })
	}
}

// forget forgets a tenant that has not come back since it had left so many times.
func (all *tenants) forget(t *tenant, left int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if t.connections == 0 && t.left == left {
		delete(all.byKey, t.key)
	}
}

const (
	// unknownInterval is how often a tenant may make the proxy ask for ids that are no
	// topic's, and unknownBurst how often it may do so without waiting. A client whose
	// topic was deleted asks for one id until it has noticed.
	unknownInterval = 100 * time.Millisecond
	unknownBurst    = 10
)

// mayAsk returns how long a tenant waits until it may ask for ids.
func (t *tenant) mayAsk(now time.Time) time.Duration {
	return t.owes(now) - unknownBurst*unknownInterval
}

// owes returns the time until all questions for unknown ids are paid for.
func (t *tenant) owes(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.unknown.Sub(now)) // the zero Time is too long ago to calculate with
}

// charge counts a question for unknown ids.
func (t *tenant) charge(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unknown.Before(now) {
		t.unknown = now
	}
	t.unknown = t.unknown.Add(unknownInterval)
}
