package gateway

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Metadata and DeleteTopics name a topic either by its name or by its id, on the wire by
// two fields. Kafka has an answer to both and to neither.

// byID is the first version of Metadata whose topics may be named by id.
const byID = 12

// readMetadata reads the topics of a Metadata request. Where any has an id, Kafka answers
// those that have one and does not look at names. Where none has, one without a name fails
// the request: Kafka throws a NullPointerException. Before ids are served, both are invalid.
//
// Source: KafkaApis.handleTopicMetadataRequest; seen of Kafka 4.2.1.
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

// refuseMetadata gives every topic the error, as it was named.
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

// readDeletions reads the topics to delete of a version whose topics may be named by id.
// Those that are named in both ways, or in neither, are taken out and answered apart:
// nothing is asked about them.
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

// nameRefused gives the refused topics of an answer about deletions that were named by their
// ids their names, if the client may describe them.
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

// answerApart answers a request of which nothing is left but the entries that are answered
// apart, or adds them to the answer that the gateway gives itself.
func (p *Plan) answerApart() {
	q := p.query
	if len(q.Topics) == 0 {
		p.local, p.Forward = q.message.ResponseKind(), nil
	}
	if p.local != nil {
		p.addApart(p.local)
	}
}

// addApart adds the entries that are answered apart to a response, and reports whether
// there are any.
func (p *Plan) addApart(resp kmsg.Response) bool {
	if p.query == nil || len(p.query.apart) == 0 {
		return false
	}
	r := resp.(*kmsg.DeleteTopicsResponse)
	r.Topics = append(r.Topics, p.query.apart...)
	return true
}
