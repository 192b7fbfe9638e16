package gateway_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

// streamsCluster is a cluster with a streams group.
type streamsCluster struct {
	cluster
	sources, internal []string      // of the group
	code              ops.ErrorCode // why they are not known
	uncertain         bool
	asked             []string
}

func (c *streamsCluster) MissingTopics(names []string) (missing []string, certain bool) {
	c.asked = append(c.asked, "topics "+strings.Join(names, " "))
	if c.uncertain {
		return nil, false
	}
	return c.cluster.MissingTopics(names)
}

func (c *streamsCluster) StreamsTopology(group string) (sources, internal []string, code ops.ErrorCode) {
	c.asked = append(c.asked, "group "+group)
	return c.sources, c.internal, c.code
}

// streamsHeartbeat is a heartbeat with a topology of one source topic and some internal
// ones, or without a topology if epoch is not 0.
func streamsHeartbeat(epoch int32, source string, internal ...string) *kmsg.StreamsGroupHeartbeatRequest {
	m := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	m.Group, m.MemberID, m.MemberEpoch, m.EndpointInformationEpoch = "g", "m", epoch, 4
	if epoch != 0 {
		return m
	}
	s := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	s.SourceTopics = []string{source}
	for i, name := range internal {
		if i%2 == 0 {
			s.StateChangelogTopics = append(s.StateChangelogTopics, kmsg.TopicInfo{Topic: name})
		} else {
			s.RepartitionSourceTopics = append(s.RepartitionSourceTopics, kmsg.TopicInfo{Topic: name})
		}
	}
	m.Topology = &kmsg.StreamsGroupHeartbeatRequestTopology{Subtopologies: []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{s}}
	return m
}

// The cluster creates the internal topics of a group for every member. A heartbeat is
// forwarded only if the client may create them or they exist; otherwise the member
// waits, as in Kafka.
func TestStreamsTopicsAreNotCreatedForOthers(t *testing.T) {
	const waits = "Internal topics are missing: %[1]s; Unauthorized to CREATE on topics %[1]s."
	rights := []string{"Read Group:g", "Describe Topic:app*", "Describe Topic:in*", "Create Topic:app-mine*"}
	for _, tt := range []struct {
		name    string
		rights  []string
		message *kmsg.StreamsGroupHeartbeatRequest
		cluster streamsCluster
		sent    bool
		code    int16
		status  int8
		detail  string
		denied  string
		asked   int
	}{
		{name: "may create", message: streamsHeartbeat(0, "in", "app-mine"), sent: true, asked: 1},
		{name: "exists", message: streamsHeartbeat(0, "in", "app-there"), sent: true, asked: 2},
		{name: "missing", message: streamsHeartbeat(0, "in", "app-new"), status: 3, detail: fmt.Sprintf(waits, "app-new"), denied: "app-new", asked: 2},
		{
			name: "some are missing", message: streamsHeartbeat(0, "in", "app-there", "app-mine", "app-b", "app-a"),
			status: 3, detail: fmt.Sprintf(waits, "app-a, app-b"), denied: "app-a app-b", asked: 2,
		},
		{
			name: "more than three", message: streamsHeartbeat(0, "in", "app-4", "app-1", "app-2", "app-3"), status: 3,
			detail: "Internal topics are missing: app-1, app-2, app-3 and 1 additional topics; Unauthorized to CREATE on topics app-1, app-2, app-3, app-4.",
			denied: "app-1 app-2 app-3 app-4", asked: 2,
		},
		{name: "a source is missing too", message: streamsHeartbeat(0, "in-2", "app-new"), status: 1, detail: "Source topics in-2 are missing.", denied: "app-new", asked: 2},
		{name: "a source is missing", message: streamsHeartbeat(0, "in-2", "app-there"), sent: true, asked: 2},
		{
			name: "a topology of the group that the member does not send", message: streamsHeartbeat(0, "in"),
			cluster: streamsCluster{internal: []string{"app-new"}}, status: 3, detail: fmt.Sprintf(waits, "app-new"), denied: "app-new", asked: 2,
		},
		{
			name: "a member that has joined", message: streamsHeartbeat(7, ""),
			cluster: streamsCluster{sources: []string{"in"}, internal: []string{"app-new", "app-mine"}}, status: 3, detail: fmt.Sprintf(waits, "app-new"), denied: "app-new", asked: 2,
		},
		{
			name: "a member that has joined, may create", message: streamsHeartbeat(7, ""),
			cluster: streamsCluster{internal: []string{"app-mine"}}, sent: true, asked: 1,
		},
		{
			name: "a topic that may not be described is not named", message: streamsHeartbeat(7, ""),
			cluster: streamsCluster{internal: []string{"secret", "app-new"}}, status: 3, detail: fmt.Sprintf(waits, "app-new"), denied: "app-new secret", asked: 2,
		},
		{name: "leaving", message: streamsHeartbeat(-1, ""), cluster: streamsCluster{internal: []string{"app-new"}}, sent: true},
		{name: "existence is not certain", message: streamsHeartbeat(0, "in", "app-there"), cluster: streamsCluster{uncertain: true}, code: 15, asked: 2},
		{name: "the group is not known", message: streamsHeartbeat(0, "in", "app-there"), cluster: streamsCluster{code: 16}, code: 16, asked: 1},
		{
			name: "all topics but one may be created", rights: []string{"Read Group:g", "Describe Topic:*", "Create Topic:*", "-Create Topic:app-new"},
			message: streamsHeartbeat(0, "in", "app-new"), status: 3, detail: fmt.Sprintf(waits, "app-new"), denied: "app-new", asked: 2,
		},
		{name: "everything may be created", rights: append([]string{"Create Cluster:kafka-cluster"}, rights...), message: streamsHeartbeat(0, "in", "app-new"), sent: true},
		{name: "a member that waits and has not joined", message: streamsHeartbeat(math.MaxInt32, ""), code: 25},
		{name: "no group", rights: []string{"Describe Topic:*"}, message: streamsHeartbeat(0, "in", "app-new"), code: 30, denied: "g"},
		{name: "no topic", rights: []string{"Read Group:g"}, message: streamsHeartbeat(0, "in", "app-new"), code: 29, denied: "in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.rights == nil {
				tt.rights = rights
			}
			tt.cluster.cluster = cluster{"in", "app-there"}
			conn := newGateway(t, gateway.Config{Store: allowing(t, tt.rights...), Cluster: &tt.cluster}).Conn(client("alice"))
			plan := decide(t, conn, tt.message)
			denied := []string{}
			for _, d := range plan.Denied {
				denied = append(denied, d.Name)
			}
			assert.Equal(t, tt.denied, strings.Join(denied, " "), "denied")
			assert.Len(t, tt.cluster.asked, tt.asked, "%q", tt.cluster.asked)
			if tt.sent {
				require.Len(t, plan.Forward(), 1)
				return
			}
			require.Empty(t, plan.Forward())
			r := answer[*kmsg.StreamsGroupHeartbeatResponse](t, plan, tt.message)
			assert.Equal(t, tt.code, r.ErrorCode)
			if tt.code != 0 {
				return
			}
			require.Len(t, r.Status, 1)
			assert.Equal(t, tt.status, r.Status[0].StatusCode)
			assert.Equal(t, tt.detail, r.Status[0].StatusDetail)
			if tt.message.MemberEpoch == 0 {
				assert.Equal(t, map[int8]int32{1: math.MaxInt32 - 2, 3: math.MaxInt32 - 1}[tt.status], r.MemberEpoch)
				assert.NotNil(t, r.ActiveTasks, "a client that joins heartbeats without a pause until something is assigned to it")
				assert.Empty(t, r.ActiveTasks)
			} else {
				assert.Equal(t, tt.message.MemberEpoch, r.MemberEpoch)
				assert.Nil(t, r.ActiveTasks, "nothing is assigned anew")
			}
			assert.Equal(t, "m", r.MemberID)
			assert.Equal(t, int32(4), r.EndpointInformationEpoch)
		})
	}
}

// A client immediately confirms its assignment. After that it must wait, and must not
// get the answer to join again: it would loop without a pause, with a question to the
// cluster each time.
func TestStreamsMemberPauses(t *testing.T) {
	for source, status := range map[string]int8{"in": 3, "in-2": 1} {
		t.Run(source, func(t *testing.T) {
			cluster := streamsCluster{cluster: cluster{"in"}}
			conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: &cluster}).Conn(client("alice"))
			m := streamsHeartbeat(0, source, "app-new")
			joins := answer[*kmsg.StreamsGroupHeartbeatResponse](t, decide(t, conn, m), m)
			require.Len(t, joins.Status, 1)
			asked := len(cluster.asked)

			m = streamsHeartbeat(joins.MemberEpoch, "")
			m.ActiveTasks, m.StandbyTasks, m.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
			has := answer[*kmsg.StreamsGroupHeartbeatResponse](t, decide(t, conn, m), m)
			assert.Zero(t, has.ErrorCode)
			assert.Equal(t, int32(5000), has.HeartbeatIntervalMillis)
			require.Len(t, has.Status, 1, "without a status a client begins, and answers that at once")
			assert.Equal(t, status, has.Status[0].StatusCode)
			assert.Equal(t, status, joins.Status[0].StatusCode)
			assert.Nil(t, has.ActiveTasks, "nothing is assigned anew, which a client would answer at once")

			m = streamsHeartbeat(has.MemberEpoch, "")
			again := answer[*kmsg.StreamsGroupHeartbeatResponse](t, decide(t, conn, m), m)
			assert.Equal(t, int16(25), again.ErrorCode)
			assert.Len(t, cluster.asked, asked, "nothing is asked until the member joins again")
		})
	}
}

// TestStreamsWithoutACluster: without the topologies of groups a heartbeat cannot be decided, and is
// not served.
func TestStreamsWithoutACluster(t *testing.T) {
	g, err := gateway.New(gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*", "Create Topic:app-mine")})
	require.NoError(t, err)
	plan, err := g.Conn(client("alice")).Request(frameOf(streamsHeartbeat(0, "in", "app-mine")))
	require.Error(t, err)
	assert.Nil(t, plan)
}

// A topology with invalid topic names is refused after the group is authorized, and
// before its topics are.
func TestInvalidTopologies(t *testing.T) {
	pattern := streamsHeartbeat(0, "in")
	pattern.Topology.Subtopologies[0].SourceTopicRegex = []string{"i.*"}
	for _, tt := range []struct {
		name    string
		message *kmsg.StreamsGroupHeartbeatRequest
		code    int16
		says    string
	}{
		{"internal to Kafka", streamsHeartbeat(0, "__consumer_offsets", "not mine"), 130, "Use of Kafka internal topics __consumer_offsets in a Kafka Streams topology is prohibited."},
		{"invalid", streamsHeartbeat(0, "in", "a b", "", "a b"), 130, "Topic names ,a b are not valid topic names."},
		{"a pattern", pattern, 42, "Regular expressions for source topics are not supported yet."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rights := []string{"Describe Topic:in"}
			conn := newGateway(t, gateway.Config{Store: allowing(t, rights...), Cluster: &streamsCluster{}}).Conn(client("alice"))
			r := answer[*kmsg.StreamsGroupHeartbeatResponse](t, decide(t, conn, tt.message), tt.message)
			assert.Equal(t, int16(30), r.ErrorCode, "without the group")

			conn = newGateway(t, gateway.Config{Store: allowing(t, append(rights, "Read Group:g")...), Cluster: &streamsCluster{}}).Conn(client("alice"))
			r = answer[*kmsg.StreamsGroupHeartbeatResponse](t, decide(t, conn, tt.message), tt.message)
			assert.Equal(t, tt.code, r.ErrorCode)
			require.NotNil(t, r.ErrorMessage)
			assert.Equal(t, tt.says, *r.ErrorMessage)
		})
	}
}

// TestStreamsTopologyNeedsRead: the topology of a group is far larger than a heartbeat. The
// cluster is asked for it only for a client that may read the group and describe the topics
// that the heartbeat names.
func TestStreamsTopologyNeedsRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		acls  []string
		epoch int32
		asks  bool
	}{
		{"no right", nil, 1, false},
		{"rights to topics", []string{"All Topic:*"}, 1, false},
		{"READ of another group", []string{"Read Group:h", "All Topic:*"}, 1, false},
		{"DESCRIBE of the group", []string{"Describe Group:g", "All Topic:*"}, 1, false},
		{"a DENY", []string{"Read Group:g", "-Read Group:g", "All Topic:*"}, 1, false},
		{"READ, and none of the topics", []string{"Read Group:g"}, 0, false},
		{"READ, and the source topic only", []string{"Read Group:g", "Describe Topic:in"}, 0, false},
		{"READ", []string{"Read Group:g"}, 1, true},
		{"READ, and the topics", []string{"Read Group:g", "Describe Topic:*"}, 0, true},
		{"READ, and every topic may be created", []string{"Read Group:g", "Create Cluster:kafka-cluster"}, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := new(streamsCluster)
			conn := newGateway(t, gateway.Config{Store: allowing(t, tt.acls...), Cluster: c}).Conn(client("alice"))
			decide(t, conn, streamsHeartbeat(tt.epoch, "in", "app-a"))
			assert.Equal(t, tt.asks, slices.Contains(c.asked, "group g"), "%v", c.asked)
		})
	}
}
