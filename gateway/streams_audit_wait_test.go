package gateway_test

import (
	"log/slog"
	"testing"

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
	fake := &streamsCluster{cluster: cluster{"in", "app-changelog"}, sources: []string{"in"}, internal: []string{"app-changelog"}}
	wait := func() { fake.cluster = cluster{"in"} }
	g := newGateway(t, gateway.Config{
		Store: allowing(t, "Read Group:g", "Describe Topic:in", "Describe Topic:app-changelog"), Cluster: fake,
		Audit: &audit.Auditor{Handler: whileRecording(wait), Level: slog.LevelDebug},
	})
	plan := decide(t, g.Conn(client("alice")), streamsHeartbeat(3, ""))
	require.Equal(t, 1, plan.Frames(), "the topic exists")
	assert.False(t, plan.Record(), "what the cluster has was asked for before the wait")
	assert.Empty(t, plan.Forward())
}
