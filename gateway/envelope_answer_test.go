package gateway_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestAnswersOfEnvelopesOutliveAChange: what the cluster has done with the request of an Envelope
// is told, also if the ACLs have changed since it was sent on; the request that changes them is
// the first that would lose its answer.
func TestAnswersOfEnvelopesOutliveAChange(t *testing.T) {
	store := allowing(t, "ClusterAction Cluster:kafka-cluster")
	g := newGateway(t, gateway.Config{Store: store, Endpoint: ops.Controller})
	inner := kmsg.NewPtrDeleteTopicsRequest()
	inner.SetVersion(4)
	inner.TopicNames = []string{"old"}
	who, err := principal.User("root").AppendWire(nil)
	require.NoError(t, err)
	m := kmsg.NewPtrEnvelopeRequest()
	m.RequestData = kmsg.NewRequestFormatter(kmsg.FormatterClientID("inner")).AppendRequest(nil, inner, 5)[4:]
	m.RequestPrincipal, m.ClientHostAddress = who, netip.MustParseAddr("10.9.8.7").AsSlice()
	plan := decide(t, g.Conn(client("alice")), m)
	require.Len(t, plan.Forward(), 1)

	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "Read Topic:other")); return nil }))

	done := inner.ResponseKind().(*kmsg.DeleteTopicsResponse)
	done.Topics = []kmsg.DeleteTopicsResponseTopic{{Topic: new("old")}}
	reply := m.ResponseKind().(*kmsg.EnvelopeResponse)
	reply.ResponseData = append([]byte{0, 0, 0, 5, 0}, done.AppendTo(nil)...)
	_, err = plan.Response(replyOf(reply))
	assert.NoError(t, err)
	assert.False(t, plan.Close)
}
