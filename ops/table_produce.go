package ops

import "github.com/portcullis-authz/portcullis/resource"

// produceAPIs are the requests that write records.
var produceAPIs = []API{
	{
		Key:        ProduceKey,
		MinVersion: 3, MaxVersion: 13,
		Listeners: onBroker,
		Handlers:  []string{"KafkaApis.handleProduceRequest"},
		Documented: documents(
			Write.on(resource.TransactionalID),
			IdempotentWrite.on(resource.Cluster),
			Write.on(resource.Topic),
		),
		Items: []ItemList{{Of: eachTopic}},
		Steps: []Step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId").when(transactionalRecords).
				note("Only the first batch of each partition is looked at. Without a transactional id the answer is a denial and nothing is asked. No topic is asked about after a denial."),
			requireEach(Write, resource.Topic, eachTopic, "topicData[].name; topicData[].topicId from version 13").hidesName().
				note("A topic that may not be written is refused whether or not it exists."),
		},
		Guards: []Guard{
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(2, topicMissing, UnknownTopicOrPartition),
		},
		MayBeSilent: true,
		Placement:   everyPartition,
		Differences: []string{
			"IdempotentWrite on the cluster is documented but not asked for since Kafka 2.8 (KIP-679): idempotent records need Write on their topic and nothing more.",
			"Whether the transactional id is checked depends on the records, not on the producer's configuration: an id beside plain records is not checked, and transactional records without an id are refused.",
		},
	},
	{
		Key:        InitProducerIDKey,
		MinVersion: 0, MaxVersion: 6,
		Listeners: onBroker,
		Handlers:  []string{"KafkaApis.handleInitProducerIdRequest"},
		Documented: documents(
			Write.on(resource.TransactionalID),
			IdempotentWrite.on(resource.Cluster),
		),
		Steps: []Step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId").when(withTransactionalID),
			require(TwoPhaseCommit, resource.TransactionalID, theTransactionalID, "transactionalId").when(twoPhaseCommit).since("4.1"),
			requireCluster(IdempotentWrite).when(withoutTransactionalID).suffices().quiet(),
			require(Write, resource.Topic, anyResource, "").when(withoutTransactionalID).fallbackOf(3).
				denied(Effect{Scope: WholeRequest, Code: ClusterAuthorizationFailed}).quiet().
				note("KIP-679: Write on one topic, whichever it is and whether or not it exists. The error is that of the cluster."),
		},
		Placement: topLevel,
		Differences: []string{
			"IdempotentWrite on the cluster is not needed by who may write some topic (KIP-679, since 2.8).",
			"TwoPhaseCommit on the transactional id (KIP-939, since 4.1) is not documented.",
		},
	},
}
