package gateway_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

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

// recorder is a handler that keeps what it is given, or fails.
type recorder struct {
	events []audit.Event
	err    error
}

func (r *recorder) Handle(e *audit.Event) error {
	r.events = append(r.events, *e)
	return r.err
}

// names returns the names that the events are about.
func (r *recorder) names() (names []string) {
	for i := range r.events {
		names = append(names, r.events[i].Request.Name)
	}
	return names
}

// eventsOf are the events of a request that alice sends and that does not reach the cluster.
func eventsOf(t *testing.T, config gateway.Config, m kmsg.Request, clientID string) []audit.Event {
	t.Helper()
	r := new(recorder)
	config.Audit = &audit.Auditor{Handler: r, Now: func() time.Time { return time.Unix(7, 0) }}
	plan, err := newGateway(t, config).Conn(client("alice")).Request(kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, m, 77)[4:])
	require.NoError(t, err)
	require.Empty(t, r.events, "deciding has no effect")
	if len(plan.Forward()) == 0 {
		_, err = plan.Response()
		require.NoError(t, err)
	}
	return r.events
}

// Each refused name is an event, with everything that is known about the request.
func TestEventsTellOfTheRequest(t *testing.T) {
	config := gateway.Config{Store: allowing(t, "Describe Topic:mine")}
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(12)
	for _, name := range []string{"mine", "hidden-1", "hidden-2"} {
		m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	events := eventsOf(t, config, m, "app\xff\n")
	require.Len(t, events, 2)
	for i, e := range events {
		assert.Equal(t, snapshot.Request{Operation: ops.Describe, Type: resource.Topic, Name: fmt.Sprint("hidden-", i+1)}, e.Request)
		assert.Equal(t, audit.Call{API: 3, ClientID: "app\uFFFD\n", CorrelationID: 77, References: 1}, e.Call)
		assert.Equal(t, time.Unix(7, 0), e.Time)
		assert.Equal(t, "User:alice", e.Subject.Principal.String())
		assert.False(t, e.ByType)
		assert.False(t, e.Decision.Allowed())
	}
}

func TestDenialString(t *testing.T) {
	denial := gateway.Denial{Request: snapshot.Request{Operation: ops.Write, Type: resource.Topic, Name: "a\nb"}}
	assert.Equal(t, `WRITE on TOPIC "a\nb": `+snapshot.Decision{}.String(), denial.String())
	denial.ByType, denial.Name = true, ""
	assert.Equal(t, "WRITE on TOPIC any name: "+snapshot.Decision{}.String(), denial.String())
}

// A question about any resource of a type is one event, together with the preceding
// question that Kafka does not log: otherwise the refusal would have no event.
func TestEventsOfQuietQuestions(t *testing.T) {
	m := kmsg.NewPtrInitProducerIDRequest()
	m.SetVersion(4)
	events := eventsOf(t, gateway.Config{Store: allowing(t)}, m, "")
	require.Len(t, events, 2)
	assert.Equal(t, snapshot.Request{Operation: ops.IdempotentWrite, Type: resource.Cluster, Name: resource.ClusterName}, events[0].Request)
	assert.Equal(t, snapshot.Request{Operation: ops.Write, Type: resource.Topic}, events[1].Request)
	assert.True(t, events[1].ByType)
	assert.Equal(t, 0, events[1].Call.References)
}

// envelopeOf is an Envelope in which a user deletes a topic.
func envelopeOf(t *testing.T, user string) *kmsg.EnvelopeRequest {
	t.Helper()
	inner := kmsg.NewPtrDeleteTopicsRequest()
	inner.SetVersion(4)
	inner.TopicNames = []string{"payroll"}
	who, err := principal.User(user).AppendWire(nil)
	require.NoError(t, err)
	m := kmsg.NewPtrEnvelopeRequest()
	m.RequestData = kmsg.NewRequestFormatter(kmsg.FormatterClientID("inner")).AppendRequest(nil, inner, 5)[4:]
	m.RequestPrincipal, m.ClientHostAddress = who, netip.MustParseAddr("10.9.8.7").AsSlice()
	return m
}

// The events of an Envelope are about the sender of the request inside it.
func TestEventsOfAnEnvelope(t *testing.T) {
	config := gateway.Config{Store: allowing(t, "ClusterAction Cluster:kafka-cluster"), Endpoint: ops.Controller}
	m := envelopeOf(t, "mallory")
	events := eventsOf(t, config, m, "broker")
	require.NotEmpty(t, events)
	for _, e := range events {
		assert.Equal(t, "User:mallory", e.Subject.Principal.String())
		assert.Equal(t, "10.9.8.7", e.Subject.Host.String())
		assert.Equal(t, ops.APIKey(20), e.Call.API)
		assert.Equal(t, "inner", e.Call.ClientID)
		assert.Equal(t, "payroll", e.Request.Name)
	}
}

// A request with fifty thousand refused names has as many events, which are made one by one, up to
// the number that Client.Events grants.
func TestEventsAreBounded(t *testing.T) {
	m := kmsg.NewPtrDeleteTopicsRequest()
	m.SetVersion(4)
	for i := range 50_000 {
		m.TopicNames = append(m.TopicNames, fmt.Sprintf("hidden-%080d", i))
	}
	for _, granted := range []int{0, 3, 60_000} {
		t.Run(fmt.Sprint(granted), func(t *testing.T) {
			kept, asked := 0, []int(nil)
			of := client("alice")
			of.Events = func(events int) int { asked = append(asked, events); return granted }
			handler := handlerFunc(func(e *audit.Event) error {
				require.Equal(t, fmt.Sprintf("hidden-%080d", kept), e.Request.Name)
				kept++
				return nil
			})
			plan := decide(t, newGateway(t, gateway.Config{Store: allowing(t), Audit: &audit.Auditor{Handler: handler}}).Conn(of), m)
			require.Len(t, plan.Denied, 50_000)
			answer[*kmsg.DeleteTopicsResponse](t, plan, m)
			plan.Audit()
			assert.Equal(t, []int{50_000}, asked, "once")
			assert.Equal(t, min(granted, 50_000), kept)
		})
	}
}

type handlerFunc func(*audit.Event) error

func (f handlerFunc) Handle(e *audit.Event) error { return f(e) }

// TestRefusalsOfAnswersAreDenials: a group that the cluster describes is replaced by
// TOPIC_AUTHORIZATION_FAILED because of one of its topics. That is a refusal, which Kafka's
// authorizer logs: the step is not quiet in the table. So the refused name is a denial.
func TestRefusalsOfAnswersAreDenials(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request func() kmsg.Request
		reply   func(kmsg.Request) kmsg.Response
		code    func(kmsg.Response) int16
	}{
		{"ConsumerGroupDescribe", func() kmsg.Request {
			m := kmsg.NewPtrConsumerGroupDescribeRequest()
			m.Groups = []string{"g"}
			return m
		}, func(m kmsg.Request) kmsg.Response {
			r := m.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
			member := kmsg.NewConsumerGroupDescribeResponseGroupMember()
			topic := kmsg.NewAssignmentTopicPartition()
			topic.Topic, topic.TopicID = "secret", idOf("secret")
			member.Assignment.TopicPartitions = append(member.Assignment.TopicPartitions, topic)
			g := kmsg.NewConsumerGroupDescribeResponseGroup()
			g.Group, g.Members = "g", append(g.Members, member)
			r.Groups = append(r.Groups, g)
			return r
		}, func(r kmsg.Response) int16 { return r.(*kmsg.ConsumerGroupDescribeResponse).Groups[0].ErrorCode }},
		{"ShareGroupDescribe", func() kmsg.Request {
			m := kmsg.NewPtrShareGroupDescribeRequest()
			m.SetVersion(1)
			m.GroupIDs = []string{"g"}
			return m
		}, func(m kmsg.Request) kmsg.Response {
			r := m.ResponseKind().(*kmsg.ShareGroupDescribeResponse)
			member := kmsg.NewShareGroupDescribeResponseGroupMember()
			topic := kmsg.NewShareGroupDescribeResponseGroupMemberAssignmentTopicPartition()
			topic.Topic, topic.TopicID = "secret", idOf("secret")
			member.Assignment.TopicPartitions = append(member.Assignment.TopicPartitions, topic)
			g := kmsg.NewShareGroupDescribeResponseGroup()
			g.GroupID, g.Members = "g", append(g.Members, member)
			r.Groups = append(r.Groups, g)
			return r
		}, func(r kmsg.Response) int16 { return r.(*kmsg.ShareGroupDescribeResponse).Groups[0].ErrorCode }},
		{"StreamsGroupDescribe", func() kmsg.Request {
			m := kmsg.NewPtrStreamsGroupDescribeRequest()
			m.Groups = []string{"g"}
			return m
		}, func(m kmsg.Request) kmsg.Response {
			r := m.ResponseKind().(*kmsg.StreamsGroupDescribeResponse)
			g := kmsg.NewStreamsGroupDescribeResponseGroup()
			g.Group = "g"
			topology := kmsg.NewStreamsGroupDescribeResponseGroupTopology()
			sub := kmsg.NewStreamsGroupDescribeResponseGroupTopologySubtopology()
			sub.SourceTopics = []string{"secret"}
			topology.Subtopologies = append(topology.Subtopologies, sub)
			g.Topology = &topology
			r.Groups = append(r.Groups, g)
			return r
		}, func(r kmsg.Response) int16 { return r.(*kmsg.StreamsGroupDescribeResponse).Groups[0].ErrorCode }},
		{"Metadata of a topic that was renamed", func() kmsg.Request {
			m := kmsg.NewPtrMetadataRequest()
			m.SetVersion(12)
			m.Topics = []kmsg.MetadataRequestTopic{{TopicID: idOf("mine")}}
			return m
		}, func(m kmsg.Request) kmsg.Response {
			r := m.ResponseKind().(*kmsg.MetadataResponse)
			topic := kmsg.NewMetadataResponseTopic()
			topic.Topic, topic.TopicID = new("secret"), idOf("mine")
			r.Topics = append(r.Topics, topic)
			return r
		}, func(r kmsg.Response) int16 { return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:g", "Describe Topic:mine"), Cluster: cluster{"secret", "mine"}}).Conn(client("alice"))
			m := tt.request()
			plan := decide(t, conn, m)
			got := answer[kmsg.Response](t, plan, m, tt.reply(m))
			require.Equal(t, int16(ops.TopicAuthorizationFailed), tt.code(got), "the client is refused")
			require.Len(t, plan.Denied, 1, "denials, each once")
			assert.Equal(t, "secret", plan.Denied[0].Name)
		})
	}
}

// TestLeftOutEntriesAreDenials: what is left out of an answer is a denial where Kafka's
// authorizer logs it, and is none where Kafka decides it without a word to its log.
func TestLeftOutEntriesAreDenials(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request kmsg.Request
		reply   func(kmsg.Response)
		denied  []string
	}{
		{"DescribeTransactions", &kmsg.DescribeTransactionsRequest{TransactionalIDs: []string{"mine"}}, func(r kmsg.Response) {
			state := kmsg.NewDescribeTransactionsResponseTransactionState()
			state.TransactionalID = "mine"
			state.Topics = []kmsg.DescribeTransactionsResponseTransactionStateTopic{{Topic: "secret"}, {Topic: "mine"}}
			r.(*kmsg.DescribeTransactionsResponse).TransactionStates = []kmsg.DescribeTransactionsResponseTransactionState{state}
		}, []string{"secret"}},
		{"ListTransactions", &kmsg.ListTransactionsRequest{}, func(r kmsg.Response) {
			r.(*kmsg.ListTransactionsResponse).TransactionStates = []kmsg.ListTransactionsResponseTransactionState{{TransactionalID: "secret"}, {TransactionalID: "mine"}}
		}, []string{"secret"}},
		{"OffsetFetch of all topics", &kmsg.OffsetFetchRequest{Version: 8, Groups: []kmsg.OffsetFetchRequestGroup{{Group: "mine"}}}, func(r kmsg.Response) {
			g := kmsg.NewOffsetFetchResponseGroup()
			g.Group, g.Topics = "mine", []kmsg.OffsetFetchResponseGroupTopic{{Topic: "secret"}, {Topic: "mine"}}
			r.(*kmsg.OffsetFetchResponse).Groups = []kmsg.OffsetFetchResponseGroup{g}
		}, []string{"secret"}},
		{"ListGroups", &kmsg.ListGroupsRequest{Version: 4}, func(r kmsg.Response) {
			r.(*kmsg.ListGroupsResponse).Groups = []kmsg.ListGroupsResponseGroup{{Group: "secret"}, {Group: "mine"}}
		}, nil},
		{"Metadata of all topics", &kmsg.MetadataRequest{Version: 9}, func(r kmsg.Response) {
			r.(*kmsg.MetadataResponse).Topics = []kmsg.MetadataResponseTopic{{Topic: new("secret")}, {Topic: new("mine")}}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := new(recorder)
			g := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:mine", "Describe Topic:mine", "Describe TransactionalId:mine"), Audit: &audit.Auditor{Handler: r}})
			plan := decide(t, g.Conn(client("alice")), tt.request)
			reply := tt.request.ResponseKind()
			tt.reply(reply)
			answer[kmsg.Response](t, plan, tt.request, reply)
			assert.Equal(t, tt.denied, r.names())
		})
	}
}
