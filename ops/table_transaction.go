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
		Items:      []ItemList{{Of: eachTopic, MaxVersion: 3}, {Of: eachTransactionTopic, MinVersion: 4}},
		Steps: []Step{
			requireCluster(ClusterAction).versions(4, 0).
				note("From version 4 only brokers send it, in batches; neither the transactional ids nor the topics are asked about."),
			require(Write, resource.TransactionalID, theTransactionalID, "v3AndBelowTransactionalId").versions(0, 3),
			requireEach(Write, resource.Topic, eachTopic, "v3AndBelowTopics[].name").versions(0, 3),
		},
		Guards: []Guard{
			{After: 2, When: topicInternal, MaxVersion: 3, Effect: Effect{Scope: OneItem, Code: TopicAuthorizationFailed}},
			guardItem(3, topicMissing, UnknownTopicOrPartition),
		},
		AllOrNothing: OperationNotAttempted,
		Placement:    "the error code of the response from version 4, every partition below",
		Differences: []string{
			"ClusterAction on the cluster, which takes the place of both documented checks from version 4, is not documented.",
			"No client may add a topic that is internal to Kafka, whatever the ACLs say.",
		},
	},
	{
		Key:        AddOffsetsToTxnKey,
		MinVersion: 0, MaxVersion: 4,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleAddOffsetsToTxnRequest"},
		Documented: documents(Write.on(resource.TransactionalID), Read.on(resource.Group)),
		Steps: []Step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId"),
			require(Read, resource.Group, theGroup, "groupId"),
		},
		Placement: topLevel,
	},
	{
		Key:        EndTxnKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleEndTxnRequest"},
		Documented: documents(Write.on(resource.TransactionalID)),
		Steps:      []Step{require(Write, resource.TransactionalID, theTransactionalID, "transactionalId")},
		Placement:  topLevel,
	},
	{
		Key:        WriteTxnMarkersKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleWriteTxnMarkersRequest"},
		Documented: documents(Alter.on(resource.Cluster), ClusterAction.on(resource.Cluster)),
		Steps: []Step{
			requireCluster(Alter).suffices().quiet(),
			requireCluster(ClusterAction).fallbackOf(1),
		},
		Placement:   "every partition of every marker; without markers no error shows",
		Differences: []string{"Of the two documented operations either one is enough."},
	},
	{
		Key:        TxnOffsetCommitKey,
		MinVersion: 0, MaxVersion: 5,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleTxnOffsetCommitRequest"},
		Documented: documents(Write.on(resource.TransactionalID), Read.on(resource.Group), Read.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps: []Step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId"),
			require(Read, resource.Group, theGroup, "groupId"),
			requireEach(Read, resource.Topic, eachTopic, "topics[].name"),
		},
		Guards:    []Guard{guardItem(3, topicMissing, UnknownTopicOrPartition)},
		Placement: everyPartition,
	},
	{
		Key:        DescribeProducersKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDescribeProducersRequest"},
		Documented: documents(Read.on(resource.Topic)),
		Items:      []ItemList{{Of: eachTopic}},
		Steps:      []Step{requireEach(Read, resource.Topic, eachTopic, "topics[].name")},
		Guards: []Guard{
			guardItem(0, topicInvalid, InvalidTopicException),
			guardItem(1, topicMissing, UnknownTopicOrPartition),
		},
		Placement: "each partition",
	},
	{
		Key:        DescribeTransactionsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDescribeTransactionsRequest"},
		Documented: documents(Describe.on(resource.TransactionalID)),
		Items:      []ItemList{{Of: eachTransaction, WithTopics: true}},
		Steps: []Step{
			requireEach(Describe, resource.TransactionalID, eachTransaction, "transactionalIds[]"),
			requireEach(Describe, resource.Topic, eachTransactionTopic, "").leavesOut().
				note("The topics are those in the transaction."),
		},
		Placement:   "each transactional id",
		Differences: []string{"Topics that may not be described are left out of a transaction, which is not documented."},
	},
	{
		Key:        ListTransactionsKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleListTransactionsRequest"},
		Documented: documents(Describe.on(resource.TransactionalID)),
		Items:      []ItemList{{Of: eachTransaction}},
		Steps: []Step{
			requireEach(Describe, resource.TransactionalID, eachTransaction, "").leavesOut().
				note("The transactional ids are all those of the coordinator."),
		},
		Placement:   neverAnError,
		Differences: []string{"The check only filters the list. Unlike that of groups it has no operation on the cluster that shows all."},
	},
}
