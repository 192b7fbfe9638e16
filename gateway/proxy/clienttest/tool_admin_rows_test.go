package clienttest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tokensHidden compares a request about delegation tokens: see the difference
// delegation-tokens in docs/differences.md.
func tokensHidden(t *testing.T, direct, proxied string) {
	t.Helper()
	assert.Contains(t, direct, "exit status")
	assert.NotContains(t, direct, "UnsupportedVersionException")
	assert.Contains(t, proxied, "UnsupportedVersionException")
	assert.Contains(t, proxied, "exit status 1")
}

// apiLine is what kafka-broker-api-versions says about an API that a broker serves.
var apiLine = regexp.MustCompile(`(?m)^\s*(\w+)\(\d+\): \d+`)

// unserved are the APIs that the proxy does not list: it has no tokens, and cannot read the last two.
var unserved = []string{
	"CreateDelegationToken", "DescribeDelegationToken", "ExpireDelegationToken", "RenewDelegationToken",
	"StreamsGroupTopologyDescriptionUpdate", "UnregisterController",
}

// fewerVersions compares the lists of APIs: see the difference versions-shown.
func fewerVersions(t *testing.T, direct, proxied string) {
	t.Helper()
	known := map[string]bool{}
	for _, m := range apiLine.FindAllStringSubmatch(direct, -1) {
		known[m[1]] = true
	}
	for _, m := range apiLine.FindAllStringSubmatch(proxied, -1) {
		assert.True(t, known[m[1]], "the broker does not serve %s", m[1])
		delete(known, m[1])
	}
	for api := range known {
		assert.Contains(t, unserved, api, "the proxy does not serve it")
	}
	assert.NotEmpty(t, known)
	assert.Equal(t, strings.Contains(direct, "exit status 0"), strings.Contains(proxied, "exit status 0"))
}

const (
	alterCluster           = "Alter on Cluster kafka-cluster"
	alterConfigsCluster    = "AlterConfigs on Cluster kafka-cluster"
	describeCluster        = "Describe on Cluster kafka-cluster"
	describeConfigsCluster = "DescribeConfigs on Cluster kafka-cluster"
)

// toolAdminRows are Kafka's command-line tools that look after topics and the cluster.
var toolAdminRows = []row{
	{
		name: "kafka-topics --list --exclude-internal", full: true, lists: true, tools: cmd("kafka-topics {C} --list --exclude-internal"),
		topics: []string{"t-$=0"}, rights: []string{"Describe on Topic t-$"}, want: "t-$",
	},
	{
		name: "kafka-topics --describe of all", full: true, lists: true, tools: cmd("kafka-topics {C} --describe"),
		topics: []string{"t-$=0"}, rights: []string{"Describe on Topic t-$", "DescribeConfigs on Topic t-$"}, want: "PartitionCount: 1",
	},
	{
		name: "kafka-topics --describe --topics-with-overrides", full: true, tools: cmd("kafka-topics {C} --describe --topics-with-overrides --topic t-$"),
		topics: []string{"t-$=compact"}, rights: []string{"Describe on Topic t-$", "DescribeConfigs on Topic t-$"}, want: "cleanup.policy=compact",
	},
	{
		name: "kafka-topics --create --if-not-exists", full: true, tools: cmd("kafka-topics {C} --create --if-not-exists --topic t-$"),
		topics: []string{"t-$=0"}, rights: []string{"Create on Topic t-$"}, want: "exit status 0",
	},
	{
		name: "kafka-topics --create with configs", full: true, tools: cmd("kafka-topics {C} --create --topic new-$ --replica-assignment 1,1 --config retention.ms=100000000"),
		rights: []string{"Create on Topic new-$"}, want: "Created topic new-$.",
	},
	{
		name: "kafka-topics --delete --if-exists", full: true, tools: cmd("kafka-topics {C} --delete --if-exists --topic none-$"),
		rights: []string{"Delete on Topic none-$"}, unneeded: []string{"Delete on Topic none-$"}, want: "exit status 0",
	},
	{
		name: "kafka-configs --alter --delete-config of a topic", full: true, tools: cmd("kafka-configs {C} --alter --entity-type topics --entity-name t-$ --delete-config cleanup.policy"),
		topics: []string{"t-$=compact"}, rights: []string{"AlterConfigs on Topic t-$"}, want: "Completed",
	},
	{
		name: "kafka-configs --describe of a group", since: "4.0", full: true, tools: cmd("kafka-configs {C} --describe --entity-type groups --entity-name g-$ --all"),
		rights: []string{"DescribeConfigs on Group g-$"}, want: "consumer.session.timeout.ms", unordered: true,
	},
	{
		name: "kafka-configs --describe of the loggers of a broker", full: true, tools: cmd("kafka-configs {C} --describe --entity-type broker-loggers --entity-name 1"),
		rights: []string{describeConfigsCluster}, want: "root=", unordered: true,
	},
	{
		name: "kafka-configs --alter of the loggers of a broker", full: true, tools: cmd("kafka-configs {C} --alter --entity-type broker-loggers --entity-name 1 --add-config org.apache.kafka.server.logger.LoggingController=ERROR"),
		rights: []string{alterConfigsCluster, describeConfigsCluster}, unneeded: []string{describeConfigsCluster}, want: "Completed",
	},
	{
		name: "kafka-configs --alter of a broker", full: true, tools: cmd("kafka-configs {C} --alter --entity-type brokers --entity-name 1 --add-config log.cleaner.backoff.ms=15000"),
		rights: []string{alterConfigsCluster, describeConfigsCluster}, unneeded: []string{describeConfigsCluster}, want: "Completed",
	},
	{
		name: "kafka-configs --describe of what all brokers have", full: true, tools: cmd("kafka-configs {C} --describe --entity-type brokers --entity-default"),
		rights: []string{describeConfigsCluster}, want: "exit status 0",
	},
	{
		name: "kafka-configs --alter of the quotas of a client", full: true, tools: cmd("kafka-configs {C} --alter --entity-type clients --entity-name q-$ --add-config consumer_byte_rate=1000000"),
		rights: []string{alterConfigsCluster}, want: "Completed",
	},
	{
		name: "kafka-configs --alter of the quotas of an address", full: true, tools: cmd("kafka-configs {C} --alter --entity-type ips --entity-name 10.0.0.1 --add-config connection_creation_rate=1000"),
		rights: []string{alterConfigsCluster}, want: "Completed",
	},
	{
		name: "kafka-configs --alter of client metrics", since: "3.7", full: true, tools: cmd("kafka-configs {C} --alter --entity-type client-metrics --entity-name m-$ --add-config interval.ms=30000"),
		rights: []string{alterConfigsCluster}, want: "Completed",
	},
	{
		name: "kafka-client-metrics --describe", since: "3.7", full: true, tools: cmd("kafka-client-metrics {C} --describe --name m-$"),
		rights: []string{describeConfigsCluster}, want: "exit status 0",
	},
	{
		name: "kafka-client-metrics --alter", since: "3.7", full: true, tools: cmd("kafka-client-metrics {C} --alter --name m-$ --interval 30000 --metrics org.apache"),
		rights: []string{alterConfigsCluster}, want: "Altered client metrics config",
	},
	{
		name: "kafka-client-metrics --delete", since: "3.7", full: true, tools: cmd("kafka-client-metrics {C} --delete --name m-$"),
		rights: []string{alterConfigsCluster}, want: "Deleted",
	},
	{
		name: "kafka-acls --list --principal", full: true, tools: cmd("kafka-acls {C} --list --principal User:nobody-$"),
		rights: []string{describeCluster}, want: "exit status 0", unordered: true,
	},
	{
		name: "kafka-acls --add --producer", full: true, tools: cmd("kafka-acls {C} --add --allow-principal User:nobody-$ --producer --topic acl-$"),
		rights: []string{alterCluster}, want: "Adding ACLs", unordered: true,
	},
	{
		name: "kafka-acls --add --consumer", full: true, tools: cmd("kafka-acls {C} --add --allow-principal User:nobody-$ --consumer --topic acl-$ --group acl-$"),
		rights: []string{alterCluster}, want: "Adding ACLs", unordered: true,
	},
	{
		name: "kafka-cluster unregister", since: "3.7", full: true, tools: cmd("kafka-cluster unregister --bootstrap-server {B} --config {F} --id 99"),
		rights: []string{alterCluster}, want: "exit status",
	},
	{
		name: "kafka-cluster list-endpoints --include-fenced-brokers", since: "4.0", full: true, digits: true, tools: cmd("kafka-cluster list-endpoints --bootstrap-server {B} --config {F} --include-fenced-brokers"),
		want: "unfenced",
	},
	{
		name: "kafka-get-offsets of partitions", since: "3.3", full: true, tools: cmd("kafka-get-offsets {C} --topic-partitions in:0 --time earliest"),
		rights: []string{"Describe on Topic in"}, want: "in:0:0",
	},
	{
		name: "kafka-get-offsets of all", since: "3.3", full: true, lists: true, tools: cmd("kafka-get-offsets {C} --exclude-internal-topics --time max-timestamp"),
		topics: []string{"t-$"}, rights: []string{"Describe on Topic t-$"}, want: "t-$:0:",
	},
	{
		name: "kafka-log-dirs of a broker", full: true, tools: cmd("kafka-log-dirs {C} --describe --broker-list 1 --topic-list t-$"), digits: true,
		topics: []string{"t-$"}, rights: []string{describeCluster}, want: "\"partition\":\"t-$-N\"",
	},
	{
		name: "kafka-metadata-quorum --replication", since: "3.3", full: true, digits: true, tools: cmd("kafka-metadata-quorum {C} describe --replication"),
		rights: []string{describeCluster}, want: "Leader",
	},
	{
		name: "kafka-metadata-quorum remove-controller", since: "3.9", full: true, digits: true,
		tools:  cmd("kafka-metadata-quorum {C} remove-controller --controller-id 99 --controller-directory-id AAAAAAAAAAAAAAAAAAAAAw"),
		rights: []string{alterCluster}, want: "exit status",
	},
	{
		name: "kafka-features upgrade", since: "3.7", full: true, tools: cmd("kafka-features {C} upgrade --feature transaction.version=2 --dry-run"),
		rights: []string{alterCluster}, want: "transaction.version",
	},
	{
		name: "kafka-features downgrade", since: "3.7", full: true, tools: cmd("kafka-features {C} downgrade --feature share.version=0 --dry-run"),
		rights: []string{alterCluster}, want: "share.version",
	},
	{
		name: "kafka-leader-election by a file", since: "3.8", full: true, tools: cmd("kafka-leader-election --bootstrap-server {B} --admin.config {F} --election-type preferred --path-to-json-file {J}"),
		stdin: `{"partitions":[{"topic":"in","partition":0}]}`, rights: []string{alterCluster}, want: "exit status 0",
	},
	{
		name: "kafka-reassign-partitions --generate", full: true, tools: cmd("kafka-reassign-partitions {C} --generate --topics-to-move-json-file {J} --broker-list 1"),
		stdin: `{"version":1,"topics":[{"topic":"in"}]}`, rights: []string{"Describe on Topic in"}, want: "Proposed partition reassignment",
	},
	{
		name: "kafka-reassign-partitions --execute", full: true, tools: cmd("kafka-reassign-partitions {C} --execute --reassignment-json-file {J}"),
		stdin: `{"version":1,"partitions":[{"topic":"t-$","partition":0,"replicas":[1],"log_dirs":["any"]}]}`, topics: []string{"t-$"},
		rights: []string{alterCluster, "Describe on Topic t-$"}, want: "Successfully started",
	},
	{
		name: "kafka-reassign-partitions --verify", full: true, tools: cmd("kafka-reassign-partitions {C} --verify --preserve-throttles --reassignment-json-file {J}"),
		stdin:  `{"version":1,"partitions":[{"topic":"in","partition":0,"replicas":[1],"log_dirs":["any"]}]}`,
		rights: []string{describeCluster, "Describe on Topic in"}, want: "is completed",
	},
	{
		name: "kafka-reassign-partitions --cancel", full: true, tools: cmd("kafka-reassign-partitions {C} --cancel --preserve-throttles --reassignment-json-file {J}"),
		stdin:  `{"version":1,"partitions":[{"topic":"in","partition":0,"replicas":[1],"log_dirs":["any"]}]}`,
		rights: []string{describeCluster}, want: "exit status",
	},
	{
		name: "kafka-transactions abort", since: "3.0", full: true, digits: true, tools: cmd("kafka-transactions {C} abort --topic open-$ --partition 0 --start-offset 0"),
		topics: []string{"open-$=open"}, rights: []string{"Read on Topic open-$", alterCluster}, want: "exit status N",
	},
	{
		name: "kafka-transactions find-hanging", since: "3.0", full: true, digits: true, tools: cmd("kafka-transactions {C} find-hanging --topic in --partition 0"),
		rights: []string{readIn}, want: "exit status N",
	},
	{
		name: "kafka-transactions forceTerminateTransaction", since: "4.1", full: true, digits: true, tools: cmd("kafka-transactions {C} forceTerminateTransaction --transactionalId tx-$"),
		transactional: []string{"tx-$"}, rights: []string{"Write on TransactionalId tx-$"}, want: "exit status N",
	},
	{
		name: "kafka-broker-api-versions", full: true, tools: cmd("kafka-broker-api-versions {C}"), check: fewerVersions,
	},
	{
		name: "kafka-delegation-tokens --describe", since: "3.8", full: true, tools: cmd("kafka-delegation-tokens {C} --describe"), check: tokensHidden,
	},
	{
		name: "kafka-delegation-tokens --create", since: "3.8", full: true, tools: cmd("kafka-delegation-tokens {C} --create --max-life-time-period -1"), check: tokensHidden,
	},
	{
		name: "kafka-delegation-tokens --renew", since: "3.8", full: true, tools: cmd("kafka-delegation-tokens {C} --renew --renew-time-period -1 --hmac c2VjcmV0"), check: tokensHidden,
	},
	{
		name: "kafka-delegation-tokens --expire", since: "3.8", full: true, tools: cmd("kafka-delegation-tokens {C} --expire --expiry-time-period -1 --hmac c2VjcmV0"), check: tokensHidden,
	},
}
