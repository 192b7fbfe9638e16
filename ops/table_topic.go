package ops

import "github.com/portcullis-authz/portcullis/resource"

// topicAPIs are the requests that describe, create and delete topics.
var topicAPIs = []API{
	{
		Key:        MetadataKey,
		MinVersion: 0, MaxVersion: 13,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleTopicMetadataRequest"},
		Documented: documents(Describe.on(resource.Topic), Create.on(resource.Cluster), Create.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			requireEach(Describe, resource.Topic, eachTopic, "topics[].name; topics[].topicId from version 12; every topic").
				denied(effect{Scope: oneItem, Code: TopicAuthorizationFailed, WhenAll: leftOut, HidesName: true}).quietWhenAll().
				note("A topic that the client may not describe is refused whether or not it exists. A request by name does not get its id, and a request by id does not get its name."),
			requireCluster(Create).when(topicToCreate).suffices().quiet(),
			requireEach(Create, resource.Topic, eachTopic, "topics[].name").when(topicToCreate).fallbackOf(2).
				note("The topic is refused although the client may describe it. If the client may create it, it is reported missing, and the controller checks again when it creates it."),
			requireCluster(Describe).when(wantsClusterOperations).versions(8, 10).denied(effect{Scope: fieldWithheld}).
				note("If denied, the authorized operations of the cluster are empty."),
		},
		Guards: []guard{
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(4, topicMissing, UnknownTopicOrPartition),
		},
		OperationFields: []operationField{{Type: resource.Topic, MinVersion: 8}},
		Placement:       perTopic,
		Differences: []string{
			"In versions 8 to 10, Describe on the cluster is required for its authorized operations. This is not documented.",
			"Create without Describe creates nothing: Describe is checked first, and Create does not imply it.",
		},
	},
	{
		Key:        CreateTopicsKey,
		MinVersion: 2, MaxVersion: 7,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleCreateTopics", "ControllerApis.createTopics"},
		Documented: documents(Create.on(resource.Cluster), Create.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			requireCluster(Create).at(Controller).suffices().quiet(),
			requireEach(Create, resource.Topic, eachTopic, "topics[].name").at(Controller).fallbackOf(1).
				note("Checked before the existence of the topic."),
			requireEach(DescribeConfigs, resource.Topic, eachTopic, "topics[].name").at(Controller).
				denied(effect{Scope: fieldWithheld, Code: TopicAuthorizationFailed}).quiet().
				note("The topic is created. From version 5 the response has the error instead of its configuration, partition count and replication factor."),
		},
		Guards: []guard{
			guardItem(0, topicIsMetadataLog, InvalidRequest),
			guardItem(0, topicRepeated, InvalidRequest),
			guardItem(3, topicExists, TopicAlreadyExists),
		},
		Placement:   perTopic,
		Differences: []string{"DescribeConfigs on the topic is required to see the configuration of the created topic. This is not documented."},
	},
	{
		Key:        DeleteTopicsKey,
		MinVersion: 1, MaxVersion: 6,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleDeleteTopics", "ControllerApis.deleteTopics"},
		Documented: documents(Delete.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			requireCluster(Delete).at(Controller).suffices().quiet().
				note("Sufficient for every topic. Kafka does not list Delete among the operations of the cluster, so that it is usually granted by an ACL with All."),
			requireEach(Describe, resource.Topic, eachTopic, "topicNames[]; topics[].name or topics[].topicId from version 6").at(Controller).fallbackOf(1).
				denied(effect{Scope: oneItem, Code: TopicAuthorizationFailed, WhenByID: ignored, HidesName: true}).
				note("For a topic by name, it is required in addition to Delete. For a topic by id, it only decides whether an error shows the name."),
			requireEach(Delete, resource.Topic, eachTopic, "topicNames[]; topics[].name or topics[].topicId from version 6").at(Controller).fallbackOf(1).
				note("If the client may describe a missing topic by name, the topic is reported missing, not refused."),
		},
		Guards: []guard{
			guardItem(0, topicRepeated, InvalidRequest),
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(2, topicMissing, UnknownTopicOrPartition),
		},
		Placement: perTopic,
		Differences: []string{
			"Delete on the cluster is sufficient for every topic. This is not documented.",
			"For a topic by name, Describe is required in addition to Delete, which implies it unless Describe is denied. For a topic by id, Delete is sufficient.",
		},
		Notes: []string{"The response is shuffled, so that the order of its entries reveals nothing."},
	},
	brokerAPI(DeleteRecordsKey, 0, 2, requireEach(Delete, resource.Topic, eachTopic, "topics[].name"), "KafkaApis.handleDeleteRecordsRequest", everyPartition).
		guarded(guardItem(1, topicMissing, UnknownTopicOrPartition)),
	{
		Key:        CreatePartitionsKey,
		MinVersion: 0, MaxVersion: 3,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleCreatePartitions", "ControllerApis.createPartitions"},
		Documented: documents(Alter.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps:      []step{requireEach(Alter, resource.Topic, eachTopic, "topics[].name").at(Controller)},
		Guards: []guard{
			guardItem(0, topicRepeated, InvalidRequest),
			guardItem(1, topicMissing, UnknownTopicOrPartition),
		},
		Placement: perTopic,
	},
	brokerAPI(DescribeTopicPartitionsKey, 0, 0,
		requireEach(Describe, resource.Topic, eachTopic, "topics[].name; every topic").
			denied(effect{Scope: oneItem, Code: TopicAuthorizationFailed, WhenAll: leftOut}).
			note("The entries of refused topics are at the end, with a zero id."),
		"DescribeTopicPartitionsRequestHandler.handleDescribeTopicPartitionsRequest", perTopic,
	).guarded(guardItem(1, topicMissing, UnknownTopicOrPartition)).showsOperations(operationField{Type: resource.Topic, Always: true}),
}
