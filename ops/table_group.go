package ops

import "github.com/portcullis-authz/portcullis/resource"

// groupAPIs are the requests about consumer and streams groups.
var groupAPIs = []API{
	{
		Key:        JoinGroupKey,
		MinVersion: 0, MaxVersion: 9,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleJoinGroupRequest"},
		Documented: documents(Read.on(resource.Group)),
		Steps:      []Step{require(Read, resource.Group, theGroup, "groupId")},
		Placement:  topLevel,
	},
	{
		Key:        HeartbeatKey,
		MinVersion: 0, MaxVersion: 4,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleHeartbeatRequest"},
		Documented: documents(Read.on(resource.Group)),
		Steps:      []Step{require(Read, resource.Group, theGroup, "groupId")},
		Placement:  topLevel,
	},
	{
		Key:        LeaveGroupKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleLeaveGroupRequest"},
		Documented: documents(Read.on(resource.Group)),
		Steps:      []Step{require(Read, resource.Group, theGroup, "groupId")},
		Placement:  topLevel,
	},
	{
		Key:        SyncGroupKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleSyncGroupRequest"},
		Documented: documents(Read.on(resource.Group)),
		Steps:      []Step{require(Read, resource.Group, theGroup, "groupId")},
		Guards: []Guard{
			{When: withoutProtocol, MinVersion: 5, Effect: Effect{Scope: WholeRequest, Code: InconsistentGroupProtocol}},
		},
		Placement: topLevel,
	},
	{
		Key:        DescribeGroupsKey,
		MinVersion: 0, MaxVersion: 6,
		Listeners:       onBroker,
		Handlers:        []string{"KafkaApis.handleDescribeGroupsRequest"},
		Documented:      documents(Describe.on(resource.Group)),
		Items:           []ItemList{{Of: eachGroup}},
		Steps:           []Step{requireEach(Describe, resource.Group, eachGroup, "groups[]")},
		OperationFields: []OperationField{{Type: resource.Group, MinVersion: 3}},
		Placement:       perGroup,
	},
	{
		Key:        ListGroupsKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleListGroupsRequest"},
		Documented: documents(Describe.on(resource.Cluster), Describe.on(resource.Group)),
		Items:      []ItemList{{Of: eachGroup}},
		Steps: []Step{
			requireCluster(Describe).suffices().quiet().
				note("Shows every group, including groups with a DENY."),
			requireEach(Describe, resource.Group, eachGroup, "").fallbackOf(1).leavesOut().quiet().
				note("The groups are all groups of the coordinator."),
		},
		Placement: neverAnError,
	},
	{
		Key:        DeleteGroupsKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDeleteGroupsRequest"},
		Documented: documents(Delete.on(resource.Group)),
		Items:      []ItemList{{Of: eachGroup}},
		Steps:      []Step{requireEach(Delete, resource.Group, eachGroup, "groupsNames[]")},
		Placement:  perGroup,
	},
	{
		Key:        OffsetDeleteKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleOffsetDeleteRequest"},
		Documented: documents(Delete.on(resource.Group), Read.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps: []Step{
			require(Delete, resource.Group, theGroup, "groupId"),
			requireEach(Read, resource.Topic, eachTopic, "topics[].name"),
		},
		Guards:    []Guard{guardItem(2, topicMissing, UnknownTopicOrPartition)},
		Placement: groupTopThenParts,
	},
	{
		Key:        ConsumerGroupHeartbeatKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleConsumerGroupHeartbeat", "GroupMetadataManager.refreshRegularExpressions"},
		Documented: documents(Read.on(resource.Group)),
		Steps: []Step{
			require(Read, resource.Group, theGroup, "groupId"),
			require(Describe, resource.Topic, subscribedTopics, "subscribedTopicNames[]").since("4.0").
				note("One topic that the client may not describe fails the heartbeat. A heartbeat without topic names does not change the subscription, and nothing is checked."),
			requireEach(Describe, resource.Topic, matchedTopics, "subscribedTopicRegex").leavesOut().quiet().versions(1, 0).since("4.0").
				note("Checked when the coordinator resolves the pattern, for the member whose heartbeat triggered it. All members with the same pattern share the result."),
		},
		Guards:      []Guard{guardRequest(0, featureDisabled, UnsupportedVersion)},
		Placement:   topLevel,
		Differences: []string{"Since 4.0 Describe on the subscribed topics is required. This is not documented."},
	},
	{
		Key:        ConsumerGroupDescribeKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleConsumerGroupDescribe"},
		Documented: documents(Read.on(resource.Group)),
		Items:      []ItemList{{Of: eachGroup}},
		Steps: []Step{
			requireEach(Describe, resource.Group, eachGroup, "groupIds[]"),
			requireEach(Describe, resource.Topic, eachMemberTopic, "").since("4.0").
				note("One topic that the client may not describe replaces the group and its members by an error."),
		},
		Guards:          []Guard{{When: featureDisabled, Effect: Effect{Scope: OneItem, Code: UnsupportedVersion}}},
		OperationFields: []OperationField{{Type: resource.Group}},
		Placement:       perGroup,
		Differences: []string{
			"The documentation says Read on the group; Kafka checks Describe.",
			"Since 4.0 Describe on the topics of the members is required. This is not documented.",
		},
	},
	{
		Key:        StreamsGroupHeartbeatKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleStreamsGroupHeartbeat"},
		Documented: documents(Read.on(resource.Group), Describe.on(resource.Topic), Create.on(resource.Topic)),
		Steps: []Step{
			require(Read, resource.Group, theGroup, "groupId"),
			require(Describe, resource.Topic, subscribedTopics, "topology.subtopologies[]: sourceTopics, repartitionSinkTopics, repartitionSourceTopics, stateChangelogTopics").
				note("Without a topology nothing is checked."),
			requireCluster(Create).suffices().quiet(),
			{
				Operation: Create, Type: resource.Topic, Name: newTopics, Combine: Fallback, FallbackOf: 3,
				Denied: Effect{Scope: FieldWithheld},
				Note:   "If the client may not create one of the topics, none is created. The response reports this as a status, not as an error.",
			},
		},
		Guards: []Guard{
			guardRequest(0, featureDisabled, UnsupportedVersion),
			guardRequest(1, topologyInvalid, StreamsInvalidTopology),
		},
		Placement: topLevel,
		Differences: []string{
			"Create on the cluster is sufficient instead of Create on the topics. This is not documented.",
			"The documentation does not say that a missing Create is reported as a status, nor that it affects all topics.",
		},
	},
	{
		Key:        StreamsGroupDescribeKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleStreamsGroupDescribe"},
		Documented: documents(Describe.on(resource.Group), Describe.on(resource.Topic)),
		Items:      []ItemList{{Of: eachGroup}},
		Steps: []Step{
			requireEach(Describe, resource.Group, eachGroup, "groupIds[]"),
			requireEach(Describe, resource.Topic, eachMemberTopic, "").
				note("The topics are those of the group's topology. One topic that the client may not describe replaces the group by an error."),
		},
		OperationFields: []OperationField{{Type: resource.Group}},
		Placement:       perGroup,
	},
}
