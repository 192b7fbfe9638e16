package gateway

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// query is a request in the form that authorization needs, with the message lists that
// its entries come from.
type query struct {
	ops.Request
	message    kmsg.Request
	items      field                            // the list of the outcome's entries without a parent; nil if none
	inner      []field                          // the lists of entries with a parent: the topics of each group
	unservable ops.ErrorCode                    // why nobody can be served, or None
	invalid    ops.ErrorCode                    // why the request is refused before authorization, or None
	rewritten  bool                             // the message differs from the frame, so the frame must not be forwarded
	apart      []kmsg.DeleteTopicsResponseTopic // refused before authorization and not in the message
	err        error                            // why the request is malformed, or nil
	bad        map[sharePartition]bool          // acknowledgements that Kafka refuses as invalid, before it checks rights
	said       int                              // bytes of error texts in the answer so far
	resources  []int32                          // positions of Resources sorted by resource, or nil if not computed yet
	logs       int                              // number of topics to create that are the metadata log; 0 if not computed yet
	// first is the first topic that the request identifies by id. It is also the memory
	// of Topics if there is only one topic, so that most produce requests need no
	// allocation.
	first [1]ops.Topic
	// named are the names of the other topics that the request or its response
	// identifies by id.
	named   map[[16]byte]string
	unknown bool // an id belongs to no topic that is known yet
}

// field is a list of a message whose entries are allowed or refused separately.
type field interface {
	// list returns what is in it now.
	list() list
}

// fieldOf is a field with entries of type T. It is a pointer, so that storing it needs
// no allocation.
type fieldOf[T any] struct{ in *[]T }

func fieldIn[T any](in *[]T) field { return fieldOf[T]{in} }

func (f fieldOf[T]) list() list { return entries[T]{*f.in, f.in} }

// list is the original content of a field, before entries were removed.
type list interface {
	len() int
	// entry returns the request's entry at position i, even after keep.
	entry(i int) reflect.Value
	// keep leaves only the entries that are not refused in the message. Afterwards the
	// list is not null, even if it is empty.
	keep(refused []bool)
}

// entries is a list of T.
type entries[T any] struct {
	all  []T
	left *[]T // the field of the message
}

func (e entries[T]) len() int                  { return len(e.all) }
func (e entries[T]) entry(i int) reflect.Value { return reflect.ValueOf(&e.all[i]).Elem() }
func (e entries[T]) keep(refused []bool) {
	kept := make([]T, 0, len(e.all))
	for i := range e.all {
		if !refused[i] {
			kept = append(kept, e.all[i])
		}
	}
	*e.left = kept
}

// named returns a topic that the request names. It is assumed to exist: only the
// cluster knows that, and it answers only clients that may know it.
func named(name string) ops.Topic { return ops.Topic{Name: name, Exists: true} }

// identified returns a topic that is identified by its id.
func (q *query) identified(c Cluster, id [16]byte) ops.Topic {
	if f := q.first[0]; f.ByID && f.ID == id && f.Name != "" {
		return f
	}
	name, known := q.named[id]
	if !known {
		name = topicName(c, id)
	}
	t := ops.Topic{ID: id, ByID: true, Name: name, Exists: true}
	switch {
	case known:
	case name == "":
		q.unknown = true
	case len(q.Topics) == 0 && !q.first[0].ByID:
		q.first[0] = t
	default:
		if q.named == nil {
			q.named = make(map[[16]byte]string, cap(q.Topics))
		}
		q.named[id] = name
	}
	return t
}

// topicName returns the name of the topic with this id, or "" if it is unknown.
func topicName(c Cluster, id [16]byte) string {
	if c == nil {
		return ""
	}
	name, ok := c.TopicName(id)
	if !ok {
		return ""
	}
	return name
}

// topics reads the entries of a list of topics.
func topics[T any](q *query, field *[]T, topic func(*T) ops.Topic) {
	q.items, q.Topics = fieldIn(field), q.first[:0]
	if n := len(*field); n > len(q.first) {
		q.Topics = make([]ops.Topic, 0, n)
	}
	for i := range *field {
		q.Topics = append(q.Topics, topic(&(*field)[i]))
	}
}

func topicsOf[T any](list []T, topic func(*T) ops.Topic) []ops.Topic {
	found := make([]ops.Topic, len(list))
	for i := range list {
		found[i] = topic(&list[i])
	}
	return found
}

// groups reads the entries of a list of group names.
func groups(q *query, field *[]string) {
	q.items, q.Groups = fieldIn(field), holders(*field)
}

func holders(names []string) []ops.Holder {
	found := make([]ops.Holder, len(names))
	for i := range names {
		found[i].Name = names[i]
	}
	return found
}

// resources reads the entries of a list of configurations.
func resources[T any](q *query, field *[]T, resource func(*T) (kmsg.ConfigResourceType, string)) {
	q.items, q.Resources = fieldIn(field), make([]ops.ConfigResource, 0, len(*field))
	for i := range *field {
		t, name := resource(&(*field)[i])
		q.Resources = append(q.Resources, ops.ConfigResource{Name: name, Type: configType(t), Exists: true})
	}
}

// configType returns the type of a configured resource. 0 is not a type of Kafka's.
func configType(t kmsg.ConfigResourceType) ops.ConfigType { return ops.ConfigType(max(t, 0)) }

// reader turns requests into authorization questions.
type reader struct {
	cluster   Cluster
	layouts   *layouts
	endpoint  ops.Endpoint
	caller    ops.Caller
	forwarded bool
}

// read determines what a request asks for; q must be zero. It knows every request of
// the protocol table; it returns an error for any other. The message comes from a
// checked frame, so all of its strings are valid UTF-8. That matters because names are
// compared byte by byte here and by characters in Kafka.
func (r *reader) read(q *query, message kmsg.Request) error {
	q.message = message
	q.Key, q.Version = ops.APIKey(message.Key()), message.GetVersion()
	q.Endpoint, q.Caller, q.Forwarded = r.endpoint, r.caller, r.forwarded
	known := r.readTopics(q, message) || r.readGroups(q, message) || r.readOthers(q, message) || asksNothing(message)
	if !known {
		return errUnknown
	}
	return q.err
}

// either returns a topic that the request identifies by id from version from on, and by
// name in older versions.
func (r *reader) either(q *query, from int16, name string, id [16]byte) ops.Topic {
	if q.Version >= from {
		return q.identified(r.cluster, id)
	}
	return named(name)
}

// readTopics reads requests about topics.
func (r *reader) readTopics(q *query, message kmsg.Request) bool {
	switch m := message.(type) {
	case *kmsg.ProduceRequest:
		q.TransactionalID, q.NoResponse = m.TransactionID, m.Acks == 0
		q.TransactionalRecords = hasTransactionalRecords(m)
		topics(q, &m.Topics, func(t *kmsg.ProduceRequestTopic) ops.Topic { return r.either(q, 13, t.Topic, t.TopicID) })
	case *kmsg.FetchRequest:
		q.Follower = m.ReplicaID >= 0 && m.Version < 15 || m.ReplicaState.ID >= 0 && m.Version >= 15
		topics(q, &m.Topics, func(t *kmsg.FetchRequestTopic) ops.Topic { return r.either(q, 13, t.Topic, t.TopicID) })
	case *kmsg.ListOffsetsRequest:
		topics(q, &m.Topics, func(t *kmsg.ListOffsetsRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.MetadataRequest:
		q.AllTopics = m.Topics == nil || m.Version == 0 && len(m.Topics) == 0
		q.AllowAutoCreate = m.AllowAutoTopicCreation
		q.IncludeClusterOperations, q.IncludeOperations = m.IncludeClusterAuthorizedOperations, m.IncludeTopicAuthorizedOperations
		r.readMetadata(q, m)
	case *kmsg.OffsetForLeaderEpochRequest:
		topics(q, &m.Topics, func(t *kmsg.OffsetForLeaderEpochRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.CreateTopicsRequest:
		topics(q, &m.Topics, func(t *kmsg.CreateTopicsRequestTopic) ops.Topic { return ops.Topic{Name: t.Topic} })
	case *kmsg.DeleteTopicsRequest:
		if m.Version >= 6 {
			r.readDeletions(q, m)
		} else {
			topics(q, &m.TopicNames, func(name *string) ops.Topic { return named(*name) })
		}
	case *kmsg.DeleteRecordsRequest:
		topics(q, &m.Topics, func(t *kmsg.DeleteRecordsRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.CreatePartitionsRequest:
		topics(q, &m.Topics, func(t *kmsg.CreatePartitionsRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.DescribeProducersRequest:
		topics(q, &m.Topics, func(t *kmsg.DescribeProducersRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.DescribeTopicPartitionsRequest:
		readPage(q, m)
		topics(q, &m.Topics, func(t *kmsg.DescribeTopicPartitionsRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.AddPartitionsToTxnRequest:
		q.TransactionalID = &m.TransactionalID
		topics(q, &m.Topics, func(t *kmsg.AddPartitionsToTxnRequestTopic) ops.Topic { return named(t.Topic) })
		q.Transactions = make([]ops.Holder, 0, len(m.Transactions))
		for i := range m.Transactions {
			t := &m.Transactions[i]
			q.Transactions = append(q.Transactions, ops.Holder{
				Name:   t.TransactionalID,
				Topics: topicsOf(t.Topics, func(t *kmsg.AddPartitionsToTxnRequestTransactionTopic) ops.Topic { return named(t.Topic) }),
			})
		}
	case *kmsg.TxnOffsetCommitRequest:
		q.TransactionalID, q.Group = &m.TransactionalID, m.Group
		topics(q, &m.Topics, func(t *kmsg.TxnOffsetCommitRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.OffsetCommitRequest:
		q.Group = m.Group
		topics(q, &m.Topics, func(t *kmsg.OffsetCommitRequestTopic) ops.Topic { return r.either(q, 10, t.Topic, t.TopicID) })
	case *kmsg.OffsetDeleteRequest:
		q.Group = m.Group
		topics(q, &m.Topics, func(t *kmsg.OffsetDeleteRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.ShareFetchRequest:
		q.Group = stringOf(m.GroupID)
		topics(q, &m.Topics, func(t *kmsg.ShareFetchRequestTopic) ops.Topic { return q.identified(r.cluster, t.TopicID) })
	case *kmsg.ShareAcknowledgeRequest:
		q.Group = stringOf(m.GroupID)
		topics(q, &m.Topics, func(t *kmsg.ShareAcknowledgeRequestTopic) ops.Topic { return q.identified(r.cluster, t.TopicID) })
	case *kmsg.AlterShareGroupOffsetsRequest:
		q.Group = m.GroupID
		topics(q, &m.Topics, func(t *kmsg.AlterShareGroupOffsetsRequestTopic) ops.Topic { return named(t.Topic) })
	case *kmsg.DeleteShareGroupOffsetsRequest:
		q.Group = m.GroupID
		topics(q, &m.Topics, func(t *kmsg.DeleteShareGroupOffsetsRequestTopic) ops.Topic { return named(t.Topic) })
	default:
		return false
	}
	return true
}

// readGroups reads requests about groups.
func (r *reader) readGroups(q *query, message kmsg.Request) bool {
	switch m := message.(type) {
	case *kmsg.OffsetFetchRequest:
		r.readOffsetFetch(q, m)
	case *kmsg.JoinGroupRequest:
		q.Group = m.Group
	case *kmsg.HeartbeatRequest:
		q.Group = m.Group
	case *kmsg.LeaveGroupRequest:
		q.Group = m.Group
	case *kmsg.SyncGroupRequest:
		q.Group, q.NoProtocol = m.Group, m.ProtocolType == nil || m.Protocol == nil
	case *kmsg.AddOffsetsToTxnRequest:
		q.TransactionalID, q.Group = &m.TransactionalID, m.Group
	case *kmsg.DescribeGroupsRequest:
		q.IncludeOperations = m.IncludeAuthorizedOperations
		groups(q, &m.Groups)
	case *kmsg.DeleteGroupsRequest:
		groups(q, &m.Groups)
	case *kmsg.ConsumerGroupDescribeRequest:
		q.IncludeOperations = m.IncludeAuthorizedOperations
		groups(q, &m.Groups)
	case *kmsg.ShareGroupDescribeRequest:
		q.IncludeOperations = m.IncludeAuthorizedOperations
		groups(q, &m.GroupIDs)
	case *kmsg.StreamsGroupDescribeRequest:
		q.IncludeOperations = m.IncludeAuthorizedOperations
		groups(q, &m.Groups)
	case *kmsg.DescribeShareGroupOffsetsRequest:
		q.items = fieldIn(&m.Groups)
		q.inner, q.Groups = make([]field, 0, len(m.Groups)), make([]ops.Holder, 0, len(m.Groups))
		for i := range m.Groups {
			g := &m.Groups[i]
			q.inner = append(q.inner, fieldIn(&g.Topics))
			q.Groups = append(q.Groups, ops.Holder{
				Name: g.GroupID, AllTopics: g.Topics == nil,
				Topics: topicsOf(g.Topics, func(t *kmsg.DescribeShareGroupOffsetsRequestGroupTopic) ops.Topic { return named(t.Topic) }),
			})
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		q.Group, q.Subscribed = m.Group, m.SubscribedTopicNames
	case *kmsg.ShareGroupHeartbeatRequest:
		q.Group, q.Subscribed = m.GroupID, m.SubscribedTopicNames
		if !isShareMember(m.MemberID) {
			q.unservable = ops.InvalidRequest
		}
	case *kmsg.StreamsGroupHeartbeatRequest:
		q.Group = m.Group
		readTopology(q, m)
	default:
		return false
	}
	return true
}

// readOffsetFetch reads a request for the offsets of groups, or of one group below
// version 8.
func (r *reader) readOffsetFetch(q *query, m *kmsg.OffsetFetchRequest) {
	if m.Version < 8 {
		q.inner = []field{fieldIn(&m.Topics)}
		q.Groups = []ops.Holder{{
			Name: m.Group, AllTopics: m.Topics == nil,
			Topics: topicsOf(m.Topics, func(t *kmsg.OffsetFetchRequestTopic) ops.Topic { return named(t.Topic) }),
		}}
		return
	}
	q.items = fieldIn(&m.Groups)
	q.inner, q.Groups = make([]field, 0, len(m.Groups)), make([]ops.Holder, 0, len(m.Groups))
	for i := range m.Groups {
		g := &m.Groups[i]
		q.inner = append(q.inner, fieldIn(&g.Topics))
		q.Groups = append(q.Groups, ops.Holder{
			Name: g.Group, AllTopics: g.Topics == nil,
			Topics: topicsOf(g.Topics, func(t *kmsg.OffsetFetchRequestGroupTopic) ops.Topic { return r.either(q, 10, t.Topic, t.TopicID) }),
		})
	}
}

// readOthers reads requests about keys, transactional ids, configurations and tokens.
func (r *reader) readOthers(q *query, message kmsg.Request) bool {
	switch m := message.(type) {
	case *kmsg.FindCoordinatorRequest:
		q.KeyType = ops.KeyType(m.CoordinatorType)
		if q.Keys = []string{m.CoordinatorKey}; m.Version >= 4 {
			q.items, q.Keys = fieldIn(&m.CoordinatorKeys), m.CoordinatorKeys
		}
	case *kmsg.InitProducerIDRequest:
		q.TransactionalID, q.TwoPhaseCommit = m.TransactionalID, wantsTwoPhaseCommit(m)
	case *kmsg.EndTxnRequest:
		q.TransactionalID = &m.TransactionalID
	case *kmsg.DescribeTransactionsRequest:
		q.items, q.Transactions = fieldIn(&m.TransactionalIDs), holders(m.TransactionalIDs)
	case *kmsg.DescribeClusterRequest:
		q.IncludeClusterOperations = m.IncludeClusterAuthorizedOperations
	case *kmsg.DescribeConfigsRequest:
		resources(q, &m.Resources, func(c *kmsg.DescribeConfigsRequestResource) (kmsg.ConfigResourceType, string) {
			return c.ResourceType, c.ResourceName
		})
	case *kmsg.AlterConfigsRequest:
		resources(q, &m.Resources, func(c *kmsg.AlterConfigsRequestResource) (kmsg.ConfigResourceType, string) {
			return c.ResourceType, c.ResourceName
		})
		for i := range m.Resources {
			q.Resources[i].Invalid = areWrong(m.Resources[i].Configs, legacyConfig)
		}
	case *kmsg.IncrementalAlterConfigsRequest:
		resources(q, &m.Resources, func(c *kmsg.IncrementalAlterConfigsRequestResource) (kmsg.ConfigResourceType, string) {
			return c.ResourceType, c.ResourceName
		})
		for i := range m.Resources {
			q.Resources[i].Invalid = areWrong(m.Resources[i].Configs, incrementalConfig)
		}
	case *kmsg.CreateDelegationTokenRequest, *kmsg.RenewDelegationTokenRequest,
		*kmsg.ExpireDelegationTokenRequest, *kmsg.DescribeDelegationTokenRequest:
		readTokens(q, message)
	case *kmsg.DescribeACLsRequest:
		q.knownACL(m.ResourceType, m.ResourcePatternType, m.Operation, m.PermissionType)
	case *kmsg.CreateACLsRequest:
		for i := range m.Creations {
			c := &m.Creations[i]
			q.knownACL(c.ResourceType, c.ResourcePatternType, c.Operation, c.PermissionType)
		}
	case *kmsg.DeleteACLsRequest:
		for i := range m.Filters {
			f := &m.Filters[i]
			q.knownACL(f.ResourceType, f.ResourcePatternType, f.Operation, f.PermissionType)
		}
	case *kmsg.ApiVersionsRequest:
		readVersions(q, m)
	case *kmsg.EnvelopeRequest:
		r.readEnvelope(q, m)
	default:
		return false
	}
	return true
}

var errUnknownACL = errors.New("malformed: a part of an ACL or a filter is UNKNOWN")

// knownACL marks a request as malformed if an ACL or filter has a part with code 0
// (UNKNOWN). A broker closes the connection for it. Unknown higher codes are accepted
// here and refused after authorization.
//
// Source: Kafka's CreateAclsRequest, DescribeAclsRequest and DeleteAclsRequest.
func (q *query) knownACL(t kmsg.ACLResourceType, pattern kmsg.ACLResourcePatternType, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) {
	if t == 0 || pattern == 0 || op == 0 || permission == 0 {
		q.err = errUnknownACL
	}
}

// twoPhaseCommit is the position, in kmsg's structure, of the InitProducerId field that
// asks for a two-phase transaction. It is -1 as long as kmsg does not have the field.
//
// Source: KIP-939, InitProducerId version 6.
var twoPhaseCommit = func() int {
	f, ok := reflect.TypeFor[kmsg.InitProducerIDRequest]().FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, "Enable2PC") })
	if !ok || f.Type.Kind() != reflect.Bool {
		return -1
	}
	return f.Index[0]
}()

func wantsTwoPhaseCommit(m *kmsg.InitProducerIDRequest) bool {
	return twoPhaseCommit >= 0 && reflect.ValueOf(m).Elem().Field(twoPhaseCommit).Bool()
}

// asksNothing reports whether the content of a request does not matter for
// authorization: the request is about the cluster, or lists everything.
func asksNothing(message kmsg.Request) bool {
	switch message.(type) {
	case *kmsg.LeaderAndISRRequest, *kmsg.StopReplicaRequest, *kmsg.UpdateMetadataRequest, *kmsg.ControlledShutdownRequest,
		*kmsg.ListGroupsRequest, *kmsg.ListTransactionsRequest, *kmsg.WriteTxnMarkersRequest,
		*kmsg.SASLHandshakeRequest, *kmsg.SASLAuthenticateRequest,
		*kmsg.AlterReplicaLogDirsRequest, *kmsg.DescribeLogDirsRequest, *kmsg.ElectLeadersRequest,
		*kmsg.AlterPartitionAssignmentsRequest, *kmsg.ListPartitionReassignmentsRequest, *kmsg.UnregisterBrokerRequest,
		*kmsg.DescribeClientQuotasRequest, *kmsg.AlterClientQuotasRequest,
		*kmsg.DescribeUserSCRAMCredentialsRequest, *kmsg.AlterUserSCRAMCredentialsRequest,
		*kmsg.VoteRequest, *kmsg.BeginQuorumEpochRequest, *kmsg.EndQuorumEpochRequest, *kmsg.DescribeQuorumRequest,
		*kmsg.AlterPartitionRequest, *kmsg.UpdateFeaturesRequest, *kmsg.FetchSnapshotRequest,
		*kmsg.BrokerRegistrationRequest, *kmsg.BrokerHeartbeatRequest, *kmsg.AllocateProducerIDsRequest,
		*kmsg.ControllerRegistrationRequest, *kmsg.AssignReplicasToDirsRequest,
		*kmsg.GetTelemetrySubscriptionsRequest, *kmsg.PushTelemetryRequest, *kmsg.ListConfigResourcesRequest,
		*kmsg.AddRaftVoterRequest, *kmsg.RemoveRaftVoterRequest, *kmsg.UpdateRaftVoterRequest,
		*kmsg.InitializeShareGroupStateRequest, *kmsg.ReadShareGroupStateRequest, *kmsg.WriteShareGroupStateRequest,
		*kmsg.DeleteShareGroupStateRequest, *kmsg.ReadShareGroupStateSummaryRequest:
		return true
	default:
		return false
	}
}

// Offsets of fields in a record batch, in bytes.
//
// Source: Kafka's DefaultRecordBatch.
const (
	batchLength     = 8  // length of the rest of the batch
	batchMagic      = 16 // version of the format
	batchAttributes = 21
	batchHeader     = 61
)

// transactional is the attribute bit of a record batch that belongs to a transaction.
const transactional = 1 << 4

// hasTransactionalRecords reports whether the first batch of a partition is
// transactional.
//
// Source: Kafka's RequestUtils.hasTransactionalRecords.
func hasTransactionalRecords(m *kmsg.ProduceRequest) bool {
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			if isTransactional(m.Topics[i].Partitions[j].Records) {
				return true
			}
		}
	}
	return false
}

// isTransactional reports whether the first of some batches is transactional. A
// truncated batch, or one of an older format, counts as not transactional: the cluster,
// which reads it by the same rules, refuses it.
//
// Source: Kafka's ByteBufferLogInputStream.
func isTransactional(batches []byte) bool {
	if len(batches) < batchHeader {
		return false
	}
	end := int64(int32(binary.BigEndian.Uint32(batches[batchLength:]))) + batchLength + 4
	if end < batchHeader || end > int64(len(batches)) || int8(batches[batchMagic]) < 2 {
		return false
	}
	return binary.BigEndian.Uint16(batches[batchAttributes:])&transactional != 0
}
