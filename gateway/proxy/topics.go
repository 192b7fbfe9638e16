package proxy

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicName returns the name of a topic by its id, for [gateway.Cluster]. An id that is
// not known yet is asked of the upstream; without an answer no such topic is known, and
// the client, to whom an unknown id is an error to try again after, gets that.
func (c *cluster) TopicName(id [16]byte) (name string, ok bool) {
	c.mu.RLock()
	name, ok = c.topics[id]
	c.mu.RUnlock()
	if ok || id == [16]byte{} {
		return name, ok
	}
	topic := kmsg.NewMetadataRequestTopic()
	topic.TopicID = id
	_, _ = c.metadata([]kmsg.MetadataRequestTopic{topic})
	c.mu.RLock()
	defer c.mu.RUnlock()
	name, ok = c.topics[id]
	return name, ok
}

// HasTopic reports whether there is a topic of the name, for [gateway.Cluster]. Without
// an answer of the upstream there is none.
func (c *cluster) HasTopic(name string) bool {
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(name)
	found, err := c.metadata([]kmsg.MetadataRequestTopic{topic})
	return err == nil && len(found) == 1
}

// Topics returns the names of all topics, for [gateway.Cluster].
func (c *cluster) Topics() []string {
	found, _ := c.metadata(nil)
	return found
}

// metadata asks the upstream for topics, all of them if the list is nil, and returns
// the names of those that there are.
func (c *cluster) metadata(topics []kmsg.MetadataRequestTopic) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), upstreamTimeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = topics
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for i := range response.Topics {
		t := &response.Topics[i]
		// A topic whose partitions have no leader exists all the same.
		if t.Topic == nil || t.ErrorCode != 0 && t.ErrorCode != kerr.LeaderNotAvailable.Code {
			continue
		}
		names = append(names, *t.Topic)
		if t.TopicID == [16]byte{} {
			continue // the upstream is older than Kafka 2.8
		}
		if len(c.topics) >= maxTopicIDs {
			clear(c.topics)
		}
		c.topics[t.TopicID] = *t.Topic
	}
	return names, nil
}
