package judge_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// TestQuotaOfRequests: the quota of request time is used up. Some answers before the
// DeleteTopics have no field for the time of throttling (Metadata 0, ListGroups 0, Heartbeat 0),
// and fences of the proxy are throttled, too. The right goes before the broker reads on, and so
// the topic stays.
func TestQuotaOfRequests(t *testing.T) {
	a := startProxied(t)
	alter := kmsg.NewPtrAlterClientQuotasRequest()
	alter.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: new(kafkatest.Admin)}}, // the proxy's principal
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: "request_percentage", Value: 0.001}},
	}}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = []kmsg.MetadataRequestTopic{}
	list := kmsg.NewPtrListGroupsRequest()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	heartbeat.Group, heartbeat.MemberID = "g", "m"
	metadata0 := kmsg.NewPtrMetadataRequest()
	metadata0.Topics = []kmsg.MetadataRequestTopic{{Topic: new("warm")}}
	for _, name := range []string{"warm", "doomed-0", "doomed-1", "doomed-2", "doomed-3", "doomed-4"} {
		a.cluster.CreateTopics(t, kafkatest.Topic{Name: name})
	}
	a.cluster.SetACLs(t, bindingsOf(t, "Describe Topic:*")...)
	direct, err := dial(a.cluster.Bootstrap(clientListener), "127.0.0.1", "alice", passwords["alice"]) // without a quota
	require.NoError(t, err)
	topics := func() (names []string) {
		r, err := direct.ask(kmsg.NewPtrMetadataRequest(), 12)
		require.NoError(t, err)
		for _, topic := range r.(*kmsg.MetadataResponse).Topics {
			names = append(names, *topic.Topic)
		}
		return names
	}
	r, err := a.admin.ask(alter, 1)
	require.NoError(t, err)
	require.Zero(t, r.(*kmsg.AlterClientQuotasResponse).Entries[0].ErrorCode)
	time.Sleep(time.Second)
	for i, row := range []struct {
		name    string
		before  kmsg.Request
		version int16
		revoke  time.Duration // after the DeleteTopics was sent
	}{
		{"Metadata 12", metadata, 12, 400 * time.Millisecond},
		{"Metadata 0", metadata0, 0, 400 * time.Millisecond},
		{"FindCoordinator 0", find, 0, 400 * time.Millisecond},
		{"Heartbeat 0", heartbeat, 0, 400 * time.Millisecond},
		{"ListGroups 0", list, 0, 400 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			doomed := fmt.Sprintf("doomed-%d", i)
			a.allow("All Topic:"+doomed, "Describe Topic:warm", "Read Group:g")
			w := a.alice()
			_ = w.SetDeadline(time.Now().Add(time.Minute))
			for range 4 {
				_, err := w.Write(encode(row.before, row.version, 1))
				require.NoError(t, err)
				frame, err := readFrame(w)
				require.NoError(t, err)
				r, err := decode(row.before, row.version, frame)
				require.NoError(t, err)
				if m, ok := r.(*kmsg.MetadataResponse); ok {
					t.Logf("throttled for %d ms", m.ThrottleMillis)
				}
			}
			remove := kmsg.NewPtrDeleteTopicsRequest()
			remove.TopicNames, remove.TimeoutMillis = []string{doomed}, 30_000
			began := time.Now()
			_, err := w.Write(encode(remove, 4, 2))
			require.NoError(t, err)
			time.Sleep(row.revoke)
			a.allow()
			revoked := time.Now()
			require.Contains(t, topics(), doomed, "the right went too late to tell")
			there := time.Now()
			frame, err := readFrame(w)
			require.NoError(t, err)
			r, err := decode(remove, 4, frame)
			require.NoError(t, err)
			code := r.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode
			t.Logf("revoked after %v, topic there after %v, answered after %v: code %d", revoked.Sub(began), there.Sub(began), time.Since(began), code)
			assert.Equal(t, int16(29), code, "carried out after the right was gone")
			if code == 29 {
				return
			}
			assert.NotContains(t, topics(), doomed)
		})
	}
}
