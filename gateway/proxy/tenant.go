package proxy

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-authz/portcullis/principal"
)

// tenant is a party that gets a share of the proxy's resources: memory for frames,
// questions to the upstream, and the audit log. It is a principal with all its
// connections or, for unauthenticated clients, a network (see networkOf).
type tenant struct {
	key string

	lists   chan struct{}       // holds one for each list that is decided about
	rooms   [frameKinds]holding // each guarded by the mutex of its room
	audited auditShare          // guarded by the mutex of the auditor

	mu      sync.Mutex
	unknown time.Time             // when its questions for unknown ids are paid for: see mayAsk
	streams map[int32]*topologies // by node id

	rightless atomic.Int64 // connections to the cluster for clients without any right

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
		t = &tenant{key: key, lists: make(chan struct{}, listsPerTenant)}
		all.byKey[key] = t
	}
	t.connections++
	return t
}

// listsPerTenant is how many lists of everything (all topics, groups, transactions) are
// decided about at a time for one tenant. So are patterns that are matched with all topics,
// and topologies with many topics. A request of 40 bytes for 10,000 topics of which
// the client may see one takes a core for 15 ms. So one tenant occupies one core at the most,
// over any number of connections.
const listsPerTenant = 1

// decideList calls decide in the tenant's turn to decide about a list. It returns an error if
// that takes longer than patience, or if ctx is done before.
func (t *tenant) decideList(ctx context.Context, patience time.Duration, decide func()) error {
	select {
	case t.lists <- struct{}{}:
	default:
		if err := t.awaitTurn(ctx, patience); err != nil {
			return err
		}
	}
	defer func() { <-t.lists }()
	decide()
	return nil
}

func (t *tenant) awaitTurn(ctx context.Context, patience time.Duration) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case t.lists <- struct{}{}:
		return nil
	case <-late.C:
		return errLateTurn
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errLateTurn ends a connection.
var errLateTurn = errors.New("other connections of the principal ask for too much: its turn to decide about a list has not come")

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
