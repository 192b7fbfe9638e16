package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/twmb/franz-go/pkg/kmsg"
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
			from = slices.Index(all, c.Topic)
		}
		r := m.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
		topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
		topic.Topic, topic.TopicID = &all[from], idOf(all[from])
		r.Topics = append(r.Topics, topic)
		if from+1 < len(all) {
			r.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: all[from+1], Partition: int32(from)}
		}
		got := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m, r)
		for _, topic := range got.Topics {
			shown = append(shown, *topic.Topic)
		}
		if got.NextCursor == nil {
			break
		}
		if strings.Contains(got.NextCursor.Topic, "secret") {
			t.Errorf("the next page begins with %s", got.NextCursor.Topic)
		}
		m.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: got.NextCursor.Topic, Partition: got.NextCursor.Partition}
	}
	if want := []string{"mine-1", "mine-2", "mine-3"}; !slices.Equal(shown, want) {
		t.Errorf("shown %v, expected %v", shown, want)
	}
	for _, forged := range []string{"~", "~AAAA", "~!"} {
		m.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: forged}
		if plan, err := conn.Request(frameOf(m)); err == nil {
			t.Errorf("cursor %s: %+v", forged, plan)
		}
	}
}

// TestOffsetsOfEveryTopic shows those that may be described, in the versions that can
// ask for all, by name and by id.
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

// TestOffsetsOfRefusedTopics are errors at their places, also where nothing else is
// asked for.
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
