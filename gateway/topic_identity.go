package gateway

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Metadata and DeleteTopics identify a topic either by name or by id, in two fields on
// the wire. Kafka has defined answers if both or neither are set.

// The first versions of Metadata and DeleteTopics with topic ids.
const (
	byID         = 12
	deletionByID = 6
)

// readMetadata reads the topics of a Metadata request. If any topic has an id, Kafka
// answers only the topics with ids and ignores names. If none has an id, a topic
// without a name fails the whole request: Kafka throws a NullPointerException. In
// versions without id support, both cases are invalid.
//
// Source: KafkaApis.handleTopicMetadataRequest; observed with Kafka 4.2.1.
func readMetadata(q *query, m *kmsg.MetadataRequest) {
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
}

// refuseMetadataTopic refuses a topic, identified as in the request.
func refuseMetadataTopic(f *refusal, t *kmsg.MetadataRequestTopic, a *kmsg.MetadataResponseTopic) {
	a.Topic, a.TopicID, a.ErrorCode = t.Topic, t.TopicID, f.code
}

// readDeletions reads the topics to delete in a version with topic ids. A topic that
// has both a name and an id, or neither, is removed and answered separately, without
// authorization.
func readDeletions(q *query, m *kmsg.DeleteTopicsRequest) {
	if m.Version < deletionByID {
		return
	}
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
		name := p.query.identified(t.TopicID).Name
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
		p.local, p.frames = q.message.ResponseKind(), nil
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
