package ops

import "github.com/portcullis-authz/portcullis/resource"

// memberStep is the step of a request by a member of a group.
var memberStep = require(Read, resource.Group, theGroup, "groupId")

// groupAPIs are the requests about consumer and streams groups.
var groupAPIs = []API{
	brokerAPI(JoinGroupKey, 0, 9, memberStep, "KafkaApis.handleJoinGroupRequest", topLevel),
	brokerAPI(HeartbeatKey, 0, 4, memberStep, "KafkaApis.handleHeartbeatRequest", topLevel),
	brokerAPI(LeaveGroupKey, 0, 5, memberStep, "KafkaApis.handleLeaveGroupRequest", topLevel),
	brokerAPI(SyncGroupKey, 0, 5, memberStep, "KafkaApis.handleSyncGroupRequest", topLevel).
		guarded(guard{When: withoutProtocol, MinVersion: 5, Effect: effect{Scope: wholeRequest, Code: InconsistentGroupProtocol}}),
	brokerAPI(DescribeGroupsKey, 0, 6, requireEach(Describe, resource.Group, eachGroup, "groups[]"), "KafkaApis.handleDescribeGroupsRequest", perGroup).
		showsOperations(operationField{Type: resource.Group, MinVersion: 3}),
	{
		Key:        ListGroupsKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleListGroupsRequest"},
		Documented: documents(Describe.on(resource.Cluster), Describe.on(resource.Group)),
		Items:      []itemList{{Of: eachGroup}},
		Steps: []step{
			requireCluster(Describe).suffices().quiet().
				note("Shows every group, including groups with a DENY."),
			requireEach(Describe, resource.Group, eachGroup, "").fallbackOf(1).leavesOut().quiet().
				note("The groups are all groups of the coordinator."),
		},
		Placement: neverAnError,
	},
	brokerAPI(DeleteGroupsKey, 0, 3, requireEach(Delete, resource.Group, eachGroup, "groupsNames[]"), "KafkaApis.handleDeleteGroupsRequest", perGroup).newer(3, Kafka44),
	{
		Key:        OffsetDeleteKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleOffsetDeleteRequest"},
		Documented: documents(Delete.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			require(Delete, resource.Group, theGroup, "groupId"),
			requireEach(Read, resource.Topic, eachTopic, "topics[].name"),
		},
		Guards:    []guard{guardItem(2, topicMissing, UnknownTopicOrPartition)},
		Placement: groupTopThenParts,
	},
	{
		Key:        ConsumerGroupHeartbeatKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleConsumerGroupHeartbeat", "GroupMetadataManager.refreshRegularExpressions"},
		Documented: documents(Read.on(resource.Group)),
		Steps: []step{
			memberStep,
			require(Describe, resource.Topic, subscribedTopics, "subscribedTopicNames[]").since(kafka40).
				note("One topic that the client may not describe fails the heartbeat. A heartbeat without topic names does not change the subscription, and nothing is checked."),
			requireEach(Describe, resource.Topic, matchedTopics, "subscribedTopicRegex").leavesOut().quiet().versions(1, 0).since(kafka40).
				note("Checked when the coordinator resolves the pattern, for the member whose heartbeat triggered it. All members with the same pattern share the result."),
		},
		Guards:      []guard{guardRequest(0, featureDisabled, UnsupportedVersion)},
		Placement:   topLevel,
		Differences: []string{"Since 4.0 Describe on the subscribed topics is required. This is not documented."},
	},
	{
		Key:        ConsumerGroupDescribeKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleConsumerGroupDescribe"},
		Documented: documents(Describe.on(resource.Group)),
		Items:      []itemList{{Of: eachGroup}},
		Steps: []step{
			requireEach(Describe, resource.Group, eachGroup, "groupIds[]"),
			requireEach(Describe, resource.Topic, eachMemberTopic, "").since(kafka40).
				note("One topic that the client may not describe replaces the group and its members by an error."),
		},
		Guards:          []guard{{When: featureDisabled, Effect: effect{Scope: oneItem, Code: UnsupportedVersion}}},
		OperationFields: []operationField{{Type: resource.Group}},
		Placement:       perGroup,
		Differences: []string{
			"Until June 2026 the documentation said Read on the group (CVE-2026-41115). Kafka has always checked Describe.",
			"Since 4.0 Describe on the topics of the members is required. This is not documented.",
		},
	},
	{
		Key:        StreamsGroupHeartbeatKey,
		MinVersion: 0, MaxVersion: 1,
		Newer:      []newerVersion{{1, Kafka44}},
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleStreamsGroupHeartbeat"},
		Documented: documents(Read.on(resource.Group), Describe.on(resource.Topic), Create.on(resource.Topic)),
		Steps: []step{
			memberStep,
			require(Describe, resource.Topic, subscribedTopics, "topology.subtopologies[]: sourceTopics, repartitionSinkTopics, repartitionSourceTopics, stateChangelogTopics").
				note("Without a topology nothing is checked."),
			requireCluster(Create).suffices().quiet(),
			{
				Operation: Create, Type: resource.Topic, Name: newTopics, Combine: fallback, FallbackOf: 3,
				Denied: effect{Scope: fieldWithheld},
				Note:   "If the client may not create one of the topics, none is created. The response reports this as a status, not as an error.",
			},
		},
		Guards: []guard{
			guardRequest(0, featureDisabled, UnsupportedVersion),
			guardRequest(1, topologyInvalid, StreamsInvalidTopology),
		},
		Placement: topLevel,
		Differences: []string{
			"Create on the cluster is sufficient instead of Create on the topics. This is not documented.",
			"The documentation does not say that a missing Create is reported as a status, nor that it affects all topics.",
		},
		Notes: []string{"A member with Read on the group can end all its members (SHUTDOWN_APPLICATION). Kafka's security model says that this is intended."},
	},
	{
		Key:        StreamsGroupDescribeKey,
		MinVersion: 0, MaxVersion: 1,
		Newer:      []newerVersion{{1, Kafka44}},
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleStreamsGroupDescribe"},
		Documented: documents(Describe.on(resource.Group), Describe.on(resource.Topic)),
		Items:      []itemList{{Of: eachGroup}},
		Steps: []step{
			requireEach(Describe, resource.Group, eachGroup, "groupIds[]"),
			requireEach(Describe, resource.Topic, eachMemberTopic, "").
				note("The topics are those of the group's topology. One topic that the client may not describe replaces the group by an error."),
		},
		OperationFields: []operationField{{Type: resource.Group}},
		Placement:       perGroup,
		Notes:           []string{"The topology description, from version 1, names topics that Kafka does not check: those that a member has sent with StreamsGroupTopologyDescriptionUpdate. Portcullis removes the ones that the client may not describe."},
	},
	brokerAPI(StreamsGroupTopologyDescriptionUpdateKey, 0, 0, memberStep, "KafkaApis.handleStreamsGroupTopologyDescriptionUpdate", topLevel).newIn(Kafka44).
		guarded(guardRequest(0, featureDisabled, UnsupportedVersion)).undocumented().
		notes("The topics that the description names are not checked. A client with Read on the group learns whether the broker has a plugin for descriptions."),
}
