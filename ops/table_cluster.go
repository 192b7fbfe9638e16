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
				note("Below version 3 the response has no field for the error."),
		},
		Placement:   "the error code of the response from version 3, nowhere below",
		Differences: []string{"The documentation speaks of an empty response; from version 3 it carries the error too."},
	},
	{
		Key:        ElectLeadersKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleElectLeaders"},
		Documented: documents(ClusterAction.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  "the error code of the response from version 1, and every partition that is named; a request of version 0 for all partitions shows no error",
		Differences: []string{
			"ClusterAction on the cluster is documented; Alter is what is asked.",
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
				note("Only the authorized operations depend on it: everybody is shown the brokers and the ids."),
			requireCluster(Alter).at(Controller).
				note("Asked before the endpoint type of the request is looked at (KIP-919)."),
			requireCluster(Describe).at(Controller).when(wantsClusterOperations).denied(Effect{Scope: FieldWithheld}),
		},
		Placement: topLevel,
		Differences: []string{
			"At a broker the request is not authorized: Describe decides about one field only.",
			"At a controller it needs Alter on the cluster, which is not documented.",
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
