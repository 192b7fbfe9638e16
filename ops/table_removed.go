package ops

import "github.com/portcullis-authz/portcullis/resource"

// removedAPIs are the requests that controllers of the ZooKeeper era sent to brokers.
// No Kafka since 4.0 serves them; the rows are those of the last release that did.
var removedAPIs = []API{
	zooKeeperEra(LeaderAndISRKey, 7, "KafkaApis.handleLeaderAndIsrRequest", topAndPartitions),
	zooKeeperEra(StopReplicaKey, 4, "KafkaApis.handleStopReplicaRequest", topAndPartitions),
	zooKeeperEra(UpdateMetadataKey, 8, "KafkaApis.handleUpdateMetadataRequest", topLevel),
	zooKeeperEra(ControlledShutdownKey, 3, "KafkaApis.handleControlledShutdownRequest", topLevel),
}

func zooKeeperEra(key APIKey, maxVersion int16, handler, placement string) API {
	return API{
		Key: key, MaxVersion: maxVersion, RemovedIn: "4.0",
		Listeners:   onBroker,
		Handlers:    []string{handler},
		Documented:  documents(ClusterAction.on(resource.Cluster)),
		Steps:       []Step{requireCluster(ClusterAction)},
		Placement:   placement,
		Differences: []string{"The documentation of 4.2 still lists the API, which 4.0 removed."},
	}
}
