package gateway

import (
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRefused is how many refused partitions of a share session are remembered. It is
// far more than a consumer reads; what is beyond is asked about again in the member's
// next session.
const maxRefused = 10_000

// shareSession is what was refused of the share session of a connection, which has one
// member. A client names a partition once in a session, and expects to get its records
// as soon as it may read them, as from Kafka, which keeps refused partitions in the
// session. The cluster does not hear of them. So they are asked about again with every
// request. The zero shareSession is none.
//
// Source: KIP-932; Kafka's SharePartitionManager.newContext.
type shareSession struct {
	group, member string
	refused       []kmsg.ShareFetchRequestTopic // one partition in each, without acknowledgements
}

// initialEpoch is the epoch that begins a share session.
const initialEpoch = 0

// resume adds to a share fetch what was refused in its session, and reports whether
// there was anything.
func (s *shareSession) resume(message kmsg.Request) bool {
	m, ok := message.(*kmsg.ShareFetchRequest)
	if !ok {
		return false
	}
	group, member := stringOf(m.GroupID), stringOf(m.MemberID)
	if m.ShareSessionEpoch <= initialEpoch || group != s.group || member != s.member {
		*s = shareSession{group: group, member: member}
		return false
	}
	if len(s.refused) == 0 {
		return false
	}
	named := partitionsOf(m)
	for _, t := range s.refused {
		if !named[sharePartition{t.TopicID, t.Partitions[0].Partition}] {
			m.Topics = append(m.Topics, t)
		}
	}
	return true
}

type sharePartition struct {
	topic     [16]byte
	partition int32
}

// partitionsOf returns the partitions that a share fetch itself says something about.
func partitionsOf(m *kmsg.ShareFetchRequest) map[sharePartition]bool {
	named := make(map[sharePartition]bool)
	for i := range m.Topics {
		for _, p := range m.Topics[i].Partitions {
			named[sharePartition{m.Topics[i].TopicID, p.Partition}] = true
		}
	}
	for i := range m.ForgottenTopicsData {
		for _, p := range m.ForgottenTopicsData[i].Partitions {
			named[sharePartition{m.ForgottenTopicsData[i].TopicID, p}] = true
		}
	}
	return named
}

// remember keeps what was refused of a share fetch: nothing if v is nil.
func (s *shareSession) remember(message kmsg.Request, v *verdicts) {
	if _, ok := message.(*kmsg.ShareFetchRequest); !ok {
		return
	}
	s.refused = nil
	if v == nil {
		return
	}
	l := v.list.(entries[kmsg.ShareFetchRequestTopic])
	for i, t := range l.all {
		for _, p := range t.Partitions {
			if v.items[i] == ops.None || len(s.refused) == maxRefused {
				continue
			}
			p.AcknowledgementBatches, p.UnknownTags = nil, kmsg.Tags{} // which share memory with the frame
			s.refused = append(s.refused, kmsg.ShareFetchRequestTopic{TopicID: t.TopicID, Partitions: []kmsg.ShareFetchRequestTopicPartition{p}})
		}
	}
}

// filterShareFetch takes out of a share fetch what the client may no longer read: the
// partitions of a share session are those that were added to it, also before an ACL
// was changed. Records that are withheld so are given to another member when their lock
// ends.
func (p *Plan) filterShareFetch(r *kmsg.ShareFetchResponse) {
	late := p.query.Request
	late.Topics = topicsOf(r.Topics, func(t *kmsg.ShareFetchResponseTopic) ops.Topic { return p.shown(nil, t.TopicID) })
	out := p.evaluateLate(&late)
	for i := range out.Items {
		it := &out.Items[i]
		t := &r.Topics[it.Index]
		if it.Code == ops.None {
			continue
		}
		for j := range t.Partitions {
			if p := &t.Partitions[j]; p.ErrorCode != 0 && len(p.Records) == 0 && len(p.AcquiredRecords) == 0 {
				continue // refused before, or for another reason
			}
			refusal := kmsg.NewShareFetchResponseTopicPartition()
			refusal.Partition = t.Partitions[j].Partition
			refusal.ErrorCode = int16(it.Code)
			t.Partitions[j] = refusal
		}
	}
}

func stringOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
