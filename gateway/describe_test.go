package gateway_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestPagesOfTopics goes through the pages of a cluster with topics that may not be
// described. None of them is shown, not even as the one that the next page begins with,
// and every page goes on where the one before ended.
func TestPagesOfTopics(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine*")}).Conn(client("alice"))
	all := []string{"mine-1", "secret-1", "secret-2", "mine-2", "secret-3", "mine-3"}
	m := kmsg.NewPtrDescribeTopicPartitionsRequest()
	var shown []string
	for pages := 0; ; pages++ {
		if pages > len(all) {
			t.Fatal("there is no end")
		}
		plan := decide(t, conn, m)
		from := 0
		if c := sent[*kmsg.DescribeTopicPartitionsRequest](t, plan)[0].Cursor; c != nil {
			if from = slices.Index(all, c.Topic); c.Partition != int32(from) {
				t.Errorf("%s goes on at partition %d, expected %d", c.Topic, c.Partition, from)
			}
		}
		r := m.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
		topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
		topic.Topic, topic.TopicID = &all[from], idOf(all[from])
		r.Topics = append(r.Topics, topic)
		if from+1 < len(all) {
			r.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: all[from+1], Partition: int32(from + 1)}
		}
		got := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m, r)
		for _, topic := range got.Topics {
			shown = append(shown, *topic.Topic)
		}
		if got.NextCursor == nil {
			break
		}
		if slices.Contains(all, got.NextCursor.Topic) || got.NextCursor.Partition != 0 {
			t.Errorf("the next page begins with %s, partition %d", got.NextCursor.Topic, got.NextCursor.Partition)
		}
		m.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: got.NextCursor.Topic, Partition: got.NextCursor.Partition}
	}
	if want := []string{"mine-1", "mine-2", "mine-3"}; !slices.Equal(shown, want) {
		t.Errorf("shown %v, expected %v", shown, want)
	}
}

// allTopicsFrom asks for all topics from a cursor on.
func allTopicsFrom(cursor string, partition int32) *kmsg.DescribeTopicPartitionsRequest {
	m := kmsg.NewPtrDescribeTopicPartitionsRequest()
	m.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: cursor, Partition: partition}
	return m
}

// nextCursor returns what the client gets for a cursor of the cluster.
func nextCursor(t *testing.T, conn *gateway.Conn, topic string, partition int32) string {
	t.Helper()
	m := kmsg.NewPtrDescribeTopicPartitionsRequest()
	r := m.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	r.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: topic, Partition: partition}
	return answer[*kmsg.DescribeTopicPartitionsResponse](t, decide(t, conn, m), m, r).NextCursor.Topic
}

// TestPagesBeginWhereTheGatewaySays: an empty page shows that there is a hidden topic
// where the page begins. A client that could choose the beginning could spell its name.
func TestPagesBeginWhereTheGatewaySays(t *testing.T) {
	config := gateway.Config{Store: allowing(t, "Describe Topic:zz")}
	bob := allow(t, "Describe Topic:zz")
	bob.Entry.Principal = "User:bob"
	require.NoError(t, config.Store.Update(func(tx *snapshot.Tx) error { tx.Add(bob); return nil }))
	g := newGateway(t, config)
	conn := g.Conn(client("alice"))
	given := nextCursor(t, conn, "payroll", 7)
	for what, cursor := range map[string]string{
		"nothing": "", "a plain one": "payroll", "a topic of the client's": "zz", "the mark": "~", "too short": "~AAAA",
		"no base64": "~!", "cut short": given[:len(given)-8], "another principal's": nextCursor(t, g.Conn(client("bob")), "payroll", 7),
		"another gateway's": nextCursor(t, newGateway(t, config).Conn(client("alice")), "payroll", 7),
	} {
		m := allTopicsFrom(cursor, 0)
		plan := decide(t, conn, m)
		if len(plan.Forward()) != 0 {
			t.Errorf("%s: is sent on", what)
			continue
		}
		r := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m)
		if r.NextCursor != nil || len(r.Topics) != 1 || r.Topics[0].ErrorCode != 42 || *r.Topics[0].Topic != cursor {
			t.Errorf("%s: the client is told %+v", what, r)
		}
	}
	for _, again := range []*gateway.Conn{conn, g.Conn(client("alice"))} {
		requests := sent[*kmsg.DescribeTopicPartitionsRequest](t, decide(t, again, allTopicsFrom(given, 99)))
		if len(requests) != 1 || requests[0].Cursor.Topic != "payroll" || requests[0].Cursor.Partition != 7 {
			t.Errorf("sends on %+v, expected the cursor that was given out", requests)
		}
	}
}

// TestPagesEndWhereTheClusterSays: a client that could end a page after one partition
// would learn about every partition.
func TestPagesEndWhereTheClusterSays(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine")}).Conn(client("alice"))
	for _, limit := range []int32{math.MinInt32, -1, 0, 1, 2000, math.MaxInt32} {
		m := kmsg.NewPtrDescribeTopicPartitionsRequest()
		m.ResponsePartitionLimit = limit
		if requests := sent[*kmsg.DescribeTopicPartitionsRequest](t, decide(t, conn, m)); len(requests) != 1 || requests[0].ResponsePartitionLimit != math.MaxInt32 {
			t.Errorf("limit %d: sends on %+v", limit, requests)
		}
	}
}

// TestCursorsShowNothing: neither the length of the topic's name, nor whether the next
// page begins at the same topic as before.
func TestCursorsShowNothing(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine*")}).Conn(client("alice"))
	seen := map[string]bool{}
	length := len(nextCursor(t, conn, "mine", 0))
	for _, name := range []string{"mine", "mine", "s", strings.Repeat("s", 249)} {
		cursor := nextCursor(t, conn, name, math.MaxInt32)
		if seen[cursor] || len(cursor) != length {
			t.Errorf("%.10s: a cursor of %d bytes, expected a new one of %d", name, len(cursor), length)
		}
		seen[cursor] = true
		if c := sent[*kmsg.DescribeTopicPartitionsRequest](t, decide(t, conn, allTopicsFrom(cursor, 0)))[0].Cursor; c.Topic != name || c.Partition != math.MaxInt32 {
			t.Errorf("%.10s: goes on with %+v", name, c)
		}
	}
}

// TestPagesOfNamedTopics: the client chooses the pages, because it may describe all
// forwarded topics.
func TestPagesOfNamedTopics(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine*")}).Conn(client("alice"))
	named := func(cursor string) *kmsg.DescribeTopicPartitionsRequest {
		m := allTopicsFrom(cursor, 3)
		m.ResponsePartitionLimit = 1
		for _, name := range []string{"mine-1", "theirs", "mine-2"} {
			m.Topics = append(m.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
		}
		return m
	}
	m := named("mine-1")
	plan := decide(t, conn, m)
	f := sent[*kmsg.DescribeTopicPartitionsRequest](t, plan)[0]
	if len(f.Topics) != 2 || f.Cursor.Topic != "mine-1" || f.Cursor.Partition != 3 || f.ResponsePartitionLimit != 1 {
		t.Errorf("sends on %+v", f)
	}
	r := m.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	r.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: "mine-2", Partition: 5}
	if got := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m, r); got.NextCursor == nil || got.NextCursor.Topic != "mine-2" || got.NextCursor.Partition != 5 {
		t.Errorf("the client is told %+v", got.NextCursor)
	}
	plan = decide(t, conn, m)
	r.NextCursor.Topic = "secret"
	if got := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m, r); got.NextCursor != nil {
		t.Errorf("the client is told of %s", got.NextCursor.Topic)
	}

	sealed := nextCursor(t, conn, "mine-1", 0)
	for _, cursor := range []string{sealed, "~"} {
		m = named(cursor)
		plan = decide(t, conn, m)
		if len(plan.Forward()) != 0 {
			t.Fatalf("cursor %s: is sent on", cursor)
		}
		got := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m)
		for i, topic := range got.Topics {
			if topic.ErrorCode != 42 || *topic.Topic != m.Topics[i].Topic {
				t.Errorf("cursor %s: the client is told %s %d", cursor, *topic.Topic, topic.ErrorCode)
			}
		}
		if len(got.Topics) != 3 || got.NextCursor != nil {
			t.Errorf("cursor %s: the client is told %+v", cursor, got)
		}
	}
}

// TestOffsetsOfEveryTopic shows the topics that the client may describe, in the
// versions that can ask for all, by name and by id.
func TestOffsetsOfEveryTopic(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:g", "Describe Topic:mine"), Cluster: cluster{"mine", "theirs"}}).Conn(client("alice"))
	for version := int16(2); version <= 10; version++ {
		m := kmsg.NewPtrOffsetFetchRequest()
		m.SetVersion(version)
		m.Group, m.Topics = "g", nil
		m.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
		r := m.ResponseKind().(*kmsg.OffsetFetchResponse)
		g := kmsg.NewOffsetFetchResponseGroup()
		g.Group = "g"
		for _, name := range []string{"theirs", "mine", "unknown"} {
			if version < 10 && name == "unknown" {
				continue
			}
			r.Topics = append(r.Topics, kmsg.OffsetFetchResponseTopic{Topic: name})
			g.Topics = append(g.Topics, kmsg.OffsetFetchResponseGroupTopic{Topic: name, TopicID: idOf(name)})
		}
		r.Groups = append(r.Groups, g)
		got := answer[*kmsg.OffsetFetchResponse](t, decide(t, conn, m), m, r)
		switch {
		case version < 8 && (len(got.Topics) != 1 || got.Topics[0].Topic != "mine"):
			t.Errorf("version %d: %+v", version, got.Topics)
		case version >= 8 && (len(got.Groups) != 1 || len(got.Groups[0].Topics) != 1):
			t.Errorf("version %d: %+v", version, got.Groups)
		case version >= 10 && got.Groups[0].Topics[0].TopicID != idOf("mine"):
			t.Errorf("version %d: %+v", version, got.Groups)
		}
	}
}

// TestOffsetsOfRefusedTopics are errors in their places, even if nothing else is
// requested.
func TestOffsetsOfRefusedTopics(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:g*", "Describe Topic:mine"), Cluster: cluster{"mine", "theirs"}}).Conn(client("alice"))
	m := kmsg.NewPtrOffsetFetchRequest()
	m.SetVersion(8)
	topics := func(names ...string) (list []kmsg.OffsetFetchRequestGroupTopic) {
		for _, name := range names {
			list = append(list, kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: []int32{4}})
		}
		return list
	}
	m.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g1", Topics: topics("theirs")}, {Group: "other", Topics: topics("mine")}, {Group: "g2", Topics: topics("theirs", "mine")}}
	plan := decide(t, conn, m)
	forwarded := sent[*kmsg.OffsetFetchRequest](t, plan)[0]
	if len(forwarded.Groups) != 2 || forwarded.Groups[0].Topics == nil || len(forwarded.Groups[0].Topics) != 0 || len(forwarded.Groups[1].Topics) != 1 {
		t.Fatalf("sends on %+v", forwarded.Groups)
	}
	r := m.ResponseKind().(*kmsg.OffsetFetchResponse)
	failed := kmsg.NewOffsetFetchResponseGroup()
	failed.Group = "g1"
	fine := kmsg.NewOffsetFetchResponseGroup()
	fine.Group, fine.Topics = "g2", []kmsg.OffsetFetchResponseGroupTopic{{Topic: "mine", Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{{Partition: 4, Offset: 12}}}}
	r.Groups = []kmsg.OffsetFetchResponseGroup{failed, fine}
	got := answer[*kmsg.OffsetFetchResponse](t, plan, m, r)
	if len(got.Groups) != 3 || got.Groups[1].Group != "other" || got.Groups[1].ErrorCode != 30 || len(got.Groups[1].Topics) != 0 {
		t.Fatalf("the client is told %+v", got.Groups)
	}
	theirs := got.Groups[0].Topics[0].Partitions[0]
	if theirs.ErrorCode != 29 || theirs.Offset != -1 || theirs.Partition != 4 || theirs.LeaderEpoch != -1 || theirs.Metadata == nil || *theirs.Metadata != "" {
		t.Errorf("of a refused topic the client is told %+v", theirs)
	}
	if g := got.Groups[2]; len(g.Topics) != 2 || g.Topics[0].Partitions[0].ErrorCode != 29 || g.Topics[1].Partitions[0].Offset != 12 {
		t.Errorf("the client is told %+v", g)
	}
}

// TestTopologyDescription: what a member of a streams group has said of its topology may
// name topics that Kafka does not check. Those that the client may not describe are not
// shown; all else is.
func TestTopologyDescription(t *testing.T) {
	node := func(sink string, sources ...string) kmsg.TopologyDescriptionNode {
		n := kmsg.TopologyDescriptionNode{Name: "n", NodeType: 2, SourceTopics: sources, Stores: []string{"s"}, Successors: []string{"x"}}
		if sink != "" {
			n.SinkTopic = &sink
		}
		return n
	}
	description := func() *kmsg.StreamsGroupDescribeResponseGroupTopologyDescription {
		return &kmsg.StreamsGroupDescribeResponseGroupTopologyDescription{
			Subtopologies: []kmsg.TopologyDescriptionSubtopology{
				{SubtopologyID: "0", Nodes: []kmsg.TopologyDescriptionNode{node("", "a", "secret-1", "b"), node("secret-2"), node("a")}},
				{SubtopologyID: "1", Nodes: []kmsg.TopologyDescriptionNode{node("b", "secret-3")}},
			},
			GlobalStores: []kmsg.TopologyDescriptionGlobalStore{
				{Source: node("secret-4", "secret-5", "a"), Processor: node("secret-6", "secret-7")},
				{Source: node("", "b"), Processor: node("")},
			},
		}
	}
	group := func(source string) kmsg.StreamsGroupDescribeResponseGroup {
		g := kmsg.NewStreamsGroupDescribeResponseGroup()
		g.Group, g.TopologyDescriptionStatus, g.AssignorName = source, 3, new("sticky")
		g.Topology = &kmsg.StreamsGroupDescribeResponseGroupTopology{Subtopologies: []kmsg.StreamsGroupDescribeResponseGroupTopologySubtopology{{SourceTopics: []string{source}}}}
		g.TopologyDescription = description()
		return g
	}
	m := &kmsg.StreamsGroupDescribeRequest{Version: 1, Groups: []string{"a", "c", "b"}, IncludeTopologyDescription: true}
	ask := func(t *testing.T, allowed ...string) []kmsg.StreamsGroupDescribeResponseGroup {
		conn := newGateway(t, gateway.Config{Store: allowing(t, allowed...)}).Conn(client("alice"))
		bare := group("b")
		bare.TopologyDescription, bare.TopologyDescriptionStatus = nil, 1
		reply := &kmsg.StreamsGroupDescribeResponse{Version: 1, Groups: []kmsg.StreamsGroupDescribeResponseGroup{group("a"), group("c"), bare}}
		return answer[*kmsg.StreamsGroupDescribeResponse](t, decide(t, conn, m), m, reply).Groups
	}
	groups := ask(t, "Describe Group:*", "Describe Topic:a", "Describe Topic:b")
	require.Len(t, groups, 3)
	want := description()
	nodes := want.Subtopologies[0].Nodes
	nodes[0].SourceTopics, nodes[1].SinkTopic, want.Subtopologies[1].Nodes[0].SourceTopics = []string{"a", "b"}, nil, []string{}
	global := &want.GlobalStores[0]
	global.Source.SourceTopics, global.Source.SinkTopic = []string{"a"}, nil
	global.Processor.SourceTopics, global.Processor.SinkTopic = []string{}, nil
	assert.Equal(t, asJSON(t, want), asJSON(t, groups[0].TopologyDescription))
	assert.EqualValues(t, 3, groups[0].TopologyDescriptionStatus)
	assert.Equal(t, "sticky", *groups[0].AssignorName)
	assert.EqualValues(t, ops.TopicAuthorizationFailed, groups[1].ErrorCode, "one hidden topic of the topology hides the group")
	assert.Nil(t, groups[1].TopologyDescription)
	assert.Nil(t, groups[1].AssignorName)
	assert.Nil(t, groups[2].TopologyDescription)
	assert.EqualValues(t, 1, groups[2].TopologyDescriptionStatus)

	all := ask(t, "Describe Group:*", "Describe Topic:*")
	assert.Equal(t, asJSON(t, description()), asJSON(t, all[0].TopologyDescription), "all of it")
}

// asJSON returns a value as text. A list that is empty on the wire is read as nil.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "[]", "null")
}

// TestCommitByID: from version 6 on, TxnOffsetCommit names topics by id. A refused topic has
// its id and no name, and an unknown id is reported to everybody.
func TestCommitByID(t *testing.T) {
	m := &kmsg.TxnOffsetCommitRequest{Version: 6, TransactionalID: "x", Group: "g"}
	for i := range byte(3) {
		m.Topics = append(m.Topics, kmsg.TxnOffsetCommitRequestTopic{TopicID: [16]byte{i + 1}, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Partition: int32(i)}}})
	}
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Write TransactionalID:x", "Read Group:g", "Read Topic:a")}).Conn(gateway.Client{
		Subject: client("alice").Subject, Cluster: namedTopics{names: map[[16]byte]string{{1}: "a", {2}: "secret"}},
	})
	plan := decide(t, conn, m)
	forwarded := sent[*kmsg.TxnOffsetCommitRequest](t, plan)
	require.Len(t, forwarded, 1)
	require.Len(t, forwarded[0].Topics, 1)
	assert.Equal(t, [16]byte{1}, forwarded[0].Topics[0].TopicID)
	reply := &kmsg.TxnOffsetCommitResponse{Version: 6, Topics: []kmsg.TxnOffsetCommitResponseTopic{{TopicID: [16]byte{1}, Partitions: []kmsg.TxnOffsetCommitResponseTopicPartition{{}}}}}
	r := answer[*kmsg.TxnOffsetCommitResponse](t, plan, m, reply)
	codes := map[byte]int16{}
	for _, topic := range r.Topics {
		assert.Empty(t, topic.Topic)
		require.Len(t, topic.Partitions, 1)
		assert.EqualValues(t, topic.TopicID[0]-1, topic.Partitions[0].Partition)
		codes[topic.TopicID[0]] = topic.Partitions[0].ErrorCode
	}
	assert.Equal(t, map[byte]int16{1: 0, 2: 29, 3: 100}, codes)
}

// namedTopics is a cluster that knows only the names of topics.
type namedTopics struct {
	gateway.NoCluster
	names map[[16]byte]string
}

func (namedTopics) Provides() gateway.Facts                { return gateway.TopicNames }
func (n namedTopics) TopicName(id [16]byte) (string, bool) { name, ok := n.names[id]; return name, ok }
