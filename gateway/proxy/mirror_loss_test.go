package proxy_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// gaugeOf returns the value of a metric without labels.
func gaugeOf(t testing.TB, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "portcullis_"+name {
			m := family.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestMirrorLosesBrokers: a broker that goes away while it is asked for the ACLs is one of
// several: another is asked. If all of them do, the ACLs from before stay in force, the log
// and the metrics say so, and the pauses between the attempts grow to the interval.
func TestMirrorLosesBrokers(t *testing.T) {
	const interval = time.Second
	cluster := upstream(t)
	var lose, lost atomic.Int32 // how many more connections to lose, and how many are lost
	hosts := atomic.Pointer[[]string]{}
	hosts.Store(&[]string{"*"})
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if lose.Load() > 0 {
			cluster.KeepControl()
			lose.Add(-1)
			lost.Add(1)
			return nil, errors.New("the broker goes away"), true // which closes the connection
		}
		return aclsOfAlice(cluster, *hosts.Load()...)(r)
	})
	s, registry := snapshot.NewStore(snapshot.Config{}), prometheus.NewRegistry()
	type attempt struct {
		at  time.Time
		err error
	}
	attempts := make(chan attempt, 1000)
	p := start(t, cluster, proxy.Config{Store: s, Metrics: registry, Mirror: &proxy.Mirror{
		Interval: interval, Report: func(err error) { attempts <- attempt{time.Now(), err} },
	}})
	require.NoError(t, (<-attempts).err)

	lose.Store(1)
	hosts.Store(&[]string{"*", "127.0.0.1"})
	require.NoError(t, (<-attempts).err)
	assert.EqualValues(t, 1, lost.Load(), "connections lost")
	assert.Equal(t, 2, s.Load().Len(), "ACLs in force: another broker has answered")
	assert.Zero(t, gaugeOf(t, registry, "acl_load_failures_total"))

	lose.Store(1 << 30)
	hosts.Store(&[]string{"*", "127.0.0.1", "127.0.0.2"})
	first := <-attempts
	assert.ErrorContains(t, first.err, "ACLs of the upstream")
	before := first.at
	for n, pause := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, interval, interval} {
		again := <-attempts
		require.Error(t, again.err)
		assert.GreaterOrEqual(t, again.at.Sub(before), pause, "pause %d", n)
		before = again.at
	}
	assert.GreaterOrEqual(t, gaugeOf(t, registry, "acl_load_failures_total"), 7.0)
	assert.GreaterOrEqual(t, gaugeOf(t, registry, "acl_age_seconds"), 4.5, "the ACLs are from before the first failure")
	assert.Equal(t, 2, s.Load().Len(), "the ACLs from before are in force")
	assert.GreaterOrEqual(t, len(p.log.With("ACLs of the upstream not taken over", `"in force"=2`, "age=")), 7)

	lose.Store(0)
	eventually(t, "the ACLs are taken over again", func() bool { return s.Load().Len() == 3 })
	eventually(t, "the log says so", func() bool { return len(p.log.With("taken over again", "acls=3")) == 1 })
	assert.Less(t, gaugeOf(t, registry, "acl_age_seconds"), 4.5)
}
