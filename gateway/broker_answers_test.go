package gateway_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// inWords writes a response as "code text" and, for each list of entries, their names, codes
// and texts: "0 - Topics[t1 Partitions[0 29 -]]". A text that is null is "-".
func inWords(v reflect.Value) string {
	var parts []string
	for _, name := range []string{"Topic", "Group", "GroupID", "Key", "TransactionalID", "ResourceName", "Partition", "User", "ProducerID", "Name"} {
		f := v.FieldByName(name)
		if f.IsValid() && f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		if f.IsValid() {
			parts = append(parts, fmt.Sprint(f.Interface()))
		}
	}
	if f := v.FieldByName("ErrorCode"); f.IsValid() {
		parts = append(parts, fmt.Sprint(f.Int()))
	}
	if f := v.FieldByName("ErrorMessage"); f.IsValid() && f.IsNil() {
		parts = append(parts, "-")
	} else if f.IsValid() {
		parts = append(parts, fmt.Sprintf("%q", f.Elem().String()))
	}
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Slice || f.Type().Elem().Kind() != reflect.Struct || f.Len() == 0 {
			continue
		}
		var entries []string
		for j := range f.Len() {
			entries = append(entries, inWords(f.Index(j)))
		}
		parts = append(parts, v.Type().Field(i).Name+"["+strings.Join(entries, ", ")+"]")
	}
	return strings.Join(parts, " ")
}

// brokerAnswer is a request with the answer of a broker to User:alice, as observed with
// Kafka 4.2.1 and 4.4.0.
type brokerAnswer struct {
	name     string
	allowed  []string // for allowing
	from, to int16    // versions
	request  kmsg.Request
	reply    kmsg.Response // of the cluster; nil if it is not asked
	want     string
}

func (b *brokerAnswer) test(t *testing.T) {
	for version := b.from; version <= b.to; version++ {
		b.request.SetVersion(version)
		conn := newGateway(t, gateway.Config{Store: allowing(t, b.allowed...), Cluster: cluster{"t1", "secret"}}).Conn(client("alice"))
		plan := decide(t, conn, b.request)
		var replies []kmsg.Response
		if b.reply != nil {
			b.reply.SetVersion(version)
			replies = append(replies, b.reply)
		}
		require.Len(t, plan.Forward(), len(replies), "version %d: requests to the cluster", version)
		got := answer[kmsg.Response](t, plan, b.request, replies...)
		assert.Equal(t, b.want, inWords(reflect.ValueOf(got).Elem()), "version %d", version)
	}
}

// TestAnswersOfABroker: refused requests are answered with the texts and the grouping
// of a broker.
func TestAnswersOfABroker(t *testing.T) {
	for _, row := range brokerAnswers() {
		t.Run(row.name, row.test)
	}
}

const invalidRequestText = "This most likely occurs because of a request being malformed by the client library or " +
	"the message was sent to an incompatible broker. See the broker logs for more details."

func brokerAnswers() []brokerAnswer {
	return append(append(append(producerAnswers(), topicAnswers()...), groupAnswers()...), configAnswers()...)
}

func producerAnswers() []brokerAnswer {
	produce := func(topic string, partitions ...int32) kmsg.ProduceRequestTopic {
		p := kmsg.ProduceRequestTopic{Topic: topic}
		for _, n := range partitions {
			p.Partitions = append(p.Partitions, kmsg.ProduceRequestTopicPartition{Partition: n})
		}
		return p
	}
	markers := func(producer int64, topic string, partitions ...int32) kmsg.WriteTxnMarkersRequestMarker {
		return kmsg.WriteTxnMarkersRequestMarker{ProducerID: producer, Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: topic, Partitions: partitions}}}
	}
	add := func(topic string, partitions ...int32) kmsg.AddPartitionsToTxnRequestTopic {
		return kmsg.AddPartitionsToTxnRequestTopic{Topic: topic, Partitions: partitions}
	}
	return []brokerAnswer{
		{
			name: "Produce: partitions once, by topic, without a text", from: 8, to: 12,
			request: &kmsg.ProduceRequest{Acks: 1, Topics: []kmsg.ProduceRequestTopic{produce("a", 0, 0), produce("b"), produce("c", 1), produce("a", 2, 0)}},
			want:    "Topics[a Partitions[0 29 -, 2 29 -], c Partitions[1 29 -]]",
		},
		{
			name: "WriteTxnMarkers: the last marker of a producer", from: 1, to: 2,
			request: &kmsg.WriteTxnMarkersRequest{Markers: []kmsg.WriteTxnMarkersRequestMarker{markers(1, "a", 0), markers(2, "b", 1, 1), markers(1, "c", 2)}},
			want:    "Markers[2 Topics[b Partitions[1 31]], 1 Topics[c Partitions[2 31]]]",
		},
		{
			name: "AddPartitionsToTxn: partitions once, by topic", allowed: []string{"Write TransactionalId:x"}, from: 0, to: 3,
			request: &kmsg.AddPartitionsToTxnRequest{TransactionalID: "x", Topics: []kmsg.AddPartitionsToTxnRequestTopic{add("a", 0), add("b"), add("c", 1), add("a", 2, 0)}},
			want:    "0 Topics[a Partitions[0 29, 2 29], c Partitions[1 29]]",
		},
		{
			name: "DescribeProducers: why a name is impossible", from: 0, to: 0,
			request: &kmsg.DescribeProducersRequest{Topics: []kmsg.DescribeProducersRequestTopic{{Topic: "..", Partitions: []int32{0}}, {Topic: "a", Partitions: []int32{1}}, {Topic: "b/c", Partitions: []int32{1}}}},
			want: `Topics[.. Partitions[0 17 "Topic name is invalid: '..' is not allowed"], a Partitions[1 29 "Topic authorization failed."], ` +
				`b/c Partitions[1 17 "Topic name is invalid: 'b/c' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"]]`,
		},
	}
}

func topicAnswers() []brokerAnswer {
	fetch := func(topic string, partitions ...int32) kmsg.FetchRequestTopic {
		f := kmsg.FetchRequestTopic{Topic: topic, TopicID: idOf(topic)}
		for _, n := range partitions {
			f.Partitions = append(f.Partitions, kmsg.FetchRequestTopicPartition{Partition: n})
		}
		return f
	}
	create := func(topic string) kmsg.CreateTopicsRequestTopic {
		return kmsg.CreateTopicsRequestTopic{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}
	}
	records := func(topic string, partitions ...int32) kmsg.DeleteRecordsRequestTopic {
		d := kmsg.DeleteRecordsRequestTopic{Topic: topic}
		for _, n := range partitions {
			d.Partitions = append(d.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: n})
		}
		return d
	}
	cursor := func(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
		return &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	}
	described := []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "d"}, {Topic: "a"}, {Topic: "c"}, {Topic: "b"}, {Topic: "c"}}
	return []brokerAnswer{
		{
			name: "Fetch: partitions once, topics beside each other come together", from: 4, to: 12,
			request: &kmsg.FetchRequest{ReplicaID: -1, Topics: []kmsg.FetchRequestTopic{fetch("a", 0), fetch("a", 1, 0), fetch("b"), fetch("c", 0), fetch("a", 2)}},
			want:    "0 Topics[a Partitions[0 29, 1 29], c Partitions[0 29], a Partitions[2 29]]",
		},
		{
			name: "Fetch by id: unknown ids before what is refused", from: 13, to: 18,
			request: &kmsg.FetchRequest{ReplicaID: -1, ReplicaState: kmsg.FetchRequestReplicaState{ID: -1}, Topics: []kmsg.FetchRequestTopic{fetch("t1", 0), fetch("unknown", 1), fetch("t1", 2)}},
			want:    "0 Topics[ Partitions[1 100],  Partitions[0 29, 2 29]]",
		},
		{
			name: "Fetch of a follower that may not: nothing is told of ids", from: 13, to: 18,
			request: &kmsg.FetchRequest{ReplicaID: 2, ReplicaState: kmsg.FetchRequestReplicaState{ID: 2}, Topics: []kmsg.FetchRequestTopic{fetch("t1", 0), fetch("unknown", 0)}},
			want:    "0 Topics[ Partitions[0 29],  Partitions[0 29]]",
		},
		{
			name: "CreateTopics", allowed: []string{"Create Topic:mine"}, from: 1 + 1, to: 7,
			request: &kmsg.CreateTopicsRequest{Topics: []kmsg.CreateTopicsRequestTopic{create("a"), create("mine"), create("mine"), create("__cluster_metadata")}},
			want: `Topics[a 29 "Authorization failed.", mine 42 "Duplicate topic name.", ` +
				`__cluster_metadata 42 "Creation of internal topic __cluster_metadata is prohibited."]`,
		},
		{
			name: "DeleteTopics by name", allowed: []string{"Describe Topic:d*", "Describe Topic:"}, from: 5, to: 5,
			request: &kmsg.DeleteTopicsRequest{TopicNames: []string{"a", "b", "b", "d1", ""}},
			want: `Topics[a 29 "Topic authorization failed.", b 42 "Duplicate topic name.", ` +
				`d1 3 "This server does not host this topic-partition.",  3 "This server does not host this topic-partition."]`,
		},
		{
			name: "DeleteTopics by id", from: 6, to: 6,
			request: &kmsg.DeleteTopicsRequest{Topics: []kmsg.DeleteTopicsRequestTopic{{TopicID: idOf("x")}, {TopicID: idOf("y")}, {TopicID: idOf("y")}}},
			want:    `Topics[100 "This server does not host this topic ID.", 42 "Duplicate topic id."]`,
		},
		{
			name: "CreatePartitions", from: 0, to: 3,
			request: &kmsg.CreatePartitionsRequest{Topics: []kmsg.CreatePartitionsRequestTopic{{Topic: "a"}, {Topic: "b"}, {Topic: "b"}}},
			want:    `Topics[a 29 -, b 42 "Duplicate topic name."]`,
		},
		{
			name: "DeleteRecords", from: 0, to: 2,
			request: &kmsg.DeleteRecordsRequest{Topics: []kmsg.DeleteRecordsRequestTopic{records("a", 0), records("b"), records("a", 1, 0)}},
			want:    "Topics[a Partitions[0 29, 1 29]]",
		},
		{
			name: "Metadata: a topic once", from: 1, to: 9,
			request: &kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{{Topic: new("a")}, {Topic: new("b")}, {Topic: new("a")}}},
			reply:   &kmsg.MetadataResponse{},
			want:    "0 Topics[a 29, b 29]",
		},
		{
			name: "DescribeTopicPartitions: a topic once, in order", from: 0, to: 0,
			request: &kmsg.DescribeTopicPartitionsRequest{Topics: described},
			want:    "Topics[a 29, b 29, c 29, d 29]",
		},
		{
			name: "DescribeTopicPartitions: a cursor of a topic that is refused", allowed: []string{"Describe Topic:d"}, from: 0, to: 0,
			request: &kmsg.DescribeTopicPartitionsRequest{Topics: append(described[:0:0], described...), Cursor: cursor("b", 1)},
			reply:   &kmsg.DescribeTopicPartitionsResponse{Topics: []kmsg.DescribeTopicPartitionsResponseTopic{{Topic: new("d")}}},
			want:    "Topics[d 0, b 29, c 29]",
		},
		{
			name: "DescribeTopicPartitions: a cursor of another topic", from: 0, to: 0,
			request: &kmsg.DescribeTopicPartitionsRequest{Topics: append(described[:0:0], described...), Cursor: cursor("e", 1)},
			want:    "Topics[d 42, a 42, c 42, b 42, c 42]",
		},
		{
			name: "DescribeTopicPartitions: a cursor before the first partition", from: 0, to: 0,
			request: &kmsg.DescribeTopicPartitionsRequest{Topics: append(described[:0:0], described...), Cursor: cursor("a", -1)},
			want:    "Topics[d 42, a 42, c 42, b 42, c 42]",
		},
		{
			name: "AlterReplicaLogDirs: every directory by itself", from: 1, to: 2,
			request: &kmsg.AlterReplicaLogDirsRequest{Dirs: []kmsg.AlterReplicaLogDirsRequestDir{
				{Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "a", Partitions: []int32{0}}}},
				{Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "a", Partitions: []int32{0, 1}}}},
			}},
			want: "Topics[a Partitions[0 31], a Partitions[0 31, 1 31]]",
		},
		{
			name: "ListPartitionReassignments: what was asked for", from: 0, to: 0,
			request: &kmsg.ListPartitionReassignmentsRequest{Topics: []kmsg.ListPartitionReassignmentsRequestTopic{{Topic: "a", Partitions: []int32{1}}}},
			want:    `31 "Cluster authorization failed." Topics[a Partitions[1]]`,
		},
	}
}

func groupAnswers() []brokerAnswer {
	group := []string{"All Group:g"}
	commit := func(topic string, partitions ...int32) kmsg.OffsetCommitRequestTopic {
		c := kmsg.OffsetCommitRequestTopic{Topic: topic}
		for _, n := range partitions {
			c.Partitions = append(c.Partitions, kmsg.OffsetCommitRequestTopicPartition{Partition: n})
		}
		return c
	}
	commits := []kmsg.OffsetCommitRequestTopic{commit("a", 0), commit("b"), commit("a", 1, 0)}
	deletion := kmsg.OffsetDeleteRequest{Group: "g", Topics: []kmsg.OffsetDeleteRequestTopic{
		{Topic: "a", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}, {Topic: "a", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 1}}},
	}}
	alteration := kmsg.AlterShareGroupOffsetsRequest{GroupID: "g", Topics: []kmsg.AlterShareGroupOffsetsRequestTopic{
		{Topic: "a", Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{Partition: 0}}}, {Topic: "b"},
	}}
	alterationTwice := kmsg.AlterShareGroupOffsetsRequest{GroupID: "g", Topics: []kmsg.AlterShareGroupOffsetsRequestTopic{
		{Topic: "a", Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{Partition: 0}, {Partition: 0}}},
		{Topic: "a", Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{Partition: 1}}},
	}}
	offsets := kmsg.DeleteShareGroupOffsetsRequest{GroupID: "g", Topics: []kmsg.DeleteShareGroupOffsetsRequestTopic{{Topic: "a"}}}
	acknowledge := kmsg.ShareAcknowledgeRequest{GroupID: new("g"), MemberID: new("m"), ShareSessionEpoch: 1, Topics: []kmsg.ShareAcknowledgeRequestTopic{
		{TopicID: idOf("t1"), Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{{Partition: 0}}},
	}}
	no := new("no such group")
	return []brokerAnswer{
		{
			name: "OffsetCommit: by topic, every partition", allowed: group, from: 2, to: 9,
			request: &kmsg.OffsetCommitRequest{Group: "g", Topics: commits},
			want:    "Topics[a Partitions[0 29, 1 29, 0 29], b]",
		},
		{
			name: "OffsetCommit of a group that is refused: as it came", from: 2, to: 9,
			request: &kmsg.OffsetCommitRequest{Group: "g", Topics: commits},
			want:    "Topics[a Partitions[0 30], b, a Partitions[1 30, 0 30]]",
		},
		{
			name: "OffsetDelete: the group's error comes first", allowed: group, from: 0, to: 0,
			request: &deletion, reply: &kmsg.OffsetDeleteResponse{ErrorCode: 69}, want: "69",
		},
		{
			name: "OffsetDelete: by topic", allowed: group, from: 0, to: 0,
			request: &deletion, reply: &kmsg.OffsetDeleteResponse{}, want: "0 Topics[a Partitions[0 29, 1 29]]",
		},
		{
			name: "AlterShareGroupOffsets: the group's error comes first", allowed: group, from: 0, to: 0,
			request: &alteration, reply: &kmsg.AlterShareGroupOffsetsResponse{ErrorCode: 69, ErrorMessage: no}, want: `69 "no such group"`,
		},
		{
			name: "AlterShareGroupOffsets: topics with partitions", allowed: group, from: 0, to: 0,
			request: &alteration, reply: &kmsg.AlterShareGroupOffsetsResponse{}, want: `0 - Topics[a Partitions[0 29 "Topic authorization failed."]]`,
		},
		{
			name: "AlterShareGroupOffsets: a partition as often as it is named", allowed: group, from: 0, to: 0,
			request: &alterationTwice, reply: &kmsg.AlterShareGroupOffsetsResponse{},
			want: `0 - Topics[a Partitions[0 29 "Topic authorization failed.", 0 29 "Topic authorization failed.", 1 29 "Topic authorization failed."]]`,
		},
		{
			name: "DeleteShareGroupOffsets: the group's error comes first", allowed: group, from: 0, to: 0,
			request: &offsets, reply: &kmsg.DeleteShareGroupOffsetsResponse{ErrorCode: 68, ErrorMessage: no}, want: `68 "no such group"`,
		},
		{
			name: "DeleteShareGroupOffsets", allowed: group, from: 0, to: 0,
			request: &offsets, reply: &kmsg.DeleteShareGroupOffsetsResponse{}, want: `0 - Topics[a 29 "Topic authorization failed."]`,
		},
		{
			name: "ShareAcknowledge: the session's error comes first", allowed: group, from: 1, to: 2,
			request: &acknowledge, reply: &kmsg.ShareAcknowledgeResponse{ErrorCode: 122}, want: "122 -",
		},
		{
			name: "ShareAcknowledge: without a text", allowed: group, from: 1, to: 2,
			request: &acknowledge, reply: &kmsg.ShareAcknowledgeResponse{}, want: "0 - Topics[Partitions[0 29 -]]",
		},
		{
			name: "DeleteGroups: a group once", from: 0, to: 2,
			request: &kmsg.DeleteGroupsRequest{Groups: []string{"a", "b", "a"}}, want: "Groups[a 30 -, b 30 -]",
		},
		{
			name: "FindCoordinator: an empty text", from: 4, to: 6,
			request: &kmsg.FindCoordinatorRequest{CoordinatorKeys: []string{"a", "a"}}, want: `0 - Coordinators[a 30 "", a 30 ""]`,
		},
		{
			name: "FindCoordinator of a share group before there was any", from: 4, to: 5,
			request: &kmsg.FindCoordinatorRequest{CoordinatorType: 2, CoordinatorKeys: []string{"a"}}, want: `0 - Coordinators[a 42 ""]`,
		},
		{
			name: "FindCoordinator of an unknown kind", from: 4, to: 6,
			request: &kmsg.FindCoordinatorRequest{CoordinatorType: 3, CoordinatorKeys: []string{"a"}}, want: `0 - Coordinators[a 42 "` + invalidRequestText + `"]`,
		},
		{
			name: "ConsumerGroupHeartbeat: without a text", from: 0, to: 1,
			request: &kmsg.ConsumerGroupHeartbeatRequest{Group: "g"}, want: "30 -",
		},
		{
			name: "ShareGroupHeartbeat: without a text", from: 1, to: 1,
			request: &kmsg.ShareGroupHeartbeatRequest{GroupID: "g"}, want: "30 -",
		},
		{
			name: "StreamsGroupHeartbeat: without a text", from: 0, to: 0,
			request: &kmsg.StreamsGroupHeartbeatRequest{Group: "g"}, want: "30 -",
		},
		{
			name: "DescribeGroups: without a text", from: 6, to: 6,
			request: &kmsg.DescribeGroupsRequest{Groups: []string{"a"}}, want: "Groups[a 30 -]",
		},
		{
			name: "ConsumerGroupDescribe: without a text", from: 0, to: 1,
			request: &kmsg.ConsumerGroupDescribeRequest{Groups: []string{"a"}}, want: "Groups[a 30 -]",
		},
		{
			name: "OffsetFetch: a group twice, all topics of it and one that is refused", allowed: group, from: 8, to: 9,
			request: &kmsg.OffsetFetchRequest{Groups: []kmsg.OffsetFetchRequestGroup{{Group: "g"}, {Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "secret", Partitions: []int32{0}}}}}},
			reply: &kmsg.OffsetFetchResponse{Groups: []kmsg.OffsetFetchResponseGroup{
				{Group: "g", Topics: []kmsg.OffsetFetchResponseGroupTopic{{Topic: "secret"}}}, {Group: "g"},
			}},
			want: "0 Groups[g 0, g 0 Topics[secret Partitions[0 29]]]",
		},
	}
}

func configAnswers() []brokerAnswer {
	resource := func(kind kmsg.ConfigResourceType, name string, values ...*string) kmsg.AlterConfigsRequestResource {
		r := kmsg.AlterConfigsRequestResource{ResourceType: kind, ResourceName: name}
		for i, v := range values {
			r.Configs = append(r.Configs, kmsg.AlterConfigsRequestResourceConfig{Name: fmt.Sprint("c", i/2), Value: v})
		}
		return r
	}
	increment := func(kind kmsg.ConfigResourceType, name string, op kmsg.IncrementalAlterConfigOp, values ...*string) kmsg.IncrementalAlterConfigsRequestResource {
		r := kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kind, ResourceName: name}
		for i, v := range values {
			r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: fmt.Sprint("c", i), Value: v, Op: op})
		}
		return r
	}
	const topic, logger = kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBrokerLogger
	return []brokerAnswer{
		{
			name: "AlterConfigs", from: 0, to: 2,
			request: &kmsg.AlterConfigsRequest{Resources: []kmsg.AlterConfigsRequestResource{
				resource(topic, "a", new("1")), resource(topic, "null", nil), resource(topic, "twice", new("1"), new("2")), resource(logger, "1"), resource(1, "one"),
			}},
			want: `Resources[a 29 "Topic authorization failed.", null 42 "Null value not supported for : c0", twice 42 "Error due to duplicate config keys", ` +
				`1 42 "Unknown resource type 8", one 42 "Unknown resource type 1"]`,
		},
		{
			name: "IncrementalAlterConfigs", from: 0, to: 1,
			request: &kmsg.IncrementalAlterConfigsRequest{Resources: []kmsg.IncrementalAlterConfigsRequestResource{
				increment(topic, "a", kmsg.IncrementalAlterConfigOpDelete, nil), increment(topic, "null", 0, nil, nil), increment(topic, "b", 0), increment(topic, "b", 0), increment(logger, "1", 0),
			}},
			want: `Resources[a 29 "Topic authorization failed.", null 42 "Null value not supported for : c0, c1", b 42 "Each resource must appear at most once.", ` +
				`b 42 "Each resource must appear at most once.", 1 31 -]`,
		},
		{
			name: "DescribeConfigs of what has none", from: 1, to: 4,
			request: &kmsg.DescribeConfigsRequest{Resources: []kmsg.DescribeConfigsRequestResource{{ResourceType: 3, ResourceName: "a"}, {ResourceType: topic, ResourceName: "b"}}},
			want:    fmt.Sprintf("Resources[a 42 %q, b 42 %[1]q]", invalidRequestText),
		},
		{
			name: "DescribeClientQuotas: without a text", from: 0, to: 1,
			request: &kmsg.DescribeClientQuotasRequest{}, want: "31 -",
		},
		{
			name: "DescribeUserScramCredentials: as many entries, without users", from: 0, to: 0,
			request: &kmsg.DescribeUserSCRAMCredentialsRequest{Users: []kmsg.DescribeUserSCRAMCredentialsRequestUser{{Name: "zz"}, {Name: "yy"}}},
			want:    "31 - Results[ 31 -,  31 -]",
		},
	}
}

// TestRefusedFields: the fields of error entries have the values of a broker.
func TestRefusedFields(t *testing.T) {
	refuse := func(m kmsg.Request, allowed ...string) kmsg.Response {
		conn := newGateway(t, gateway.Config{Store: allowing(t, allowed...)}).Conn(client("alice"))
		return answer[kmsg.Response](t, decide(t, conn, m), m)
	}
	t.Run("DescribeTransactions", func(t *testing.T) {
		r := refuse(&kmsg.DescribeTransactionsRequest{TransactionalIDs: []string{"x"}}).(*kmsg.DescribeTransactionsResponse)
		assert.EqualValues(t, 0, r.TransactionStates[0].ProducerEpoch)
	})
	t.Run("ReadShareGroupStateSummary", func(t *testing.T) {
		m := kmsg.NewPtrReadShareGroupStateSummaryRequest()
		m.Topics = []kmsg.ReadShareGroupStateSummaryRequestTopic{{Partitions: []kmsg.ReadShareGroupStateSummaryRequestTopicPartition{{Partition: 0}}}}
		r := refuse(m).(*kmsg.ReadShareGroupStateSummaryResponse)
		assert.EqualValues(t, 0, r.Topics[0].Partitions[0].LeaderEpoch)
	})
	t.Run("DescribeShareGroupOffsets", func(t *testing.T) {
		m := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
		m.Groups = []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: "g", Topics: []kmsg.DescribeShareGroupOffsetsRequestGroupTopic{{Topic: "a", Partitions: []int32{0}}}}}
		conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:g")}).Conn(client("alice"))
		reply := &kmsg.DescribeShareGroupOffsetsResponse{Groups: []kmsg.DescribeShareGroupOffsetsResponseGroup{{GroupID: "g"}}}
		p := answer[*kmsg.DescribeShareGroupOffsetsResponse](t, decide(t, conn, m), m, reply).Groups[0].Topics[0].Partitions[0]
		assert.EqualValues(t, []int64{-1, 0, 29}, []int64{p.StartOffset, int64(p.LeaderEpoch), int64(p.ErrorCode)})
	})
	t.Run("CreateTopics", func(t *testing.T) {
		for version := int16(5); version <= 7; version++ {
			m := &kmsg.CreateTopicsRequest{Version: version, Topics: []kmsg.CreateTopicsRequestTopic{{Topic: "a"}}}
			assert.NotNil(t, refuse(m).(*kmsg.CreateTopicsResponse).Topics[0].Configs, "version %d", version)
		}
	})
	t.Run("StreamsGroupHeartbeat", func(t *testing.T) {
		assert.NotNil(t, refuse(&kmsg.StreamsGroupHeartbeatRequest{Group: "g"}).(*kmsg.StreamsGroupHeartbeatResponse).Status)
	})
}

// TestDescribedGroupsWithAnError: groups with an error are filtered too, and the texts
// are those of a broker.
func TestDescribedGroupsWithAnError(t *testing.T) {
	const consumers = `g 29 "The group has described topic(s) that the client is not authorized to describe."`
	assigned := kmsg.Assignment{TopicPartitions: []kmsg.AssignmentTopicPartition{{Topic: "secret", Partitions: []int32{0}}}}
	for _, code := range []int16{0, 15} {
		for _, row := range []brokerAnswer{
			{
				name: "ConsumerGroupDescribe", from: 0, to: 1, request: &kmsg.ConsumerGroupDescribeRequest{Groups: []string{"g"}}, want: "Groups[" + consumers + "]",
				reply: &kmsg.ConsumerGroupDescribeResponse{Groups: []kmsg.ConsumerGroupDescribeResponseGroup{{Group: "g", ErrorCode: code, Members: []kmsg.ConsumerGroupDescribeResponseGroupMember{{Assignment: assigned}}}}},
			},
			{
				name: "ShareGroupDescribe", from: 1, to: 1, request: &kmsg.ShareGroupDescribeRequest{GroupIDs: []string{"g"}}, want: "Groups[" + consumers + "]",
				reply: &kmsg.ShareGroupDescribeResponse{Groups: []kmsg.ShareGroupDescribeResponseGroup{{GroupID: "g", ErrorCode: code, Members: []kmsg.ShareGroupDescribeResponseGroupMember{{Assignment: kmsg.ShareGroupDescribeResponseGroupMemberAssignment{
					TopicPartitions: []kmsg.ShareGroupDescribeResponseGroupMemberAssignmentTopicPartition{{Topic: "secret", Partitions: []int32{0}}},
				}}}}}},
			},
			{
				name: "StreamsGroupDescribe", from: 0, to: 0, request: &kmsg.StreamsGroupDescribeRequest{Groups: []string{"g"}},
				want: `Groups[g 29 "The described group uses topics that the client is not authorized to describe."]`,
				reply: &kmsg.StreamsGroupDescribeResponse{Groups: []kmsg.StreamsGroupDescribeResponseGroup{{Group: "g", ErrorCode: code, Topology: &kmsg.StreamsGroupDescribeResponseGroupTopology{
					Subtopologies: []kmsg.StreamsGroupDescribeResponseGroupTopologySubtopology{{SourceTopics: []string{"secret"}}},
				}}}},
			},
		} {
			row.allowed = []string{"Describe Group:g"}
			t.Run(fmt.Sprint(row.name, " with error ", code), row.test)
		}
	}
	t.Run("operations of a group with an error", func(t *testing.T) {
		conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:g")}).Conn(client("alice"))
		m := &kmsg.DescribeGroupsRequest{Version: 3, Groups: []string{"g"}, IncludeAuthorizedOperations: true}
		reply := &kmsg.DescribeGroupsResponse{Version: 3, Groups: []kmsg.DescribeGroupsResponseGroup{{Group: "g", ErrorCode: 15, AuthorizedOperations: 0xffff}}}
		r := answer[*kmsg.DescribeGroupsResponse](t, decide(t, conn, m), m, reply)
		assert.EqualValues(t, 1<<8, r.Groups[0].AuthorizedOperations, "only Describe")
	})
}

// TestFeaturesFromZero: a feature whose lowest version is 0 is shown from version 4 on;
// older Java clients fail on it.
func TestFeaturesFromZero(t *testing.T) {
	for version := range int16(5) {
		m := versionsRequest(version)
		conn := newGateway(t, gateway.Config{}).Conn(gateway.Client{})
		reply := &kmsg.ApiVersionsResponse{Version: version, SupportedFeatures: []kmsg.ApiVersionsResponseSupportedFeature{
			{Name: "group.version", MaxVersion: 1}, {Name: "metadata.version", MinVersion: 7, MaxVersion: 29},
		}}
		data, err := decide(t, conn, m).Response(replyOf(reply))
		require.NoError(t, err)
		r := m.ResponseKind().(*kmsg.ApiVersionsResponse)
		require.NoError(t, r.ReadFrom(data[4:]))
		var shown []string
		for _, f := range r.SupportedFeatures {
			shown = append(shown, f.Name)
		}
		assert.Equal(t, [][]string{nil, nil, nil, {"metadata.version"}, {"group.version", "metadata.version"}}[version], shown, "version %d", version)
	}
}

// TestClientsWithoutAName: from version 3 on, a client that does not identify its
// software is refused, as by a broker.
func TestClientsWithoutAName(t *testing.T) {
	for _, software := range [][2]string{{"", "1"}, {"kcat", ""}, {"kcat", "1 2"}, {"-kcat", "1"}, {"kcat", "1."}} {
		for version := range int16(5) {
			m := versionsRequest(version)
			m.ClientSoftwareName, m.ClientSoftwareVersion = software[0], software[1]
			plan := decide(t, newGateway(t, gateway.Config{}).Conn(gateway.Client{}), m)
			if version < 3 {
				assert.Len(t, plan.Forward(), 1, "version %d", version)
				continue
			}
			data, err := plan.Response()
			require.NoError(t, err)
			r := m.ResponseKind().(*kmsg.ApiVersionsResponse)
			require.NoError(t, r.ReadFrom(data[4:]))
			assert.EqualValues(t, 42, r.ErrorCode, "%q version %d", software, version)
			assert.Empty(t, r.ApiKeys)
		}
	}
}

// TestImpossibleNameWithoutCreate: if the client may not create a topic, it is refused
// before the cluster reports that the name is invalid.
func TestImpossibleNameWithoutCreate(t *testing.T) {
	for version := int16(0); version <= 9; version++ {
		m := &kmsg.MetadataRequest{Version: version, AllowAutoTopicCreation: true, Topics: []kmsg.MetadataRequestTopic{{Topic: new("a/b")}}}
		conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:a*")}).Conn(client("alice"))
		plan := decide(t, conn, m)
		requests := sent[*kmsg.MetadataRequest](t, plan)
		require.Len(t, requests, 1)
		require.False(t, requests[0].AllowAutoTopicCreation)
		reply := &kmsg.MetadataResponse{Version: requests[0].Version, Topics: []kmsg.MetadataResponseTopic{{Topic: new("a/b"), ErrorCode: 17}}}
		r := answer[*kmsg.MetadataResponse](t, plan, m, reply)
		assert.EqualValues(t, 29, r.Topics[0].ErrorCode, "version %d", version)
	}
}

// TestTextsAreBounded: the error texts of an answer have a limited size, and take time
// in proportion to the request only.
func TestTextsAreBounded(t *testing.T) {
	const times = 2_500 // the gateway refuses more of them, although they are so short
	keys, resources := make([]string, times), make([]kmsg.AlterConfigsRequestResource, times)
	for i := range resources {
		resources[i] = kmsg.AlterConfigsRequestResource{ResourceType: 1, ResourceName: fmt.Sprint(i)}
	}
	for name, m := range map[string]kmsg.Request{
		"keys":       &kmsg.FindCoordinatorRequest{Version: 4, CoordinatorType: 3, CoordinatorKeys: keys},
		"resources":  &kmsg.AlterConfigsRequest{Version: 2, Resources: resources},
		"partitions": &kmsg.DescribeProducersRequest{Topics: []kmsg.DescribeProducersRequestTopic{{Topic: strings.Repeat("/", 10_000), Partitions: make([]int32, times)}}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := newGateway(t, gateway.Config{Store: allowing(t)}).Conn(client("alice"))
			began := time.Now()
			data, err := decide(t, conn, m).Response()
			require.NoError(t, err)
			assert.Less(t, len(data), 64<<10+times*28, "bytes")
			assert.Less(t, time.Since(began), 10*time.Second)
		})
	}
}
