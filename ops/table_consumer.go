package ops

import "github.com/portcullis-authz/portcullis/resource"

// consumerAPIs are the requests that read records and offsets.
var consumerAPIs = []API{
	{
		Key:        FetchKey,
		MinVersion: 4, MaxVersion: 18,
		Listeners:  onBoth,
		Handlers:   []string{"KafkaApis.handleFetchRequest", "ControllerApis.handleFetch"},
		Documented: documents(ClusterAction.on(resource.Cluster), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic, Endpoint: Broker}},
		Steps: []step{
			requireCluster(ClusterAction).when(fromFollower).at(Broker).
				denied(effect{Scope: oneItem, Code: TopicAuthorizationFailed}).
				note("Every partition gets the error of topics. For a follower the topics are not checked."),
			requireEach(Read, resource.Topic, eachTopic, "topics[].topic; topics[].topicId from version 13").when(fromClient).at(Broker).hidesName().
				note("The topics are those of the fetch session, including topics that are not in this request."),
			requireCluster(ClusterAction).at(Controller).
				note("This is the log of the metadata quorum."),
		},
		Guards: []guard{
			guardItem(1, topicIDUnknown, UnknownTopicID),
			guardItem(3, topicMissing, UnknownTopicOrPartition),
		},
		Placement: "at a controller the error code of the response, and below version 13 also every partition; at a broker nowhere",
		Differences: []string{
			"A refused follower gets the error of topics on every partition, not the error of the cluster.",
			"A controller requires ClusterAction on the cluster for every fetch. This is not documented.",
		},
	},
	{
		Key:        ListOffsetsKey,
		MinVersion: 1, MaxVersion: 11,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleListOffsetRequest"},
		Documented: documents(Describe.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps:      []step{requireEach(Describe, resource.Topic, eachTopic, "topics[].name")},
		Guards:     []guard{guardItem(1, topicMissing, UnknownTopicOrPartition)},
		Placement:  everyPartition,
	},
	{
		Key:        OffsetCommitKey,
		MinVersion: 2, MaxVersion: 10,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleOffsetCommitRequest"},
		Documented: documents(Read.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			require(Read, resource.Group, theGroup, "groupId"),
			requireEach(Read, resource.Topic, eachTopic, "topics[].name; topics[].topicId from version 10").hidesName(),
		},
		Guards: []guard{
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(2, topicMissing, UnknownTopicOrPartition),
		},
		Placement: everyPartition,
		Notes:     []string{emptyNameUnasked},
	},
	{
		Key:        OffsetFetchKey,
		MinVersion: 1, MaxVersion: 10,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleOffsetFetchRequest", "KafkaApis.fetchAllOffsetsForGroup", "KafkaApis.fetchOffsetsForGroup"},
		Documented: documents(Describe.on(resource.Group), Describe.on(resource.Topic)),
		Items:      []itemList{{Of: eachGroup, WithTopics: true}},
		Steps: []step{
			requireEach(Describe, resource.Group, eachGroup, "groupId; groups[].groupId from version 8"),
			requireEach(Describe, resource.Topic, eachGroupTopic, "topics[].name; groups[].topics[].name from version 8, topicId from version 10").when(groupTopicsNamed).hidesName(),
			requireEach(Describe, resource.Topic, eachGroupTopic, "").when(groupTopicsAll).leavesOut().
				note("The topics are those with committed offsets of the group."),
		},
		Guards:      []guard{guardItem(0, topicIDUnknown, UnknownTopicID)},
		Placement:   "for a group: its entry from version 8; the error code of the response in versions 2 to 7; every partition in version 1 (before Kafka 4.1 an empty list without an error)",
		Differences: []string{"A request for every topic of a group omits the topics that the client may not describe, without an error."},
	},
	{
		Key:        FindCoordinatorKey,
		MinVersion: 0, MaxVersion: 6,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.getCoordinator", "KafkaApis.handleFindCoordinatorRequestV4AndAbove", "KafkaApis.handleFindCoordinatorRequestLessThanV4"},
		Documented: documents(Describe.on(resource.Group), Describe.on(resource.TransactionalID)),
		Items:      []itemList{{Of: eachKey}},
		Steps: []step{
			requireEach(Describe, resource.Group, eachKey, "key; coordinatorKeys[] from version 4").when(groupKeys).
				denied(effect{Scope: oneItem, Code: GroupAuthorizationFailed, WholeBelow: 4}),
			requireEach(Describe, resource.TransactionalID, eachKey, "key; coordinatorKeys[] from version 4").when(transactionKeys).
				denied(effect{Scope: oneItem, Code: TransactionalIDAuthorizationFailed, WholeBelow: 4}),
			requireCluster(ClusterAction).when(shareKeys).versions(6, 0).
				note("Checked before the format of the keys is validated. Every key gets the error."),
		},
		Guards: []guard{
			guardRequest(0, unknownKeys, InvalidRequest),
			{When: shareKeys, MaxVersion: 5, Effect: effect{Scope: oneItem, Code: InvalidRequest, WholeBelow: 4}},
		},
		Placement:   "each key from version 4, the error code of the response before",
		Differences: []string{"Keys of share groups need ClusterAction on the cluster. This is not documented."},
	},
	{
		Key:        OffsetForLeaderEpochKey,
		MinVersion: 2, MaxVersion: 4,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleOffsetForLeaderEpochRequest"},
		Documented: documents(ClusterAction.on(resource.Cluster), Describe.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			requireCluster(ClusterAction).suffices().quiet(),
			requireEach(Describe, resource.Topic, eachTopic, "topics[].topic").fallbackOf(1),
		},
		Guards:    []guard{guardItem(2, topicMissing, UnknownTopicOrPartition)},
		Placement: everyPartition,
	},
}

// emptyNameUnasked is the note of an API that has topics by id and whose answer does not
// depend on the question about one that is unknown.
const emptyNameUnasked = "For an unknown topic id Kafka checks a topic with an empty name and ignores the answer. Portcullis does not check it."
