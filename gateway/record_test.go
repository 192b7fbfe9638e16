package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestRecordSeesChanges: a plan whose ACLs have changed since it was decided, however long that
// took, is not to be sent.
func TestRecordSeesChanges(t *testing.T) {
	store := allowing(t, "Write Topic:t")
	g := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"t"}})
	m := kmsg.NewPtrProduceRequest()
	m.Version, m.Acks = 7, 1
	m.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	conn, frame := g.Conn(client("alice")), frameOf(m)
	plan, err := conn.Request(frame)
	require.NoError(t, err)
	require.Equal(t, 1, plan.Frames())
	assert.True(t, plan.Record())
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Write Topic:t")); return nil }))
	assert.False(t, plan.Record())
	plan, err = conn.Request(frame)
	require.NoError(t, err)
	assert.Zero(t, plan.Frames())
	assert.True(t, plan.Record(), "nothing is to be sent")
	assert.True(t, new(gateway.Plan).Record())
}
