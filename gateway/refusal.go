package gateway

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/internal/limits"
	"github.com/portcullis-authz/portcullis/ops"
)

// refusal is an error that refuses a request or an entry of it.
type refusal struct {
	query *query
	code  int16
	words *string // instead of Kafka's default text, or nil
	// echoes, if not nil, records which entries the answer repeats; see [api.echoes].
	echoes map[reflect.Type]echo
	text   bool // the entry that is recorded has a text
}

// is reports whether the error has a code.
func (f *refusal) is(code ops.ErrorCode) bool { return f.code == int16(code) }

// room returns how many bytes of texts still fit in the answer.
func (f *refusal) room() int { return limits.Texts - f.query.said }

// message returns Kafka's default text for the error; nil if there is none, or no room.
func (f *refusal) message() *string {
	return f.say(cmp.Or(f.words, messages[ops.ErrorCode(f.code)]))
}

// say returns the text if it still fits, and else nil.
func (f *refusal) say(text *string) *string {
	f.text = true
	if text == nil {
		return nil
	}
	if len(*text) > f.room() {
		f.query.said = limits.Texts // so that no further texts are created
		return nil
	}
	f.query.said += len(*text)
	return text
}

// refuseEach returns the answers that refuse the entries of a list. The answers are not
// null, even if there are none. refuse fills an answer that has kmsg's defaults.
func refuseEach[Q, R any](f *refusal, list []Q, refuse func(*refusal, *Q, *R)) []R {
	if f.echoes != nil {
		outer := f.text
		f.text = false
		refuse(f, new(Q), new(R))
		f.echoes[reflect.TypeFor[Q]()] = echo{reflect.TypeFor[R](), f.text}
		f.text = outer
	}
	refused := make([]R, len(list))
	for i := range list {
		blank(&refused[i])
		refuse(f, &list[i], &refused[i])
	}
	return refused
}

// blank sets kmsg's defaults in a structure.
func blank(of any) { of.(interface{ Default() }).Default() }

// emptyText is the metadata of a refused offset.
var emptyText = new("")

// refuseAll returns the response that refuses a request as a whole.
func refuseAll(q *query, code ops.ErrorCode) (kmsg.Response, error) {
	a, resp := apiOf(q.Key), q.message.ResponseKind()
	f := &refusal{query: q, code: int16(code)}
	each := a.entriesIn(q.Version)
	if q.Version >= a.eachBelow {
		each = nil
	}
	if a.refuse == nil && each == nil {
		return nil, fmt.Errorf("the response has no field for %v", code)
	}
	if a.refuse != nil {
		a.refuse(f, resp)
	}
	if each != nil {
		each.refuseAll(f, q.message, resp)
	}
	return resp, nil
}

// refuseLogDirs gives every partition of every directory the error.
func refuseLogDirs(f *refusal, m *kmsg.AlterReplicaLogDirsRequest, r *kmsg.AlterReplicaLogDirsResponse) {
	var topics []kmsg.AlterReplicaLogDirsRequestDirTopic
	for i := range m.Dirs {
		topics = append(topics, m.Dirs[i].Topics...)
	}
	r.Topics = refuseEach(f, topics, func(f *refusal, t *kmsg.AlterReplicaLogDirsRequestDirTopic, a *kmsg.AlterReplicaLogDirsResponseTopic) {
		a.Topic = t.Topic
		a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.AlterReplicaLogDirsResponseTopicPartition) {
			a.Partition, a.ErrorCode = *p, f.code
		})
	})
}

// refuseCredentials gives each user whose credentials would be altered the error, once.
func refuseCredentials(f *refusal, m *kmsg.AlterUserSCRAMCredentialsRequest, r *kmsg.AlterUserSCRAMCredentialsResponse) {
	users := make([]string, 0, len(m.Deletions)+len(m.Upsertions))
	for i := range m.Deletions {
		users = append(users, m.Deletions[i].Name)
	}
	for i := range m.Upsertions {
		users = append(users, m.Upsertions[i].Name)
	}
	seen := make(map[string]bool, len(users))
	users = slices.DeleteFunc(users, func(user string) bool {
		repeated := seen[user]
		seen[user] = true
		return repeated
	})
	r.Results = refuseEach(f, users, func(f *refusal, user *string, a *kmsg.AlterUserSCRAMCredentialsResponseResult) {
		a.User, a.ErrorCode, a.ErrorMessage = *user, f.code, f.message()
	})
}

// refuseQuotas repeats each entity with the error.
func refuseQuotas(f *refusal, m *kmsg.AlterClientQuotasRequest, r *kmsg.AlterClientQuotasResponse) {
	r.Entries = refuseEach(f, m.Entries, func(f *refusal, e *kmsg.AlterClientQuotasRequestEntry, a *kmsg.AlterClientQuotasResponseEntry) {
		a.ErrorCode, a.ErrorMessage = f.code, f.message()
		a.Entity = refuseEach(f, e.Entity, func(_ *refusal, e *kmsg.AlterClientQuotasRequestEntryEntity, a *kmsg.AlterClientQuotasResponseEntryEntity) {
			a.Type, a.Name = e.Type, e.Name
		})
	})
}

// refuseMarkers gives every partition the error. Kafka collects the errors by producer:
// the last marker of each counts.
func refuseMarkers(f *refusal, m *kmsg.WriteTxnMarkersRequest, r *kmsg.WriteTxnMarkersResponse) {
	last := make(map[int64]int, len(m.Markers))
	for i := range m.Markers {
		last[m.Markers[i].ProducerID] = i
	}
	markers := make([]kmsg.WriteTxnMarkersRequestMarker, 0, len(last))
	for i := range m.Markers {
		if last[m.Markers[i].ProducerID] == i {
			markers = append(markers, m.Markers[i])
		}
	}
	r.Markers = refuseEach(f, markers, func(f *refusal, m *kmsg.WriteTxnMarkersRequestMarker, a *kmsg.WriteTxnMarkersResponseMarker) {
		a.ProducerID = m.ProducerID
		a.Topics = markedPartitions.of(refuseEach(f, m.Topics, func(f *refusal, t *kmsg.WriteTxnMarkersRequestMarkerTopic, a *kmsg.WriteTxnMarkersResponseMarkerTopic) {
			a.Topic = t.Topic
			a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.WriteTxnMarkersResponseMarkerTopicPartition) {
				a.Partition, a.ErrorCode = *p, f.code
			})
		}), func(t *kmsg.WriteTxnMarkersResponseMarkerTopic) entryKey { return entryKey{name: t.Topic} })
	})
}

// markedPartitions joins the partitions of the topics of a marker.
var markedPartitions = joining(joinPartition,
	func(t *kmsg.WriteTxnMarkersResponseMarkerTopic) *[]kmsg.WriteTxnMarkersResponseMarkerTopicPartition {
		return &t.Partitions
	},
	func(p *kmsg.WriteTxnMarkersResponseMarkerTopicPartition) int32 { return p.Partition })

// refuseLeaders gives every partition the error. From version 2 on the request groups
// them by topic, from version 5 on also the response.
func refuseLeaders(f *refusal, m *kmsg.LeaderAndISRRequest, r *kmsg.LeaderAndISRResponse) {
	r.ErrorCode = f.code
	r.Partitions = refuseEach(f, m.PartitionStates, func(f *refusal, p *kmsg.LeaderAndISRRequestTopicPartition, a *kmsg.LeaderAndISRResponseTopicPartition) {
		a.Topic, a.Partition, a.ErrorCode = p.Topic, p.Partition, f.code
	})
	r.Topics = refuseEach(f, m.TopicStates, func(f *refusal, t *kmsg.LeaderAndISRRequestTopicState, a *kmsg.LeaderAndISRResponseTopic) {
		a.TopicID = t.TopicID
		a.Partitions = refuseEach(f, t.PartitionStates, func(f *refusal, p *kmsg.LeaderAndISRRequestTopicPartition, a *kmsg.LeaderAndISRResponseTopicPartition) {
			a.Topic, a.Partition, a.ErrorCode = t.Topic, p.Partition, f.code
		})
	})
	for i := range r.Topics {
		r.Partitions = append(r.Partitions, r.Topics[i].Partitions...)
	}
}

// refuseReplicas gives every partition the error. In version 0 each entry has one
// partition, up to version 2 a list of partitions for each topic, and from version 3 on
// a list of states.
func refuseReplicas(f *refusal, m *kmsg.StopReplicaRequest, r *kmsg.StopReplicaResponse) {
	count := 0
	for i := range m.Topics {
		count += 1 + len(m.Topics[i].Partitions) + len(m.Topics[i].PartitionStates)
	}
	r.ErrorCode, r.Partitions = f.code, make([]kmsg.StopReplicaResponsePartition, 0, count)
	add := func(topic string, partition int32) {
		r.Partitions = append(r.Partitions, kmsg.StopReplicaResponsePartition{Topic: topic, Partition: partition, ErrorCode: f.code})
	}
	for i := range m.Topics {
		t := &m.Topics[i]
		if m.Version == 0 {
			add(t.Topic, t.Partition)
		}
		for _, p := range t.Partitions {
			add(t.Topic, p)
		}
		for _, p := range t.PartitionStates {
			add(t.Topic, p.Partition)
		}
	}
}
