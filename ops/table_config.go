package ops

import "github.com/portcullis-authz/portcullis/resource"

// configAPIs are the requests about configurations, quotas, credentials and ACLs.
var configAPIs = []API{
	{
		Key:        DescribeACLsKey,
		MinVersion: 1, MaxVersion: 3,
		Listeners:  onBoth,
		Handlers:   []string{"AclApis.handleDescribeAcls"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Describe)},
		Placement:  topLevel,
		Notes:      []string{"A broker answers it and does not forward it."},
	},
	{
		Key:        CreateACLsKey,
		MinVersion: 1, MaxVersion: 3,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"AclApis.handleCreateAcls"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  "the result of each creation",
	},
	{
		Key:        DeleteACLsKey,
		MinVersion: 1, MaxVersion: 3,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"AclApis.handleDeleteAcls"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  "the result of each filter",
	},
	{
		Key:        DescribeConfigsKey,
		MinVersion: 1, MaxVersion: 4,
		Listeners:  onBoth,
		Handlers:   []string{"ConfigHelper.handleDescribeConfigsRequest"},
		Documented: documents(DescribeConfigs.on(resource.Cluster), DescribeConfigs.on(resource.Topic)),
		Items:      []ItemList{{Of: eachConfig}},
		Steps: []Step{
			requireEach(DescribeConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig | BrokerLoggerConfig | ClientMetricsConfig),
			requireEach(DescribeConfigs, resource.Topic, eachConfig, "resources[].resourceName").of(TopicConfig),
			requireEach(DescribeConfigs, resource.Group, eachConfig, "resources[].resourceName").of(GroupConfig).since("4.0"),
		},
		Guards: []Guard{
			guardRequest(0, unknownConfigs, InvalidRequest),
			{After: 3, When: configTopicMissing, Configs: TopicConfig, Effect: Effect{Scope: OneItem, Code: UnknownTopicOrPartition}},
		},
		Placement:   perResource,
		Differences: []string{"Not documented: groups need DescribeConfigs on the group; broker loggers and client metrics need it on the cluster."},
	},
	{
		Key:        AlterConfigsKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"KafkaApis.handleAlterConfigsRequest", "ControllerApis.handleLegacyAlterConfigs", "ControllerApis.authorizeAlterResource"},
		Documented: documents(AlterConfigs.on(resource.Cluster), AlterConfigs.on(resource.Topic)),
		Items:      []ItemList{{Of: eachConfig}},
		Steps: []Step{
			requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig | ClientMetricsConfig).at(Controller),
			requireEach(AlterConfigs, resource.Topic, eachConfig, "resources[].resourceName").of(TopicConfig).at(Controller),
			requireEach(AlterConfigs, resource.Group, eachConfig, "resources[].resourceName").of(GroupConfig).at(Controller),
		},
		Guards: []Guard{
			guardItem(0, configRepeated, InvalidRequest),
			guardItem(0, configInvalid, InvalidRequest),
			guardItem(0, configUnsupported, InvalidRequest),
			{When: always, Configs: BrokerLoggerConfig, Effect: Effect{Scope: OneItem, Code: InvalidRequest}},
			brokerOfOtherNode,
			{After: 3, When: configTopicMissing, Configs: TopicConfig, Effect: Effect{Scope: OneItem, Code: UnknownTopicOrPartition}},
		},
		Placement: perResource,
		Differences: []string{
			"Not documented: groups need AlterConfigs on the group; client metrics need it on the cluster.",
			"Broker loggers are refused as an invalid request before authorization.",
		},
		Notes: []string{brokerLooksFirst},
	},
	{
		Key:        IncrementalAlterConfigsKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers: []string{
			"KafkaApis.handleIncrementalAlterConfigsRequest", "ConfigAdminManager.preprocess", "RuntimeLoggerManager.applyChangesForResource",
			"ControllerApis.handleIncrementalAlterConfigs", "ControllerApis.authorizeAlterResource",
		},
		Documented: documents(AlterConfigs.on(resource.Cluster), AlterConfigs.on(resource.Topic)),
		Items:      []ItemList{{Of: eachConfig}},
		Steps: []Step{
			requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerLoggerConfig).at(Broker).
				note("The broker changes its own loggers and does not forward the request."),
			requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig | ClientMetricsConfig).at(Controller),
			requireEach(AlterConfigs, resource.Topic, eachConfig, "resources[].resourceName").of(TopicConfig).at(Controller),
			requireEach(AlterConfigs, resource.Group, eachConfig, "resources[].resourceName").of(GroupConfig).at(Controller),
			requireEach(ClusterAction, resource.Cluster, eachConfig, "").of(BrokerLoggerConfig).at(Controller).when(atController).
				note("At a controller (KIP-919) the same change needs a different operation than at a broker."),
		},
		Guards: []Guard{
			guardItem(0, configRepeated, InvalidRequest),
			guardItem(0, configInvalid, InvalidRequest),
			guardItem(0, configUnsupported, InvalidRequest),
			brokerOfOtherNode,
			{After: 1, When: configOfOtherNode, Configs: BrokerLoggerConfig, Endpoint: Broker, Effect: Effect{Scope: OneItem, Code: InvalidRequest}},
			{After: 5, When: configTopicMissing, Configs: TopicConfig, Effect: Effect{Scope: OneItem, Code: UnknownTopicOrPartition}},
		},
		Placement: perResource,
		Differences: []string{
			"Not documented: groups need AlterConfigs on the group; client metrics and broker loggers need it on the cluster.",
			"Broker loggers need AlterConfigs on the cluster at a broker and ClusterAction on it at a controller.",
		},
		Notes: []string{brokerLooksFirst},
	},
	{
		Key:        DescribeClientQuotasKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleDescribeClientQuotasRequest"},
		Documented: documents(DescribeConfigs.on(resource.Cluster)),
		Steps:      []Step{requireCluster(DescribeConfigs)},
		Placement:  topLevel,
	},
	{
		Key:        AlterClientQuotasKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleAlterClientQuotas"},
		Documented: documents(AlterConfigs.on(resource.Cluster)),
		Steps:      []Step{requireCluster(AlterConfigs).at(Controller)},
		Placement:  "each entry of the request",
	},
	{
		Key:        DescribeUserSCRAMCredentialsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBoth,
		Handlers:   []string{"KafkaApis.handleDescribeUserScramCredentialsRequest"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Describe)},
		Guards:     []Guard{notAtController},
		Placement:  "the error code of the response, and the result of each user",
		Notes: []string{
			controllerLacksIt,
			"According to its code, Kafka 4.2.1 never answers a denied request for all users.",
		},
	},
	{
		Key:        AlterUserSCRAMCredentialsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleAlterUserScramCredentials"},
		Documented: documents(Alter.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Alter).at(Controller)},
		Placement:  "the result of each user",
	},
	{
		Key:        ListConfigResourcesKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners:  onBroker,
		Handlers:   []string{"KafkaApis.handleListConfigResources"},
		Documented: documents(DescribeConfigs.on(resource.Cluster)),
		Steps:      []Step{requireCluster(DescribeConfigs)},
		Placement:  topLevel,
		Notes:      []string{"Called ListClientMetricsResources before 4.1 (KIP-1142). This check also covers the names of topics and groups, which are not filtered."},
	},
}

// brokerOfOtherNode refuses the configuration of another broker than the receiving one.
// The broker checks this before it forwards the request.
var brokerOfOtherNode = Guard{
	When: configOfOtherNode, Configs: BrokerConfig, Endpoint: Broker,
	Effect: Effect{Scope: OneItem, Code: InvalidRequest},
}

// notAtController is the guard of an API that is in the controller's list of
// versions but has no handler there.
var notAtController = Guard{
	When: atController, Endpoint: Controller,
	Effect: Effect{Scope: WholeRequest, Code: UnknownServerError},
}

const (
	brokerLooksFirst  = "A broker refuses repeated resources, repeated configurations and missing values before authorization. Up to Kafka 4.3 it also validates the node ids and values of brokers first; 4.4 authorizes first."
	controllerLacksIt = "A controller lists the API but has no handler for it. Every request to it fails."
)
