package proxy

import (
	"context"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

// knowledge is what one connection may know about the upstream; it implements
// [gateway.Cluster]. It asks the broker that the connection leads to. That broker will
// get the request, and would refuse what it does not know itself.
type knowledge struct {
	cluster *cluster
	node    int32
	tenant  *tenant
	ctx     context.Context // until nobody waits for an answer
	flush   func() error    // sends the answers that are made, before a question that takes time

	until  time.Time // end of the wait for topics of the current request; zero before the first one
	inTurn bool      // other connections of the tenant wait until a request of this one is decided
}

// begin says that the following questions belong to another request or its answer.
func (k *knowledge) begin() { k.until = time.Time{} }

// sendAnswers sends the answers to earlier requests, so that they do not wait for what the
// proxy asks about this one. An error is not lost: the next answer cannot be written either.
func (k *knowledge) sendAnswers() { _ = k.flush() }

// Provides says that all questions are answered, for [gateway.Cluster].
func (k *knowledge) Provides() gateway.Facts { return gateway.AllFacts }

// TopicName returns the name of the topic with this id, for [gateway.Cluster].
func (k *knowledge) TopicName(id [16]byte) (name string, ok bool) {
	return k.cluster.topics.names.get(id)
}

// LearnTopic stores a topic, for [gateway.Cluster].
func (k *knowledge) LearnTopic(id [16]byte, name string) { k.cluster.topics.names.learn(id, name) }

// FindTopics asks the broker for topics by id, for [gateway.Cluster]. A client that
// asks for many unknown ids waits; other tenants do not. It waits at most
// findTopicsTimeout for all topics of a request; the others stay unknown.
func (k *knowledge) FindTopics(ids [][16]byte) {
	if k.until.IsZero() {
		k.until = time.Now().Add(findTopicsTimeout)
	}
	ctx, cancel := context.WithDeadline(k.ctx, k.until)
	defer cancel()
	k.sendAnswers()
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

// Topics returns the names of all topics, for [gateway.Cluster]. They are at most
// topicsInterval old if the upstream answers within findTopicsTimeout. In the turn of the tenant
// they are the latest that are known: the request has asked before it waited.
func (k *knowledge) Topics() (names []string, version uint64, ok bool) {
	if k.inTurn {
		return k.cluster.topics.list.latest()
	}
	ctx, cancel := context.WithTimeout(k.ctx, findTopicsTimeout)
	defer cancel()
	k.sendAnswers()
	return k.cluster.topics.list.all(ctx, k.cluster)
}

// StreamsTopology asks the broker for the topology of a streams group, for
// [gateway.Cluster]. The broker is the coordinator of the group, unless the client has
// contacted the wrong one.
func (k *knowledge) StreamsTopology(group string) (sources, internal []string, code ops.ErrorCode) {
	ctx, cancel := context.WithTimeout(k.ctx, upstreamTimeout)
	defer cancel()
	k.sendAnswers()
	t := k.tenant.topologies(k.cluster, k.node).of(ctx, group)
	return t.sources, t.internal, t.code
}
