package gateway

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeTopicPartitions answers in pages, and tells the client with which topic the
// next one begins. That topic can be one that the client must not know of, but that the
// cluster needs to know. Such a cursor is sealed with a key of the gateway's own: the
// client hands it back unread.

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

// openCursor puts the topic back into a cursor that was sealed.
func openCursor(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.DescribeTopicPartitionsRequest)
	if m.Cursor == nil {
		return false, nil
	}
	sealed, ok := strings.CutPrefix(m.Cursor.Topic, sealMark)
	if !ok {
		return false, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		data, err = p.gateway.seal.Open(nil, nil, data, nil)
	}
	if err != nil {
		return false, errors.New("malformed: a cursor that this gateway did not give out")
	}
	m.Cursor.Topic = string(data)
	return true, nil
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
	if r.NextCursor == nil {
		return
	}
	late.Topics, late.AllTopics = []ops.Topic{{Name: r.NextCursor.Topic, Exists: true}}, true
	if out := p.evaluateLate(&late); len(out.Filtered) > 0 {
		r.NextCursor.Topic = sealMark + base64.RawURLEncoding.EncodeToString(p.gateway.seal.Seal(nil, nil, []byte(r.NextCursor.Topic), nil))
	}
}
