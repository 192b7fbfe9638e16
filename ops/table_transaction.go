package ops

import "github.com/portcullis-authz/portcullis/resource"

// transactionAPIs are the requests about transactions and producers.
var transactionAPIs = []API{
	{
		Key:        AddPartitionsToTxnKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleAddPartitionsToTxnRequest"},
		Documented: documents(Write.on(resource.TransactionalID), Write.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic, MaxVersion: 3}, {Of: eachTransactionTopic, MinVersion: 4}},
		Steps: []step{
			requireCluster(ClusterAction).versions(4, 0).
				note("From version 4 only brokers send it, in batches. The transactional ids and the topics are not checked."),
			require(Write, resource.TransactionalID, theTransactionalID, "v3AndBelowTransactionalId").versions(0, 3),
			requireEach(Write, resource.Topic, eachTopic, "v3AndBelowTopics[].name").versions(0, 3),
		},
		Guards: []guard{
			{After: 2, When: topicInternal, MaxVersion: 3, Effect: effect{Scope: oneItem, Code: TopicAuthorizationFailed}},
			guardItem(3, topicMissing, UnknownTopicOrPartition),
		},
		AllOrNothing: OperationNotAttempted,
		Placement:    "the error code of the response from version 4; every partition before",
		Differences: []string{
			"From version 4 ClusterAction on the cluster replaces both documented checks. This is not documented.",
			"No client may add a topic that is internal to Kafka, whatever the ACLs say.",
		},
	},
	{
		Key:        AddOffsetsToTxnKey,
		MinVersion: 0, MaxVersion: 4,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleAddOffsetsToTxnRequest"},
		Documented: documents(Write.on(resource.TransactionalID), Read.on(resource.Group)),
		Steps: []step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId"),
			require(Read, resource.Group, theGroup, "groupId"),
		},
		Placement: topLevel,
	},
	brokerAPI(EndTxnKey, 0, 5, require(Write, resource.TransactionalID, theTransactionalID, "transactionalId"), "KafkaApis.handleEndTxnRequest", topLevel),
	{
		Key:        WriteTxnMarkersKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleWriteTxnMarkersRequest"},
		Documented: documents(Alter.on(resource.Cluster), ClusterAction.on(resource.Cluster)),
		Steps: []step{
			requireCluster(Alter).suffices().quiet(),
			requireCluster(ClusterAction).fallbackOf(1),
		},
		Placement:   "every partition of every marker; nowhere without markers",
		Differences: []string{"Either of the two documented operations is sufficient."},
	},
	{
		Key:        TxnOffsetCommitKey,
		MinVersion: 0, MaxVersion: 6,
		Newer:      []newerVersion{{6, Kafka44}},
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleTxnOffsetCommitRequest"},
		Documented: documents(Write.on(resource.TransactionalID), Read.on(resource.Group), Read.on(resource.Topic)),
		Items:      []itemList{{Of: eachTopic}},
		Steps: []step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId"),
			require(Read, resource.Group, theGroup, "groupId"),
			requireEach(Read, resource.Topic, eachTopic, "topics[].name; topics[].topicId from version 6").hidesName(),
		},
		Guards: []guard{
			guardItem(2, topicIDUnknown, UnknownTopicID),
			guardItem(3, topicMissing, UnknownTopicOrPartition),
		},
		Placement: everyPartition,
		Notes:     []string{emptyNameUnasked},
	},
	brokerAPI(DescribeProducersKey, 0, 0, requireEach(Read, resource.Topic, eachTopic, "topics[].name"), "KafkaApis.handleDescribeProducersRequest", "each partition").
		guarded(guardItem(0, topicInvalid, InvalidTopicException), guardItem(1, topicMissing, UnknownTopicOrPartition)),
	{
		Key:        DescribeTransactionsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDescribeTransactionsRequest"},
		Documented: documents(Describe.on(resource.TransactionalID)),
		Items:      []itemList{{Of: eachTransaction, WithTopics: true}},
		Steps: []step{
			requireEach(Describe, resource.TransactionalID, eachTransaction, "transactionalIds[]"),
			requireEach(Describe, resource.Topic, eachTransactionTopic, "").leavesOut().
				note("The topics are those of the transaction."),
		},
		Placement:   "each transactional id",
		Differences: []string{"Topics that the client may not describe are omitted from a transaction. This is not documented."},
	},
	brokerAPI(ListTransactionsKey, 0, 2,
		requireEach(Describe, resource.TransactionalID, eachTransaction, "").leavesOut().
			note("The transactional ids are all those of the coordinator."),
		"KafkaApis.handleListTransactionsRequest", neverAnError,
	).differs("The check only filters the list. Unlike for groups, no operation on the cluster shows all entries."),
}
