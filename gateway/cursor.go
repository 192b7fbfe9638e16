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
)

// DescribeTopicPartitions answers in pages, and tells the client with which partition the
// next one begins. A request for all topics is answered by what the gateway may see, and
// what the client may not is taken out of the page afterwards. Where a page begins and
// ends must then be neither chosen by the client nor told to it: a page that begins at a
// name of the client's, ends after one partition and turns out empty says that a hidden
// topic follows that name, and a few hundred such pages spell it.
//
// So every cursor of such a request is sealed with a key of the gateway's own, for one
// principal, and no other is accepted; and a page is as long as the cluster makes it,
// whatever limit the client asks for. It may be empty, with a cursor to the next.
//
// What remains visible is about how many hidden partitions there are: a page holds as
// many partitions as the cluster has set (max.request.partition.size.limit), and what is
// missing to that is hidden. So a client may count what is hidden in the whole cluster,
// and between topics that it may describe, those included that it creates; it cannot ask
// about a name that it makes up.
//
// Where topics are named, only those that the client may describe are sent on: the
// cursor is one of them, plain, and the limit is the client's.

// sealMark begins a sealed cursor. No topic's name has it.
const sealMark = "~"

// newSeal returns a cipher with a key of its own.
func newSeal() cipher.AEAD {
	key := make([]byte, 32)
	rand.Read(key) // it never fails: see crypto/rand
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has one of the three lengths
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// maxTopicName is how long a topic's name can be, in bytes. All names are sealed at this
// length, so that a cursor does not show how long one is.
//
// Source: Kafka's Topic.MAX_NAME_LENGTH.
const maxTopicName = 249

// sealCursor returns the cursor of the client for one of the cluster.
func (p *Plan) sealCursor(topic string, partition int32) string {
	plain := make([]byte, 4+max(maxTopicName, len(topic)))
	binary.BigEndian.PutUint32(plain, uint32(partition))
	copy(plain[4:], topic)
	return sealMark + base64.RawURLEncoding.EncodeToString(p.gateway.seal.Seal(nil, nil, plain, p.sealedFor()))
}

// unsealCursor returns the cursor of the cluster for one of the client, and whether it
// is one that this gateway gave to this principal.
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

// sealedFor is what a cursor is bound to: who was given it.
func (p *Plan) sealedFor() []byte { return []byte(p.query.Caller.Principal) }

// readPage refuses a cursor before the first partition, and where topics are named one of
// another topic, such as a sealed one: it is of another request. Topics before that of the
// cursor are not described.
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

// rewritePage makes a request for all topics one for the page that a sealed cursor says,
// as long as the cluster makes it. Any other cursor is refused. So is one of a gateway
// that has been replaced since: the client begins anew.
func rewritePage(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.DescribeTopicPartitionsRequest)
	if !p.query.AllTopics {
		dropCursor(m)
		return false, nil
	}
	changed := m.ResponsePartitionLimit != math.MaxInt32
	m.ResponsePartitionLimit = math.MaxInt32
	if m.Cursor == nil {
		return changed, nil
	}
	topic, partition, ok := p.unsealCursor(m.Cursor.Topic)
	if !ok {
		var err error
		p.local, err = refuseAll(p.query, ops.InvalidRequest)
		return false, err
	}
	m.Cursor.Topic, m.Cursor.Partition = topic, partition
	return true, nil
}

// dropCursor takes the cursor out of a request whose cursor is of a topic that is refused:
// the cluster would refuse it. The topics before it are already out of the request.
func dropCursor(m *kmsg.DescribeTopicPartitionsRequest) {
	if m.Cursor != nil && !slices.ContainsFunc(m.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == m.Cursor.Topic }) {
		m.Cursor = nil
	}
}

// refuseCursor gives the error of a request for all topics to the topic of its cursor. A
// broker's error is in the topics that are named: here it would be no error but an empty
// last page.
func refuseCursor(m *kmsg.DescribeTopicPartitionsRequest, r *kmsg.DescribeTopicPartitionsResponse, code ops.ErrorCode) {
	if len(m.Topics) > 0 || m.Cursor == nil {
		return
	}
	t := kmsg.NewDescribeTopicPartitionsResponseTopic()
	t.Topic, t.ErrorCode = &m.Cursor.Topic, int16(code)
	r.Topics = append(r.Topics, t)
}

// filterTopicPartitions decides about the topics that the cluster describes.
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
	case len(p.evaluateLate(&late).Filtered) > 0: // the client did not name it, or may not
		r.NextCursor = nil
	}
}
