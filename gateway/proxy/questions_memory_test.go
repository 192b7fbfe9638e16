package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestQuestionsAboutTopicsAreSmall: a user who may describe topics and may not delete them asks to
// delete them. The proxy asks the cluster which of them exist, and is told of all their
// partitions, eight times at once, in memory that has no room.
func TestQuestionsAboutTopicsAreSmall(t *testing.T) {
	const clients, topics, partitions = 8, 1_000, 190
	c := newLargeCluster(t, topics, partitions)
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE TOPIC *"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 16 * mebibyte},
	})
	request := kmsg.NewPtrDeleteTopicsRequest()
	for i := range topics {
		request.TopicNames = append(request.TopicNames, fmt.Sprintf("topic-%06d", i))
	}
	request.Version = 4
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, request, 7)
	var all []*wire
	for range clients {
		w := dial(t, p.Addresses()[0])
		w.login("bob", passwords["bob"])
		all = append(all, w)
	}
	most := mostMemory(func() {
		var asking sync.WaitGroup
		for _, w := range all {
			asking.Go(func() {
				w.write(frame)
				r := w.receive(request).(*kmsg.DeleteTopicsResponse)
				assert.Len(t, r.Topics, topics)
			})
		}
		asking.Wait()
	})
	require.NotZero(t, c.asked.Load())
	t.Logf("%d requests of %d bytes, %d answers of the cluster of %d bytes: %d MiB at most", clients, len(frame), c.asked.Load(), len(c.all), most)
	assert.Less(t, most, int64(28))
}

// TestLargeAnswersAreAskedForInHalves: what is too large for one answer comes in several.
func TestLargeAnswersAreAskedForInHalves(t *testing.T) {
	const topics = 32
	c := newLargeCluster(t, topics, 10_000)
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE TOPIC *"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
	})
	request := kmsg.NewPtrDeleteTopicsRequest()
	for i := range topics {
		request.TopicNames = append(request.TopicNames, fmt.Sprintf("topic-%06d", i))
	}
	request.TopicNames = append(request.TopicNames, "missing")
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	_ = w.SetDeadline(time.Now().Add(20 * time.Second))
	codes := map[int16]int{}
	for _, topic := range w.ask(request, 4).(*kmsg.DeleteTopicsResponse).Topics {
		codes[topic.ErrorCode]++
	}
	assert.Equal(t, map[int16]int{kerr.TopicAuthorizationFailed.Code: topics, kerr.UnknownTopicOrPartition.Code: 1}, codes)
	assert.EqualValues(t, 4, c.asked.Load(), "of 32 topics, of each half of them, and of the missing one")
}

// TestDescriptionsOfGroupsAreSmall: a heartbeat of a few bytes makes the proxy read the description
// of a streams group with all its members, in memory that has no room.
func TestDescriptionsOfGroupsAreSmall(t *testing.T) {
	c := newLargeCluster(t, 1, 1)
	group := kmsg.NewStreamsGroupDescribeResponseGroup()
	group.Group, group.Topology = "g", new(kmsg.NewStreamsGroupDescribeResponseGroupTopology())
	sub := kmsg.NewStreamsGroupDescribeResponseGroupTopologySubtopology()
	sub.StateChangelogTopics = append(sub.StateChangelogTopics, kmsg.TopicInfo{Topic: "missing-changelog"})
	group.Topology.Subtopologies = append(group.Topology.Subtopologies, sub)
	for i := range 1_000 { // each of which has sent 60 kB
		m := kmsg.NewStreamsGroupDescribeResponseGroupMember()
		m.MemberID, m.ClientID, m.ProcessID = fmt.Sprint(i), strings.Repeat("c", 30_000), strings.Repeat("p", 30_000)
		group.Members = append(group.Members, m)
	}
	description := kmsg.NewPtrStreamsGroupDescribeResponse()
	description.Groups = append(description.Groups, group)
	c.topology = description.AppendTo([]byte{0})
	description, group = nil, kmsg.StreamsGroupDescribeResponseGroup{}
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW READ GROUP g", "bob ALLOW DESCRIBE TOPIC *"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 16 * mebibyte},
	})
	heartbeat := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	heartbeat.Group, heartbeat.MemberID, heartbeat.MemberEpoch = "g", "m", 1
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	most := mostMemory(func() {
		w.send(heartbeat, 0)
		time.Sleep(2 * time.Second)
	})
	assert.Equal(t, kerr.CoordinatorNotAvailable.Code, w.receive(heartbeat).(*kmsg.StreamsGroupHeartbeatResponse).ErrorCode)
	t.Logf("one heartbeat, a description of %d bytes: %d MiB at most", len(c.topology), most)
	assert.Less(t, most, int64(40))
}
