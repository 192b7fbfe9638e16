package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestAnswersThatWaitForTheAuditLogAreDecidedAgain: while the event of one refused group of an answer
// is written, the right to describe the other one is taken away. The answer does not show it.
func TestAnswersThatWaitForTheAuditLogAreDecidedAgain(t *testing.T) {
	store := allowing(t, "Describe Group:first", "Describe Group:second")
	remove := func(line string) {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, line)); return nil }))
	}
	g := newGateway(t, gateway.Config{Store: store, Audit: &audit.Auditor{Handler: whileRecording(func() { remove("Describe Group:second") })}})
	m := kmsg.NewPtrDescribeGroupsRequest()
	m.Version, m.Groups = 5, []string{"first", "second"}
	plan := decide(t, g.Conn(client("alice")), m)
	require.Len(t, plan.Forward(), 1)
	remove("Describe Group:first")
	r := m.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, name := range m.Groups {
		group := kmsg.NewDescribeGroupsResponseGroup()
		group.Group, group.State = name, "Stable"
		r.Groups = append(r.Groups, group)
	}
	for _, group := range answer[*kmsg.DescribeGroupsResponse](t, plan, m, r).Groups {
		assert.EqualValues(t, ops.GroupAuthorizationFailed, group.ErrorCode, group.Group)
		assert.Empty(t, group.State, group.Group)
	}
}

// TestOutdatedPlansAreNotSent: a caller who forgets Plan.Record gets no frames of a plan that was
// decided by ACLs which have changed.
func TestOutdatedPlansAreNotSent(t *testing.T) {
	store := allowing(t, "Describe Group:first")
	m := kmsg.NewPtrDescribeGroupsRequest()
	m.Version, m.Groups = 5, []string{"first"}
	plan := decide(t, newGateway(t, gateway.Config{Store: store}).Conn(client("alice")), m)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Describe Group:first")); return nil }))
	assert.Empty(t, plan.Forward())
	assert.True(t, plan.Close)
	_, err := plan.Response()
	assert.ErrorContains(t, err, "decide it again")
}

// waitingAnswers are requests whose answer shows first, lost and mine by a right to each, after the
// request was rewritten, or in a session.
func waitingAnswers() []late {
	shown := []string{"first", "lost", "mine"}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(8)
	metadata.AllowAutoTopicCreation, metadata.IncludeTopicAuthorizedOperations = true, true
	fetch := kmsg.NewPtrShareFetchRequest()
	fetch.SetVersion(2)
	fetch.GroupID, fetch.MemberID = new("g"), new("m")
	for _, name := range shown {
		metadata.Topics = append(metadata.Topics, kmsg.MetadataRequestTopic{Topic: &name})
		fetch.Topics = append(fetch.Topics, kmsg.ShareFetchRequestTopic{TopicID: idOf(name), Partitions: []kmsg.ShareFetchRequestTopicPartition{{Partition: 7}}})
	}
	return []late{
		{"Describe TransactionalId:", listTransactions("first|lost|mine"), func(resp kmsg.Response) {
			resp.(*kmsg.ListTransactionsResponse).TransactionStates = transactionsOf(shown...).TransactionStates
		}, func(resp kmsg.Response) any {
			var ids []string
			for _, of := range resp.(*kmsg.ListTransactionsResponse).TransactionStates {
				ids = append(ids, of.TransactionalID)
			}
			return ids
		}, []string{"lost", "mine"}, []string{"mine"}},
		{"Describe Topic:", metadata, func(resp kmsg.Response) {
			r := resp.(*kmsg.MetadataResponse)
			for _, name := range shown {
				topic := kmsg.NewMetadataResponseTopic()
				topic.Topic, topic.Partitions = &name, make([]kmsg.MetadataResponseTopicPartition, 3)
				r.Topics = append(r.Topics, topic)
			}
		}, func(resp kmsg.Response) any {
			var partitions []int
			for _, topic := range resp.(*kmsg.MetadataResponse).Topics {
				partitions = append(partitions, len(topic.Partitions))
			}
			return partitions
		}, []int{0, 3, 3}, []int{0, 0, 3}},
		{"Read Topic:", fetch, func(resp kmsg.Response) {
			*resp.(*kmsg.ShareFetchResponse) = *reply(fetch, "first 0-2", "lost 10-12", "mine 20-22")
		}, func(resp kmsg.Response) any {
			var records []string
			for _, topic := range resp.(*kmsg.ShareFetchResponse).Topics {
				for _, p := range topic.Partitions {
					records = append(records, string(p.Records))
				}
			}
			return records
		}, []string{"", "records of lost", "records of mine"}, []string{"", "", "records of mine"}},
	}
}

// TestRewrittenAnswersThatWaitForTheAuditLog: while the event of an answer is written that the client
// may no longer see first, the right to lost is taken away. The answer does not show it, also if the
// request was rewritten or belongs to a session.
func TestRewrittenAnswersThatWaitForTheAuditLog(t *testing.T) {
	for _, tt := range waitingAnswers() {
		for _, changed := range []bool{false, true} {
			t.Run(fmt.Sprint(kmsg.NameForKey(tt.request.Key()), " changed ", changed), func(t *testing.T) {
				store := allowing(t, "Read Group:g", "ClusterAction Cluster:kafka-cluster", tt.name+"first", tt.name+"lost", tt.name+"mine")
				remove := func(name string) {
					require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, tt.name+name)); return nil }))
				}
				waits, events := false, 0
				auditor := &audit.Auditor{Level: audit.LevelTrace, Handler: whileRecording(func() {
					if !waits {
						return
					}
					if events++; events == 1 && changed {
						remove("lost")
					}
				})}
				g := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"first", "lost", "mine"}, Audit: auditor})
				plan := decide(t, g.Conn(client("alice")), tt.request)
				require.Len(t, plan.Forward(), 1)
				remove("first")
				waits = true
				resp, want := tt.request.ResponseKind(), tt.before
				if tt.reply(resp); changed {
					want = tt.after
				}
				assert.Equal(t, want, tt.told(answer[kmsg.Response](t, plan, tt.request, resp)))
				assert.Positive(t, events, "events are written with the answer")
			})
		}
	}
}

// TestReleasesOfAnswersMadeAgain: records that a member does not get since its right is taken away
// while an event of the answer is written are released, as others that are withheld.
func TestReleasesOfAnswersMadeAgain(t *testing.T) {
	s := newShareMember(t)
	waits := false
	s.gateway = newGateway(t, gateway.Config{Store: s.store, Cluster: cluster{"mine", "lost"}, Audit: &audit.Auditor{Handler: whileRecording(func() {
		if waits {
			waits = false
			s.may("Read Group:g")
		}
	})}})
	s.conn = s.gateway.Conn(client("alice"))
	m := s.fetch("mine", "lost")
	plan := decide(t, s.conn, m)
	require.Len(t, plan.Forward(), 1)
	s.may("Read Group:g", "Read Topic:mine")
	waits = true
	assert.Equal(t, "mine 29/0 0B, lost 29/0 0B", s.told(plan, m, reply(m, "mine 0-4", "lost 10-12")))
	assert.False(t, waits, "an event is written with the answer")
	s.may("Read Group:g", "Read Topic:mine", "Read Topic:lost")
	assert.Equal(t, "+lost 2:10-12, +mine 2:0-4, 500 ms", s.upstream(decide(t, s.conn, s.fetch())))
}

// TestRefusalsThatWaitForTheAuditLog: the answer to a deletion that is refused has the name of the
// topic, by its id, if the client may describe it. If the right is taken away while the refusal is
// recorded, the request is decided again; a caller who forgets that gets no answer.
func TestRefusalsThatWaitForTheAuditLog(t *testing.T) {
	m := kmsg.NewPtrDeleteTopicsRequest()
	m.SetVersion(6)
	m.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: idOf("lost")}}
	refused := func(t *testing.T) *gateway.Plan {
		store := allowing(t, "Describe Topic:lost")
		conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"lost"}, Audit: &audit.Auditor{Handler: whileRecording(func() {
			require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Describe Topic:lost")); return nil }))
		})}}).Conn(client("alice"))
		plan := decide(t, conn, m)
		require.Zero(t, plan.Frames())
		return plan
	}
	t.Run("decided again", func(t *testing.T) { assert.False(t, refused(t).Record()) })
	t.Run("not given", func(t *testing.T) {
		_, err := refused(t).Response()
		assert.ErrorContains(t, err, "decide it again")
	})
}

// TestEnvelopesThatWaitForTheAuditLog: the answer to a request in an Envelope is made again as well.
func TestEnvelopesThatWaitForTheAuditLog(t *testing.T) {
	store := allowing(t, "ClusterAction Cluster:kafka-cluster", "Describe Cluster:kafka-cluster", "Describe Topic:unrelated")
	remove := func(line string) {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, line)); return nil }))
	}
	waits := false
	g := newGateway(t, gateway.Config{Store: store, Endpoint: ops.Controller, Audit: &audit.Auditor{Handler: whileRecording(func() {
		if waits {
			waits = false
			remove("Describe Topic:unrelated")
		}
	})}})
	inner := kmsg.NewPtrListPartitionReassignmentsRequest()
	who, err := principal.User("alice").AppendWire(nil)
	require.NoError(t, err)
	m := kmsg.NewPtrEnvelopeRequest()
	m.RequestData = kmsg.NewRequestFormatter().AppendRequest(nil, inner, 5)[4:]
	m.RequestPrincipal, m.ClientHostAddress = who, []byte{10, 0, 0, 1}
	plan := decide(t, g.Conn(client("alice")), m)
	require.Len(t, plan.Forward(), 1)
	remove("Describe Cluster:kafka-cluster")
	waits = true
	h, err := gateway.ParseHeader(m.RequestData)
	require.NoError(t, err)
	r, shown := m.ResponseKind().(*kmsg.EnvelopeResponse), inner.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	shown.Topics = []kmsg.ListPartitionReassignmentsResponseTopic{{Topic: "hidden"}}
	r.ResponseData = h.Response(shown)
	require.NoError(t, inner.ResponseKind().ReadFrom(r.ResponseData[5:]))
	got := inner.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	require.NoError(t, got.ReadFrom(answer[*kmsg.EnvelopeResponse](t, plan, m, r).ResponseData[5:]))
	assert.False(t, waits, "an event is written with the answer")
	assert.EqualValues(t, ops.ClusterAuthorizationFailed, got.ErrorCode)
	assert.Empty(t, got.Topics)
}
