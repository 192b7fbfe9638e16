package gateway

import (
	"math"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// api is what the gateway does with the requests of one API, apart from the
// authorization by the protocol table. The zero api refuses every request: nothing
// reads what it asks for.
type api struct {
	// read reads what the request asks for, apart from its entries.
	read func(*query, kmsg.Request)
	// entries are the entries that are decided separately, from version entriesFrom on;
	// before are those of older versions.
	entries, before entries
	entriesFrom     int16
	// asksAboutAll: the names at every depth of the request are authorized.
	asksAboutAll bool

	// refuse makes a blank response refuse the whole request. Below version eachBelow,
	// it also refuses each entry.
	refuse    func(*refusal, kmsg.Response)
	eachBelow int16

	// serveACLs and serveCredentials answer the request from the store, or at least
	// without the cluster, unless the configuration says that it is forwarded.
	serveACLs, serveCredentials server
	// beforeLogin: an unauthenticated peer may send this request. For any other request
	// a broker closes the connection (Kafka's SaslServerAuthenticator).
	beforeLogin bool

	// needs is what versions from needsFrom on need of the Cluster. Without it they are not
	// served. A version that needs TopicNames identifies topics by their ids.
	needs     Facts
	needsFrom int16

	// takeOut takes the refused entries out of the request instead of [Plan.takeOut].
	takeOut func(*Plan, *ops.Outcome) (changed bool, err error)
	// rewrite changes the request before it is forwarded.
	rewrite rewriter
	// sentOnEmpty: the request is forwarded even if all of its topics are refused.
	// Metadata also returns the brokers, the cluster counts the requests of a share
	// session, and the error of a group comes before the errors of its topics.
	sentOnEmpty bool
	// showsMissing: the cluster reports that a topic is missing before it refuses the
	// topic for another operation.
	showsMissing bool

	// shows passes the topics that the response shows to the learner.
	shows func(*learner, kmsg.Response)
	// filter removes from the response what the client may not see.
	filter filter
	// listsAll: the response lists everything of a type, also if the request does not name it.
	listsAll bool
	// addresses are the addresses of brokers in the response.
	addresses *addresses
	// reportsChange: the response only reports the result of the change. It is not
	// decided again.
	reportsChange bool

	// extraCost is the additional memory for one entry of an outermost list, in bytes:
	// the entry is evaluated twice, or compared with the others.
	extraCost int
	// joined is the type of partitions that are joined, if entries do not say it, and flat
	// that of partitions that repeat the name of their topic. Both cost memory.
	joined, flat reflect.Type
}

// allVersions is a bound above every version.
const allVersions = math.MaxInt16

// reads returns a function for api.read.
func reads[M kmsg.Request](read func(*query, M)) func(*query, kmsg.Request) {
	return func(q *query, m kmsg.Request) { read(q, m.(M)) }
}

// readNothing is for requests whose content does not matter for authorization: the
// request is about the cluster, or lists everything.
func readNothing(*query, kmsg.Request) {}

// code returns an api.refuse for a response with an error code.
func code[R kmsg.Response](at func(R) *int16) func(*refusal, kmsg.Response) {
	return func(f *refusal, r kmsg.Response) { *at(r.(R)) = f.code }
}

// codeAndText returns an api.refuse for a response with an error code and a text.
func codeAndText[R kmsg.Response](at func(R) (*int16, **string)) func(*refusal, kmsg.Response) {
	return func(f *refusal, r kmsg.Response) {
		code, text := at(r.(R))
		*code, *text = f.code, f.message()
	}
}

// refuses returns an api.refuse for a response that refuses in another way.
func refuses[M kmsg.Request, R kmsg.Response](refuse func(*refusal, M, R)) func(*refusal, kmsg.Response) {
	return func(f *refusal, r kmsg.Response) { refuse(f, f.query.message.(M), r.(R)) }
}

// shows returns a function for api.shows.
func shows[R kmsg.Response](show func(*learner, R)) func(*learner, kmsg.Response) {
	return func(l *learner, r kmsg.Response) { show(l, r.(R)) }
}

// entriesIn returns the entries of a version, or nil.
func (a *api) entriesIn(version int16) entries {
	if version < a.entriesFrom {
		return a.before
	}
	return a.entries
}

// apiOf returns the row of key. A key without a row gets the zero api.
func apiOf(key ops.APIKey) *api {
	if row := int(key); row >= 0 && row < len(apis) {
		return &apis[row]
	}
	return &api{}
}

// apis is the table, by API key. Its functions look up rows, which Go rejects as an
// initialization cycle in a variable's initial value. So init fills it.
var apis [len(requests)]api

// init is long because it is a table, with one row for each API. Rows that look alike have
// messages of different types, whose fields the compiler checks.
//
// Sources: the request handlers of Kafka 4.2 and 4.4, and what brokers of both answer.
func init() {
	apis = [len(requests)]api{
		ops.ProduceKey: {
			needs: TopicNames, needsFrom: 13,
			read: reads(func(q *query, m *kmsg.ProduceRequest) {
				q.TransactionalID, q.NoResponse = m.TransactionID, m.Acks == 0
				q.TransactionalRecords = hasTransactionalRecords(m)
			}),
			entries: entriesOf(
				func(m *kmsg.ProduceRequest) *[]kmsg.ProduceRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.ProduceRequestTopic) ops.Topic { return q.topic(t.Topic, t.TopicID) }),
				func(r *kmsg.ProduceResponse) *[]kmsg.ProduceResponseTopic { return &r.Topics },
				func(t *kmsg.ProduceResponseTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} },
				func(f *refusal, t *kmsg.ProduceRequestTopic, a *kmsg.ProduceResponseTopic) {
					a.Topic, a.TopicID = t.Topic, t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.ProduceRequestTopicPartition, a *kmsg.ProduceResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.BaseOffset = p.Partition, f.code, -1
					})
				},
			).joinedAlways(joining(joinPartition,
				func(t *kmsg.ProduceResponseTopic) *[]kmsg.ProduceResponseTopicPartition { return &t.Partitions },
				func(p *kmsg.ProduceResponseTopicPartition) int32 { return p.Partition })),
			eachBelow: allVersions,
			addresses: &addresses{replace: brokersIn(func(r *kmsg.ProduceResponse) *[]kmsg.ProduceResponseBroker { return &r.Brokers },
				func(b *kmsg.ProduceResponseBroker) (int32, *string, *int32) { return b.NodeID, &b.Host, &b.Port }), from: 10, tagged: true},
			reportsChange: true,
			extraCost:     20,
		},
		ops.FetchKey: {
			needs: TopicNames, needsFrom: 13,
			read: reads(func(q *query, m *kmsg.FetchRequest) {
				q.Follower = m.ReplicaID >= 0 && m.Version < 15 || m.ReplicaState.ID >= 0 && m.Version >= 15
			}),
			entries: entriesOf(
				func(m *kmsg.FetchRequest) *[]kmsg.FetchRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.FetchRequestTopic) ops.Topic { return q.topic(t.Topic, t.TopicID) }),
				func(r *kmsg.FetchResponse) *[]kmsg.FetchResponseTopic { return &r.Topics },
				func(t *kmsg.FetchResponseTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} },
				func(f *refusal, t *kmsg.FetchRequestTopic, a *kmsg.FetchResponseTopic) {
					a.Topic, a.TopicID = t.Topic, t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.FetchRequestTopicPartition, a *kmsg.FetchResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.HighWatermark = p.Partition, f.code, -1
						a.AbortedTransactions, a.RecordBatches = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}, []byte{}
					})
				},
			).ordered(refusedLast).joined(joining(joinAdjacent,
				func(t *kmsg.FetchResponseTopic) *[]kmsg.FetchResponseTopicPartition { return &t.Partitions },
				func(p *kmsg.FetchResponseTopicPartition) int32 { return p.Partition })),
			refuse:    code(func(r *kmsg.FetchResponse) *int16 { return &r.ErrorCode }),
			eachBelow: 13,
			rewrite:   rewriteFetch,
			addresses: &addresses{replace: brokersIn(func(r *kmsg.FetchResponse) *[]kmsg.FetchResponseBroker { return &r.Brokers },
				func(b *kmsg.FetchResponseBroker) (int32, *string, *int32) { return b.NodeID, &b.Host, &b.Port }), from: 16, tagged: true},
			extraCost: idCost,
		},
		ops.ListOffsetsKey: {
			entries: entriesOf(
				func(m *kmsg.ListOffsetsRequest) *[]kmsg.ListOffsetsRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.ListOffsetsRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.ListOffsetsResponse) *[]kmsg.ListOffsetsResponseTopic { return &r.Topics },
				func(t *kmsg.ListOffsetsResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.ListOffsetsRequestTopic, a *kmsg.ListOffsetsResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.ListOffsetsRequestTopicPartition, a *kmsg.ListOffsetsResponseTopicPartition) {
						a.Partition, a.ErrorCode = p.Partition, f.code
					})
				},
			),
			eachBelow: allVersions,
		},
		ops.MetadataKey: {
			needs: TopicNames, needsFrom: byID,
			read: reads(func(q *query, m *kmsg.MetadataRequest) {
				q.AllTopics = m.Topics == nil || m.Version == 0 && len(m.Topics) == 0
				q.AllowAutoCreate = m.AllowAutoTopicCreation
				q.IncludeClusterOperations, q.IncludeOperations = m.IncludeClusterAuthorizedOperations, m.IncludeTopicAuthorizedOperations
				readMetadata(q, m)
			}),
			entries: entriesOf(
				func(m *kmsg.MetadataRequest) *[]kmsg.MetadataRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.MetadataRequestTopic) ops.Topic { return q.nameOrID(t.Topic, t.TopicID) }),
				func(r *kmsg.MetadataResponse) *[]kmsg.MetadataResponseTopic { return &r.Topics },
				func(t *kmsg.MetadataResponseTopic) entryKey { return entryKey{name: stringOf(t.Topic), id: t.TopicID} },
				refuseMetadataTopic,
			).joined(firstOnly[kmsg.MetadataResponseTopic]()),
			refuse: refuses(func(f *refusal, m *kmsg.MetadataRequest, r *kmsg.MetadataResponse) {
				r.ErrorCode, r.ControllerID = f.code, -1
				r.Topics = refuseEach(f, m.Topics, refuseMetadataTopic)
				for i := range r.Topics {
					if r.Topics[i].Topic == nil {
						r.Topics[i].Topic = emptyText
					}
				}
			}),
			rewrite:     rewriteMetadata,
			sentOnEmpty: true,
			shows: shows(func(l *learner, r *kmsg.MetadataResponse) {
				for i := range r.Topics {
					if t := &r.Topics[i]; t.Topic != nil { // otherwise the topic does not exist
						l.show(t.TopicID, *t.Topic)
					}
				}
			}),
			filter: filterMetadata,
			addresses: &addresses{replace: brokersIn(func(r *kmsg.MetadataResponse) *[]kmsg.MetadataResponseBroker { return &r.Brokers },
				func(b *kmsg.MetadataResponseBroker) (int32, *string, *int32) { return b.NodeID, &b.Host, &b.Port })},
			extraCost: creationCost,
		},
		ops.LeaderAndISRKey:       {read: readNothing, refuse: refuses(refuseLeaders), flat: reflect.TypeFor[kmsg.LeaderAndISRResponseTopicPartition]()},
		ops.StopReplicaKey:        {read: readNothing, refuse: refuses(refuseReplicas), flat: reflect.TypeFor[kmsg.StopReplicaResponsePartition]()},
		ops.UpdateMetadataKey:     {read: readNothing, refuse: code(func(r *kmsg.UpdateMetadataResponse) *int16 { return &r.ErrorCode })},
		ops.ControlledShutdownKey: {read: readNothing, refuse: code(func(r *kmsg.ControlledShutdownResponse) *int16 { return &r.ErrorCode })},
		ops.OffsetCommitKey: {
			needs: TopicNames, needsFrom: 10,
			read: reads(func(q *query, m *kmsg.OffsetCommitRequest) { q.Group = m.Group }),
			entries: entriesOf(
				func(m *kmsg.OffsetCommitRequest) *[]kmsg.OffsetCommitRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.OffsetCommitRequestTopic) ops.Topic { return q.topic(t.Topic, t.TopicID) }),
				func(r *kmsg.OffsetCommitResponse) *[]kmsg.OffsetCommitResponseTopic { return &r.Topics },
				func(t *kmsg.OffsetCommitResponseTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} },
				func(f *refusal, t *kmsg.OffsetCommitRequestTopic, a *kmsg.OffsetCommitResponseTopic) {
					a.Topic, a.TopicID = t.Topic, t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.OffsetCommitRequestTopicPartition, a *kmsg.OffsetCommitResponseTopicPartition) {
						a.Partition, a.ErrorCode = p.Partition, f.code
					})
				},
			).joined(joining(joinTopics,
				func(t *kmsg.OffsetCommitResponseTopic) *[]kmsg.OffsetCommitResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.OffsetCommitResponseTopicPartition) int32 { return p.Partition })),
			eachBelow:     allVersions,
			reportsChange: true,
		},
		ops.OffsetFetchKey: {
			needs: TopicNames, needsFrom: 10,
			entries: entriesOf(
				func(m *kmsg.OffsetFetchRequest) *[]kmsg.OffsetFetchRequestGroup { return &m.Groups },
				groupTopics(
					func(g *kmsg.OffsetFetchRequestGroup) (string, []kmsg.OffsetFetchRequestGroupTopic) {
						return g.Group, g.Topics
					},
					func(q *query, t *kmsg.OffsetFetchRequestGroupTopic) ops.Topic { return q.topic(t.Topic, t.TopicID) }),
				func(r *kmsg.OffsetFetchResponse) *[]kmsg.OffsetFetchResponseGroup { return &r.Groups },
				func(g *kmsg.OffsetFetchResponseGroup) entryKey { return entryKey{name: g.Group} },
				func(f *refusal, g *kmsg.OffsetFetchRequestGroup, a *kmsg.OffsetFetchResponseGroup) {
					a.Group, a.ErrorCode = g.Group, f.code
				},
			).with(entriesOf(
				func(g *kmsg.OffsetFetchRequestGroup) *[]kmsg.OffsetFetchRequestGroupTopic { return &g.Topics },
				nil,
				func(g *kmsg.OffsetFetchResponseGroup) *[]kmsg.OffsetFetchResponseGroupTopic { return &g.Topics },
				func(t *kmsg.OffsetFetchResponseGroupTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} },
				func(f *refusal, t *kmsg.OffsetFetchRequestGroupTopic, a *kmsg.OffsetFetchResponseGroupTopic) {
					a.Topic, a.TopicID = t.Topic, t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.OffsetFetchResponseGroupTopicPartition) {
						a.Partition, a.Offset, a.Metadata, a.ErrorCode = *p, -1, emptyText, f.code
					})
				},
			).failing(failed(func(g *kmsg.OffsetFetchResponseGroup) bool { return g.ErrorCode != 0 }))).sentOnce(offsetsOnce()),
			before: entriesOf(
				func(m *kmsg.OffsetFetchRequest) *[]kmsg.OffsetFetchRequestTopic { return &m.Topics },
				readOneGroup,
				func(r *kmsg.OffsetFetchResponse) *[]kmsg.OffsetFetchResponseTopic { return &r.Topics },
				func(t *kmsg.OffsetFetchResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.OffsetFetchRequestTopic, a *kmsg.OffsetFetchResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.OffsetFetchResponseTopicPartition) {
						a.Partition, a.Offset, a.Metadata, a.ErrorCode = *p, -1, emptyText, f.code
					})
				},
			).sentOnce(partitionsOnce(
				func(t *kmsg.OffsetFetchRequestTopic) *[]int32 { return &t.Partitions },
				func(t *kmsg.OffsetFetchResponseTopic) *[]kmsg.OffsetFetchResponseTopicPartition { return &t.Partitions },
				func(p *kmsg.OffsetFetchResponseTopicPartition) int32 { return p.Partition })),
			entriesFrom:  severalGroups,
			asksAboutAll: true,
			refuse:       code(func(r *kmsg.OffsetFetchResponse) *int16 { return &r.ErrorCode }),
			eachBelow:    2,
			shows: shows(func(l *learner, r *kmsg.OffsetFetchResponse) {
				for i := range r.Groups {
					for j := range r.Groups[i].Topics {
						l.show(r.Groups[i].Topics[j].TopicID, r.Groups[i].Topics[j].Topic)
					}
				}
			}),
			filter:    filterOffsets,
			extraCost: withinCost,
		},
		ops.FindCoordinatorKey: {
			read: reads(func(q *query, m *kmsg.FindCoordinatorRequest) {
				q.KeyType = ops.KeyType(m.CoordinatorType)
				if m.Version < 4 {
					q.Keys = []string{m.CoordinatorKey}
				}
			}),
			entries: entriesOf(
				func(m *kmsg.FindCoordinatorRequest) *[]string { return &m.CoordinatorKeys },
				func(q *query, keys []string) { q.Keys = keys },
				func(r *kmsg.FindCoordinatorResponse) *[]kmsg.FindCoordinatorResponseCoordinator {
					return &r.Coordinators
				},
				func(c *kmsg.FindCoordinatorResponseCoordinator) entryKey { return entryKey{name: c.Key} },
				func(f *refusal, key *string, a *kmsg.FindCoordinatorResponseCoordinator) {
					a.Key, a.NodeID, a.Port, a.ErrorCode, a.ErrorMessage = *key, -1, -1, f.code, f.say(coordinatorText(f))
				},
			),
			entriesFrom: 4,
			refuse: refuses(func(f *refusal, _ *kmsg.FindCoordinatorRequest, r *kmsg.FindCoordinatorResponse) {
				r.NodeID, r.Port, r.ErrorCode, r.ErrorMessage = -1, -1, f.code, f.message()
			}),
			eachBelow: allVersions,
			addresses: &addresses{replace: replaceCoordinators},
		},
		ops.JoinGroupKey: {
			read:   reads(func(q *query, m *kmsg.JoinGroupRequest) { q.Group = m.Group }),
			refuse: code(func(r *kmsg.JoinGroupResponse) *int16 { return &r.ErrorCode }),
		},
		ops.HeartbeatKey: {
			read:          reads(func(q *query, m *kmsg.HeartbeatRequest) { q.Group = m.Group }),
			refuse:        code(func(r *kmsg.HeartbeatResponse) *int16 { return &r.ErrorCode }),
			reportsChange: true,
		},
		ops.LeaveGroupKey: {
			read:          reads(func(q *query, m *kmsg.LeaveGroupRequest) { q.Group = m.Group }),
			refuse:        code(func(r *kmsg.LeaveGroupResponse) *int16 { return &r.ErrorCode }),
			reportsChange: true,
		},
		ops.SyncGroupKey: {
			read: reads(func(q *query, m *kmsg.SyncGroupRequest) {
				q.Group, q.NoProtocol = m.Group, m.ProtocolType == nil || m.Protocol == nil
			}),
			refuse: code(func(r *kmsg.SyncGroupResponse) *int16 { return &r.ErrorCode }),
		},
		ops.DescribeGroupsKey: {
			read: reads(func(q *query, m *kmsg.DescribeGroupsRequest) { q.IncludeOperations = m.IncludeAuthorizedOperations }),
			entries: describedGroups(
				func(m *kmsg.DescribeGroupsRequest) *[]string { return &m.Groups },
				func(r *kmsg.DescribeGroupsResponse) *[]kmsg.DescribeGroupsResponseGroup { return &r.Groups }, classicGroup),
			filter: always((*Plan).filterGroupOperations),
		},
		ops.ListGroupsKey: {
			read:     readNothing,
			refuse:   code(func(r *kmsg.ListGroupsResponse) *int16 { return &r.ErrorCode }),
			rewrite:  rewriteGroupList,
			filter:   always((*Plan).filterGroupList),
			listsAll: true,
		},
		ops.SASLHandshakeKey: {read: readNothing, refuse: code(func(r *kmsg.SASLHandshakeResponse) *int16 { return &r.ErrorCode }), beforeLogin: true},
		ops.APIVersionsKey: {
			read:        reads(readVersions),
			rewrite:     rewriteVersions,
			refuse:      code(func(r *kmsg.ApiVersionsResponse) *int16 { return &r.ErrorCode }),
			beforeLogin: true,
			filter:      always((*Plan).trimVersions),
		},
		ops.CreateTopicsKey: {
			entries: entriesOf(
				func(m *kmsg.CreateTopicsRequest) *[]kmsg.CreateTopicsRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.CreateTopicsRequestTopic) ops.Topic { return ops.Topic{Name: t.Topic} }),
				func(r *kmsg.CreateTopicsResponse) *[]kmsg.CreateTopicsResponseTopic { return &r.Topics },
				func(t *kmsg.CreateTopicsResponseTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} },
				func(f *refusal, t *kmsg.CreateTopicsRequestTopic, a *kmsg.CreateTopicsResponseTopic) {
					a.Topic, a.ErrorCode, a.ErrorMessage = t.Topic, f.code, f.say(creationText(f, t.Topic))
					a.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
				},
			).joined(firstOnly[kmsg.CreateTopicsResponseTopic]()),
			shows: shows(func(l *learner, r *kmsg.CreateTopicsResponse) {
				for i := range r.Topics {
					l.show(r.Topics[i].TopicID, r.Topics[i].Topic)
				}
			}),
			filter:        filterCreated,
			reportsChange: true,
		},
		ops.DeleteTopicsKey: {
			needs: TopicNames, needsFrom: deletionByID,
			read: reads(readDeletions),
			entries: entriesOf(
				func(m *kmsg.DeleteTopicsRequest) *[]kmsg.DeleteTopicsRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.DeleteTopicsRequestTopic) ops.Topic { return q.nameOrID(t.Topic, t.TopicID) }),
				func(r *kmsg.DeleteTopicsResponse) *[]kmsg.DeleteTopicsResponseTopic { return &r.Topics },
				func(t *kmsg.DeleteTopicsResponseTopic) entryKey {
					return entryKey{name: stringOf(t.Topic), id: t.TopicID}
				},
				func(f *refusal, t *kmsg.DeleteTopicsRequestTopic, a *kmsg.DeleteTopicsResponseTopic) {
					a.Topic, a.TopicID, a.ErrorCode, a.ErrorMessage = t.Topic, t.TopicID, f.code, f.say(deletionText(f, t))
				},
			).joined(firstOnly[kmsg.DeleteTopicsResponseTopic]()),
			before: entriesOf(
				func(m *kmsg.DeleteTopicsRequest) *[]string { return &m.TopicNames },
				topics(func(_ *query, name *string) ops.Topic { return named(*name) }),
				func(r *kmsg.DeleteTopicsResponse) *[]kmsg.DeleteTopicsResponseTopic { return &r.Topics },
				func(t *kmsg.DeleteTopicsResponseTopic) entryKey { return entryKey{name: stringOf(t.Topic)} },
				func(f *refusal, t *string, a *kmsg.DeleteTopicsResponseTopic) {
					a.Topic, a.ErrorCode, a.ErrorMessage = t, f.code, f.say(deletionText(f, &kmsg.DeleteTopicsRequestTopic{Topic: t}))
				},
			).joined(firstOnly[kmsg.DeleteTopicsResponseTopic]()),
			entriesFrom:   deletionByID,
			showsMissing:  true,
			reportsChange: true,
			extraCost:     comparedCost + missingCost,
		},
		ops.DeleteRecordsKey: {
			entries: entriesOf(
				func(m *kmsg.DeleteRecordsRequest) *[]kmsg.DeleteRecordsRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.DeleteRecordsRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.DeleteRecordsResponse) *[]kmsg.DeleteRecordsResponseTopic { return &r.Topics },
				func(t *kmsg.DeleteRecordsResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.DeleteRecordsRequestTopic, a *kmsg.DeleteRecordsResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.DeleteRecordsRequestTopicPartition, a *kmsg.DeleteRecordsResponseTopicPartition) {
						a.Partition, a.LowWatermark, a.ErrorCode = p.Partition, -1, f.code
					})
				},
			).joined(joining(joinPartition,
				func(t *kmsg.DeleteRecordsResponseTopic) *[]kmsg.DeleteRecordsResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.DeleteRecordsResponseTopicPartition) int32 { return p.Partition })),
			reportsChange: true,
		},
		ops.InitProducerIDKey: {
			read: reads(readProducer),
			refuse: refuses(func(f *refusal, _ *kmsg.InitProducerIDRequest, r *kmsg.InitProducerIDResponse) {
				r.ErrorCode, r.ProducerEpoch = f.code, -1
			}),
			reportsChange: true,
		},
		ops.OffsetForLeaderEpochKey: {
			entries: entriesOf(
				func(m *kmsg.OffsetForLeaderEpochRequest) *[]kmsg.OffsetForLeaderEpochRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.OffsetForLeaderEpochRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.OffsetForLeaderEpochResponse) *[]kmsg.OffsetForLeaderEpochResponseTopic { return &r.Topics },
				func(t *kmsg.OffsetForLeaderEpochResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.OffsetForLeaderEpochRequestTopic, a *kmsg.OffsetForLeaderEpochResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.OffsetForLeaderEpochRequestTopicPartition, a *kmsg.OffsetForLeaderEpochResponseTopicPartition) {
						a.Partition, a.ErrorCode = p.Partition, f.code
					})
				},
			),
		},
		ops.AddPartitionsToTxnKey: {
			read: reads(func(q *query, m *kmsg.AddPartitionsToTxnRequest) {
				q.TransactionalID = &m.TransactionalID
				for i := range m.Transactions {
					t := &m.Transactions[i]
					q.Transactions = append(q.Transactions, ops.TopicSet{Name: t.TransactionalID, Topics: topicsOf(t.Topics, func(t *kmsg.AddPartitionsToTxnRequestTransactionTopic) ops.Topic { return named(t.Topic) })})
				}
			}),
			entries: entriesOf(
				func(m *kmsg.AddPartitionsToTxnRequest) *[]kmsg.AddPartitionsToTxnRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.AddPartitionsToTxnRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.AddPartitionsToTxnResponse) *[]kmsg.AddPartitionsToTxnResponseTopic { return &r.Topics },
				func(t *kmsg.AddPartitionsToTxnResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.AddPartitionsToTxnRequestTopic, a *kmsg.AddPartitionsToTxnResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.AddPartitionsToTxnResponseTopicPartition) {
						a.Partition, a.ErrorCode = *p, f.code
					})
				},
			).joined(joining(joinPartition,
				func(t *kmsg.AddPartitionsToTxnResponseTopic) *[]kmsg.AddPartitionsToTxnResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.AddPartitionsToTxnResponseTopicPartition) int32 { return p.Partition })),
			asksAboutAll:  true,
			refuse:        code(func(r *kmsg.AddPartitionsToTxnResponse) *int16 { return &r.ErrorCode }),
			eachBelow:     4,
			reportsChange: true,
			extraCost:     withinCost + missingCost,
		},
		ops.AddOffsetsToTxnKey: {
			read: reads(func(q *query, m *kmsg.AddOffsetsToTxnRequest) {
				q.TransactionalID, q.Group = &m.TransactionalID, m.Group
			}),
			refuse:        code(func(r *kmsg.AddOffsetsToTxnResponse) *int16 { return &r.ErrorCode }),
			reportsChange: true,
		},
		ops.EndTxnKey: {
			read:          reads(func(q *query, m *kmsg.EndTxnRequest) { q.TransactionalID = &m.TransactionalID }),
			refuse:        code(func(r *kmsg.EndTxnResponse) *int16 { return &r.ErrorCode }),
			reportsChange: true,
		},
		ops.WriteTxnMarkersKey: {
			read:          readNothing,
			asksAboutAll:  true,
			refuse:        refuses(refuseMarkers),
			reportsChange: true,
			joined:        reflect.TypeFor[kmsg.WriteTxnMarkersResponseMarkerTopicPartition](),
		},
		ops.TxnOffsetCommitKey: {
			needs: TopicNames, needsFrom: 6,
			read: reads(func(q *query, m *kmsg.TxnOffsetCommitRequest) {
				q.TransactionalID, q.Group = &m.TransactionalID, m.Group
			}),
			entries: entriesOf(
				func(m *kmsg.TxnOffsetCommitRequest) *[]kmsg.TxnOffsetCommitRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.TxnOffsetCommitRequestTopic) ops.Topic { return q.topic(t.Topic, t.TopicID) }),
				func(r *kmsg.TxnOffsetCommitResponse) *[]kmsg.TxnOffsetCommitResponseTopic { return &r.Topics },
				func(t *kmsg.TxnOffsetCommitResponseTopic) entryKey { return entryKey{name: t.Topic, id: t.TopicID} },
				func(f *refusal, t *kmsg.TxnOffsetCommitRequestTopic, a *kmsg.TxnOffsetCommitResponseTopic) {
					a.Topic, a.TopicID = t.Topic, t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.TxnOffsetCommitRequestTopicPartition, a *kmsg.TxnOffsetCommitResponseTopicPartition) {
						a.Partition, a.ErrorCode = p.Partition, f.code
					})
				},
			).joined(joining(joinTopics,
				func(t *kmsg.TxnOffsetCommitResponseTopic) *[]kmsg.TxnOffsetCommitResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.TxnOffsetCommitResponseTopicPartition) int32 { return p.Partition })),
			eachBelow:     allVersions,
			reportsChange: true,
		},
		ops.DescribeACLsKey: {
			read: reads(func(q *query, m *kmsg.DescribeACLsRequest) {
				q.knownACL(m.ResourceType, m.ResourcePatternType, m.Operation, m.PermissionType)
			}),
			refuse:    codeAndText(func(r *kmsg.DescribeACLsResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			serveACLs: describeACLs,
		},
		ops.CreateACLsKey: {
			read: reads(func(q *query, m *kmsg.CreateACLsRequest) {
				for i := range m.Creations {
					c := &m.Creations[i]
					q.knownACL(c.ResourceType, c.ResourcePatternType, c.Operation, c.PermissionType)
				}
			}),
			refuse: refuses(func(f *refusal, m *kmsg.CreateACLsRequest, r *kmsg.CreateACLsResponse) {
				r.Results = refuseEach(f, m.Creations, func(f *refusal, _ *kmsg.CreateACLsRequestCreation, a *kmsg.CreateACLsResponseResult) {
					a.ErrorCode, a.ErrorMessage = f.code, f.message()
				})
			}),
			serveACLs:     createACLs,
			reportsChange: true,
		},
		ops.DeleteACLsKey: {
			read: reads(func(q *query, m *kmsg.DeleteACLsRequest) {
				for i := range m.Filters {
					f := &m.Filters[i]
					q.knownACL(f.ResourceType, f.ResourcePatternType, f.Operation, f.PermissionType)
				}
			}),
			refuse: refuses(func(f *refusal, m *kmsg.DeleteACLsRequest, r *kmsg.DeleteACLsResponse) {
				r.Results = refuseEach(f, m.Filters, func(f *refusal, _ *kmsg.DeleteACLsRequestFilter, a *kmsg.DeleteACLsResponseResult) {
					a.ErrorCode, a.ErrorMessage = f.code, f.message()
				})
			}),
			serveACLs:     deleteACLs,
			reportsChange: true,
		},
		ops.DescribeConfigsKey: {
			entries: entriesOf(
				func(m *kmsg.DescribeConfigsRequest) *[]kmsg.DescribeConfigsRequestResource { return &m.Resources },
				resources(func(c *kmsg.DescribeConfigsRequestResource) ops.ConfigResource {
					return configResource(c.ResourceType, c.ResourceName, false)
				}),
				func(r *kmsg.DescribeConfigsResponse) *[]kmsg.DescribeConfigsResponseResource { return &r.Resources },
				func(c *kmsg.DescribeConfigsResponseResource) entryKey {
					return entryKey{name: c.ResourceName, kind: c.ResourceType}
				},
				func(f *refusal, c *kmsg.DescribeConfigsRequestResource, a *kmsg.DescribeConfigsResponseResource) {
					a.ResourceType, a.ResourceName, a.ErrorCode, a.ErrorMessage = c.ResourceType, c.ResourceName, f.code, f.message()
				},
			).sentOnce(configsOnce()),
			eachBelow: allVersions,
		},
		ops.AlterConfigsKey: {
			entries: entriesOf(
				func(m *kmsg.AlterConfigsRequest) *[]kmsg.AlterConfigsRequestResource { return &m.Resources },
				resources(func(c *kmsg.AlterConfigsRequestResource) ops.ConfigResource {
					return configResource(c.ResourceType, c.ResourceName, areWrong(c.Configs, legacyConfig))
				}),
				func(r *kmsg.AlterConfigsResponse) *[]kmsg.AlterConfigsResponseResource { return &r.Resources },
				func(c *kmsg.AlterConfigsResponseResource) entryKey {
					return entryKey{name: c.ResourceName, kind: c.ResourceType}
				},
				func(f *refusal, c *kmsg.AlterConfigsRequestResource, a *kmsg.AlterConfigsResponseResource) {
					a.ResourceType, a.ResourceName, a.ErrorCode, a.ErrorMessage = c.ResourceType, c.ResourceName, f.code, f.say(alterationText(f, c.ResourceType, c.ResourceName, c.Configs, legacyConfig))
				},
			),
			eachBelow:     allVersions,
			reportsChange: true,
		},
		ops.AlterReplicaLogDirsKey: {read: readNothing, asksAboutAll: true, refuse: refuses(refuseLogDirs), reportsChange: true},
		ops.DescribeLogDirsKey:     {read: readNothing, refuse: code(func(r *kmsg.DescribeLogDirsResponse) *int16 { return &r.ErrorCode })},
		ops.SASLAuthenticateKey: {
			read:        readNothing,
			refuse:      codeAndText(func(r *kmsg.SASLAuthenticateResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			beforeLogin: true,
		},
		ops.CreatePartitionsKey: {
			entries: entriesOf(
				func(m *kmsg.CreatePartitionsRequest) *[]kmsg.CreatePartitionsRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.CreatePartitionsRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.CreatePartitionsResponse) *[]kmsg.CreatePartitionsResponseTopic { return &r.Topics },
				func(t *kmsg.CreatePartitionsResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.CreatePartitionsRequestTopic, a *kmsg.CreatePartitionsResponseTopic) {
					a.Topic, a.ErrorCode, a.ErrorMessage = t.Topic, f.code, f.say(partitionsText(f))
				},
			).joined(firstOnly[kmsg.CreatePartitionsResponseTopic]()),
			reportsChange: true,
		},
		ops.CreateDelegationTokenKey: {read: reads(readTokens), refuse: refuses(refuseToken), rewrite: createToken, reportsChange: true},
		ops.RenewDelegationTokenKey: {
			read:    reads(func(q *query, _ *kmsg.RenewDelegationTokenRequest) { readOneToken(q) }),
			rewrite: changeToken(func(m *kmsg.RenewDelegationTokenRequest) []byte { return m.HMAC }),
			refuse: refuses(func(f *refusal, _ *kmsg.RenewDelegationTokenRequest, r *kmsg.RenewDelegationTokenResponse) {
				r.ErrorCode, r.ExpiryTimestamp = f.code, f.tokenTime()
			}),
			reportsChange: true,
		},
		ops.ExpireDelegationTokenKey: {
			read:    reads(func(q *query, _ *kmsg.ExpireDelegationTokenRequest) { readOneToken(q) }),
			rewrite: changeToken(func(m *kmsg.ExpireDelegationTokenRequest) []byte { return m.HMAC }),
			refuse: refuses(func(f *refusal, _ *kmsg.ExpireDelegationTokenRequest, r *kmsg.ExpireDelegationTokenResponse) {
				r.ErrorCode, r.ExpiryTimestamp = f.code, f.tokenTime()
			}),
			reportsChange: true,
		},
		ops.DescribeDelegationTokenKey: {
			read:     reads(func(q *query, _ *kmsg.DescribeDelegationTokenRequest) { q.TokensDisabled = q.reader.tokens == nil }),
			refuse:   code(func(r *kmsg.DescribeDelegationTokenResponse) *int16 { return &r.ErrorCode }),
			rewrite:  describeTokens,
			listsAll: true,

			extraCost: ownerCost,
		},
		ops.DeleteGroupsKey: {
			entries: entriesOf(
				func(m *kmsg.DeleteGroupsRequest) *[]string { return &m.Groups }, groups,
				func(r *kmsg.DeleteGroupsResponse) *[]kmsg.DeleteGroupsResponseGroup { return &r.Groups },
				func(g *kmsg.DeleteGroupsResponseGroup) entryKey { return entryKey{name: g.Group} },
				func(f *refusal, group *string, a *kmsg.DeleteGroupsResponseGroup) {
					a.Group, a.ErrorCode = *group, f.code
				},
			).joined(firstOnly[kmsg.DeleteGroupsResponseGroup]()),
			reportsChange: true,
		},
		ops.ElectLeadersKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.ElectLeadersRequest, r *kmsg.ElectLeadersResponse) {
				r.ErrorCode = f.code
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.ElectLeadersRequestTopic, a *kmsg.ElectLeadersResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.ElectLeadersResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = *p, f.code, f.message()
					})
				})
			}),
			reportsChange: true,
		},
		ops.IncrementalAlterConfigsKey: {
			entries: entriesOf(
				func(m *kmsg.IncrementalAlterConfigsRequest) *[]kmsg.IncrementalAlterConfigsRequestResource {
					return &m.Resources
				},
				resources(func(c *kmsg.IncrementalAlterConfigsRequestResource) ops.ConfigResource {
					return configResource(c.ResourceType, c.ResourceName, areWrong(c.Configs, incrementalConfig))
				}),
				func(r *kmsg.IncrementalAlterConfigsResponse) *[]kmsg.IncrementalAlterConfigsResponseResource {
					return &r.Resources
				},
				func(c *kmsg.IncrementalAlterConfigsResponseResource) entryKey {
					return entryKey{name: c.ResourceName, kind: c.ResourceType}
				},
				func(f *refusal, c *kmsg.IncrementalAlterConfigsRequestResource, a *kmsg.IncrementalAlterConfigsResponseResource) {
					a.ResourceType, a.ResourceName, a.ErrorCode, a.ErrorMessage = c.ResourceType, c.ResourceName, f.code, f.say(alterationText(f, c.ResourceType, c.ResourceName, c.Configs, incrementalConfig))
				},
			),
			eachBelow:     allVersions,
			reportsChange: true,
		},
		ops.AlterPartitionReassignmentsKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.AlterPartitionAssignmentsRequest, r *kmsg.AlterPartitionAssignmentsResponse) {
				r.ErrorCode, r.ErrorMessage = f.code, f.message()
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.AlterPartitionAssignmentsRequestTopic, a *kmsg.AlterPartitionAssignmentsResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.AlterPartitionAssignmentsRequestTopicPartition, a *kmsg.AlterPartitionAssignmentsResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				})
			}),
			reportsChange: true,
		},
		ops.ListPartitionReassignmentsKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.ListPartitionReassignmentsRequest, r *kmsg.ListPartitionReassignmentsResponse) {
				r.ErrorCode, r.ErrorMessage = f.code, f.message()
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.ListPartitionReassignmentsRequestTopic, a *kmsg.ListPartitionReassignmentsResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.ListPartitionReassignmentsResponseTopicPartition) {
						a.Partition = *p
					})
				})
			}),
		},
		ops.OffsetDeleteKey: {
			read: reads(func(q *query, m *kmsg.OffsetDeleteRequest) { q.Group = m.Group }),
			entries: entriesOf(
				func(m *kmsg.OffsetDeleteRequest) *[]kmsg.OffsetDeleteRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.OffsetDeleteRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.OffsetDeleteResponse) *[]kmsg.OffsetDeleteResponseTopic { return &r.Topics },
				func(t *kmsg.OffsetDeleteResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.OffsetDeleteRequestTopic, a *kmsg.OffsetDeleteResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.OffsetDeleteRequestTopicPartition, a *kmsg.OffsetDeleteResponseTopicPartition) {
						a.Partition, a.ErrorCode = p.Partition, f.code
					})
				},
			).failing(failed(func(r *kmsg.OffsetDeleteResponse) bool { return r.ErrorCode != 0 })).joined(joining(joinTopics,
				func(t *kmsg.OffsetDeleteResponseTopic) *[]kmsg.OffsetDeleteResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.OffsetDeleteResponseTopicPartition) int32 { return p.Partition })),
			refuse:        code(func(r *kmsg.OffsetDeleteResponse) *int16 { return &r.ErrorCode }),
			sentOnEmpty:   true,
			reportsChange: true,
		},
		ops.DescribeClientQuotasKey: {read: readNothing, refuse: code(func(r *kmsg.DescribeClientQuotasResponse) *int16 { return &r.ErrorCode })},
		ops.AlterClientQuotasKey:    {read: readNothing, refuse: refuses(refuseQuotas), reportsChange: true},
		ops.DescribeUserSCRAMCredentialsKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.DescribeUserSCRAMCredentialsRequest, r *kmsg.DescribeUserSCRAMCredentialsResponse) {
				r.ErrorCode = f.code
				r.Results = refuseEach(f, m.Users, func(f *refusal, u *kmsg.DescribeUserSCRAMCredentialsRequestUser, a *kmsg.DescribeUserSCRAMCredentialsResponseResult) {
					a.ErrorCode = f.code
				})
			}),
			serveCredentials: describeCredentials,
			extraCost:        messageCost,
		},
		ops.AlterUserSCRAMCredentialsKey: {read: readNothing, refuse: refuses(refuseCredentials), serveCredentials: alterCredentials, reportsChange: true},
		ops.VoteKey: {
			read:   readNothing,
			refuse: code(func(r *kmsg.VoteResponse) *int16 { return &r.ErrorCode }),
			addresses: &addresses{replace: controllersIn(func(r *kmsg.VoteResponse) *[]kmsg.VoteResponseNodeEndpoint { return &r.NodeEndpoints },
				func(b *kmsg.VoteResponseNodeEndpoint) (int32, *string, *uint16) { return b.NodeID, &b.Host, &b.Port }), from: 1, tagged: true},
		},
		ops.BeginQuorumEpochKey: {
			read:   readNothing,
			refuse: code(func(r *kmsg.BeginQuorumEpochResponse) *int16 { return &r.ErrorCode }),
			addresses: &addresses{replace: controllersIn(func(r *kmsg.BeginQuorumEpochResponse) *[]kmsg.BeginQuorumEpochResponseNodeEndpoint {
				return &r.NodeEndpoints
			},
				func(b *kmsg.BeginQuorumEpochResponseNodeEndpoint) (int32, *string, *uint16) {
					return b.NodeID, &b.Host, &b.Port
				}), from: 1, tagged: true},
		},
		ops.EndQuorumEpochKey: {
			read:   readNothing,
			refuse: code(func(r *kmsg.EndQuorumEpochResponse) *int16 { return &r.ErrorCode }),
			addresses: &addresses{replace: controllersIn(func(r *kmsg.EndQuorumEpochResponse) *[]kmsg.EndQuorumEpochResponseNodeEndpoint {
				return &r.NodeEndpoints
			},
				func(b *kmsg.EndQuorumEpochResponseNodeEndpoint) (int32, *string, *uint16) {
					return b.NodeID, &b.Host, &b.Port
				}), from: 1, tagged: true},
		},
		ops.DescribeQuorumKey: {
			read:      readNothing,
			refuse:    codeAndText(func(r *kmsg.DescribeQuorumResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			addresses: &addresses{replace: replaceQuorum, from: 2},
		},
		ops.AlterPartitionKey: {read: readNothing, refuse: code(func(r *kmsg.AlterPartitionResponse) *int16 { return &r.ErrorCode })},
		ops.UpdateFeaturesKey: {
			read:          readNothing,
			refuse:        codeAndText(func(r *kmsg.UpdateFeaturesResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			reportsChange: true,
		},
		ops.EnvelopeKey: {read: reads(readEnvelope), refuse: code(func(r *kmsg.EnvelopeResponse) *int16 { return &r.ErrorCode }), rewrite: rewriteEnvelope},
		ops.FetchSnapshotKey: {
			read:   readNothing,
			refuse: code(func(r *kmsg.FetchSnapshotResponse) *int16 { return &r.ErrorCode }),
			addresses: &addresses{replace: controllersIn(func(r *kmsg.FetchSnapshotResponse) *[]kmsg.FetchSnapshotResponseNodeEndpoint { return &r.NodeEndpoints },
				func(b *kmsg.FetchSnapshotResponseNodeEndpoint) (int32, *string, *uint16) {
					return b.NodeID, &b.Host, &b.Port
				}), from: 1, tagged: true},
		},
		ops.DescribeClusterKey: {
			read: reads(func(q *query, m *kmsg.DescribeClusterRequest) {
				q.IncludeClusterOperations = m.IncludeClusterAuthorizedOperations
			}),
			refuse:    codeAndText(func(r *kmsg.DescribeClusterResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			filter:    filterCluster,
			addresses: &addresses{replace: replaceCluster},
		},
		ops.DescribeProducersKey: {
			entries: entriesOf(
				func(m *kmsg.DescribeProducersRequest) *[]kmsg.DescribeProducersRequestTopic { return &m.Topics },
				topics(func(_ *query, t *kmsg.DescribeProducersRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.DescribeProducersResponse) *[]kmsg.DescribeProducersResponseTopic { return &r.Topics },
				func(t *kmsg.DescribeProducersResponseTopic) entryKey { return entryKey{name: t.Topic} },
				func(f *refusal, t *kmsg.DescribeProducersRequestTopic, a *kmsg.DescribeProducersResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.DescribeProducersResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = *p, f.code, f.say(producersText(f, t.Topic))
					})
				},
			).sentOnce(partitionsOnce(
				func(t *kmsg.DescribeProducersRequestTopic) *[]int32 { return &t.Partitions },
				func(t *kmsg.DescribeProducersResponseTopic) *[]kmsg.DescribeProducersResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.DescribeProducersResponseTopicPartition) int32 { return p.Partition })),
		},
		ops.BrokerRegistrationKey: {read: readNothing, refuse: code(func(r *kmsg.BrokerRegistrationResponse) *int16 { return &r.ErrorCode })},
		ops.BrokerHeartbeatKey:    {read: readNothing, refuse: code(func(r *kmsg.BrokerHeartbeatResponse) *int16 { return &r.ErrorCode })},
		ops.UnregisterBrokerKey: {
			read:          readNothing,
			refuse:        codeAndText(func(r *kmsg.UnregisterBrokerResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			reportsChange: true,
		},
		ops.UnregisterControllerKey: {
			read:          readNothing,
			refuse:        codeAndText(func(r *kmsg.UnregisterControllerResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			reportsChange: true,
		},
		ops.DescribeTransactionsKey: {
			entries: entriesOf(
				func(m *kmsg.DescribeTransactionsRequest) *[]string { return &m.TransactionalIDs },
				func(q *query, ids []string) { q.Transactions = holders(ids) },
				func(r *kmsg.DescribeTransactionsResponse) *[]kmsg.DescribeTransactionsResponseTransactionState {
					return &r.TransactionStates
				},
				func(t *kmsg.DescribeTransactionsResponseTransactionState) entryKey {
					return entryKey{name: t.TransactionalID}
				},
				func(f *refusal, id *string, a *kmsg.DescribeTransactionsResponseTransactionState) {
					a.TransactionalID, a.ErrorCode = *id, f.code
				},
			).sentOnce(repeatable[string, kmsg.DescribeTransactionsResponseTransactionState]{class: alwaysUnited[string]}),
			filter: always((*Plan).filterTransactionTopics),
		},
		ops.ListTransactionsKey: {
			read:     readNothing,
			refuse:   code(func(r *kmsg.ListTransactionsResponse) *int16 { return &r.ErrorCode }),
			rewrite:  rewriteTransactionList,
			listsAll: true,
		},
		ops.AllocateProducerIDsKey: {read: readNothing, refuse: code(func(r *kmsg.AllocateProducerIDsResponse) *int16 { return &r.ErrorCode })},
		ops.ConsumerGroupHeartbeatKey: {
			needs: TopicLists, needsFrom: patternFrom,
			read: reads(func(q *query, m *kmsg.ConsumerGroupHeartbeatRequest) {
				q.Group, q.Subscribed = m.Group, m.SubscribedTopicNames
			}),
			refuse:  code(func(r *kmsg.ConsumerGroupHeartbeatResponse) *int16 { return &r.ErrorCode }),
			rewrite: rewriteHeartbeat,
		},
		ops.ConsumerGroupDescribeKey: {
			read: reads(func(q *query, m *kmsg.ConsumerGroupDescribeRequest) {
				q.IncludeOperations = m.IncludeAuthorizedOperations
			}),
			entries: describedGroups(
				func(m *kmsg.ConsumerGroupDescribeRequest) *[]string { return &m.Groups },
				func(r *kmsg.ConsumerGroupDescribeResponse) *[]kmsg.ConsumerGroupDescribeResponseGroup {
					return &r.Groups
				}, consumerGroup),
			shows: shows(func(l *learner, r *kmsg.ConsumerGroupDescribeResponse) {
				for i := range r.Groups {
					for j := range r.Groups[i].Members {
						for _, t := range r.Groups[i].Members[j].Assignment.TopicPartitions {
							l.show(t.TopicID, t.Topic)
						}
					}
				}
			}),
			filter: always((*Plan).filterConsumerGroups),
		},
		ops.ControllerRegistrationKey: {
			read:   readNothing,
			refuse: codeAndText(func(r *kmsg.ControllerRegistrationResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
		},
		ops.GetTelemetrySubscriptionsKey: {read: readNothing, refuse: code(func(r *kmsg.GetTelemetrySubscriptionsResponse) *int16 { return &r.ErrorCode })},
		ops.PushTelemetryKey:             {read: readNothing, refuse: code(func(r *kmsg.PushTelemetryResponse) *int16 { return &r.ErrorCode }), reportsChange: true},
		ops.AssignReplicasToDirsKey:      {read: readNothing, refuse: code(func(r *kmsg.AssignReplicasToDirsResponse) *int16 { return &r.ErrorCode })},
		ops.ListConfigResourcesKey:       {read: readNothing, refuse: code(func(r *kmsg.ListConfigResourcesResponse) *int16 { return &r.ErrorCode })},
		ops.DescribeTopicPartitionsKey: {
			read: reads(readPage),
			entries: entriesOf(
				func(m *kmsg.DescribeTopicPartitionsRequest) *[]kmsg.DescribeTopicPartitionsRequestTopic {
					return &m.Topics
				},
				topics(func(_ *query, t *kmsg.DescribeTopicPartitionsRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.DescribeTopicPartitionsResponse) *[]kmsg.DescribeTopicPartitionsResponseTopic {
					return &r.Topics
				},
				func(t *kmsg.DescribeTopicPartitionsResponseTopic) entryKey {
					return entryKey{name: stringOf(t.Topic), id: t.TopicID}
				},
				refuseTopicPartitions,
			).ordered(orderTopics).joined(firstOnly[kmsg.DescribeTopicPartitionsResponseTopic]()),
			refuse:  refuses(refuseCursor),
			rewrite: rewritePage,
			shows: shows(func(l *learner, r *kmsg.DescribeTopicPartitionsResponse) {
				for i := range r.Topics {
					l.show(r.Topics[i].TopicID, stringOf(r.Topics[i].Topic))
				}
			}),
			filter: always((*Plan).filterTopicPartitions),
		},
		ops.ShareGroupHeartbeatKey: {
			read: reads(func(q *query, m *kmsg.ShareGroupHeartbeatRequest) {
				q.Group, q.Subscribed = m.GroupID, m.SubscribedTopicNames
				if !isShareMember(m.MemberID) {
					q.unservable = ops.InvalidRequest
				}
			}),
			refuse: code(func(r *kmsg.ShareGroupHeartbeatResponse) *int16 { return &r.ErrorCode }),
		},
		ops.ShareGroupDescribeKey: {
			read: reads(func(q *query, m *kmsg.ShareGroupDescribeRequest) { q.IncludeOperations = m.IncludeAuthorizedOperations }),
			entries: describedGroups(
				func(m *kmsg.ShareGroupDescribeRequest) *[]string { return &m.GroupIDs },
				func(r *kmsg.ShareGroupDescribeResponse) *[]kmsg.ShareGroupDescribeResponseGroup { return &r.Groups }, shareGroup),
			shows: shows(func(l *learner, r *kmsg.ShareGroupDescribeResponse) {
				for i := range r.Groups {
					for j := range r.Groups[i].Members {
						for _, t := range r.Groups[i].Members[j].Assignment.TopicPartitions {
							l.show(t.TopicID, t.Topic)
						}
					}
				}
			}),
			filter: always((*Plan).filterShareGroups),
		},
		ops.ShareFetchKey: {
			needs: TopicNames,
			read:  reads(func(q *query, m *kmsg.ShareFetchRequest) { q.Group = stringOf(m.GroupID) }),
			entries: entriesOf(
				func(m *kmsg.ShareFetchRequest) *[]kmsg.ShareFetchRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.ShareFetchRequestTopic) ops.Topic { return q.identified(t.TopicID) }),
				func(r *kmsg.ShareFetchResponse) *[]kmsg.ShareFetchResponseTopic { return &r.Topics },
				func(t *kmsg.ShareFetchResponseTopic) entryKey { return entryKey{id: t.TopicID} },
				func(f *refusal, t *kmsg.ShareFetchRequestTopic, a *kmsg.ShareFetchResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.ShareFetchRequestTopicPartition, a *kmsg.ShareFetchResponseTopicPartition) {
						*a = refusedSharePartition(p.Partition, f.code)
					})
				},
			),
			refuse:      code(func(r *kmsg.ShareFetchResponse) *int16 { return &r.ErrorCode }),
			takeOut:     (*Plan).shareFetch,
			sentOnEmpty: true,
			shows: shows(func(l *learner, r *kmsg.ShareFetchResponse) {
				for i := range r.Topics {
					l.show(r.Topics[i].TopicID, "")
				}
			}),
			addresses: &addresses{replace: brokersIn(func(r *kmsg.ShareFetchResponse) *[]kmsg.ShareFetchResponseNodeEndpoint { return &r.NodeEndpoints },
				func(b *kmsg.ShareFetchResponseNodeEndpoint) (int32, *string, *int32) {
					return b.NodeID, &b.Host, &b.Port
				})},
			extraCost: idCost,
			joined:    reflect.TypeFor[kmsg.ShareFetchResponseTopicPartition](),
		},
		ops.ShareAcknowledgeKey: {
			needs: TopicNames,
			read:  reads(func(q *query, m *kmsg.ShareAcknowledgeRequest) { q.Group = stringOf(m.GroupID) }),
			entries: entriesOf(
				func(m *kmsg.ShareAcknowledgeRequest) *[]kmsg.ShareAcknowledgeRequestTopic { return &m.Topics },
				topics(func(q *query, t *kmsg.ShareAcknowledgeRequestTopic) ops.Topic { return q.identified(t.TopicID) }),
				func(r *kmsg.ShareAcknowledgeResponse) *[]kmsg.ShareAcknowledgeResponseTopic { return &r.Topics },
				func(t *kmsg.ShareAcknowledgeResponseTopic) entryKey { return entryKey{id: t.TopicID} },
				func(f *refusal, t *kmsg.ShareAcknowledgeRequestTopic, a *kmsg.ShareAcknowledgeResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.ShareAcknowledgeRequestTopicPartition, a *kmsg.ShareAcknowledgeResponseTopicPartition) {
						a.Partition, a.ErrorCode = p.Partition, f.code
						if f.query.bad[sharePartition{t.TopicID, p.Partition}] {
							a.ErrorCode = int16(ops.InvalidRequest)
						}
					})
				},
			).failing(failed(func(r *kmsg.ShareAcknowledgeResponse) bool { return r.ErrorCode != 0 })).joined(joining(joinPartition,
				func(t *kmsg.ShareAcknowledgeResponseTopic) *[]kmsg.ShareAcknowledgeResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.ShareAcknowledgeResponseTopicPartition) int32 { return p.Partition })),
			refuse:      code(func(r *kmsg.ShareAcknowledgeResponse) *int16 { return &r.ErrorCode }),
			takeOut:     (*Plan).shareAcknowledge,
			sentOnEmpty: true,
			addresses: &addresses{replace: brokersIn(func(r *kmsg.ShareAcknowledgeResponse) *[]kmsg.ShareAcknowledgeResponseNodeEndpoint {
				return &r.NodeEndpoints
			},
				func(b *kmsg.ShareAcknowledgeResponseNodeEndpoint) (int32, *string, *int32) {
					return b.NodeID, &b.Host, &b.Port
				})},
			reportsChange: true,
		},
		ops.AddRaftVoterKey: {
			read:          readNothing,
			refuse:        codeAndText(func(r *kmsg.AddRaftVoterResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			reportsChange: true,
		},
		ops.RemoveRaftVoterKey: {
			read:          readNothing,
			refuse:        codeAndText(func(r *kmsg.RemoveRaftVoterResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			reportsChange: true,
		},
		ops.UpdateRaftVoterKey: {
			read:      readNothing,
			refuse:    code(func(r *kmsg.UpdateRaftVoterResponse) *int16 { return &r.ErrorCode }),
			addresses: &addresses{replace: replaceLeader},
		},
		ops.InitializeShareGroupStateKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.InitializeShareGroupStateRequest, r *kmsg.InitializeShareGroupStateResponse) {
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.InitializeShareGroupStateRequestTopic, a *kmsg.InitializeShareGroupStateResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.InitializeShareGroupStateRequestTopicPartition, a *kmsg.InitializeShareGroupStateResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				})
			}),
		},
		ops.ReadShareGroupStateKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.ReadShareGroupStateRequest, r *kmsg.ReadShareGroupStateResponse) {
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.ReadShareGroupStateRequestTopic, a *kmsg.ReadShareGroupStateResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.ReadShareGroupStateRequestTopicPartition, a *kmsg.ReadShareGroupStateResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				})
			}),
		},
		ops.WriteShareGroupStateKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.WriteShareGroupStateRequest, r *kmsg.WriteShareGroupStateResponse) {
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.WriteShareGroupStateRequestTopic, a *kmsg.WriteShareGroupStateResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.WriteShareGroupStateRequestTopicPartition, a *kmsg.WriteShareGroupStateResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				})
			}),
		},
		ops.DeleteShareGroupStateKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.DeleteShareGroupStateRequest, r *kmsg.DeleteShareGroupStateResponse) {
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.DeleteShareGroupStateRequestTopic, a *kmsg.DeleteShareGroupStateResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.DeleteShareGroupStateRequestTopicPartition, a *kmsg.DeleteShareGroupStateResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				})
			}),
		},
		ops.ReadShareGroupStateSummaryKey: {
			read: readNothing,
			refuse: refuses(func(f *refusal, m *kmsg.ReadShareGroupStateSummaryRequest, r *kmsg.ReadShareGroupStateSummaryResponse) {
				r.Topics = refuseEach(f, m.Topics, func(f *refusal, t *kmsg.ReadShareGroupStateSummaryRequestTopic, a *kmsg.ReadShareGroupStateSummaryResponseTopic) {
					a.TopicID = t.TopicID
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.ReadShareGroupStateSummaryRequestTopicPartition, a *kmsg.ReadShareGroupStateSummaryResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				})
			}),
		},
		ops.StreamsGroupHeartbeatKey: {
			needs: StreamsTopologies,
			read: reads(func(q *query, m *kmsg.StreamsGroupHeartbeatRequest) {
				q.Group = m.Group
				readTopology(q, m)
			}),
			asksAboutAll: true,
			refuse:       refuses(refuseStreams),
			rewrite:      rewriteStreams,
		},
		ops.StreamsGroupDescribeKey: {
			read: reads(func(q *query, m *kmsg.StreamsGroupDescribeRequest) {
				q.IncludeOperations = m.IncludeAuthorizedOperations
			}),
			entries: describedGroups(
				func(m *kmsg.StreamsGroupDescribeRequest) *[]string { return &m.Groups },
				func(r *kmsg.StreamsGroupDescribeResponse) *[]kmsg.StreamsGroupDescribeResponseGroup { return &r.Groups }, streamsGroup),
			filter:    always((*Plan).filterStreamsGroups),
			extraCost: withinCost + 40,
		},
		ops.StreamsGroupTopologyDescriptionUpdateKey: {
			read:          reads(func(q *query, m *kmsg.StreamsGroupTopologyDescriptionUpdateRequest) { q.Group = m.Group }),
			refuse:        code(func(r *kmsg.StreamsGroupTopologyDescriptionUpdateResponse) *int16 { return &r.ErrorCode }),
			reportsChange: true,
		},
		ops.DescribeShareGroupOffsetsKey: {
			entries: entriesOf(
				func(m *kmsg.DescribeShareGroupOffsetsRequest) *[]kmsg.DescribeShareGroupOffsetsRequestGroup {
					return &m.Groups
				},
				groupTopics(
					func(g *kmsg.DescribeShareGroupOffsetsRequestGroup) (string, []kmsg.DescribeShareGroupOffsetsRequestGroupTopic) {
						return g.GroupID, g.Topics
					},
					func(_ *query, t *kmsg.DescribeShareGroupOffsetsRequestGroupTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.DescribeShareGroupOffsetsResponse) *[]kmsg.DescribeShareGroupOffsetsResponseGroup {
					return &r.Groups
				},
				func(g *kmsg.DescribeShareGroupOffsetsResponseGroup) entryKey { return entryKey{name: g.GroupID} },
				func(f *refusal, g *kmsg.DescribeShareGroupOffsetsRequestGroup, a *kmsg.DescribeShareGroupOffsetsResponseGroup) {
					a.GroupID, a.ErrorCode = g.GroupID, f.code
				},
			).with(entriesOf(
				func(g *kmsg.DescribeShareGroupOffsetsRequestGroup) *[]kmsg.DescribeShareGroupOffsetsRequestGroupTopic {
					return &g.Topics
				},
				nil,
				func(g *kmsg.DescribeShareGroupOffsetsResponseGroup) *[]kmsg.DescribeShareGroupOffsetsResponseGroupTopic {
					return &g.Topics
				},
				func(t *kmsg.DescribeShareGroupOffsetsResponseGroupTopic) entryKey {
					return entryKey{name: t.Topic, id: t.TopicID}
				},
				func(f *refusal, t *kmsg.DescribeShareGroupOffsetsRequestGroupTopic, a *kmsg.DescribeShareGroupOffsetsResponseGroupTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *int32, a *kmsg.DescribeShareGroupOffsetsResponseGroupTopicPartition) {
						a.Partition, a.StartOffset, a.ErrorCode, a.ErrorMessage = *p, -1, f.code, f.message()
					})
				},
			).failing(failed(func(g *kmsg.DescribeShareGroupOffsetsResponseGroup) bool { return g.ErrorCode != 0 }))).sentOnce(repeatable[kmsg.DescribeShareGroupOffsetsRequestGroup, kmsg.DescribeShareGroupOffsetsResponseGroup]{
				class: onlyIf(func(g *kmsg.DescribeShareGroupOffsetsRequestGroup) bool { return g.Topics == nil }),
			}),
			asksAboutAll: true,
			shows: shows(func(l *learner, r *kmsg.DescribeShareGroupOffsetsResponse) {
				for i := range r.Groups {
					for _, t := range r.Groups[i].Topics {
						l.show(t.TopicID, t.Topic)
					}
				}
			}),
			filter:    always((*Plan).filterShareOffsets),
			extraCost: withinCost,
		},
		ops.AlterShareGroupOffsetsKey: {
			read: reads(func(q *query, m *kmsg.AlterShareGroupOffsetsRequest) { q.Group = m.GroupID }),
			entries: entriesOf(
				func(m *kmsg.AlterShareGroupOffsetsRequest) *[]kmsg.AlterShareGroupOffsetsRequestTopic {
					return &m.Topics
				},
				topics(func(_ *query, t *kmsg.AlterShareGroupOffsetsRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.AlterShareGroupOffsetsResponse) *[]kmsg.AlterShareGroupOffsetsResponseTopic {
					return &r.Topics
				},
				func(t *kmsg.AlterShareGroupOffsetsResponseTopic) entryKey {
					return entryKey{name: t.Topic, id: t.TopicID}
				},
				func(f *refusal, t *kmsg.AlterShareGroupOffsetsRequestTopic, a *kmsg.AlterShareGroupOffsetsResponseTopic) {
					a.Topic = t.Topic
					a.Partitions = refuseEach(f, t.Partitions, func(f *refusal, p *kmsg.AlterShareGroupOffsetsRequestTopicPartition, a *kmsg.AlterShareGroupOffsetsResponseTopicPartition) {
						a.Partition, a.ErrorCode, a.ErrorMessage = p.Partition, f.code, f.message()
					})
				},
			).failing(failed(func(r *kmsg.AlterShareGroupOffsetsResponse) bool { return r.ErrorCode != 0 })).joined(joining(joinSome,
				func(t *kmsg.AlterShareGroupOffsetsResponseTopic) *[]kmsg.AlterShareGroupOffsetsResponseTopicPartition {
					return &t.Partitions
				},
				func(p *kmsg.AlterShareGroupOffsetsResponseTopicPartition) int32 { return p.Partition })),
			refuse:        codeAndText(func(r *kmsg.AlterShareGroupOffsetsResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			sentOnEmpty:   true,
			reportsChange: true,
		},
		ops.DeleteShareGroupOffsetsKey: {
			read: reads(func(q *query, m *kmsg.DeleteShareGroupOffsetsRequest) { q.Group = m.GroupID }),
			entries: entriesOf(
				func(m *kmsg.DeleteShareGroupOffsetsRequest) *[]kmsg.DeleteShareGroupOffsetsRequestTopic {
					return &m.Topics
				},
				topics(func(_ *query, t *kmsg.DeleteShareGroupOffsetsRequestTopic) ops.Topic { return named(t.Topic) }),
				func(r *kmsg.DeleteShareGroupOffsetsResponse) *[]kmsg.DeleteShareGroupOffsetsResponseTopic {
					return &r.Topics
				},
				func(t *kmsg.DeleteShareGroupOffsetsResponseTopic) entryKey {
					return entryKey{name: t.Topic, id: t.TopicID}
				},
				func(f *refusal, t *kmsg.DeleteShareGroupOffsetsRequestTopic, a *kmsg.DeleteShareGroupOffsetsResponseTopic) {
					a.Topic, a.ErrorCode, a.ErrorMessage = t.Topic, f.code, f.message()
				},
			).failing(failed(func(r *kmsg.DeleteShareGroupOffsetsResponse) bool { return r.ErrorCode != 0 })),
			refuse:        codeAndText(func(r *kmsg.DeleteShareGroupOffsetsResponse) (*int16, **string) { return &r.ErrorCode, &r.ErrorMessage }),
			sentOnEmpty:   true,
			reportsChange: true,
		},
	}
}
