package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/pause"
	"github.com/portcullis-authz/portcullis/internal/unknownacl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// DefaultMirrorInterval is how long an ACL that was changed in the upstream may stay
// in force here. Kafka's own brokers take a second at the most.
const DefaultMirrorInterval = 10 * time.Second

// DefaultMirrorTimeout is how long the upstream may be silent while it is asked for its ACLs.
//
// Source: Kafka's request.timeout.ms.
const DefaultMirrorTimeout = 30 * time.Second

// Mirror makes the ACLs of the upstream those of the store, before any port is open, and
// again every interval while Serve runs. The store follows the upstream
// ([snapshot.Store.Follow]): it must have no ACLs when Listen is called, and nothing else can write
// to it. The proxy must be allowed to Describe the cluster there.
//
// A set comes into force whole, in one transaction, or not at all: if the upstream is
// silent for longer than Timeout, refuses, or answers with more than 1 GiB (about ten million
// ACLs), the set before stays in force, for as long as it takes, and
// the proxy tries again: first after a tenth of a second, then after pauses that double up
// to the interval. A broker that goes away while it is asked is no failure if another one
// answers.
//
// An upstream of a later release may have ACLs with codes that this version does not know. They
// fail closed, and all others are in force: a DENY, and what is not certainly an ALLOW, denies
// its principal all operations on what it may be about, and an ALLOW allows nothing. The store
// has them as such ACLs. The log says which, and the metric acls_unknown how many.
//
// A failure is logged with the reason, the number of ACLs in force and their age. The
// metric acl_load_failures_total counts failures, and acl_age_seconds grows until the
// ACLs are loaded again. Alert on an age of several intervals: a right that was revoked
// in the upstream meanwhile is still in force here. If no broker can be reached,
// brokers_down is their number, and no port is open.
type Mirror struct {
	// Interval is the time between two loads; DefaultMirrorInterval if it is not positive.
	Interval time.Duration
	// Timeout is how long the upstream may be silent while it is asked; DefaultMirrorTimeout
	// if it is not positive. An answer that takes longer is no failure as long as more of it
	// comes.
	Timeout time.Duration
	// FollowRelease makes the store decide as the authorizer of the upstream's release
	// does: by snapshot.KafkaExact44 if a broker supports the feature metadata.version
	// of Kafka 4.4, and by snapshot.KafkaExact if none does. It follows an upgrade within
	// about a minute. Otherwise the store keeps the semantics that it has.
	FollowRelease bool
	// AnyBroker takes the ACLs of any broker. Otherwise, where brokers serve DescribeQuorum, they are
	// those of a broker that is known not to be behind the ACLs in force, and there are none while that is
	// not known: a right that was revoked could come back. It is for a cluster that serves
	// DescribeQuorum and never answers it.
	AnyBroker bool
	// Report, if not nil, is called after each attempt, with nil or the reason why the
	// previous set stays in force. The proxy logs failures itself.
	Report func(error)
}

// mirroring is the state of a Mirror.
type mirroring struct {
	Mirror
	loaded   atomic.Int64 // when the last load that succeeded began, in ns of Unix time
	failures atomic.Int64
	unknown  atomic.Int64 // ACLs of the last load with codes that this version does not know
	failing  bool         // since the last success; used by one goroutine
	// committed is how much of the log of metadata the ACLs in force may be of: see ask. It is 0 if
	// that is not known, and used by one goroutine.
	committed int64
	client    *kgo.Client
	update    func(func(*snapshot.Tx) error) error // of the store
}

// follow makes the upstream what the store follows.
func (m *mirroring) follow(store *snapshot.Store, upstream relay.Upstream) (err error) {
	m.update, err = store.Follow("the cluster at " + lines.Name(strings.Join(upstream.Brokers, ",")))
	if err != nil {
		return fmt.Errorf("proxy: Mirror: %w", err)
	}
	return nil
}

// newMirroring returns m with its defaults, or nil for nil.
func newMirroring(m *Mirror) *mirroring {
	if m == nil {
		return nil
	}
	state := &mirroring{Mirror: *m}
	if state.Interval <= 0 {
		state.Interval = DefaultMirrorInterval
	}
	if state.Timeout <= 0 {
		state.Timeout = DefaultMirrorTimeout
	}
	if state.Report == nil {
		state.Report = func(error) {}
	}
	return state
}

// mostMirrorTime is the longest time that franz-go may wait for an answer.
const mostMirrorTime = 15 * time.Minute

// connect makes the client that asks for the ACLs. Other questions have their own client: a
// broker answers the requests of a connection one after another.
func (m *mirroring) connect(cluster *relay.Cluster) (err error) {
	m.client, err = cluster.NewClient(func(c net.Conn) net.Conn { return &silenceConn{Conn: c, limit: m.Timeout} },
		kgo.RequestTimeoutOverhead(mostMirrorTime))
	return err
}

// silenceConn is a connection that fails if nothing can be read for longer than limit. The
// client of franz-go would wait for mostMirrorTime, and ignores the context while it logs
// in. It reads only while it waits for an answer.
type silenceConn struct {
	net.Conn
	limit time.Duration

	mu    sync.Mutex
	until time.Time // the deadline that the client has set; zero if there is none
}

func (c *silenceConn) Read(into []byte) (int, error) {
	if err := c.allowSilence(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(into)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("nothing came for %v: %w", c.limit, err)
	}
	return n, err
}

// allowSilence sets the deadline of the next read.
func (c *silenceConn) allowSilence() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline := time.Now().Add(c.limit)
	if !c.until.IsZero() && c.until.Before(deadline) {
		deadline = c.until
	}
	return c.Conn.SetReadDeadline(deadline)
}

func (c *silenceConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	return c.Conn.SetReadDeadline(t)
}

func (c *silenceConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// age returns how old the ACLs in force are: the time since they were asked for.
func (m *mirroring) age() time.Duration {
	if m.loaded.Load() == 0 {
		return 0
	}
	return time.Since(time.Unix(0, m.loaded.Load()))
}

// load loads the ACLs of the upstream. It logs when that fails, and when it works
// again.
func (p *Proxy) load(ctx context.Context) error {
	began, before := time.Now(), p.store.Load()
	age := p.mirror.age()
	err := p.mirrorOnce(ctx)
	if ctx.Err() != nil {
		return err
	}
	m := p.mirror
	now := p.store.Load()
	if err != nil {
		m.failures.Add(1)
		m.failing = true
		p.log.Error("ACLs of the upstream not taken over", "reason", err.Error(), "in force", now.Len(), "age", age.Round(time.Millisecond).String())
		m.Report(err)
		p.cluster.SuspectAll()
		return err
	}
	m.loaded.Store(began.UnixNano())
	if m.failing {
		m.failing = false
		p.log.Info("ACLs of the upstream taken over again", "acls", now.Len(), "age before", age.Round(time.Millisecond).String())
	}
	if semantics := now.Config().Semantics; !before.Ready() || semantics != before.Config().Semantics {
		p.log.Info("ACLs decide", "semantics", semantics.String())
	}
	m.Report(nil)
	return nil
}

// keepMirroring loads the ACLs until ctx is done.
func (p *Proxy) keepMirroring(ctx context.Context) {
	wait, failures := p.mirror.Interval, pause.BackOff{}
	for pause.Sleep(ctx, wait) {
		if p.load(ctx) == nil {
			wait, failures = p.mirror.Interval, pause.BackOff{}
		} else {
			wait = failures.Next(p.mirror.Interval)
		}
	}
}

func (p *Proxy) mirrorOnce(ctx context.Context) error {
	request, err := kmsgacl.DescribeRequest(acl.AnyBinding)
	if err != nil {
		return err
	}
	response, committed, err := p.mirror.ask(ctx, request, !p.mirror.AnyBroker && sayHowFar(p.cluster.Versions()))
	if err != nil {
		return fmt.Errorf("ACLs of the upstream: %w", err)
	}
	bindings, err := kmsgacl.DescribeBindings(response)
	later, isLater := errors.AsType[*kmsgacl.UnknownError](err)
	if err != nil && !isLater {
		return fmt.Errorf("ACLs of the upstream: %w", err)
	}
	if isLater {
		bindings = p.addUnknown(bindings, later.ACLs)
	} else {
		p.mirror.unknown.Store(0)
	}
	err = p.mirror.update(func(tx *snapshot.Tx) error {
		if p.mirror.FollowRelease {
			tx.SetSemantics(semanticsOf(p.cluster))
		}
		tx.Replace(slices.Values(bindings))
		return nil
	})
	if err == nil {
		p.mirror.committed = max(p.mirror.committed, committed)
	}
	return err
}

// addUnknown appends what ACLs with unknown codes count as. It logs that if their number has
// changed. Those of a resource type that no request is about cannot decide, and are left out.
func (p *Proxy) addUnknown(bindings, unknown []acl.Binding) []acl.Binding {
	first, n := "", 0
	for _, b := range unknown {
		counts, ok := unknownacl.CountsAs(b)
		if !ok {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("of %s on %s %s", lines.Name(b.Entry.Principal), counts.Pattern.Type.DisplayName(), lines.Name(counts.Pattern.Name))
		}
		bindings = append(bindings, counts)
	}
	if before := p.mirror.unknown.Swap(int64(n)); n > 0 && before != int64(n) {
		p.log.Warn("ACLs of the upstream have codes that this version does not know: as far as they may deny, they deny all operations; they allow nothing",
			"acls", n, "first", first)
	}
	return bindings
}

// semanticsOf returns the semantics of the authorizer of a cluster. If the brokers have
// several releases, the newest counts: the cluster is being upgraded.
func semanticsOf(c *relay.Cluster) snapshot.Semantics {
	newest := acl.MetadataVersion(0)
	for _, served := range c.Versions() {
		supported, _ := gateway.MetadataVersions(&served)
		newest = max(newest, supported)
	}
	return gateway.SemanticsOf(newest)
}
