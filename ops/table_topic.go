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
		Items:      []ItemList{{Of: eachTopic}},
		Steps: []Step{
			requireEach(Describe, resource.Topic, eachTopic, "topics[].name; topics[].topicId from version 12; every topic").
				denied(Effect{Scope: OneItem, Code: TopicAuthorizationFailed, WhenAll: LeftOut, HidesName: true}).quietWhenAll().
				note("A topic that may not be described is refused whether or not it exists. By name its id is withheld, by id its name."),
			requireCluster(Create).when(topicToCreate).suffices().quiet(),
			requireEach(Create, resource.Topic, eachTopic, "topics[].name").when(topicToCreate).fallbackOf(2).
				note("The topic is refused although it may be described. What may be created is reported missing, and the controller asks again when it creates it."),
			requireCluster(Describe).when(wantsClusterOperations).versions(8, 10).denied(Effect{Scope: FieldWithheld}).
				note("The authorized operations of the cluster are then empty."),
		},
		Guards: []Guard{
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(4, topicMissing, UnknownTopicOrPartition),
		},
		OperationFields: []OperationField{{Type: resource.Topic, MinVersion: 8}},
		Placement:       perTopic,
		Differences: []string{
			"Describe on the cluster, for its authorized operations in versions 8 to 10, is not documented.",
			"Create without Describe creates nothing: Describe is asked first, and Create does not imply it.",
		},
	},
	{
		Key:        CreateTopicsKey,
		MinVersion: 2, MaxVersion: 7,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleCreateTopics", "ControllerApis.createTopics"},
		Documented: documents(Create.on(resource.Cluster), Create.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps: []Step{
			requireCluster(Create).at(Controller).suffices().quiet(),
			requireEach(Create, resource.Topic, eachTopic, "topics[].name").at(Controller).fallbackOf(1).
				note("Asked before the topic is found to exist."),
			requireEach(DescribeConfigs, resource.Topic, eachTopic, "topics[].name").at(Controller).
				denied(Effect{Scope: FieldWithheld, Code: TopicAuthorizationFailed}).quiet().
				note("The topic is created; the response (from version 5) carries the error in place of its configuration and shape."),
		},
		Guards: []Guard{
			guardItem(0, topicIsMetadataLog, InvalidRequest),
			guardItem(0, topicRepeated, InvalidRequest),
			guardItem(3, topicExists, TopicAlreadyExists),
		},
		Placement:   perTopic,
		Differences: []string{"DescribeConfigs on the topic, which shows the configuration of what was created, is not documented."},
	},
	{
		Key:        DeleteTopicsKey,
		MinVersion: 1, MaxVersion: 6,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleDeleteTopics", "ControllerApis.deleteTopics"},
		Documented: documents(Delete.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps: []Step{
			requireCluster(Delete).at(Controller).suffices().quiet().
				note("Serves for every topic. Kafka does not list Delete among the operations of the cluster, so that an ACL of All is the usual way to it."),
			requireEach(Describe, resource.Topic, eachTopic, "topicNames[]; topics[].name or topics[].topicId from version 6").at(Controller).fallbackOf(1).
				denied(Effect{Scope: OneItem, Code: TopicAuthorizationFailed, WhenByID: Ignored, HidesName: true}).
				note("By name it is needed beside Delete. By id it only decides whether an error shows the name."),
			requireEach(Delete, resource.Topic, eachTopic, "topicNames[]; topics[].name or topics[].topicId from version 6").at(Controller).fallbackOf(1).
				note("A topic named by who may describe it is reported missing before it is refused."),
		},
		Guards: []Guard{
			guardItem(0, topicRepeated, InvalidRequest),
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(2, topicMissing, UnknownTopicOrPartition),
		},
		Placement: perTopic,
		Differences: []string{
			"Delete on the cluster, which serves for every topic, is not documented.",
			"By name Describe is needed as well as Delete (which implies it, unless Describe is denied); by id Delete alone is.",
		},
		Notes: []string{"The response is shuffled, so that the order of its entries tells nothing."},
	},
	{
		Key:        DeleteRecordsKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDeleteRecordsRequest"},
		Documented: documents(Delete.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps:      []Step{requireEach(Delete, resource.Topic, eachTopic, "topics[].name")},
		Guards:     []Guard{guardItem(1, topicMissing, UnknownTopicOrPartition)},
		Placement:  everyPartition,
	},
	{
		Key:        CreatePartitionsKey,
		MinVersion: 0, MaxVersion: 3,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleCreatePartitions", "ControllerApis.createPartitions"},
		Documented: documents(Alter.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps:      []Step{requireEach(Alter, resource.Topic, eachTopic, "topics[].name").at(Controller)},
		Guards: []Guard{
			guardItem(0, topicRepeated, InvalidRequest),
			guardItem(1, topicMissing, UnknownTopicOrPartition),
		},
		Placement: perTopic,
	},
	{
		Key:        DescribeTopicPartitionsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"DescribeTopicPartitionsRequestHandler.handleDescribeTopicPartitionsRequest"},
		Documented: documents(Describe.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps: []Step{
			requireEach(Describe, resource.Topic, eachTopic, "topics[].name; every topic").
				denied(Effect{Scope: OneItem, Code: TopicAuthorizationFailed, WhenAll: LeftOut}).
				note("The entries of refused topics stand at the end, with an id of zero."),
		},
		Guards:          []Guard{guardItem(1, topicMissing, UnknownTopicOrPartition)},
		OperationFields: []OperationField{{Type: resource.Topic, Always: true}},
		Placement:       perTopic,
	},
}
