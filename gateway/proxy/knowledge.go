package proxy

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// knowledge is what one connection may know of the upstream, as a [gateway.Cluster]. It
// asks the broker that the connection leads to, which will be sent the request: what that
// one does not know yet it would refuse as well.
type knowledge struct {
	cluster *cluster
	node    int32
	tenant  *tenant
	ctx     context.Context // until nobody waits for an answer

	until time.Time // when topics of the request under way are not waited for any more; zero before the first
}

// begin says that what is asked from now on is for another request, or for its answer.
func (k *knowledge) begin() { k.until = time.Time{} }

// TopicName returns the name of the topic with an id, for [gateway.Cluster].
func (k *knowledge) TopicName(id [16]byte) (name string, ok bool) {
	return k.cluster.topics.names.get(id)
}

// LearnTopic remembers a topic, for [gateway.Cluster].
func (k *knowledge) LearnTopic(id [16]byte, name string) { k.cluster.topics.names.learn(id, name) }

// FindTopics asks the broker for topics by their ids, for [gateway.Cluster]. A client that
// asks for many ids that are no topic's waits, and no other tenant does. It waits no longer
// than findTopicsTimeout for all topics of a request: the others stay unknown.
func (k *knowledge) FindTopics(ids [][16]byte) {
	if k.until.IsZero() {
		k.until = time.Now().Add(findTopicsTimeout)
	}
	ctx, cancel := context.WithDeadline(k.ctx, k.until)
	defer cancel()
	for len(ids) > 0 && ctx.Err() == nil {
		some := ids[:min(len(ids), idsPerTurn)]
		ids = ids[len(some):]
		k.cluster.questions(k.node).find(ctx, k.tenant, some)
	}
}

// MissingTopics asks the broker which topics do not exist, for [gateway.Cluster].
func (k *knowledge) MissingTopics(names []string) (missing []string, certain bool) {
	there, certain := k.askAboutNames(names)
	if !certain {
		return nil, false
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
	ctx, cancel := context.WithTimeout(k.ctx, upstreamTimeout)
	defer cancel()
	var answer kmsg.Response
	var err error
	if !k.askInTurn(ctx, func() { answer, err = k.cluster.request(ctx, k.node, request) }) || err != nil {
		return nil, nil, ops.CoordinatorNotAvailable
	}
	response := answer.(*kmsg.StreamsGroupDescribeResponse)
	if len(response.Groups) != 1 {
		return nil, nil, ops.CoordinatorNotAvailable
	}
	switch g := &response.Groups[0]; {
	case ops.ErrorCode(g.ErrorCode) == ops.GroupIDNotFound: // or it is a group of another kind
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
