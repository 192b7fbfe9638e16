package failover_test

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	// freshAge is how old the ACLs of a mirror may be that loads them: its interval, and as
	// much again for a broker that is busy.
	freshAge = 4 * mirrorInterval
	// retriedAge is how old they may be while one broker of three is gone: one attempt may
	// fail, and the pause after it is no longer than the interval.
	retriedAge = 15 * time.Second
)

// mirrorLoses lets the mirror lose one broker, and then all of them: first they hang, and
// then they are gone.
func (w *world) mirrorLoses(t *testing.T) {
	w.t, w.gate.t = t, t
	alice := allOf("alice")
	withBob := append(allOf("alice"), allow("bob", ops.Read, resource.Topic, "*"))
	w.awaitACLs(t, freshAge, alice)

	// Changes of the ACLs come over while one broker is gone.
	w.cluster.Brokers[0].Kill()
	w.cluster.SetACLs(t, withBob...)
	w.awaitACLs(t, retriedAge, withBob)
	assert.True(t, w.allows("bob"))
	w.cluster.Brokers[0].Restart(t)
	w.settle(t)

	w.mirrorHangs(t, len(withBob))
	w.awaitACLs(t, freshAge, withBob)
	w.settle(t)

	// A right that is taken away goes within the interval.
	w.cluster.SetACLs(t, alice...)
	w.awaitACLs(t, freshAge, alice)
	assert.False(t, w.allows("bob"))

	w.brokersAreGone(t)
}

// mirrorHangs lets all brokers hang. The ACLs in force stay, and the log and the metrics
// show it; a proxy that starts meanwhile waits for them.
func (w *world) mirrorHangs(t *testing.T, acls int) {
	t.Helper()
	g, log := w.gate, w.gate.log
	failures, lines := g.metric("acl_load_failures_total"), len(log.With("ACLs of the upstream not taken over"))
	for _, b := range w.cluster.Brokers {
		b.Pause()
	}
	resume := sync.OnceFunc(func() {
		for _, b := range w.cluster.Brokers {
			b.Resume()
		}
	})
	defer resume()
	paused := time.Now()
	eventually(t, func() string {
		if n := g.metric("acl_load_failures_total"); n < failures+2 {
			return fmt.Sprintf("the metric shows %v failures", n)
		}
		if len(log.With("ACLs of the upstream not taken over")) < lines+2 {
			return "the log does not show that the ACLs are not loaded"
		}
		return ""
	})
	assert.GreaterOrEqual(t, g.age(), time.Since(paused)-freshAge, "acl_age_seconds grows")
	assert.Equal(t, acls, g.store.Load().Len(), "ACLs in force")
	assert.True(t, w.allows("bob"), "the ACLs from before are in force")
	assert.False(t, w.allows("mallory"))

	g.stop()
	waits := func() int {
		return len(log.With("waiting for it")) + len(log.With("no port is open before the ACLs are loaded"))
	}
	before := waits()
	started := make(chan struct{})
	go func() { defer close(started); g.start() }()
	eventually(t, func() string {
		if waits() == before {
			return "the log does not say that the proxy waits"
		}
		return ""
	})
	assert.False(t, accepts(g.address()), "a port is open before the ACLs are loaded")
	resume()
	<-started
}

// brokersAreGone ends all brokers while the mirror asks for the ACLs: the ports are closed,
// and the ACLs in force stay.
func (w *world) brokersAreGone(t *testing.T) {
	t.Helper()
	g := w.gate
	failures := g.metric("acl_load_failures_total")
	for _, b := range w.cluster.Brokers {
		b.Pause()
	}
	eventually(t, func() string {
		if age := g.age(); age < 2*mirrorInterval {
			return fmt.Sprintf("the mirror has its answer: the ACLs are %v old", age)
		}
		return ""
	})
	w.cluster.Stop() // while the ACLs are asked for
	eventually(t, func() string {
		if down := g.metric("brokers_down"); down < float64(len(w.cluster.Brokers)) {
			return fmt.Sprintf("%v brokers are down", down)
		}
		if g.metric("acl_load_failures_total") == failures {
			return "no failure is counted"
		}
		return ""
	})
	assert.False(t, accepts(g.address()), "the port where clients begin is open, and no broker is up")
	assert.True(t, w.allows("alice"), "the ACLs from before are in force")
}

// accepts reports whether somebody listens at an address.
func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// age returns the metric acl_age_seconds.
func (g *gate) age() time.Duration {
	g.t.Helper()
	return time.Duration(g.metric("acl_age_seconds") * float64(time.Second))
}

// awaitACLs waits until the proxy has these ACLs in force, and until their age is no more
// than a limit.
func (w *world) awaitACLs(t *testing.T, limit time.Duration, bindings []acl.Binding) {
	t.Helper()
	began := time.Now()
	eventually(t, func() string {
		if n := w.gate.store.Load().Len(); n != len(bindings) {
			return fmt.Sprintf("%d ACLs are in force, expected %d", n, len(bindings))
		}
		if age := w.gate.age(); age > limit {
			return fmt.Sprintf("the ACLs are %v old", age)
		}
		return ""
	})
	took := time.Since(began)
	assert.LessOrEqual(t, took, limit+mirrorInterval, "until the ACLs of the cluster are in force")
	t.Logf("%d ACLs in force after %v, %v old", len(bindings), took.Round(time.Millisecond), w.gate.age().Round(time.Millisecond))
}

// allows reports whether the proxy allows a user to read a topic.
func (w *world) allows(user string) bool {
	who := snapshot.Subject{Principal: principal.User(user), Host: netip.MustParseAddr("127.0.0.1")}
	return w.gate.store.Load().Check(who, ops.Read, resource.Topic, "orders").Allowed()
}
