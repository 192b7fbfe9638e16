package ops

import "github.com/portcullis-authz/portcullis/resource"

// clusterAPIs are the requests about the cluster and its partitions.
var clusterAPIs = []API{
	brokerAPI(AlterReplicaLogDirsKey, 1, 2, requireCluster(Alter), "KafkaApis.handleAlterReplicaLogDirsRequest", everyPartition),
	brokerAPI(DescribeLogDirsKey, 1, 5,
		requireCluster(Describe).denied(effect{Scope: emptyResponse, Code: ClusterAuthorizationFailed, CodeFrom: 3}).
			note("Below version 3 the response has no error code."),
		"KafkaApis.handleDescribeLogDirsRequest", "the error code of the response from version 3; nowhere below",
	).newer(5, Kafka43).differs("The documentation says that the response is empty. From version 3 it also has the error."),
	{
		Key:        ElectLeadersKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleElectLeaders"},
		Documented: documents(ClusterAction.on(resource.Cluster)),
		Steps:      []step{requireCluster(Alter).at(Controller)},
		Placement:  "the error code of the response from version 1, and every partition in the request; in version 0 a request for all partitions gets no error",
		Differences: []string{
			"The documentation says ClusterAction on the cluster; Kafka checks Alter.",
			"The documentation calls it ELECT_PREFERRED_LEADERS.",
		},
	},
	forwardedAPI(AlterPartitionReassignmentsKey, 0, 1, Alter, "ControllerApis.handleAlterPartitionReassignments", topAndPartitions),
	forwardedAPI(ListPartitionReassignmentsKey, 0, 0, Describe, "ControllerApis.handleListPartitionReassignments", topLevel),
	forwardedAPI(UpdateFeaturesKey, 0, 2, Alter, "ControllerApis.handleUpdateFeatures", topLevel),
	{
		Key:        DescribeClusterKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners:  onBoth,
		Handlers:   []string{"AuthHelper.computeDescribeClusterResponse", "KafkaApis.handleDescribeCluster", "ControllerApis.handleDescribeCluster"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps: []step{
			requireCluster(Describe).at(Broker).when(wantsClusterOperations).denied(effect{Scope: fieldWithheld}).
				note("Only the authorized operations depend on it. Every client gets the brokers and the ids."),
			requireCluster(Alter).at(Controller).
				note("Checked before the endpoint type of the request (KIP-919)."),
			requireCluster(Describe).at(Controller).when(wantsClusterOperations).denied(effect{Scope: fieldWithheld}),
		},
		Placement: topLevel,
		Differences: []string{
			"A broker does not authorize the request. Describe decides only about one field.",
			"A controller requires Alter on the cluster. This is not documented.",
		},
	},
	forwardedAPI(UnregisterBrokerKey, 0, 0, Alter, "ControllerApis.handleUnregisterBroker", topLevel),
	forwardedAPI(UnregisterControllerKey, 0, 0, Alter, "ControllerApis.handleUnregisterController", topLevel).newIn(Kafka44),
}
