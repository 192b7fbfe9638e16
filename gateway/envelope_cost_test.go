package gateway_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// TestEnvelopesAreDecodedOnce: the request in an Envelope is decoded once, and not at all for a client that
// may not send Envelopes.
func TestEnvelopesAreDecodedOnce(t *testing.T) {
	const topics = 5000
	inner := kmsg.NewPtrDeleteTopicsRequest()
	inner.SetVersion(4)
	for i := range topics {
		inner.TopicNames = append(inner.TopicNames, fmt.Sprintf("topic%0100d", i))
	}
	who, err := principal.User("root").AppendWire(nil)
	require.NoError(t, err)
	m := kmsg.NewPtrEnvelopeRequest()
	m.RequestData, m.RequestPrincipal, m.ClientHostAddress = frameOf(inner), who, netip.MustParseAddr("10.9.8.7").AsSlice()
	g := newGateway(t, gateway.Config{Store: allowing(t, "ClusterAction Cluster:kafka-cluster"), Endpoint: ops.Controller})
	cost := func(user string, frame []byte) float64 {
		conn := g.Conn(client(user))
		return testing.AllocsPerRun(5, func() {
			_, err := conn.Request(frame)
			require.NoError(t, err)
		})
	}
	direct, allowed, refused := cost("root", frameOf(inner)), cost("alice", frameOf(m)), cost("mallory", frameOf(m))
	t.Logf("allocations: %v direct, %v in an Envelope, %v in one that is refused", direct, allowed, refused)
	assert.Greater(t, direct, float64(topics), "the test sees what is decoded")
	assert.Less(t, allowed, 1.5*direct)
	assert.Less(t, refused, 100.)
}
