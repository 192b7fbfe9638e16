package gateway

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// DescribeTopicPartitions answers in pages, and returns a cursor to the first partition
// of the next page. For a request for all topics, the cluster's page contains
// everything that the gateway may see; the gateway then removes what the client may not
// see. So the client must neither choose nor learn where a page begins and ends.
// Otherwise it could ask for a page that begins at a name of its choice and ends after
// one partition. If that page is empty, a hidden topic follows the name, and a few
// hundred such pages spell out the hidden name.
//
// So the gateway encrypts every cursor of such a request with its own key, for one
// principal, and accepts no other cursor. The cluster alone determines the length of a
// page; the client's limit is ignored. A page may be empty and have a cursor to the
// next one.
//
// The approximate number of hidden partitions remains visible: a page has as many
// partitions as the cluster configures (max.request.partition.size.limit), and the
// missing ones are hidden. So a client can count the hidden partitions of the whole
// cluster, and those between two topics that it may describe, including topics that it
// creates. It cannot test a name that it invents.
//
// If a request names topics, only topics that the client may describe are forwarded.
// Then the cursor is a plain topic name, and the client's limit applies.

// sealMark begins a sealed cursor. Topic names cannot contain it.
const sealMark = "~"

// newSeal returns a cipher with a new random key.
func newSeal() cipher.AEAD {
	key := make([]byte, 32)
	rand.Read(key) // never fails: see crypto/rand
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key length is valid
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// sealCursor encrypts a cursor of the cluster for the client.
func (p *Plan) sealCursor(topic string, partition int32) string {
	// Every name is padded to the maximum length, so that a cursor does not show its length.
	plain := make([]byte, 4+max(resource.MaxTopicName, len(topic)))
	binary.BigEndian.PutUint32(plain, uint32(partition))
	copy(plain[4:], topic)
	return sealMark + base64.RawURLEncoding.EncodeToString(p.gateway.seal.Seal(nil, nil, plain, p.sealedFor()))
}

// unsealCursor decrypts a cursor of the client. ok is false unless this gateway issued
// it to this principal.
func (p *Plan) unsealCursor(cursor string) (topic string, partition int32, ok bool) {
	sealed, ok := strings.CutPrefix(cursor, sealMark)
	if !ok {
		return "", 0, false
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return "", 0, false
	}
	plain, err := p.gateway.seal.Open(nil, nil, data, p.sealedFor())
	if err != nil || len(plain) < 4 {
		return "", 0, false
	}
	return string(bytes.TrimRight(plain[4:], "\x00")), int32(binary.BigEndian.Uint32(plain)), true
}

// sealedFor is the principal that a cursor is bound to.
func (p *Plan) sealedFor() []byte { return []byte(p.query.Caller.Principal) }

// readPage refuses a cursor before the first partition. If the request names topics, it
// also refuses a cursor of a topic that is not among them, such as a sealed one, which
// belongs to another request. Topics before the cursor's topic are not described.
//
// Source: Kafka's DescribeTopicPartitionsRequestHandler.
func readPage(q *query, m *kmsg.DescribeTopicPartitionsRequest) {
	q.AllTopics = len(m.Topics) == 0
	if m.Cursor == nil {
		return
	}
	isCursor := func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == m.Cursor.Topic }
	if m.Cursor.Partition < 0 || !q.AllTopics && !slices.ContainsFunc(m.Topics, isCursor) {
		q.unservable = ops.InvalidRequest
		return
	}
	m.Topics = slices.DeleteFunc(m.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic < m.Cursor.Topic })
}

// rewritePage changes a request for all topics: it decrypts the cursor and removes the
// client's limit. Cursors that cannot be decrypted are refused, such as those of a
// gateway that has been restarted: the client starts again. A client that may see no topic
// gets a last page without topics.
func rewritePage(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.DescribeTopicPartitionsRequest)
	if !p.query.AllTopics {
		dropCursor(m)
		return false, nil
	}
	changed := m.ResponsePartitionLimit != math.MaxInt32
	m.ResponsePartitionLimit = math.MaxInt32
	if m.Cursor != nil {
		topic, partition, ok := p.unsealCursor(m.Cursor.Topic)
		if !ok {
			return false, p.refuse(ops.InvalidRequest)
		}
		m.Cursor.Topic, m.Cursor.Partition, changed = topic, partition, true
	}
	if p.seesNone(resource.Topic) {
		r := m.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
		r.Topics = []kmsg.DescribeTopicPartitionsResponseTopic{}
		p.local = r
	}
	return changed, nil
}

// dropCursor removes the cursor if its topic is refused, since the cluster would refuse
// the request. The topics before it have been removed already.
func dropCursor(m *kmsg.DescribeTopicPartitionsRequest) {
	if m.Cursor != nil && !slices.ContainsFunc(m.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == m.Cursor.Topic }) {
		m.Cursor = nil
	}
}

// refuseCursor reports the error of a request in its topics, and that of a request for
// all topics in an entry for the cursor's topic. A broker reports it in the named topics; here there are none, and the
// answer would look like an empty last page.
func refuseCursor(f *refusal, m *kmsg.DescribeTopicPartitionsRequest, r *kmsg.DescribeTopicPartitionsResponse) {
	topics := m.Topics
	if len(topics) == 0 && m.Cursor != nil {
		topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: m.Cursor.Topic}}
	}
	r.Topics = refuseEach(f, topics, refuseTopicPartitions)
}

// refuseTopicPartitions refuses to describe a topic.
func refuseTopicPartitions(f *refusal, t *kmsg.DescribeTopicPartitionsRequestTopic, a *kmsg.DescribeTopicPartitionsResponseTopic) {
	a.Topic, a.ErrorCode = &t.Topic, f.code
}

// filterTopicPartitions filters the topics that the cluster describes.
func (p *Plan) filterTopicPartitions(r *kmsg.DescribeTopicPartitionsResponse) {
	late := p.query.Request
	late.Topics = topicsOf(r.Topics, func(t *kmsg.DescribeTopicPartitionsResponseTopic) ops.Topic { return p.shown(t.Topic, t.TopicID) })
	out := p.evaluateLate(&late)
	topics := make([]kmsg.DescribeTopicPartitionsResponseTopic, 0, len(r.Topics))
	for i := range out.Items {
		it := &out.Items[i]
		t := r.Topics[it.Index]
		if it.Code != ops.None && t.ErrorCode == 0 {
			continue
		}
		if it.HasOperations {
			intersect(&t.AuthorizedOperations, it.Operations)
		}
		topics = append(topics, t)
	}
	r.Topics = topics
	next := r.NextCursor
	if next == nil {
		return
	}
	late.Topics, late.AllTopics = []ops.Topic{{Name: next.Topic, Exists: true}}, true
	switch {
	case p.query.AllTopics:
		next.Topic, next.Partition = p.sealCursor(next.Topic, next.Partition), 0
	case len(p.evaluateLate(&late).Filtered) > 0: // the client did not name it, or may not describe it
		r.NextCursor = nil
	}
}
