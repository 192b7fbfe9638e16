package ops

import "github.com/portcullis-authz/portcullis/resource"

// clusterAPIs are the requests about the cluster and its partitions.
var clusterAPIs = []API{
	{
		Key:        AlterReplicaLogDirsKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleAlterReplicaLogDirsRequest"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter)},
		Placement:  everyPartition,
	},
	{
		Key:        DescribeLogDirsKey,
		MinVersion: 1, MaxVersion: 4,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDescribeLogDirsRequest"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps: []Step{
			requireCluster(Describe).denied(Effect{Scope: EmptyResponse, Code: ClusterAuthorizationFailed, CodeFrom: 3}).
				note("Below version 3 the response has no error code."),
		},
		Placement:   "the error code of the response from version 3; nowhere below",
		Differences: []string{"The documentation says that the response is empty. From version 3 it also has the error."},
	},
	{
		Key:        ElectLeadersKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleElectLeaders"},
		Documented: documents(ClusterAction.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  "the error code of the response from version 1, and every partition in the request; in version 0 a request for all partitions gets no error",
		Differences: []string{
			"The documentation says ClusterAction on the cluster; Kafka checks Alter.",
			"The documentation calls it ELECT_PREFERRED_LEADERS.",
		},
	},
	{
		Key:        AlterPartitionReassignmentsKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleAlterPartitionReassignments"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  topAndPartitions,
	},
	{
		Key:        ListPartitionReassignmentsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleListPartitionReassignments"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Describe).at(Controller)},
		Placement:  topLevel,
	},
	{
		Key:        UpdateFeaturesKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleUpdateFeatures"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  topLevel,
	},
	{
		Key:        DescribeClusterKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners:  onBoth,
		Handlers:   []string{"AuthHelper.computeDescribeClusterResponse", "KafkaApis.handleDescribeCluster", "ControllerApis.handleDescribeCluster"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps: []Step{
			requireCluster(Describe).at(Broker).when(wantsClusterOperations).denied(Effect{Scope: FieldWithheld}).
				note("Only the authorized operations depend on it. Every client gets the brokers and the ids."),
			requireCluster(Alter).at(Controller).
				note("Checked before the endpoint type of the request (KIP-919)."),
			requireCluster(Describe).at(Controller).when(wantsClusterOperations).denied(Effect{Scope: FieldWithheld}),
		},
		Placement: topLevel,
		Differences: []string{
			"A broker does not authorize the request. Describe decides only about one field.",
			"A controller requires Alter on the cluster. This is not documented.",
		},
	},
	{
		Key:        UnregisterBrokerKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleUnregisterBroker"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  topLevel,
	},
}
