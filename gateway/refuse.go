package gateway

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A refusal repeats what was asked for: the entry of a topic has its name and all its
// partitions. Kafka's schemas, and so kmsg's structures, name the same thing the same in
// a request and its response, so that one function makes every such entry.

// identity is, for the fields of a response that say what an entry is about, the fields
// of the request that they repeat. The first that there is counts.
var identity = map[string][]string{
	"Topic": {"Topic"}, "TopicID": {"TopicID"}, "Partition": {"Partition"},
	"Group": {"Group"}, "GroupID": {"GroupID"}, "Key": {}, "TransactionalID": {"TransactionalID"},
	"ResourceType": {"ResourceType"}, "ResourceName": {"ResourceName"},
	"ProducerID": {"ProducerID"}, "Entity": {"Entity"}, "Type": {"Type"}, "Name": {"Name"}, "User": {"Name"},
}

// plainKeys are the fields that a plain name or number of the request is repeated in,
// by its kind: of groups, keys, transactional ids and topics, and of partitions.
var plainKeys = map[reflect.Kind][]string{
	reflect.String: {"Group", "GroupID", "Key", "TransactionalID", "Topic"},
	reflect.Int32:  {"Partition"},
}

// blanks are the values of fields that an error is shown without, where they are not
// kmsg's defaults.
//
// Source: the getErrorResponse methods and error entries of Kafka 4.2's requests.
var blanks = map[string]int64{
	"BaseOffset": -1, "LogAppendTime": -1, "LogStartOffset": -1, "HighWatermark": -1, "LastStableOffset": -1,
	"PreferredReadReplica": -1, "Timestamp": -1, "Offset": -1, "LeaderEpoch": -1, "EndOffset": -1, "LowWatermark": -1,
	"NodeID": -1, "Port": -1, "NumPartitions": -1, "ReplicationFactor": -1, "ProducerEpoch": -1,
	"AuthorizedOperations": math.MinInt32, "ClusterAuthorizedOperations": math.MinInt32, "Generation": -1, "ExpiryTimestamp": -1,
}

// messages are what Kafka says beside the codes of a refusal, where it says something.
//
// Source: Kafka 4.2, org.apache.kafka.common.protocol.Errors.
var messages = map[ops.ErrorCode]*string{
	ops.TopicAuthorizationFailed:           new("Topic authorization failed."),
	ops.GroupAuthorizationFailed:           new("Group authorization failed."),
	ops.ClusterAuthorizationFailed:         new("Cluster authorization failed."),
	ops.TransactionalIDAuthorizationFailed: new("Transactional Id authorization failed."),
	ops.DelegationTokenAuthorizationFailed: new("Delegation Token authorization failed."),
}

// emptyText is the metadata of an offset that is refused.
var emptyText = new("")

// setError sets the error of a structure that can have one, and reports whether it can.
func setError(v reflect.Value, code ops.ErrorCode) bool {
	return refusalOf(v.Type(), nil).setError(v, code)
}

// fillError makes dst, which is zero, the entry of the response that refuses src, an entry
// of the request.
func fillError(dst, src reflect.Value, code ops.ErrorCode) {
	refusalOf(dst.Type(), src.Type()).fill(dst, src, code)
}

// fillErrors makes dst the list of entries that refuse those of src.
func fillErrors(dst, src reflect.Value, code ops.ErrorCode) {
	list := reflect.MakeSlice(dst.Type(), src.Len(), src.Len())
	for i := range src.Len() {
		fillError(list.Index(i), src.Index(i), code)
	}
	dst.Set(list)
}

// blank sets the fields of v that an error is shown without.
func blank(v reflect.Value) { refusalOf(v.Type(), nil).blank(v) }

// refusal is how an entry of a response refuses an entry of a request: what is to be
// copied, and where the error stands. It is found once for each pair of types, because a
// request may have a million entries, and to look for fields takes memory.
type refusal struct {
	blanks    []blankField
	emptyText int // the field that is emptyText, or -1
	copies    []copiedField
	code      int           // the field of the error, or -1
	message   int           // that of its text, or -1
	acks      copiedField   // of a share fetch: the error of the acknowledgements, if to is not -1
	lists     []copiedField // whose entries have the error, if the entry itself has none
}

type blankField struct {
	field int
	value int64
}

type copiedField struct{ to, from int } // from is -1 for the entry itself

// refusals are those that were found, by [2]reflect.Type.
var refusals sync.Map

// refusalOf returns how dst refuses src. Without src nothing is copied.
func refusalOf(dst, src reflect.Type) *refusal {
	types := [2]reflect.Type{dst, src}
	if known, ok := refusals.Load(types); ok {
		return known.(*refusal)
	}
	found := findRefusal(dst, src)
	refusals.Store(types, found)
	return found
}

func findRefusal(dst, src reflect.Type) *refusal {
	r := &refusal{emptyText: -1, code: fieldIndex(dst, "ErrorCode"), message: fieldIndex(dst, "ErrorMessage"), acks: copiedField{-1, -1}}
	for i := range dst.NumField() {
		name, t := dst.Field(i).Name, dst.Field(i).Type
		if n, ok := blanks[name]; ok && reflect.Zero(t).CanInt() {
			r.blanks = append(r.blanks, blankField{i, n})
		}
		if name == "Metadata" && t.Kind() == reflect.Pointer { // of an offset
			r.emptyText = i
		}
	}
	if src == nil {
		return r
	}
	if src.Kind() != reflect.Struct {
		for _, name := range plainKeys[src.Kind()] {
			if i := fieldIndex(dst, name); i >= 0 {
				r.copies = append(r.copies, copiedField{i, -1})
				break
			}
		}
		return r
	}
	for i := range dst.NumField() {
		name := dst.Field(i).Name
		same, repeats := identity[name]
		for _, of := range same {
			if from := fieldIndex(src, of); from >= 0 {
				r.copies = append(r.copies, copiedField{i, from})
			}
		}
		if from := fieldIndex(src, name); from >= 0 && !repeats && dst.Field(i).Type.Kind() == reflect.Slice && src.Field(from).Type.Kind() == reflect.Slice {
			r.lists = append(r.lists, copiedField{i, from})
		}
	}
	if to, from := fieldIndex(dst, "AcknowledgeErrorCode"), fieldIndex(src, "AcknowledgementBatches"); to >= 0 && from >= 0 {
		r.acks = copiedField{to, from}
	}
	return r
}

// fieldIndex returns the position of a field, or -1.
func fieldIndex(t reflect.Type, name string) int {
	if f, ok := t.FieldByName(name); ok {
		return f.Index[0]
	}
	return -1
}

func (r *refusal) blank(v reflect.Value) {
	for _, b := range r.blanks {
		v.Field(b.field).SetInt(b.value)
	}
	if r.emptyText >= 0 {
		v.Field(r.emptyText).Set(reflect.ValueOf(emptyText))
	}
}

func (r *refusal) setError(v reflect.Value, code ops.ErrorCode) bool {
	if r.code < 0 {
		return false
	}
	v.Field(r.code).SetInt(int64(code))
	if text := messages[code]; text != nil && r.message >= 0 {
		v.Field(r.message).Set(reflect.ValueOf(text))
	}
	return true
}

func (r *refusal) fill(dst, src reflect.Value, code ops.ErrorCode) {
	if d, ok := dst.Addr().Interface().(interface{ Default() }); ok {
		d.Default()
	}
	r.blank(dst)
	for _, c := range r.copies {
		from := src
		if c.from >= 0 {
			from = src.Field(c.from)
		}
		assign(dst.Field(c.to), from)
	}
	if r.setError(dst, code) {
		if r.acks.to >= 0 && src.Field(r.acks.from).Len() > 0 {
			dst.Field(r.acks.to).SetInt(int64(code))
		}
		return
	}
	for _, l := range r.lists {
		fillErrors(dst.Field(l.to), src.Field(l.from), code)
	}
}

// assign sets dst to src, which may be of the same type, a pointer to it, what a
// pointer points to, or a list of structures with the same fields.
func assign(dst, src reflect.Value) {
	switch {
	case !dst.IsValid() || !src.IsValid():
	case src.Type() == dst.Type():
		dst.Set(src)
	case dst.Kind() == reflect.Pointer && src.Type() == dst.Type().Elem() && src.CanAddr():
		dst.Set(src.Addr())
	case dst.Kind() == reflect.Pointer && src.Type() == dst.Type().Elem():
		dst.Set(pointerTo(src))
	case src.Kind() == reflect.Pointer && src.Type().Elem() == dst.Type():
		if !src.IsNil() {
			dst.Set(src.Elem())
		}
	case dst.Kind() == reflect.Slice && src.Kind() == reflect.Slice:
		fillErrors(dst, src, ops.None)
	}
}

// refusedLists are the lists whose every entry carries the error of a whole request, by
// API: the response has no error of its own, or has it there too.
var refusedLists = map[ops.APIKey]struct {
	request, response string
	min, max          int16 // versions; a max of 0 is any
}{
	0: {"Topics", "Topics", 0, 0}, 1: {"Topics", "Topics", 0, 12}, 2: {"Topics", "Topics", 0, 0},
	8: {"Topics", "Topics", 0, 0}, 9: {"Topics", "Topics", 0, 1}, 10: {"CoordinatorKeys", "Coordinators", 4, 0},
	24: {"Topics", "Topics", 0, 3}, 27: {"Markers", "Markers", 0, 0}, 28: {"Topics", "Topics", 0, 0},
	30: {"Creations", "Results", 0, 0}, 31: {"Filters", "Results", 0, 0},
	32: {"Resources", "Resources", 0, 0}, 33: {"Resources", "Resources", 0, 0}, 44: {"Resources", "Resources", 0, 0},
	43: {"Topics", "Topics", 0, 0}, 45: {"Topics", "Topics", 0, 0}, 49: {"Entries", "Entries", 0, 0}, 50: {"Users", "Results", 0, 0},
	75: {"Topics", "Topics", 0, 0},
	83: {"Topics", "Topics", 0, 0}, 84: {"Topics", "Topics", 0, 0}, 85: {"Topics", "Topics", 0, 0},
	86: {"Topics", "Topics", 0, 0}, 87: {"Topics", "Topics", 0, 0},
}

// refuseAll returns the response to a request that is refused as a whole.
func refuseAll(q *query, code ops.ErrorCode) (kmsg.Response, error) {
	resp := q.message.ResponseKind()
	v, src := reflect.ValueOf(resp).Elem(), reflect.ValueOf(q.message).Elem()
	blank(v)
	placed := setError(v, code)
	if rule, ok := refusedLists[q.Key]; ok && q.Version >= rule.min && (rule.max == 0 || q.Version <= rule.max) {
		fillErrors(v.FieldByName(rule.response), src.FieldByName(rule.request), code)
		placed = true
	}
	placed = placeElsewhere(q, resp, code) || placed
	if !placed {
		return nil, fmt.Errorf("no place for %v in the response", code)
	}
	describeTokenRefusal(q, resp)
	return resp, nil
}

// placeElsewhere puts the error of a whole request where the response has a list that
// is no list of the request.
func placeElsewhere(q *query, resp kmsg.Response, code ops.ErrorCode) bool {
	switch r := resp.(type) {
	case *kmsg.AlterReplicaLogDirsResponse:
		refuseLogDirs(q.message.(*kmsg.AlterReplicaLogDirsRequest), r, code)
	case *kmsg.AlterUserSCRAMCredentialsResponse:
		refuseCredentials(q.message.(*kmsg.AlterUserSCRAMCredentialsRequest), r, code)
	case *kmsg.DescribeTopicPartitionsResponse:
		refuseCursor(q.message.(*kmsg.DescribeTopicPartitionsRequest), r, code)
	case *kmsg.LeaderAndISRResponse:
		refuseLeaders(q.message.(*kmsg.LeaderAndISRRequest), r, code)
	case *kmsg.MetadataResponse:
		refuseMetadata(q.message.(*kmsg.MetadataRequest), r, code)
	case *kmsg.StopReplicaResponse:
		refuseReplicas(q.message.(*kmsg.StopReplicaRequest), r, code)
	default:
		return false
	}
	return true
}

// refuseLogDirs gives every partition of every directory the error, topic by topic.
func refuseLogDirs(m *kmsg.AlterReplicaLogDirsRequest, r *kmsg.AlterReplicaLogDirsResponse, code ops.ErrorCode) {
	count := 0
	for i := range m.Dirs {
		count += len(m.Dirs[i].Topics)
	}
	at := make(map[string]int, count)
	r.Topics = make([]kmsg.AlterReplicaLogDirsResponseTopic, 0, count)
	for _, dir := range m.Dirs {
		for _, t := range dir.Topics {
			i, ok := at[t.Topic]
			if !ok {
				i = len(r.Topics)
				at[t.Topic] = i
				r.Topics = append(r.Topics, kmsg.AlterReplicaLogDirsResponseTopic{Topic: t.Topic})
			}
			r.Topics[i].Partitions = slices.Grow(r.Topics[i].Partitions, len(t.Partitions))
			for _, p := range t.Partitions {
				r.Topics[i].Partitions = append(r.Topics[i].Partitions, kmsg.AlterReplicaLogDirsResponseTopicPartition{Partition: p, ErrorCode: int16(code)})
			}
		}
	}
}

// refuseCredentials gives every user whose credentials are to be altered the error once.
func refuseCredentials(m *kmsg.AlterUserSCRAMCredentialsRequest, r *kmsg.AlterUserSCRAMCredentialsResponse, code ops.ErrorCode) {
	seen := make(map[string]bool, len(m.Deletions)+len(m.Upsertions))
	r.Results = make([]kmsg.AlterUserSCRAMCredentialsResponseResult, 0, len(m.Deletions)+len(m.Upsertions))
	add := func(user string) {
		if seen[user] {
			return
		}
		seen[user] = true
		result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		result.User = user
		setError(reflect.ValueOf(&result).Elem(), code)
		r.Results = append(r.Results, result)
	}
	for i := range m.Deletions {
		add(m.Deletions[i].Name)
	}
	for i := range m.Upsertions {
		add(m.Upsertions[i].Name)
	}
}

// refuseLeaders gives every partition the error: in one list below version 5, by topic
// from there.
func refuseLeaders(m *kmsg.LeaderAndISRRequest, r *kmsg.LeaderAndISRResponse, code ops.ErrorCode) {
	count := len(m.PartitionStates)
	for i := range m.TopicStates {
		count += len(m.TopicStates[i].PartitionStates)
	}
	r.Partitions = make([]kmsg.LeaderAndISRResponseTopicPartition, 0, count)
	refuse := func(topic string, partition int32) kmsg.LeaderAndISRResponseTopicPartition {
		p := kmsg.NewLeaderAndISRResponseTopicPartition()
		p.Topic, p.Partition, p.ErrorCode = topic, partition, int16(code)
		return p
	}
	for i := range m.PartitionStates {
		p := &m.PartitionStates[i]
		r.Partitions = append(r.Partitions, refuse(p.Topic, p.Partition))
	}
	for i := range m.TopicStates {
		t := &m.TopicStates[i]
		topic := kmsg.LeaderAndISRResponseTopic{TopicID: t.TopicID}
		topic.Partitions = make([]kmsg.LeaderAndISRResponseTopicPartition, 0, len(t.PartitionStates))
		for j := range t.PartitionStates {
			topic.Partitions = append(topic.Partitions, refuse(t.Topic, t.PartitionStates[j].Partition))
		}
		r.Topics = append(r.Topics, topic)
		r.Partitions = append(r.Partitions, topic.Partitions...)
	}
}

// refuseReplicas gives every partition the error: a request has one in version 0, a
// list of them for each topic up to version 2, and states from there.
func refuseReplicas(m *kmsg.StopReplicaRequest, r *kmsg.StopReplicaResponse, code ops.ErrorCode) {
	count := 0
	for i := range m.Topics {
		count += 1 + len(m.Topics[i].Partitions) + len(m.Topics[i].PartitionStates)
	}
	r.Partitions = make([]kmsg.StopReplicaResponsePartition, 0, count)
	add := func(topic string, partition int32) {
		r.Partitions = append(r.Partitions, kmsg.StopReplicaResponsePartition{Topic: topic, Partition: partition, ErrorCode: int16(code)})
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
