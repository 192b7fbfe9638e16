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
		Items: []itemList{{Of: eachTopic}},
		Steps: []step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId").when(transactionalRecords).
				note("Only the first batch of each partition counts. Without a transactional id the request is denied without a check. After a denial no topic is checked."),
			requireEach(Write, resource.Topic, eachTopic, "topicData[].name; topicData[].topicId from version 13").hidesName().
				note("A topic that the client may not write is refused whether or not it exists."),
		},
		Guards: []guard{
			guardItem(0, topicIDUnknown, UnknownTopicID),
			guardItem(2, topicMissing, UnknownTopicOrPartition),
		},
		MayBeSilent: true,
		Placement:   everyPartition,
		Differences: []string{
			"IdempotentWrite on the cluster is documented, but Kafka has not checked it since 2.8 (KIP-679). Idempotent records need only Write on their topic.",
			"Whether the transactional id is checked depends on the records, not on the producer's configuration. With plain records the id is not checked. Transactional records without an id are refused.",
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
		Steps: []step{
			require(Write, resource.TransactionalID, theTransactionalID, "transactionalId").when(withTransactionalID),
			require(TwoPhaseCommit, resource.TransactionalID, theTransactionalID, "transactionalId").when(twoPhaseCommit).since(kafka41),
			requireCluster(IdempotentWrite).when(withoutTransactionalID).suffices().quiet(),
			require(Write, resource.Topic, anyResource, "").when(withoutTransactionalID).fallbackOf(3).
				denied(effect{Scope: wholeRequest, Code: ClusterAuthorizationFailed}).quiet().
				note("KIP-679: Write on any topic, whether or not it exists. The error is that of the cluster."),
		},
		Placement: topLevel,
		Differences: []string{
			"A client that may write some topic does not need IdempotentWrite on the cluster (KIP-679, since 2.8).",
			"TwoPhaseCommit on the transactional id is required since 4.1 (KIP-939). This is not documented.",
		},
	},
}
