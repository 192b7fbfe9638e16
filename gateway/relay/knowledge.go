package relay

import (
	"context"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

// Asker is on whose behalf a Cluster is asked.
type Asker struct {
	// Node is the broker that the connection leads to. That broker will get the request, and
	// would refuse what it does not know itself. -1 means any.
	Node int32
	// Tenant is in whose turn is asked. Nil means one that no other connection belongs to: then a
	// client has more turns the more connections it has.
	Tenant *Tenant
	// Before, if not nil, is called before a question that takes time: to send the answers to
	// earlier requests, for example, which must not wait with this one.
	Before func()
	// Patience is how long one request waits for the names of topics at most; 0 means DefaultPatience.
	Patience time.Duration
}

// DefaultPatience is the default of Asker.Patience. A request that has waited for so long is decided
// with the known topics: its other ids are unknown, and clients retry.
const DefaultPatience = time.Second

// connPatience is the Asker.Patience of a Conn, which holds nobody up but its client.
//
// The broker, who is sent the request afterwards, must have time too before the client
// gives up (request.timeout.ms, 30 s): a client that does asks all over again, on a new
// connection. In 5 s 6,000 ids that are no topic's are asked for.
const connPatience = 5 * time.Second

// Knowledge is what one connection may know about the upstream: it implements [gateway.Cluster],
// for gateway.Client.Cluster. Questions whose answers are kept are asked once for all connections
// that wait for them; others have their turn, and a client that asks much waits itself. It is used
// by one goroutine at a time, as the gateway.Conn is.
type Knowledge struct {
	cluster *Cluster
	asker   Asker
	ctx     context.Context // until nobody waits for an answer

	until  time.Time // end of the wait for topics of the current request; zero before the first one
	inTurn bool      // other connections of the tenant wait until a request of this one is decided
}

// Knowledge returns what a connection may know. Once ctx is done, nothing is waited for any more.
func (c *Cluster) Knowledge(ctx context.Context, of Asker) *Knowledge {
	if of.Tenant == nil {
		of.Tenant = new(Tenants).join("")
	}
	if of.Before == nil {
		of.Before = func() {}
	}
	if of.Patience <= 0 {
		of.Patience = DefaultPatience
	}
	return &Knowledge{cluster: c, asker: of, ctx: ctx}
}

// Begin says that the following questions belong to another request or its answer, which may
// wait for Asker.Patience again. Call it before each Conn.Request and Plan.Response.
func (k *Knowledge) Begin() { k.until = time.Time{} }

// InTurn calls decide in the turn of the tenant, which the caller has taken: see
// [Tenant.DecideList]. Others wait until it returns, so Topics then answers from memory: the
// request has asked before it waited for its turn.
func (k *Knowledge) InTurn(decide func()) {
	k.inTurn = true
	defer func() { k.inTurn = false }()
	decide()
}

// Provides says that all questions are answered, for [gateway.Cluster].
func (k *Knowledge) Provides() gateway.Facts { return gateway.AllFacts }

// TopicName returns the name of the topic with this id, for [gateway.Cluster]. It answers from
// memory, without an allocation. An id is never another topic's, so that a name is never wrong; the
// topic may have been deleted since.
func (k *Knowledge) TopicName(id [16]byte) (name string, ok bool) {
	return k.cluster.topics.names.get(id)
}

// LearnTopic stores a topic, for [gateway.Cluster].
func (k *Knowledge) LearnTopic(id [16]byte, name string) { k.cluster.topics.names.learn(id, name) }

// FindTopics asks the broker for topics by id, for [gateway.Cluster]. A client that
// asks for many unknown ids waits; other tenants do not. It waits at most
// Asker.Patience for all topics of a request; the others stay unknown.
func (k *Knowledge) FindTopics(ids [][16]byte) {
	if k.until.IsZero() {
		k.until = time.Now().Add(k.asker.Patience)
	}
	ctx, cancel := context.WithDeadline(k.ctx, k.until)
	defer cancel()
	k.asker.Before()
	for len(ids) > 0 && ctx.Err() == nil {
		some := ids[:min(len(ids), idsPerTurn)]
		ids = ids[len(some):]
		k.cluster.questions(k.asker.Node).find(ctx, k.asker.Tenant, some)
	}
}

// MissingTopics asks the broker which topics do not exist, for [gateway.Cluster].
func (k *Knowledge) MissingTopics(names []string) (missing []string, certain bool) {
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
// two seconds old if the upstream answers within Asker.Patience; otherwise they are those of its
// last answer: see [Cluster.TopicsAge].
func (k *Knowledge) Topics() (names []string, version uint64, ok bool) {
	if k.inTurn {
		return k.cluster.topics.list.latest()
	}
	ctx, cancel := context.WithTimeout(k.ctx, k.asker.Patience)
	defer cancel()
	k.asker.Before()
	return k.cluster.topics.list.all(ctx, k.cluster)
}

// StreamsTopology asks the broker for the topology of a streams group, for
// [gateway.Cluster]. The broker is the coordinator of the group, unless the client has
// contacted the wrong one.
func (k *Knowledge) StreamsTopology(group string) (sources, internal []string, code ops.ErrorCode) {
	ctx, cancel := context.WithTimeout(k.ctx, upstreamTimeout)
	defer cancel()
	k.asker.Before()
	t := k.asker.Tenant.topologies(k.cluster, k.asker.Node).of(ctx, group)
	return t.sources, t.internal, t.code
}
