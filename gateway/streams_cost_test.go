package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// allOrNone is a cluster that has all topics or none.
type allOrNone struct {
	streamsCluster
	all bool
}

func (c *allOrNone) MissingTopics(names []string) (missing []string, certain bool) {
	if c.all {
		return nil, true
	}
	return names, true
}

// A heartbeat of a streams group takes time in proportion to its bytes: much the same
// whether the internal topics that the client may not create exist or are all missing.
func TestStreamsHeartbeatTakesTimeByItsSize(t *testing.T) {
	const topics = 20_000
	store := allowing(t, "Read Group:g", "Describe Topic:*")
	m := streamsHeartbeat(0, "in")
	s := &m.Topology.Subtopologies[0]
	for i := range topics {
		s.StateChangelogTopics = append(s.StateChangelogTopics, kmsg.TopicInfo{Topic: fmt.Sprintf("app-%08d", i)})
	}
	least := map[bool]time.Duration{true: time.Hour, false: time.Hour}
	for range 3 {
		for all := range least {
			conn := newGateway(t, gateway.Config{Store: store, Cluster: &allOrNone{all: all}}).Conn(client("alice"))
			began := time.Now()
			plan := decide(t, conn, m)
			least[all] = min(least[all], time.Since(began))
			require.Equal(t, all, len(plan.Forward()) == 1)
		}
	}
	t.Logf("%d topics: %v if they exist, %v if they are missing", topics, least[true], least[false])
	assert.Less(t, least[false], 10*least[true])
}
