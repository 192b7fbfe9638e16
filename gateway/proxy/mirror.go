package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
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
// again every interval while Serve runs. Nothing else may write to the store. The proxy
// must be allowed to Describe the cluster there.
//
// A set comes into force whole, in one transaction, or not at all: if the upstream is
// silent for longer than Timeout, refuses, or has an ACL that cannot be understood, which
// might be one that denies, the set before stays in force, for as long as it takes, and
// the proxy tries again: first after a tenth of a second, then after pauses that double up
// to the interval. A broker that goes away while it is asked is no failure if another one
// answers.
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
	// Report, if not nil, is called after each attempt, with nil or the reason why the
	// previous set stays in force. The proxy logs failures itself.
	Report func(error)
}

// mirroring is the state of a Mirror.
type mirroring struct {
	Mirror
	loaded   atomic.Int64 // when the last load that succeeded began, in ns of Unix time
	failures atomic.Int64
	failing  bool // since the last success; used by one goroutine
	client   *kgo.Client
	silence  atomic.Pointer[time.Timer] // ends an attempt; set anew with each read
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

// connect makes the client that asks for the ACLs. It is none but for that, since a broker
// answers the requests of a connection one after another, and other questions do not wait.
func (m *mirroring) connect(u Upstream) (err error) {
	dialer := net.Dialer{Timeout: upstreamTimeout}
	dial := dialer.DialContext
	if u.TLS != nil {
		dial = (&tls.Dialer{NetDialer: &dialer, Config: u.TLS}).DialContext
	}
	m.client, err = u.newClient(kgo.RequestTimeoutOverhead(mostMirrorTime),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return heardConn{c, m}, nil
		}))
	return err
}

// heardConn is a connection of which a mirroring hears when something is read.
type heardConn struct {
	net.Conn
	*mirroring
}

func (c heardConn) Read(into []byte) (n int, err error) {
	n, err = c.Conn.Read(into)
	if timer := c.silence.Load(); timer != nil && n > 0 {
		timer.Reset(c.Timeout)
	}
	return n, err
}

// ask asks the upstream for its ACLs, for as long as it is not silent.
func (m *mirroring) ask(ctx context.Context) (*kmsg.DescribeACLsResponse, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(m.Timeout, func() { cancel(fmt.Errorf("nothing came for %v", m.Timeout)) })
	defer timer.Stop()
	m.silence.Store(timer)
	defer m.silence.Store(nil)
	brokers := kmsg.NewPtrMetadataRequest() // so that the client knows them all, if some are down
	brokers.Topics = []kmsg.MetadataRequestTopic{}
	_, err := brokers.RequestWith(ctx, m.client)
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType = kmsg.ACLResourceTypeAny
	request.ResourcePatternType = kmsg.ACLResourcePatternTypeAny
	request.Operation = kmsg.ACLOperationAny
	request.PermissionType = kmsg.ACLPermissionTypeAny
	var response *kmsg.DescribeACLsResponse
	if err == nil {
		response, err = request.RequestWith(ctx, m.client)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return response, err
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
		p.suspectAll()
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
	pause, wait := p.mirror.Interval, backOff{}
	for sleep(ctx, pause) {
		if p.load(ctx) == nil {
			pause, wait = p.mirror.Interval, backOff{}
		} else {
			pause = wait.next(p.mirror.Interval)
		}
	}
}

func (p *Proxy) mirrorOnce(ctx context.Context) error {
	response, err := p.mirror.ask(ctx)
	if err != nil {
		return fmt.Errorf("ACLs of the upstream: %w", err)
	}
	bindings, err := gateway.Bindings(response)
	if err != nil {
		return fmt.Errorf("ACLs of the upstream: %w", err)
	}
	return p.store.Update(func(tx *snapshot.Tx) error {
		if p.mirror.FollowRelease {
			tx.SetSemantics(p.cluster.semantics())
		}
		tx.Replace(slices.Values(bindings))
		return nil
	})
}

// The feature whose supported level shows the release of a broker. From this level on,
// Kafka accepts networks as hosts. Its authorizer matches them from the same release
// on, whatever level the cluster has finalized.
//
// Source: Kafka's MetadataVersion.IBP_4_4_IV1, KIP-1276.
const (
	metadataVersion = "metadata.version"
	networksLevel   = 32
)

// semantics returns the semantics of the upstream's authorizer. If the brokers have
// several releases, the newest counts: the cluster is being upgraded.
func (c *cluster) semantics() snapshot.Semantics {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, b := range c.brokers {
		if b.versions == nil {
			continue
		}
		for _, feature := range b.versions.SupportedFeatures {
			if feature.Name == metadataVersion && feature.MaxVersion >= networksLevel {
				return snapshot.KafkaExact44
			}
		}
	}
	return snapshot.KafkaExact
}
