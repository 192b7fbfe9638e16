package proxy

import (
	"errors"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// metrics are the proxy's metrics. Labels are only names of APIs and resource types:
// text chosen by a client must not create time series.
type metrics struct {
	received, passed *prometheus.CounterVec
	refusals         *prometheus.CounterVec
	checks           prometheus.Counter
	events           prometheus.Counter
	lost             *prometheus.CounterVec
	decisions        prometheus.Histogram
	failedLogins     prometheus.Counter
	unknownGroups    prometheus.Counter
	turnedAway       *prometheus.CounterVec
	notAccepted      prometheus.Counter
	gauges           []prometheus.Collector

	// Counters by API key, so that counting a request needs no label lookup.
	byKey [2]map[ops.APIKey]prometheus.Counter
}

// newMetrics registers the metrics of a proxy. It is long because each of them has a line.
func newMetrics(p *Proxy) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "portcullis", Name: name, Help: help}
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "portcullis", Name: name, Help: help}, value)
	}
	m := &metrics{
		received:      prometheus.NewCounterVec(counter("requests_total", "Requests received."), []string{"api"}),
		passed:        prometheus.NewCounterVec(counter("requests_allowed_total", "Requests of which nothing was refused."), []string{"api"}),
		refusals:      prometheus.NewCounterVec(counter("denials_total", "Resources refused with an error."), []string{"api", "resource"}),
		checks:        prometheus.NewCounter(counter("checks_total", "Questions asked of the ACLs.")),
		unknownGroups: prometheus.NewCounter(counter("requests_unknown_groups_total", "Requests that were refused because the groups of the client were not known.")),
		failedLogins:  prometheus.NewCounter(counter("failed_logins_total", "Connections that ended because the client could not be identified.")),
		turnedAway:    prometheus.NewCounterVec(counter("connections_turned_away_total", "Connections beyond a limit: of all connections, of those of an address, or of those of an address that are not logged in."), []string{"limit"}),
		notAccepted:   prometheus.NewCounter(counter("connections_not_accepted_total", "Attempts to accept a connection that failed, for example because there was no free file descriptor.")),
		decisions: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "portcullis", Name: "decision_seconds",
			Help:    "Time to decode a request and to check it.",
			Buckets: prometheus.ExponentialBuckets(1e-6, 4, 10), // 1 µs to 262 ms
		}),
		gauges: []prometheus.Collector{
			gauge("acls", "ACLs in force.", func() float64 { return float64(p.store.Load().Len()) }),
			gauge("acl_generation", "Generation of the ACLs in force.", func() float64 { return float64(p.store.Load().Generation()) }),
			gauge("acls_ready", "1 once the first ACLs are loaded.", func() float64 {
				if p.store.Load().Ready() {
					return 1
				}
				return 0
			}),
			gauge("acls_unreadable_host", "ACLs in force with a host that is no network. As far as they deny, the documented rules deny every address by them.",
				unreadableHosts(p.store)),
			gauge("acls_unknown", "ACLs in force of a mirrored cluster with codes of a later release. A DENY of them denies all operations, and an ALLOW allows nothing.",
				func() float64 {
					if p.mirror == nil {
						return 0
					}
					return float64(p.mirror.unknown.Load())
				}),
			gauge("brokers_down", "Brokers whose ports are closed because they do not accept connections.", func() float64 { return float64(p.cluster.Down()) }),
			gauge("connections", "Connections of clients.", func() float64 { return float64(p.count()) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts(counter("connections_displaced_total", "Connections that were closed for new ones: not logged in, or logged in and never allowed anything.")),
				func() float64 { return float64(p.relay.Displaced()) }),
			gauge("frames_bytes", "Bytes of requests that are read and not yet sent on or answered, and of answers that are decided about.", func() float64 { return float64(p.relay.FramesHeld()) }),
		},
	}
	m.events, m.lost = newAuditCounters(counter)
	if p.mirror != nil {
		m.gauges = append(m.gauges,
			gauge("acl_age_seconds", "Time since the ACLs in force were asked for in the upstream. It grows while the upstream does not answer.",
				func() float64 { return p.mirror.age().Seconds() }),
			prometheus.NewCounterFunc(prometheus.CounterOpts(counter("acl_load_failures_total", "Attempts to take over the ACLs of the upstream that failed.")),
				func() float64 { return float64(p.mirror.failures.Load()) }))
	}
	for _, limit := range []relay.LimitName{relay.AllConnections, relay.OfAddress, relay.LoginsOfAddress} {
		m.turnedAway.WithLabelValues(string(limit)) // so that it exists, with value 0
	}
	for _, reason := range []string{"limit", "share", "handler"} {
		m.lost.WithLabelValues(reason)
	}
	for i, vec := range []*prometheus.CounterVec{m.received, m.passed} {
		m.byKey[i] = map[ops.APIKey]prometheus.Counter{}
		for _, api := range ops.APIs() {
			m.byKey[i][api.Key] = vec.WithLabelValues(api.Key.String())
		}
	}
	return m
}

func (m *metrics) requests(key ops.APIKey) prometheus.Counter { return m.of(0, m.received, key) }
func (m *metrics) allowed(key ops.APIKey) prometheus.Counter  { return m.of(1, m.passed, key) }

// of counts all unknown API keys together.
func (m *metrics) of(i int, vec *prometheus.CounterVec, key ops.APIKey) prometheus.Counter {
	if c, ok := m.byKey[i][key]; ok {
		return c
	}
	return vec.WithLabelValues("unknown")
}

func (m *metrics) denied(key ops.APIKey, t resource.Type) prometheus.Counter {
	return m.refusals.WithLabelValues(key.String(), strings.ToLower(t.String()))
}

func (m *metrics) lostEvents(reason string) prometheus.Counter { return m.lost.WithLabelValues(reason) }

// unreadableHosts returns the number of ACLs with a host that cannot be parsed. It
// counts again when the ACLs have changed.
func unreadableHosts(store *snapshot.Store) func() float64 {
	var mu sync.Mutex
	var counted uint64 // generation
	var count int
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if now := store.Load(); now.Generation() != counted {
			counted = now.Generation()
			count, _ = now.UnreadableHosts()
		}
		return float64(count)
	}
}

// all returns all collectors.
func (m *metrics) all() []prometheus.Collector {
	return append([]prometheus.Collector{
		m.received, m.passed, m.refusals, m.checks, m.events, m.lost, m.decisions, m.failedLogins, m.unknownGroups, m.turnedAway, m.notAccepted,
	}, m.gauges...)
}

// unregister unregisters all collectors.
func (m *metrics) unregister(r prometheus.Registerer) {
	for _, c := range m.all() {
		r.Unregister(c)
	}
}

// register registers all collectors, or none.
func (m *metrics) register(r prometheus.Registerer) error {
	all := m.all()
	var errs []error
	for i, c := range all {
		if err := r.Register(c); err != nil {
			errs = append(errs, err)
			for _, registered := range all[:i] {
				r.Unregister(registered)
			}
			break
		}
	}
	return errors.Join(errs...)
}
