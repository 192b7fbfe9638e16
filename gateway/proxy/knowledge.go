package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

const (
	// unknownInterval is how often a connection may make the proxy ask for ids that are
	// no topic's, and unknownBurst how often it may do so without waiting. A client whose
	// topic was deleted asks for one id until it has noticed.
	unknownInterval = 100 * time.Millisecond
	unknownBurst    = 10
)

// knowledge is what one connection may know of the upstream, as a [gateway.Cluster]. It
// asks the broker that the connection leads to, which will be sent the request: what that
// one does not know yet it would refuse as well.
type knowledge struct {
	cluster *cluster
	node    int32
	ctx     context.Context // until the connection ends

	mu   sync.Mutex
	next time.Time // when all earlier questions for unknown ids have been waited for
}

// TopicName returns the name of the topic with an id, for [gateway.Cluster].
func (k *knowledge) TopicName(id [16]byte) (name string, ok bool) {
	return k.cluster.topics.names.get(id)
}

// LearnTopic remembers a topic, for [gateway.Cluster].
func (k *knowledge) LearnTopic(id [16]byte, name string) { k.cluster.topics.names.learn(id, name) }

// FindTopics asks the broker for topics by their ids, for [gateway.Cluster]. All that is
// asked for is answered by the broker; a client that asks for many ids that are no topic's
// waits, and nobody else does.
func (k *knowledge) FindTopics(ids [][16]byte) {
	for len(ids) > 0 {
		some := ids[:min(len(ids), idsPerQuestion)]
		ids = ids[len(some):]
		if !k.wait() {
			return
		}
		k.cluster.questions(k.node).ask(k.ctx, some)
		for _, id := range some {
			if _, ok := k.TopicName(id); !ok {
				k.charge()
				break
			}
		}
	}
}

// wait waits until the connection may ask, and reports whether there still is one.
func (k *knowledge) wait() bool {
	k.mu.Lock()
	ahead := time.Until(k.next.Add(-unknownBurst * unknownInterval))
	k.mu.Unlock()
	if ahead <= 0 {
		return k.ctx.Err() == nil
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// charge counts a question for unknown ids.
func (k *knowledge) charge() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.next.Before(now) {
		k.next = now
	}
	k.next = k.next.Add(unknownInterval)
}

// MissingTopics asks the broker which topics do not exist, for [gateway.Cluster].
func (k *knowledge) MissingTopics(names []string) (missing []string, certain bool) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	response := k.cluster.askAbout(k.node, request)
	if response == nil {
		return nil, false
	}
	there := make(map[string]bool, len(names))
	for i := range response.Topics {
		if t := &response.Topics[i]; t.Topic != nil && exists(t) {
			there[*t.Topic] = true
		}
	}
	for _, name := range names {
		if !there[name] {
			missing = append(missing, name)
		}
	}
	return missing, true
}

// Topics returns the names of all topics, for [gateway.Cluster]. They are not older than
// topicsInterval if the upstream answers.
func (k *knowledge) Topics() (names []string, version uint64, ok bool) {
	return k.cluster.topics.list.all(k.cluster)
}

// StreamsTopology asks the broker, which is the coordinator of the group unless the
// client is mistaken, for the topology of a streams group, for [gateway.Cluster].
func (k *knowledge) StreamsTopology(group string) (sources, internal []string, code ops.ErrorCode) {
	request := kmsg.NewPtrStreamsGroupDescribeRequest()
	request.Groups = []string{group}
	answer, err := k.cluster.request(k.node, request)
	if err != nil {
		return nil, nil, coordinatorNotAvailable
	}
	response := answer.(*kmsg.StreamsGroupDescribeResponse)
	if len(response.Groups) != 1 {
		return nil, nil, coordinatorNotAvailable
	}
	switch g := &response.Groups[0]; {
	case ops.ErrorCode(g.ErrorCode) == groupIDNotFound: // or it is a group of another kind
		return nil, nil, ops.None
	case g.ErrorCode != 0:
		return nil, nil, ops.ErrorCode(g.ErrorCode)
	case g.Topology == nil:
		return nil, nil, ops.None
	default:
		for i := range g.Topology.Subtopologies {
			s := &g.Topology.Subtopologies[i]
			sources = append(sources, s.SourceTopics...)
			for j := range s.RepartitionSourceTopics {
				internal = append(internal, s.RepartitionSourceTopics[j].Topic)
			}
			for j := range s.StateChangelogTopics {
				internal = append(internal, s.StateChangelogTopics[j].Topic)
			}
		}
		return sources, internal, ops.None
	}
}

// Kafka's error codes of group coordinators.
const (
	coordinatorNotAvailable ops.ErrorCode = 15
	groupIDNotFound         ops.ErrorCode = 69
)
