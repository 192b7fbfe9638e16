package gateway

import (
	"fmt"
	"math"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// A refusal repeats the request: the entry of a topic has its name and all its
// partitions. Kafka's schemas, and so kmsg's structures, use the same field names in a
// request and its response. So one function can build every such entry.

// identity maps each response field that identifies an entry to the request fields that
// it is copied from. The first one that exists counts.
var identity = map[string][]string{
	"Topic": {"Topic"}, "TopicID": {"TopicID"}, "Partition": {"Partition"},
	"Group": {"Group"}, "GroupID": {"GroupID"}, "Key": {}, "TransactionalID": {"TransactionalID"},
	"ResourceType": {"ResourceType"}, "ResourceName": {"ResourceName"},
	"ProducerID": {"ProducerID"}, "Entity": {"Entity"}, "Type": {"Type"}, "Name": {"Name"},
}

// plainKeys are the response fields for request entries that are plain strings or
// numbers, by kind: strings are groups, keys, transactional ids and topics; numbers are
// partitions.
var plainKeys = map[reflect.Kind][]string{
	reflect.String: {"Group", "GroupID", "Key", "TransactionalID", "Topic"},
	reflect.Int32:  {"Partition"},
}

// blanks are the values of fields in error entries, where they differ from kmsg's
// defaults.
//
// Source: the getErrorResponse methods and error entries of Kafka 4.2's requests.
var blanks = map[string]int64{
	"BaseOffset": -1, "LogAppendTime": -1, "LogStartOffset": -1, "HighWatermark": -1, "LastStableOffset": -1,
	"PreferredReadReplica": -1, "Timestamp": -1, "Offset": -1, "LeaderEpoch": -1, "EndOffset": -1, "LowWatermark": -1,
	"NodeID": -1, "Port": -1, "NumPartitions": -1, "ReplicationFactor": -1, "ProducerEpoch": -1,
	"AuthorizedOperations": math.MinInt32, "ClusterAuthorizedOperations": math.MinInt32, "Generation": -1, "ExpiryTimestamp": -1,
}

// refusal is the error for one entry of an answer.
type refusal struct {
	key  ops.APIKey
	code ops.ErrorCode
	text *string // the text for the code, or nil
	said *int    // bytes of texts in the answer so far, or nil
	// bad are the partitions that get INVALID_REQUEST instead; only those of topic
	// apply.
	bad   map[sharePartition]bool
	topic [16]byte
}

// refusalOf returns the refusal of an entry of the request.
func refusalOf(q *query, entry reflect.Value, code ops.ErrorCode) refusal {
	r := refusal{key: q.Key, code: code, said: &q.said}
	if t, ok := topicAcknowledged(q, entry); ok {
		r.bad, r.topic = q.bad, t
	}
	if q.said < maxTexts { // may create a text for this entry alone
		r.text = entryText(q, entry, code)
	}
	return r
}

// topicAcknowledged returns the topic of a ShareAcknowledge entry if the request has
// invalid acknowledgements.
func topicAcknowledged(q *query, entry reflect.Value) (topic [16]byte, ok bool) {
	if len(q.bad) == 0 {
		return topic, false
	}
	t, ok := entry.Addr().Interface().(*kmsg.ShareAcknowledgeRequestTopic)
	if ok {
		topic = t.TopicID
	}
	return topic, ok
}

// of returns the refusal of an entry nested inside the one that r refuses.
func (r refusal) of(src reflect.Value) refusal {
	if len(r.bad) == 0 {
		return r
	}
	if p, ok := src.Addr().Interface().(*kmsg.ShareAcknowledgeRequestTopicPartition); ok && r.bad[sharePartition{r.topic, p.Partition}] {
		r.code, r.text = ops.InvalidRequest, nil
	}
	return r
}

// maxTexts limits the total length of texts in an answer, in bytes. A request can name
// a topic or a partition in two bytes, a hundred times less than Kafka's error text.
// Once a text does not fit, the remaining refusals have a code and no text.
const maxTexts = 64 << 10

// says reports whether the text still fits, and reserves the room for it.
func (r refusal) says() bool {
	if r.text == nil {
		return false
	}
	if r.said != nil && *r.said+len(*r.text) > maxTexts {
		*r.said = maxTexts // so that no further texts are created
		return false
	}
	if r.said != nil {
		*r.said += len(*r.text)
	}
	return true
}

// set sets the error of a structure, and reports whether the structure has an error
// field.
func (r refusal) set(v reflect.Value) bool {
	return r.setAt(shapeOf(r.key, v.Type(), nil), v)
}

// fill makes dst, which is zero, the response entry that refuses src, an entry of the
// request.
func (r refusal) fill(dst, src reflect.Value) {
	s := shapeOf(r.key, dst.Type(), src.Type())
	if d, ok := dst.Addr().Interface().(interface{ Default() }); ok {
		d.Default()
	}
	s.blank(dst)
	for _, c := range s.copies {
		from := src
		if c.from >= 0 {
			from = src.Field(c.from)
		}
		assign(dst.Field(c.to), from)
	}
	if r.setAt(s, dst) {
		return
	}
	for _, l := range s.lists {
		r.fillAll(dst.Field(l.to), src.Field(l.from))
	}
}

// fillAll makes dst the list of entries that refuse the entries of src.
func (r refusal) fillAll(dst, src reflect.Value) {
	makeList(dst, src.Len())
	for i := range src.Len() {
		entry := src.Index(i)
		r.of(entry).fill(dst.Index(i), entry)
	}
}

// makeList makes dst a list of n zero entries. The list is not null, even if it is
// empty.
func makeList(dst reflect.Value, n int) {
	if n == 0 && !dst.IsNil() {
		dst.SetLen(0)
		return
	}
	if n == 0 {
		dst.Set(reflect.MakeSlice(dst.Type(), 0, 0))
		return
	}
	dst.SetZero()
	dst.Grow(n) // in place, unlike reflect.MakeSlice
	dst.SetLen(n)
}

// blank sets the fields of v that have special values in error entries.
func (r refusal) blank(v reflect.Value) { shapeOf(r.key, v.Type(), nil).blank(v) }

func (r refusal) setAt(s *shape, v reflect.Value) bool {
	if s.code < 0 {
		return false
	}
	v.Field(s.code).SetInt(int64(r.code))
	if s.message >= 0 && r.says() {
		v.Field(s.message).Set(reflect.ValueOf(r.text))
	}
	return true
}

// nullLists are the lists that Kafka leaves null if there is nothing to say. All others
// are empty lists, above all records: Kafka's schemas allow null for them, but its
// clients do not.
//
// Source: the defaults of Kafka 4.2's message schemas.
var nullLists = map[string]bool{
	"ActiveTasks": true, "StandbyTasks": true, "WarmupTasks": true, "PartitionsByUserEndpoint": true, // StreamsGroupHeartbeat
	"Entries":                true,                       // DescribeClientQuotas; in AlterClientQuotas they are filled in
	"EligibleLeaderReplicas": true, "LastKnownELR": true, // DescribeTopicPartitions
	"ResponseData": true, // Envelope
}

// emptyText is the metadata of a refused offset.
var emptyText = new("")

// shape describes how a response entry refuses a request entry: which fields are
// copied, and where the error goes. It is determined once for each API and pair of
// types, because a request may have a million entries, and looking up fields allocates
// memory.
type shape struct {
	blanks    []blankField
	empty     []emptyField
	emptyText int // the field that gets emptyText, or -1
	copies    []copiedField
	code      int           // the error field, or -1
	message   int           // the error text field, or -1
	lists     []copiedField // lists whose entries get the error if the entry itself has no error field
}

type blankField struct {
	field int
	value int64
}

// emptyField is a list field that is empty and not null.
type emptyField struct {
	field int
	list  reflect.Value
}

type copiedField struct{ to, from int } // from is -1 for the entry itself

type shapeKey struct {
	key      ops.APIKey
	dst, src reflect.Type // src is nil if nothing is copied
}

// shapes caches the shapes.
var shapes typeCache[shapeKey, shape]

// shapeOf returns how dst refuses src. If src is nil, nothing is copied.
func shapeOf(key ops.APIKey, dst, src reflect.Type) *shape {
	k := shapeKey{key, dst, src}
	return shapes.get(k, func() *shape { return findShape(k) })
}

func findShape(k shapeKey) *shape {
	s := &shape{emptyText: -1, code: fieldIndex(k.dst, "ErrorCode"), message: fieldIndex(k.dst, "ErrorMessage")}
	s.findBlanks(k)
	if k.src != nil {
		s.findCopies(k)
	}
	return s
}

func (s *shape) findBlanks(k shapeKey) {
	for i := range k.dst.NumField() {
		name, t := k.dst.Field(i).Name, k.dst.Field(i).Type
		n, ok := apiOf(k.key).blanks[name]
		if !ok {
			n, ok = blanks[name]
		}
		if ok && reflect.Zero(t).CanInt() {
			s.blanks = append(s.blanks, blankField{i, n})
		}
		if t.Kind() == reflect.Slice && !nullLists[name] {
			s.empty = append(s.empty, emptyField{i, reflect.MakeSlice(t, 0, 0)})
		}
		if name == "Metadata" && t.Kind() == reflect.Pointer { // of an offset
			s.emptyText = i
		}
	}
}

func (s *shape) findCopies(k shapeKey) {
	if k.src.Kind() != reflect.Struct {
		for _, name := range plainKeys[k.src.Kind()] {
			if i := fieldIndex(k.dst, name); i >= 0 {
				s.copies = append(s.copies, copiedField{i, -1})
				break
			}
		}
		return
	}
	for i := range k.dst.NumField() {
		name := k.dst.Field(i).Name
		same, repeats := identity[name]
		for _, of := range same {
			if from := fieldIndex(k.src, of); from >= 0 {
				s.copies = append(s.copies, copiedField{i, from})
			}
		}
		if from := fieldIndex(k.src, name); from >= 0 && !repeats && k.dst.Field(i).Type.Kind() == reflect.Slice && k.src.Field(from).Type.Kind() == reflect.Slice {
			s.lists = append(s.lists, copiedField{i, from})
		}
	}
}

// fieldIndex returns the position of a field, or -1.
func fieldIndex(t reflect.Type, name string) int {
	if f, ok := t.FieldByName(name); ok {
		return f.Index[0]
	}
	return -1
}

func (s *shape) blank(v reflect.Value) {
	for _, b := range s.blanks {
		v.Field(b.field).SetInt(b.value)
	}
	for _, e := range s.empty {
		if f := v.Field(e.field); f.IsNil() {
			f.Set(e.list)
		}
	}
	if s.emptyText >= 0 {
		v.Field(s.emptyText).Set(reflect.ValueOf(emptyText))
	}
}

// assign sets dst to src. src may have the same type, be a pointer to it or be what a
// pointer points to, or be a list of structures with the same fields.
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
		refusal{}.fillAll(dst, src)
	}
}

// refuseAll returns the response that refuses a request as a whole.
func refuseAll(q *query, code ops.ErrorCode) (kmsg.Response, error) {
	resp := q.message.ResponseKind()
	v, src := reflect.ValueOf(resp).Elem(), reflect.ValueOf(q.message).Elem()
	whole := refusal{key: q.Key, code: code, text: wholeText(q, code)}
	whole.blank(v)
	placed := whole.set(v)
	if rule := apiOf(q.Key).refused; rule.request != "" && q.Version >= rule.from && (rule.to == 0 || q.Version <= rule.to) {
		refuseList(q, v.FieldByName(rule.response), src.FieldByName(rule.request), code)
		placed = true
	}
	placed = placeElsewhere(q, resp, code) || placed
	if !placed {
		return nil, fmt.Errorf("the response has no field for %v", code)
	}
	describeTokenRefusal(q, resp)
	joinRefused(resp)
	if r, ok := resp.(*kmsg.StreamsGroupHeartbeatResponse); ok {
		describeTopology(q, r)
	}
	return resp, nil
}

// refuseList makes dst the list of entries that refuse all entries of a request list.
func refuseList(q *query, dst, src reflect.Value, code ops.ErrorCode) {
	makeList(dst, src.Len())
	for i := range src.Len() {
		refusalOf(q, src.Index(i), code).fill(dst.Index(i), src.Index(i))
	}
}

// placeElsewhere puts the error of a whole request into a list of the response that has
// no counterpart in the request.
func placeElsewhere(q *query, resp kmsg.Response, code ops.ErrorCode) bool {
	switch r := resp.(type) {
	case *kmsg.AlterReplicaLogDirsResponse:
		refuseLogDirs(q.message.(*kmsg.AlterReplicaLogDirsRequest), r, code)
	case *kmsg.AlterUserSCRAMCredentialsResponse:
		refusal{key: q.Key, code: code, text: messageFor(code), said: &q.said}.credentials(q.message.(*kmsg.AlterUserSCRAMCredentialsRequest), r)
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

// refuseLogDirs gives every partition of every directory the error.
func refuseLogDirs(m *kmsg.AlterReplicaLogDirsRequest, r *kmsg.AlterReplicaLogDirsResponse, code ops.ErrorCode) {
	count := 0
	for i := range m.Dirs {
		count += len(m.Dirs[i].Topics)
	}
	r.Topics = make([]kmsg.AlterReplicaLogDirsResponseTopic, 0, count)
	for _, dir := range m.Dirs {
		for _, t := range dir.Topics {
			topic := kmsg.AlterReplicaLogDirsResponseTopic{Topic: t.Topic}
			topic.Partitions = make([]kmsg.AlterReplicaLogDirsResponseTopicPartition, 0, len(t.Partitions))
			for _, p := range t.Partitions {
				topic.Partitions = append(topic.Partitions, kmsg.AlterReplicaLogDirsResponseTopicPartition{Partition: p, ErrorCode: int16(code)})
			}
			r.Topics = append(r.Topics, topic)
		}
	}
}

// credentials gives each user whose credentials would be altered the error, once.
func (r refusal) credentials(m *kmsg.AlterUserSCRAMCredentialsRequest, resp *kmsg.AlterUserSCRAMCredentialsResponse) {
	seen := make(map[string]bool, len(m.Deletions)+len(m.Upsertions))
	resp.Results = make([]kmsg.AlterUserSCRAMCredentialsResponseResult, 0, len(m.Deletions)+len(m.Upsertions))
	add := func(user string) {
		if seen[user] {
			return
		}
		seen[user] = true
		result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		result.User = user
		r.set(reflect.ValueOf(&result).Elem())
		resp.Results = append(resp.Results, result)
	}
	for i := range m.Deletions {
		add(m.Deletions[i].Name)
	}
	for i := range m.Upsertions {
		add(m.Upsertions[i].Name)
	}
}

// refuseLeaders gives every partition the error. Below version 5 the partitions are in
// one list, from version 5 on they are grouped by topic.
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

// refuseReplicas gives every partition the error. In version 0 each entry has one
// partition, up to version 2 a list of partitions for each topic, and from version 3 on
// a list of states.
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
