package gateway_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
)

// TestStreamsTopicsAreLookedForAfterTheAuditLog: while the audit log takes the event of a heartbeat,
// which may take minutes if it waits (block), an internal topic is deleted. The heartbeat is not
// sent on by what the cluster had before: the coordinator would create the topic, which the client
// may not.
func TestStreamsTopicsAreLookedForAfterTheAuditLog(t *testing.T) {
	for name, row := range map[string]struct {
		wait    time.Duration
		current bool
	}{"long": {2 * time.Second, false}, "short": {time.Millisecond, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &streamsCluster{cluster: cluster{"in", "app-changelog"}, sources: []string{"in"}, internal: []string{"app-changelog"}}
				wait := func() { time.Sleep(row.wait) }
				g := newGateway(t, gateway.Config{
					Store: allowing(t, "Read Group:g", "Describe Topic:in", "Describe Topic:app-changelog"), Cluster: fake,
					Audit: &audit.Auditor{Handler: whileRecording(wait), Level: slog.LevelDebug},
				})
				conn := g.Conn(client("alice"))
				plan := decide(t, conn, streamsHeartbeat(3, ""))
				require.Equal(t, 1, plan.Frames(), "the topic exists")
				assert.Equal(t, row.current, plan.Record(), "what the cluster has was asked for before the wait")
				if row.current {
					assert.Len(t, plan.Forward(), 1)
					return
				}
				assert.Empty(t, plan.Forward())
				assert.True(t, plan.Outdated())
				fake.cluster = cluster{"in"}
				assert.Zero(t, decide(t, conn, streamsHeartbeat(3, "")).Frames(), "the member waits")
			})
		})
	}
}
