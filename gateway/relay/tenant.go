package relay

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-authz/portcullis/principal"
)

// Tenant is a party that gets a share of what clients use together: memory for frames, questions to the
// upstream, and turns to decide about lists. It is a principal with all its connections or, for
// clients without a name, a network (see [NetworkOf]). It is safe for concurrent use. It is made
// by [Tenants.Join].
type Tenant struct {
	key string

	lists chan struct{}       // holds one for each list that is decided about
	rooms [frameKinds]holding // each guarded by the mutex of its room

	mu      sync.Mutex
	unknown time.Time             // when its questions for unknown ids are paid for: see mayAsk
	streams map[int32]*topologies // by node id

	rightless atomic.Int64 // connections to the cluster for clients without any right

	ungranted int // connections that were never allowed anything; guarded by the mutex of the relay

	connections int // guarded by the mutex of tenants
	left        int // how often the last of them has ended; so is this
}

// Tenants are those that have connections. The zero Tenants is ready to use. It is safe for
// concurrent use.
type Tenants struct {
	mu    sync.Mutex
	byKey map[string]*Tenant
}

// Join adds a connection to the tenant of a client: that of who, or of the network if who is the
// zero Principal or principal.Anonymous. Call Leave when the connection ends, or when it joins
// another tenant.
func (all *Tenants) Join(who principal.Principal, network netip.Prefix) *Tenant {
	if who.IsZero() || who.Equal(principal.Anonymous) {
		return all.join("network " + network.String())
	}
	return all.join("principal " + who.String())
}

// Key returns what identifies the tenant among all: "principal User:alice" or "network
// 192.0.2.1/32". It has names from outside, which are not escaped.
func (t *Tenant) Key() string { return t.key }

// join adds a connection to the tenant with this key.
func (all *Tenants) join(key string) *Tenant {
	all.mu.Lock()
	defer all.mu.Unlock()
	t := all.byKey[key]
	if t == nil {
		if all.byKey == nil {
			all.byKey = make(map[string]*Tenant)
		}
		t = &Tenant{key: key, lists: make(chan struct{}, listsPerTenant)}
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

// DecideList calls decide in the tenant's turn to decide about a list of everything: for
// gateway.Client.Turn, and for Plan.Response if Plan.ListsAll. It returns an error, and does not
// call it, if the turn takes longer than patience, or if ctx is done before.
func (t *Tenant) DecideList(ctx context.Context, patience time.Duration, decide func()) error {
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

func (t *Tenant) awaitTurn(ctx context.Context, patience time.Duration) error {
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

// rememberTenant is how long a tenant without connections is remembered at least.
const rememberTenant = time.Second

// Leave says that a connection of a tenant has ended. The tenant is remembered for as long as
// what it has taken counts, and for a second at least: it has no more by connecting again.
func (all *Tenants) Leave(t *Tenant) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if t.connections--; t.connections == 0 {
		t.left++
		left := t.left
		time.AfterFunc(max(rememberTenant, t.owes(time.Now())), func() { all.forget(t, left) })
	}
}

// forget forgets a tenant that has not come back since it had left so many times.
func (all *Tenants) forget(t *Tenant, left int) {
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
func (t *Tenant) mayAsk(now time.Time) time.Duration {
	return t.owes(now) - unknownBurst*unknownInterval
}

// owes returns the time until all questions for unknown ids are paid for.
func (t *Tenant) owes(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.unknown.Sub(now)) // the zero Time is too long ago to calculate with
}

// charge counts a question for unknown ids.
func (t *Tenant) charge(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unknown.Before(now) {
		t.unknown = now
	}
	t.unknown = t.unknown.Add(unknownInterval)
}
