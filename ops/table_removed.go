package ops

// removedAPIs are the requests that controllers of the ZooKeeper era sent to brokers.
// No Kafka since 4.0 serves them; the rows are those of the last release that did.
var removedAPIs = []API{
	zooKeeperEra(LeaderAndISRKey, 7, "KafkaApis.handleLeaderAndIsrRequest", topAndPartitions),
	zooKeeperEra(StopReplicaKey, 4, "KafkaApis.handleStopReplicaRequest", topAndPartitions),
	zooKeeperEra(UpdateMetadataKey, 8, "KafkaApis.handleUpdateMetadataRequest", topLevel),
	zooKeeperEra(ControlledShutdownKey, 3, "KafkaApis.handleControlledShutdownRequest", topLevel),
}

func zooKeeperEra(key APIKey, maxVersion int16, handler, placement string) API {
	api := brokerAPI(key, 0, maxVersion, requireCluster(ClusterAction), handler, placement)
	api.RemovedIn = "4.0"
	return api.differs("The documentation of 4.2 and 4.4 still lists the API, which 4.0 removed.")
}
