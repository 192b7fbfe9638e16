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
				note("Shows every group, also one that an ACL denies."),
			requireEach(Describe, resource.Group, eachGroup, "").fallbackOf(1).leavesOut().quiet().
				note("The groups are all those of the coordinator."),
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
				note("One topic that may not be described fails the heartbeat. Without names, in a heartbeat that changes no subscription, nothing is asked."),
			requireEach(Describe, resource.Topic, matchedTopics, "subscribedTopicRegex").leavesOut().quiet().versions(1, 0).since("4.0").
				note("Asked when the coordinator resolves the pattern, for the member whose heartbeat made it do so; all members with the same pattern share the result."),
		},
		Guards:      []Guard{guardRequest(0, featureDisabled, UnsupportedVersion)},
		Placement:   topLevel,
		Differences: []string{"Describe on the subscribed topics, needed since 4.0, is not documented."},
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
				note("One topic that may not be described puts an error in place of the group with its members."),
		},
		Guards:          []Guard{{When: featureDisabled, Effect: Effect{Scope: OneItem, Code: UnsupportedVersion}}},
		OperationFields: []OperationField{{Type: resource.Group}},
		Placement:       perGroup,
		Differences: []string{
			"Read on the group is documented; Describe is what is asked.",
			"Describe on the topics of the members, needed since 4.0, is not documented.",
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
				note("Nothing is asked without a topology."),
			requireCluster(Create).suffices().quiet(),
			{
				Operation: Create, Type: resource.Topic, Name: newTopics, Combine: Fallback, FallbackOf: 3,
				Denied: Effect{Scope: FieldWithheld},
				Note:   "One topic that may not be created keeps all of them from being created. The response says so in a status and not as an error.",
			},
		},
		Guards: []Guard{
			guardRequest(0, featureDisabled, UnsupportedVersion),
			guardRequest(1, topologyInvalid, StreamsInvalidTopology),
		},
		Placement: topLevel,
		Differences: []string{
			"Create on the cluster, which serves in place of Create on the topics, is not documented.",
			"The documentation does not say that a missing Create is a status, nor that it concerns all the topics at once.",
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
				note("The topics are those of the group's topology; one that may not be described puts an error in place of the group."),
		},
		OperationFields: []OperationField{{Type: resource.Group}},
		Placement:       perGroup,
	},
}
