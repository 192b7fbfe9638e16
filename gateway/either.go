package gateway

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Metadata and DeleteTopics identify a topic either by name or by id, in two fields on
// the wire. Kafka has defined answers if both or neither are set.

// byID is the first version of Metadata with topic ids.
const byID = 12

// readMetadata reads the topics of a Metadata request. If any topic has an id, Kafka
// answers only the topics with ids and ignores names. If none has an id, a topic
// without a name fails the whole request: Kafka throws a NullPointerException. In
// versions without id support, both cases are invalid.
//
// Source: KafkaApis.handleTopicMetadataRequest; observed with Kafka 4.2.1.
func (r *reader) readMetadata(q *query, m *kmsg.MetadataRequest) {
	hasID := func(t kmsg.MetadataRequestTopic) bool { return t.TopicID != [16]byte{} }
	noName := func(t kmsg.MetadataRequestTopic) bool { return t.Topic == nil }
	ids := slices.ContainsFunc(m.Topics, hasID)
	switch {
	case m.Version < byID && (ids || slices.ContainsFunc(m.Topics, noName)):
		q.invalid = ops.InvalidRequest
	case ids:
		before := len(m.Topics)
		m.Topics = slices.DeleteFunc(m.Topics, func(t kmsg.MetadataRequestTopic) bool { return !hasID(t) })
		q.rewritten = len(m.Topics) != before
		for i := range m.Topics {
			q.rewritten = q.rewritten || m.Topics[i].Topic != nil
			m.Topics[i].Topic = nil
		}
	case slices.ContainsFunc(m.Topics, noName):
		q.invalid = ops.UnknownServerError
	}
	if q.invalid != ops.None {
		return
	}
	topics(q, &m.Topics, func(t *kmsg.MetadataRequestTopic) ops.Topic {
		if t.Topic == nil {
			return q.identified(r.cluster, t.TopicID)
		}
		return named(*t.Topic)
	})
}

// refuseMetadata gives every topic the error, identified as in the request.
func refuseMetadata(m *kmsg.MetadataRequest, r *kmsg.MetadataResponse, code ops.ErrorCode) {
	r.ControllerID = -1
	r.Topics = make([]kmsg.MetadataResponseTopic, 0, len(m.Topics))
	for _, topic := range m.Topics {
		t := kmsg.NewMetadataResponseTopic()
		t.Topic, t.TopicID, t.ErrorCode = topic.Topic, topic.TopicID, int16(code)
		if t.Topic == nil {
			t.Topic = emptyText
		}
		r.Topics = append(r.Topics, t)
	}
}

// readDeletions reads the topics to delete in a version with topic ids. A topic that
// has both a name and an id, or neither, is removed and answered separately, without
// authorization.
func (r *reader) readDeletions(q *query, m *kmsg.DeleteTopicsRequest) {
	isInvalid := func(t kmsg.DeleteTopicsRequestTopic) bool { return (t.Topic != nil) == (t.TopicID != [16]byte{}) }
	if slices.ContainsFunc(m.Topics, isInvalid) {
		q.rewritten = true
		q.apart = make([]kmsg.DeleteTopicsResponseTopic, 0, len(m.Topics))
		for _, topic := range m.Topics {
			if !isInvalid(topic) {
				continue
			}
			t := kmsg.NewDeleteTopicsResponseTopic()
			t.Topic, t.TopicID, t.ErrorCode, t.ErrorMessage = topic.Topic, topic.TopicID, int16(ops.InvalidRequest), bothText
			if topic.Topic == nil {
				t.ErrorMessage = neitherText
			}
			q.apart = append(q.apart, t)
		}
		m.Topics = slices.DeleteFunc(m.Topics, isInvalid)
	}
	topics(q, &m.Topics, func(t *kmsg.DeleteTopicsRequestTopic) ops.Topic {
		if t.Topic == nil {
			return q.identified(r.cluster, t.TopicID)
		}
		return named(*t.Topic)
	})
}

// nameRefused adds the names of refused topics that were identified by id to the answer
// of a deletion, if the client may describe them.
//
// Source: Kafka's ControllerApis.deleteTopics.
func (p *Plan) nameRefused(resp kmsg.Response) {
	r, ok := resp.(*kmsg.DeleteTopicsResponse)
	if !ok {
		return
	}
	for i := range r.Topics {
		t := &r.Topics[i]
		if t.Topic != nil || t.ErrorCode != int16(ops.TopicAuthorizationFailed) {
			continue
		}
		name := p.query.identified(p.conn.reader.cluster, t.TopicID).Name
		if name != "" && p.asker.view.Allowed(ops.Describe, resource.Topic, name) {
			t.Topic = &name
		}
	}
}

// answerApart answers a request that has only separately answered entries left, or adds
// them to the gateway's own answer.
func (p *Plan) answerApart() {
	q := p.query
	if len(q.Topics) == 0 {
		p.local, p.Forward = q.message.ResponseKind(), nil
	}
	if p.local != nil {
		p.addApart(p.local)
	}
}

// addApart adds the separately answered entries to a response, and reports whether
// there were any.
func (p *Plan) addApart(resp kmsg.Response) bool {
	if p.query == nil || len(p.query.apart) == 0 {
		return false
	}
	r := resp.(*kmsg.DeleteTopicsResponse)
	r.Topics = append(r.Topics, p.query.apart...)
	return true
}
