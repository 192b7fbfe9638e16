package gateway_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
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
		if len(plan.Forward) != 0 {
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
		if len(plan.Forward) != 0 {
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
