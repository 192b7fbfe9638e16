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
		Steps:      []step{requireCluster(Describe)},
		Placement:  topLevel,
		Notes:      []string{"A broker answers it and does not forward it."},
	},
	forwardedAPI(CreateACLsKey, 1, 3, Alter, "AclApis.handleCreateAcls", "the result of each creation"),
	forwardedAPI(DeleteACLsKey, 1, 3, Alter, "AclApis.handleDeleteAcls", "the result of each filter"),
	{
		Key:        DescribeConfigsKey,
		MinVersion: 1, MaxVersion: 4,
		Listeners:  onBoth,
		Handlers:   []string{"ConfigHelper.handleDescribeConfigsRequest"},
		Documented: documents(DescribeConfigs.on(resource.Cluster), DescribeConfigs.on(resource.Topic)),
		Items:      []itemList{{Of: eachConfig}},
		Steps: []step{
			requireEach(DescribeConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig | BrokerLoggerConfig | ClientMetricsConfig),
			requireEach(DescribeConfigs, resource.Topic, eachConfig, "resources[].resourceName").of(TopicConfig),
			requireEach(DescribeConfigs, resource.Group, eachConfig, "resources[].resourceName").of(GroupConfig).since(kafka40),
		},
		Guards: []guard{
			guardRequest(0, unknownConfigs, InvalidRequest),
			{After: 3, When: configTopicMissing, Configs: TopicConfig, Effect: effect{Scope: oneItem, Code: UnknownTopicOrPartition}},
		},
		Placement:   perResource,
		Differences: []string{"Not documented: groups need DescribeConfigs on the group; broker loggers and client metrics need it on the cluster."},
		Notes:       []string{"With synonyms, the configuration of a group shows since 4.4 also the broker's own group settings. DescribeConfigs on the group is enough to see them."},
	},
	{
		Key:        AlterConfigsKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"KafkaApis.handleAlterConfigsRequest", "ControllerApis.handleLegacyAlterConfigs", "ControllerApis.authorizeAlterResource"},
		Documented: documents(AlterConfigs.on(resource.Cluster), AlterConfigs.on(resource.Topic)),
		Items:      []itemList{{Of: eachConfig}},
		Steps: []step{
			brokerStep,
			requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig | ClientMetricsConfig).at(Controller),
			requireEach(AlterConfigs, resource.Topic, eachConfig, "resources[].resourceName").of(TopicConfig).at(Controller),
			requireEach(AlterConfigs, resource.Group, eachConfig, "resources[].resourceName").of(GroupConfig).at(Controller),
		},
		Guards: []guard{
			guardItem(0, configRepeated, InvalidRequest),
			guardItem(0, configInvalid, InvalidRequest),
			guardItem(0, configUnsupported, InvalidRequest),
			{When: always, Configs: BrokerLoggerConfig, Effect: effect{Scope: oneItem, Code: InvalidRequest}},
			brokerOfOtherNode(0, 0, Kafka43),
			brokerOfOtherNode(1, Kafka44, 0),
			{After: 4, When: configTopicMissing, Configs: TopicConfig, Effect: effect{Scope: oneItem, Code: UnknownTopicOrPartition}},
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
		Items:      []itemList{{Of: eachConfig}},
		Steps: []step{
			requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerLoggerConfig).at(Broker).
				note("The broker changes its own loggers and does not forward the request."),
			brokerStep,
			requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig | ClientMetricsConfig).at(Controller),
			requireEach(AlterConfigs, resource.Topic, eachConfig, "resources[].resourceName").of(TopicConfig).at(Controller),
			requireEach(AlterConfigs, resource.Group, eachConfig, "resources[].resourceName").of(GroupConfig).at(Controller),
			requireEach(ClusterAction, resource.Cluster, eachConfig, "").of(BrokerLoggerConfig).at(Controller).when(atController).
				note("At a controller (KIP-919) the same change needs a different operation than at a broker."),
		},
		Guards: []guard{
			guardItem(0, configRepeated, InvalidRequest),
			guardItem(0, configInvalid, InvalidRequest),
			guardItem(0, configUnsupported, InvalidRequest),
			brokerOfOtherNode(0, 0, Kafka43),
			brokerOfOtherNode(2, Kafka44, 0),
			{After: 1, When: configOfOtherNode, Configs: BrokerLoggerConfig, Endpoint: Broker, Effect: effect{Scope: oneItem, Code: InvalidRequest}},
			{After: 6, When: configTopicMissing, Configs: TopicConfig, Effect: effect{Scope: oneItem, Code: UnknownTopicOrPartition}},
		},
		Placement: perResource,
		Differences: []string{
			"Not documented: groups need AlterConfigs on the group; client metrics and broker loggers need it on the cluster.",
			"Broker loggers need AlterConfigs on the cluster at a broker and ClusterAction on it at a controller.",
		},
		Notes: []string{brokerLooksFirst},
	},
	brokerAPI(DescribeClientQuotasKey, 0, 1, requireCluster(DescribeConfigs), "KafkaApis.handleDescribeClientQuotasRequest", topLevel),
	forwardedAPI(AlterClientQuotasKey, 0, 1, AlterConfigs, "ControllerApis.handleAlterClientQuotas", "each entry of the request"),
	{
		Key:        DescribeUserSCRAMCredentialsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onBoth,
		Handlers:   []string{"KafkaApis.handleDescribeUserScramCredentialsRequest"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps:      []step{requireCluster(Describe)},
		Guards:     []guard{notAtController},
		Placement:  "the error code of the response, and the result of each user",
		Notes: []string{
			controllerLacksIt,
			"According to its code, Kafka 4.2.1 never answers a denied request for all users.",
		},
	},
	forwardedAPI(AlterUserSCRAMCredentialsKey, 0, 0, Alter, "ControllerApis.handleAlterUserScramCredentials", "the result of each user"),
	brokerAPI(ListConfigResourcesKey, 0, 1, requireCluster(DescribeConfigs), "KafkaApis.handleListConfigResources", topLevel).
		notes("Called ListClientMetricsResources before 4.1 (KIP-1142). This check also covers the names of topics and groups, which are not filtered."),
}

// brokerStep is the check of the configuration of a broker at a broker. What passes is
// forwarded and checked again at the controller.
var brokerStep = requireEach(AlterConfigs, resource.Cluster, eachConfig, "").of(BrokerConfig).at(Broker).since(Kafka44).
	note("The broker checks this before it looks at the node id and the values, and forwards only what passes. The controller checks it again.")

// brokerOfOtherNode refuses the configuration of another broker than the receiving one.
// The broker checks this before it forwards the request, in some releases after a step.
func brokerOfOtherNode(after int, since, until Release) guard {
	return guard{
		After: after, When: configOfOtherNode, Configs: BrokerConfig, Endpoint: Broker, Since: since, Until: until,
		Effect: effect{Scope: oneItem, Code: InvalidRequest},
	}
}

// notAtController is the guard of an API that is in the controller's list of
// versions but has no handler there.
var notAtController = guard{
	When: atController, Endpoint: Controller,
	Effect: effect{Scope: wholeRequest, Code: UnknownServerError},
}

const (
	brokerLooksFirst  = "A broker refuses repeated resources, repeated configurations and missing values before authorization. Up to Kafka 4.3 it also validates the node ids and values of brokers first, so that every client can try values; 4.4 authorizes first."
	controllerLacksIt = "A controller lists the API but has no handler for it. Every request to it fails."
)
