package ops

import "github.com/portcullis-authz/portcullis/resource"

// shareAPIs are the requests about share groups and their state.
var shareAPIs = []API{
	{
		Key:        ShareGroupHeartbeatKey,
		MinVersion: 1, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleShareGroupHeartbeat"},
		Documented: documents(Read.on(resource.Group)),
		Steps: []step{
			memberStep,
			require(Describe, resource.Topic, subscribedTopics, "subscribedTopicNames[]").since(kafka41).
				note("One topic that the client may not describe fails the heartbeat."),
		},
		Guards:      []guard{guardRequest(0, featureDisabled, UnsupportedVersion)},
		Placement:   topLevel,
		Differences: []string{"Since 4.1 Describe on the subscribed topics is required. This is not documented."},
	},
	{
		Key:        ShareGroupDescribeKey,
		MinVersion: 1, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleShareGroupDescribe"},
		Documented: documents(Describe.on(resource.Group)),
		Items:      []itemList{{Of: eachGroup}},
		Steps: []step{
			requireEach(Describe, resource.Group, eachGroup, "groupIds[]"),
			requireEach(Describe, resource.Topic, eachMemberTopic, "").since(kafka41).
				note("One topic that the client may not describe replaces the group and its members by an error."),
		},
		OperationFields: []operationField{{Type: resource.Group}},
		Placement:       perGroup,
		Differences:     []string{"Since 4.1 Describe on the topics of the members is required. This is not documented."},
	},
	{
		Key:        ShareFetchKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleShareFetchRequest", "KafkaApis.handleFetchFromShareFetchRequest", "KafkaApis.handleAcknowledgements"},
		Documented: documents(Read.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			memberStep,
			requireEach(Read, resource.Topic, eachTopic, "topics[].topicId").hidesName().
				note("The topics are those of the share session. The acknowledgements in the request get the same error."),
		},
		Guards:    []guard{guardItem(0, topicIDUnknown, UnknownTopicID)},
		Placement: groupTopThenParts,
		Notes:     []string{"According to its code, Kafka 4.2.1 fails the whole request if it cannot resolve a topic id. Portcullis refuses only that topic."},
	},
	{
		Key:        ShareAcknowledgeKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleShareAcknowledgeRequest", "KafkaApis.handleAcknowledgements"},
		Documented: documents(Read.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			memberStep,
			requireEach(Read, resource.Topic, eachTopic, "topics[].topicId").hidesName(),
		},
		Guards:    []guard{guardItem(0, topicIDUnknown, UnknownTopicID)},
		Placement: groupTopThenParts,
		Notes:     []string{"An unknown topic id is handled as in ShareFetch."},
	},
	shareState(InitializeShareGroupStateKey, 0, "KafkaApis.handleInitializeShareGroupStateRequest", shareStateSince),
	shareState(ReadShareGroupStateKey, 0, "KafkaApis.handleReadShareGroupStateRequest"),
	shareState(WriteShareGroupStateKey, 1, "KafkaApis.handleWriteShareGroupStateRequest"),
	shareState(DeleteShareGroupStateKey, 0, "KafkaApis.handleDeleteShareGroupStateRequest", shareStateSince),
	shareState(ReadShareGroupStateSummaryKey, 1, "KafkaApis.handleReadShareGroupStateSummaryRequest", shareStateSince),
	{
		Key:        DescribeShareGroupOffsetsKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDescribeShareGroupOffsetsRequest", "KafkaApis.describeShareGroupAllOffsetsForGroup", "KafkaApis.describeShareGroupOffsetsForGroup"},
		Documented: documents(Describe.on(resource.Group), Describe.on(resource.Topic)),
		Items:      []itemList{{Of: eachGroup, WithTopics: true}},
		Steps: []step{
			requireEach(Describe, resource.Group, eachGroup, "groups[].groupId"),
			requireEach(Describe, resource.Topic, eachGroupTopic, "groups[].topics[].topicName").when(groupTopicsNamed),
			requireEach(Describe, resource.Topic, eachGroupTopic, "").when(groupTopicsAll).leavesOut().
				note("The topics are those with offsets of the group."),
		},
		Guards:      []guard{{When: featureDisabled, Effect: effect{Scope: oneItem, Code: UnsupportedVersion}}},
		Placement:   perGroup,
		Differences: []string{"A request for every topic of a group omits the topics that the client may not describe, without an error."},
	},
	{
		Key:        AlterShareGroupOffsetsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleAlterShareGroupOffsetsRequest"},
		Documented: documents(Read.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			memberStep,
			requireEach(Read, resource.Topic, eachTopic, "topics[].topicName"),
		},
		Guards:    []guard{guardItem(2, topicMissing, UnknownTopicOrPartition)},
		Placement: groupTopThenParts,
	},
	{
		Key:        DeleteShareGroupOffsetsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDeleteShareGroupOffsetsRequest"},
		Documented: documents(Delete.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			require(Delete, resource.Group, theGroup, "groupId"),
			requireEach(Read, resource.Topic, eachTopic, "topics[].topicName"),
		},
		Guards:    []guard{guardItem(2, topicMissing, UnknownTopicOrPartition)},
		Placement: "for the group: the error code of the response; for a topic: its entry",
	},
}

// shareStateSince is the documented difference of the state APIs that Kafka 4.0 did not
// implement.
const shareStateSince = "Documented from the start, but checked only since 4.1. Before 4.1 the API answered UNSUPPORTED_VERSION to every client."

// shareState returns the row of a request between brokers about the state of share
// groups.
func shareState(key APIKey, maxVersion int16, handler string, differences ...string) API {
	return brokerAPI(key, 0, maxVersion, requireCluster(ClusterAction), handler, everyPartition).
		notes("Served whether or not share groups are enabled.").differs(differences...)
}
