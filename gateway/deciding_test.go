package gateway

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// remembering is a connection that remembers a share session and a subscription.
type remembering struct {
	*Conn
	asked int // how often Client.Keep was called
}

func newRemembering(t *testing.T) *remembering {
	g, client := halfGateway(t, ops.Broker)
	r := new(remembering)
	client.Keep = func(int) bool { r.asked++; return true }
	r.Conn = g.Conn(client)

	fetch := kmsg.NewPtrShareFetchRequest()
	fetch.SetVersion(2)
	fetch.GroupID, fetch.MemberID = new("sample"), new("sample")
	fetch.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: [16]byte{1}, Partitions: make([]kmsg.ShareFetchRequestTopicPartition, 1)}, {Partitions: make([]kmsg.ShareFetchRequestTopicPartition, 1)}}
	reply := fetch.ResponseKind().(*kmsg.ShareFetchResponse)
	acquired := kmsg.ShareFetchResponseTopicPartition{AcquiredRecords: []kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{{LastOffset: 9}}}
	reply.Topics = []kmsg.ShareFetchResponseTopic{{TopicID: [16]byte{1}, Partitions: []kmsg.ShareFetchResponseTopicPartition{acquired}}}
	r.does(t, fetch, reply)

	joins := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	joins.SetVersion(1)
	joins.Group, joins.MemberID, joins.SubscribedTopicRegex = "sample", "sample", new("a")
	r.does(t, joins, joins.ResponseKind())

	require.Positive(t, r.memory.now.share[0].acquired)
	require.Len(t, r.memory.now.members, 1)
	return r
}

func (r *remembering) does(t *testing.T, m kmsg.Request, reply kmsg.Response) {
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, m, 5)[4:]
	plan, err := r.Request(frame)
	require.NoError(t, err)
	require.Len(t, plan.Forward(), 1)
	_, err = plan.Response(plan.Header.Response(reply))
	require.NoError(t, err)
}

// state is everything that a request may change.
func (r *remembering) state() string {
	now := &r.memory.now
	text := fmt.Sprintf("store %d, keep %d %d, version %d, resolved %v, secret %s", r.gateway.config.Store.Load().Generation(),
		r.asked, r.memory.granted, r.memory.version, r.memory.resolved, now.secret)
	for _, s := range now.share {
		text += fmt.Sprintf(", %p %+v", s, *s)
	}
	for _, s := range now.members {
		text += fmt.Sprintf(", %p %+v", s, *s)
	}
	return text
}

// ofMember makes a request one of the member that the connection remembers.
func ofMember(m kmsg.Request) {
	v := reflect.ValueOf(m).Elem()
	for _, name := range []string{"Group", "GroupID", "MemberID", "SubscribedTopicRegex"} {
		switch f := v.FieldByName(name); {
		case !f.IsValid():
		case f.Kind() == reflect.String:
			f.SetString("sample")
		case f.Kind() == reflect.Pointer:
			f.Set(reflect.ValueOf(new("sample")))
		}
	}
	if f := v.FieldByName("ShareSessionEpoch"); f.IsValid() {
		f.SetInt(1)
	}
	switch m := m.(type) {
	case *kmsg.CreateACLsRequest:
		m.Creations[0].Principal, m.Creations[0].Host, m.Creations[0].ResourceName = "User:alice", "*", "a"
	case *kmsg.DeleteACLsRequest: // every ACL
		m.Filters[0] = kmsg.DeleteACLsRequestFilter{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}
	}
}

// TestDecidingHasNoEffect decides each request and drops the plan: nothing has changed, so
// that a plan of the same request that is used is the same as if it were the only one. What
// a request changes, it changes with Forward, or with Response if it is answered here.
func TestDecidingHasNoEffect(t *testing.T) {
	decided, changed := 0, map[ops.APIKey]bool{}
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		for version := int16(0); kmsg.RequestForKey(key) != nil && version <= kmsg.RequestForKey(key).MaxVersion(); version++ {
			m := kmsg.RequestForKey(key)
			m.SetVersion(version)
			m.(message).Default()
			sampleFrame(m) // which fills m
			ofMember(m)
			frame := kmsg.NewRequestFormatter().AppendRequest(nil, m, 5)[4:]
			r := newRemembering(t)
			once, err := newRemembering(t).Request(frame)
			if err != nil {
				continue
			}
			decided++
			before := r.state()
			for range 2 {
				_, err = r.Request(frame)
				require.NoError(t, err)
				require.Equal(t, before, r.state(), "%v version %d", ops.APIKey(key), version)
			}
			plan, err := r.Request(frame)
			require.NoError(t, err)
			assert.Equal(t, once.Frames(), plan.Frames())
			if key != int16(ops.ShareFetchKey) && key != int16(ops.ShareAcknowledgeKey) { // whose member has another id on each connection
				assert.Equal(t, once.Forward(), plan.Forward(), "%v version %d", ops.APIKey(key), version)
			}
			if len(plan.Forward()) == 0 {
				_, err := plan.Response()
				require.NoError(t, err)
			}
			if r.state() != before {
				changed[ops.APIKey(key)] = true
			}
		}
	}
	assert.Greater(t, decided, 300)
	assert.Equal(t, map[ops.APIKey]bool{
		ops.ShareFetchKey: true, ops.ShareAcknowledgeKey: true, ops.ConsumerGroupHeartbeatKey: true, ops.CreateACLsKey: true, ops.DeleteACLsKey: true,
	}, changed, "requests that do have an effect")
}

// TestForwardedOnce: a plan that was decided before another one took effect is refused, as its
// effect would undo that of the other one.
func TestForwardedOnce(t *testing.T) {
	r := newRemembering(t)
	fetch := func(epoch int32) *Plan {
		m := kmsg.NewPtrShareFetchRequest()
		m.SetVersion(2)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("sample"), new("sample"), epoch
		plan, err := r.Request(kmsg.NewRequestFormatter().AppendRequest(nil, m, 5)[4:])
		require.NoError(t, err)
		return plan
	}
	first, second := fetch(1), fetch(2)
	assert.Len(t, first.Forward(), 1)
	assert.Len(t, first.Forward(), 1, "again")
	assert.Equal(t, 1, second.Frames())
	assert.Empty(t, second.Forward())
	assert.Zero(t, second.Frames())
	answer, err := second.Response()
	require.NoError(t, err)
	resp := kmsg.NewPtrShareFetchResponse()
	resp.SetVersion(2)
	require.NoError(t, r.gateway.layouts.decodeResponse(second.Header, answer, resp))
	assert.EqualValues(t, ops.ShareSessionLimitReached, resp.ErrorCode)
}
