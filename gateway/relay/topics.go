package relay

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// topicsInterval is how long the list of all topics is reused before the upstream
	// is asked again. It is needed when a client subscribes to a pattern. Kafka itself
	// resolves a pattern again after 10 s at the earliest.
	topicsInterval = 2 * time.Second
	// maxLearnt limits the topics that are known by id in addition to those in the list
	// of all topics; it includes deleted topics. Beyond the limit, all are forgotten
	// and looked up again.
	maxLearnt = 100_000
)

// topics is what the proxy knows about the topics of the upstream.
type topics struct {
	names names
	list  topicList

	mu    sync.Mutex
	ask   map[int32]*questions // by node id
	lanes map[int32]*lane      // by node id
	all   lane                 // of the questions to all brokers
	byID  Tenant               // in whose turn questions asks, for many tenants together
}

// names are the names of topics by id. An id is never reused for another topic, so a
// known name stays correct. It is safe for concurrent use.
type names struct {
	listed atomic.Pointer[map[[16]byte]string] // those in the list of all topics

	mu     sync.RWMutex
	learnt map[[16]byte]string
}

// get returns the name of the topic with this id.
func (n *names) get(id [16]byte) (name string, ok bool) {
	if listed := n.listed.Load(); listed != nil {
		if name, ok = (*listed)[id]; ok {
			return name, true
		}
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	name, ok = n.learnt[id]
	return name, ok
}

// learn adds a topic.
func (n *names) learn(id [16]byte, name string) {
	if _, known := n.get(id); known {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.learnt == nil || len(n.learnt) >= maxLearnt {
		n.learnt = make(map[[16]byte]string)
	}
	n.learnt[id] = name
}

// topicList caches the list of all topics of the upstream.
type topicList struct {
	mu      sync.Mutex
	asked   time.Time     // time of the last answer or failed attempt
	asking  chan struct{} // closed when the question under way has ended; nil if there is none
	names   []string      // sorted; nil if the upstream never answered
	since   time.Time     // when they were asked for
	version uint64        // changes with names
}

// all returns the names of all topics and their version. If the upstream does not answer
// before ctx is done, it returns the previous names; ok is false if there are none. All
// callers wait for one answer, each as long as its own ctx.
func (l *topicList) all(ctx context.Context, c *Cluster) (names []string, version uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asking == nil && time.Since(l.asked) >= topicsInterval {
		l.asking = make(chan struct{})
		go l.renew(c)
	}
	if ended := l.asking; ended != nil {
		l.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
		}
		l.mu.Lock()
	}
	return l.names, l.version, l.names != nil
}

// latest returns the names of all topics and their version, as they were last answered. All
// connections share them, so that a request that waits for its turn need not keep its own.
func (l *topicList) latest() (names []string, version uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names, l.version, l.names != nil
}

// renew asks the upstream for all topics.
func (l *topicList) renew(c *Cluster) {
	began := time.Now()
	now := c.askTopics()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now != nil {
		l.since = began
	}
	if now != nil && (l.names == nil || !slices.Equal(now, l.names)) {
		l.names = now
		l.version++
	}
	l.asked = time.Now()
	close(l.asking)
	l.asking = nil
}

// TopicsAge returns how old the list of all topics is: the time since it was asked for. known
// is false if there is none. The list is asked for when a client needs it and it is two seconds
// old; while the upstream does not answer, the last one is used, however old it is.
func (c *Cluster) TopicsAge() (age time.Duration, known bool) {
	l := &c.topics.list
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.since), l.names != nil
}

// askTopics asks the upstream for all topics. It returns nil if there is no answer.
func (c *Cluster) askTopics() []string {
	ctx, cancel := context.WithTimeout(c.ctx, upstreamTimeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil // all topics
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil
	}
	byID := make(map[[16]byte]string, len(response.Topics))
	names := make([]string, 0, len(response.Topics))
	for i := range response.Topics {
		t := &response.Topics[i]
		if t.Topic == nil || !exists(t) {
			continue
		}
		names = append(names, *t.Topic)
		if t.TopicID != [16]byte{} { // otherwise the upstream is older than Kafka 2.8
			byID[t.TopicID] = *t.Topic
		}
	}
	slices.Sort(names)
	c.topics.names.listed.Store(&byID)
	return names
}

// exists reports whether the topic of a Metadata entry exists. A topic whose partitions
// have no leader exists too.
func exists(t *kmsg.MetadataResponseTopic) bool {
	return t.ErrorCode == 0 || t.ErrorCode == kerr.LeaderNotAvailable.Code
}

// questions returns the queue of questions to a broker.
func (c *Cluster) questions(node int32) *questions {
	return ofNode(&c.topics, &c.topics.ask, node, func() *questions {
		return newQuestions(&c.topics.names, func(r *kmsg.MetadataRequest) {
			ctx, cancel := context.WithTimeout(c.ctx, upstreamTimeout)
			defer cancel()
			c.askAmongAll(ctx, &c.topics.byID, func() { c.askAbout(ctx, node, r, func(*kmsg.MetadataResponseTopic) {}) })
		})
	})
}

// lane returns the lane of questions to a broker.
func (c *Cluster) lane(node int32) *lane {
	return ofNode(&c.topics, &c.topics.lanes, node, func() *lane { return new(lane) })
}

// ofNode returns what a map of t has for a broker, and makes it if it is missing.
func ofNode[V any](t *topics, m *map[int32]*V, node int32, create func() *V) *V {
	t.mu.Lock()
	defer t.mu.Unlock()
	if *m == nil {
		*m = make(map[int32]*V)
	}
	if (*m)[node] == nil {
		(*m)[node] = create()
	}
	return (*m)[node]
}

// whichExist asks a broker which of some topics exist, adds them to there, and reports
// whether it was answered.
func (c *Cluster) whichExist(ctx context.Context, node int32, names []string, there map[string]bool) bool {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	return c.askAbout(ctx, node, request, func(t *kmsg.MetadataResponseTopic) {
		if t.Topic != nil && exists(t) {
			there[*t.Topic] = true
		}
	})
}

// askAbout asks a broker about topics, learns the ids that it answers with, and calls each with
// every topic. It reports whether all was answered. An answer that is too large is asked for in
// halves.
func (c *Cluster) askAbout(ctx context.Context, node int32, request *kmsg.MetadataRequest, each func(*kmsg.MetadataResponseTopic)) bool {
	request.AllowAutoTopicCreation = false
	answer, err := c.request(ctx, node, request)
	if asked := request.Topics; tooLarge(err) && len(asked) > 1 {
		first, second := *request, *request
		first.Topics, second.Topics = asked[:len(asked)/2], asked[len(asked)/2:]
		return c.askAbout(ctx, node, &first, each) && c.askAbout(ctx, node, &second, each)
	}
	if err != nil {
		return false
	}
	response := answer.(*kmsg.MetadataResponse)
	for i := range response.Topics {
		t := &response.Topics[i]
		if t.Topic != nil && *t.Topic != "" && t.TopicID != [16]byte{} {
			c.topics.names.learn(t.TopicID, *t.Topic)
		}
		each(t)
	}
	return true
}

// request sends a question of a client to a broker, or to any broker if node is bootstrap.
func (c *Cluster) request(ctx context.Context, node int32, request kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	if node == bootstrap {
		return c.asks.Request(ctx, request)
	}
	return c.asks.Broker(int(node)).RetriableRequest(ctx, request)
}
