package proxy

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicsInterval is how long the upstream is not asked for its topics again once it
// was. A request can name tens of thousands of topics that there are not, so what a
// client asks for must not decide how often the proxy asks. A second is about what the
// brokers themselves need until all of them know of a new topic.
const topicsInterval = time.Second

// topics is what the proxy knows of the topics of the upstream.
type topics struct {
	// byID has the names by id. An id is never given to another topic, so that these
	// are true for as long as they are kept: until the next answer.
	byID atomic.Pointer[map[[16]byte]string]

	mu    sync.Mutex // held while the upstream is asked, so that all wait for one answer
	asked time.Time  // when the upstream last answered, or did not
	names []string   // in order; none if it did not
}

// TopicName returns the name of a topic by its id, for [gateway.Cluster]. For an id
// that is not known the upstream is asked, at most once in topicsInterval; without an
// answer no such topic is known, and the client, to whom an unknown id is an error to
// try again after, gets that.
func (c *cluster) TopicName(id [16]byte) (name string, ok bool) {
	if name, ok = c.topics.name(id); ok || id == [16]byte{} {
		return name, ok
	}
	c.Topics()
	return c.topics.name(id)
}

// HasTopic reports whether there is a topic of the name, for [gateway.Cluster]. The
// answer is not older than topicsInterval. Without an answer of the upstream there is
// none.
func (c *cluster) HasTopic(name string) bool {
	_, ok := slices.BinarySearch(c.Topics(), name)
	return ok
}

// Topics returns the names of all topics in order, for [gateway.Cluster], as HasTopic
// knows them.
func (c *cluster) Topics() []string {
	c.topics.mu.Lock()
	defer c.topics.mu.Unlock()
	if time.Since(c.topics.asked) >= topicsInterval {
		c.askTopics()
		c.topics.asked = time.Now() // after it: who waited must not ask the next time
	}
	return c.topics.names
}

func (t *topics) name(id [16]byte) (name string, ok bool) {
	if known := t.byID.Load(); known != nil {
		name, ok = (*known)[id]
	}
	return name, ok
}

// askTopics asks the upstream for all topics. topics.mu is held.
func (c *cluster) askTopics() {
	ctx, cancel := context.WithTimeout(c.ctx, upstreamTimeout)
	defer cancel()
	c.topics.names = nil
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil // all
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return
	}
	byID := make(map[[16]byte]string, len(response.Topics))
	names := make([]string, 0, len(response.Topics))
	for i := range response.Topics {
		t := &response.Topics[i]
		// A topic whose partitions have no leader exists all the same.
		if t.Topic == nil || t.ErrorCode != 0 && t.ErrorCode != kerr.LeaderNotAvailable.Code {
			continue
		}
		names = append(names, *t.Topic)
		if t.TopicID != [16]byte{} { // else the upstream is older than Kafka 2.8
			byID[t.TopicID] = *t.Topic
		}
	}
	slices.Sort(names)
	c.topics.names = names
	c.topics.byID.Store(&byID)
}
