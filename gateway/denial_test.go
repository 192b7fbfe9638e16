package gateway_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// eventsOf are the events of a request that alice sends.
func eventsOf(t *testing.T, g *gateway.Gateway, m kmsg.Request, clientID string) (events []audit.Event) {
	t.Helper()
	plan, err := g.Conn(client("alice")).Request(kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, m, 77)[4:])
	require.NoError(t, err)
	for e := range plan.Events() {
		events = append(events, *e)
	}
	return events
}

// Each refused name is an event, with everything that is known about the request.
func TestEventsTellOfTheRequest(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine")})
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(12)
	for _, name := range []string{"mine", "hidden-1", "hidden-2"} {
		m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	events := eventsOf(t, g, m, "app\xff\n")
	require.Len(t, events, 2)
	for i, e := range events {
		assert.Equal(t, snapshot.Request{Operation: ops.Describe, Type: resource.Topic, Name: fmt.Sprint("hidden-", i+1)}, e.Request)
		assert.Equal(t, audit.Call{API: 3, ClientID: "app\uFFFD\n", CorrelationID: 77, References: 1}, e.Call)
		assert.Equal(t, "User:alice", e.Subject.Principal.String())
		assert.False(t, e.ByType)
		assert.False(t, e.Decision.Allowed())
	}
}

// A question about any resource of a type is one event, together with the preceding
// question that Kafka does not log: otherwise the refusal would have no event.
func TestEventsOfQuietQuestions(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t)})
	m := kmsg.NewPtrInitProducerIDRequest()
	m.SetVersion(4)
	events := eventsOf(t, g, m, "")
	require.Len(t, events, 2)
	assert.Equal(t, snapshot.Request{Operation: ops.IdempotentWrite, Type: resource.Cluster, Name: resource.ClusterName}, events[0].Request)
	assert.Equal(t, snapshot.Request{Operation: ops.Write, Type: resource.Topic}, events[1].Request)
	assert.True(t, events[1].ByType)
	assert.Equal(t, 0, events[1].Call.References)
}

// The events of an Envelope are about the sender of the request inside it.
func TestEventsOfAnEnvelope(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t, "ClusterAction Cluster:kafka-cluster"), Endpoint: ops.Controller})
	inner := kmsg.NewPtrDeleteTopicsRequest()
	inner.SetVersion(4)
	inner.TopicNames = []string{"payroll"}
	who, err := principal.User("mallory").AppendWire(nil)
	require.NoError(t, err)
	m := kmsg.NewPtrEnvelopeRequest()
	m.RequestData = kmsg.NewRequestFormatter(kmsg.FormatterClientID("inner")).AppendRequest(nil, inner, 5)[4:]
	m.RequestPrincipal, m.ClientHostAddress = who, netip.MustParseAddr("10.9.8.7").AsSlice()
	events := eventsOf(t, g, m, "broker")
	require.NotEmpty(t, events)
	for _, e := range events {
		assert.Equal(t, "User:mallory", e.Subject.Principal.String())
		assert.Equal(t, "10.9.8.7", e.Subject.Host.String())
		assert.Equal(t, ops.APIKey(20), e.Call.API)
		assert.Equal(t, "inner", e.Call.ClientID)
		assert.Equal(t, "payroll", e.Request.Name)
	}
}

// The events of a request with fifty thousand refused names are not kept in memory:
// they are created one by one.
func TestEventsTakeNoMemoryBeforeTheyAreAskedFor(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t)})
	m := kmsg.NewPtrDeleteTopicsRequest()
	m.SetVersion(4)
	for i := range 50_000 {
		m.TopicNames = append(m.TopicNames, fmt.Sprintf("hidden-%080d", i))
	}
	plan := decide(t, g.Conn(client("alice")), m)
	require.Len(t, plan.Denied, 50_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for e := range plan.Events() {
		require.Equal(t, fmt.Sprintf("hidden-%080d", 0), e.Request.Name)
		break
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10))
}
