package clienttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// credentialsKept compares a change of credentials, which the proxy refuses: see the
// difference credentials-kept in docs/differences.md.
func credentialsKept(t *testing.T, direct, proxied string) {
	t.Helper()
	assert.Contains(t, direct, "Completed updating config")
	assert.Contains(t, direct, "exit status 0")
	assert.Contains(t, proxied, "PolicyViolationException")
	assert.Contains(t, proxied, "exit status 1")
}

// toolRows are Kafka's command-line tools.
var toolRows = []row{
	{
		name: "kafka-topics --list", tools: cmd("kafka-topics {C} --list"),
		rights: []string{"Describe on Topic in"}, want: "in\n",
	},
	{
		name: "kafka-topics --describe", tools: cmd("kafka-topics {C} --describe --topic in"),
		rights: []string{"Describe on Topic in", "DescribeConfigs on Topic in"}, want: "PartitionCount: 1",
	},
	{
		name: "kafka-topics --describe --topic-id", since: "3.3", tools: cmd("kafka-topics {C} --describe --topic-id {ID:in}"),
		rights: []string{"Describe on Topic in", "DescribeConfigs on Topic in"}, want: "PartitionCount: 1",
	},
	{
		name: "kafka-topics --create", tools: cmd("kafka-topics {C} --create --topic new-$ --partitions 2"),
		rights: []string{"Create on Topic new-$"}, want: "Created topic new-$.",
	},
	{
		name: "kafka-topics --alter", tools: cmd("kafka-topics {C} --alter --topic more-$ --partitions 2"),
		topics: []string{"more-$=0"}, rights: []string{"Describe on Topic more-$", "Alter on Topic more-$"}, unneeded: []string{"Describe on Topic more-$"}, want: "exit status 0",
	},
	{
		name: "kafka-topics --delete", tools: cmd("kafka-topics {C} --delete --topic old-$"),
		topics: []string{"old-$=0"}, rights: []string{"Delete on Topic old-$"}, want: "exit status 0",
	},
	{
		name: "kafka-console-producer to a topic just made", alone: true,
		tools: []tool{
			{line: "kafka-topics {C} --create --topic new-$"},
			{line: "kafka-console-producer --bootstrap-server {B} --producer.config {F} --topic new-$", stdin: "one\ntwo\n"},
			{line: "kafka-console-consumer --bootstrap-server {B} --consumer.config {F} --topic new-$ --from-beginning --max-messages 2 --timeout-ms 15000 --group g-$"},
		},
		rights: []string{"Create on Topic new-$", "Write on Topic new-$", "Read on Topic new-$", "Read on Group g-$"}, want: "one\ntwo",
	},
	{
		name: "kafka-console-consumer", tools: cmd("kafka-console-consumer --bootstrap-server {B} --consumer.config {F} --topic in --from-beginning --max-messages 5 --timeout-ms 12000 --group g-$"),
		rights: []string{readIn, "Read on Group g-$"}, want: "v4",
	},
	{
		name: "kafka-console-share-consumer without Read", since: "4.2", alone: true, exact: true,
		tools:  cmd("kafka-console-share-consumer {C} --topic in --group s-$ --timeout-ms 15000 --max-messages 1"),
		rights: []string{"Describe on Topic in", "Read on Group s-$"}, want: "Not authorized to access topics",
	},
	{
		name: "kafka-consumer-groups --list", tools: cmd("kafka-consumer-groups {C} --list"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$"}, want: "g-$", unordered: true,
	},
	{
		name: "kafka-consumer-groups --describe", tools: cmd("kafka-consumer-groups {C} --describe --group g-$"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$", "Describe on Topic in"}, want: "in 0 2 5 3",
	},
	{
		name: "kafka-consumer-groups --describe --state", full: true, tools: cmd("kafka-consumer-groups {C} --describe --group g-$ --state"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$"}, want: "Empty",
	},
	{
		name: "kafka-consumer-groups --reset-offsets", tools: cmd("kafka-consumer-groups {C} --reset-offsets --group g-$ --topic in --to-earliest --execute"),
		groups: []string{"g-$"}, rights: []string{"Read on Group g-$", readIn}, want: "in 0 0",
	},
	{
		name: "kafka-consumer-groups --delete", tools: cmd("kafka-consumer-groups {C} --delete --group g-$"),
		groups: []string{"g-$"}, rights: []string{"Delete on Group g-$"}, want: "successful",
	},
	{
		name: "kafka-consumer-groups --delete-offsets", tools: cmd("kafka-consumer-groups {C} --delete-offsets --group g-$ --topic in"),
		groups: []string{"g-$"}, rights: []string{"Delete on Group g-$", readIn}, want: "Successful",
	},
	{
		name: "kafka-groups --list", since: "4.0", tools: cmd("kafka-groups {C} --list"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$"}, want: "g-$", unordered: true,
	},
	{
		name: "kafka-streams-groups --describe", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --describe --group a-$"),
		streamsGroups: []string{"a-$"}, rights: []string{"Describe on Group a-$", "Describe on Topic in"}, want: "exit status 0",
	},
	{
		name: "kafka-configs --describe of a topic", tools: cmd("kafka-configs {C} --describe --entity-type topics --entity-name in --all"),
		rights: []string{"DescribeConfigs on Topic in"}, want: "retention.ms", unordered: true,
	},
	{
		name: "kafka-configs --alter of a topic", tools: cmd("kafka-configs {C} --alter --entity-type topics --entity-name c-$ --add-config retention.ms=100000000"),
		topics: []string{"c-$=0"}, rights: []string{"AlterConfigs on Topic c-$"}, want: "Completed",
	},
	{
		name: "kafka-configs --describe of a broker", tools: cmd("kafka-configs {C} --describe --entity-type brokers --entity-name 1"),
		rights: []string{"DescribeConfigs on Cluster kafka-cluster"}, want: "exit status 0", unordered: true,
	},
	{
		name: "kafka-configs --alter of a group", since: "4.0", full: true,
		tools:  cmd("kafka-configs {C} --alter --entity-type groups --entity-name c-$ --add-config consumer.session.timeout.ms=50000"),
		rights: []string{"AlterConfigs on Group c-$"}, want: "Completed",
	},
	{
		name: "kafka-configs --alter of quotas", full: true,
		tools:  cmd("kafka-configs {C} --alter --entity-type users --entity-name q-$ --add-config producer_byte_rate=1000000"),
		rights: []string{"AlterConfigs on Cluster kafka-cluster"}, want: "Completed",
	},
	{
		name: "kafka-configs --describe of quotas", full: true,
		tools:  cmd("kafka-configs {C} --describe --entity-type users --entity-name q-$"),
		rights: []string{"DescribeConfigs on Cluster kafka-cluster", "Describe on Cluster kafka-cluster"}, want: "exit status 0",
	},
	{
		name: "kafka-configs --alter of SCRAM credentials", since: "3.5", alone: true, check: credentialsKept,
		tools:  cmd("kafka-configs {C} --alter --entity-type users --entity-name scram-$ --add-config SCRAM-SHA-256=[iterations=4096,password=x]"),
		rights: []string{"Alter on Cluster kafka-cluster", "Describe on Cluster kafka-cluster"},
	},
	{
		name: "kafka-acls --list", tools: cmd("kafka-acls {C} --list --topic secret"),
		rights: []string{"Describe on Cluster kafka-cluster"}, want: "exit status 0", unordered: true,
	},
	{
		name: "kafka-acls --add", tools: cmd("kafka-acls {C} --add --allow-principal User:nobody-$ --operation Read --topic acl-$"),
		rights: []string{"Alter on Cluster kafka-cluster"}, want: "Adding ACLs", unordered: true, full: true,
	},
	{
		name: "kafka-acls --remove", tools: cmd("kafka-acls {C} --remove --topic acl-$ --force"),
		rights: []string{"Alter on Cluster kafka-cluster"}, want: "exit status 0", unordered: true, full: true,
	},
	{
		name: "kafka-cluster cluster-id", tools: cmd("kafka-cluster cluster-id --bootstrap-server {B} --config {F}"), since: "3.7",
		want: "Cluster ID",
	},
	{
		name: "kafka-cluster list-endpoints", tools: cmd("kafka-cluster list-endpoints --bootstrap-server {B} --config {F}"), since: "4.0",
		want: "unfenced", digits: true, full: true,
	},
	{
		name: "kafka-delete-records", tools: cmd("kafka-delete-records {C} --offset-json-file {J}"),
		stdin:  `{"version":1,"partitions":[{"topic":"cut-$","partition":0,"offset":2}]}`,
		topics: []string{"cut-$"}, rights: []string{"Delete on Topic cut-$"}, want: "low_watermark: 2", full: true,
	},
	{
		name: "kafka-get-offsets", tools: cmd("kafka-get-offsets {C} --topic in"),
		rights: []string{"Describe on Topic in"}, want: "in:0:5", since: "3.3",
	},
	{
		name: "kafka-log-dirs", tools: cmd("kafka-log-dirs {C} --describe --topic-list in"),
		rights: []string{"Describe on Cluster kafka-cluster"}, want: "\"partition\":\"in-N\"", digits: true, unordered: true,
	},
	{
		name: "kafka-metadata-quorum --status", since: "3.3", tools: cmd("kafka-metadata-quorum {C} describe --status"),
		rights: []string{"Describe on Cluster kafka-cluster"}, want: "LeaderId", digits: true,
	},
	{
		name: "kafka-features describe", tools: cmd("kafka-features {C} describe"), since: "3.7",
		want: "metadata.version", digits: true, unordered: true,
	},
	{
		name: "kafka-leader-election", tools: cmd("kafka-leader-election --bootstrap-server {B} --admin.config {F} --election-type preferred --topic in --partition 0"), since: "3.8",
		rights: []string{"Alter on Cluster kafka-cluster"}, want: "exit status 0",
	},
	{
		name: "kafka-reassign-partitions --list", tools: cmd("kafka-reassign-partitions {C} --list"), full: true,
		rights: []string{"Describe on Cluster kafka-cluster"}, want: "No partition reassignments found.",
	},
	{
		name: "kafka-transactions list", since: "3.0", tools: cmd("kafka-transactions {C} list"),
		transactional: []string{"tx-$"}, rights: []string{"Describe on TransactionalId tx-$"}, want: "tx-$", digits: true, full: true,
	},
	{
		name: "kafka-transactions describe", since: "3.0", tools: cmd("kafka-transactions {C} describe --transactional-id tx-$"),
		transactional: []string{"tx-$"}, rights: []string{"Describe on TransactionalId tx-$"}, want: "CompleteCommit", digits: true,
	},
	{
		name: "kafka-transactions describe-producers", since: "3.0", tools: cmd("kafka-transactions {C} describe-producers --topic secret --partition 0"),
		rights: []string{"Read on Topic secret"}, want: "ProducerId", digits: true, full: true,
	},
	{
		name: "kafka-client-metrics --list", since: "3.7", tools: cmd("kafka-client-metrics {C} --list"), full: true,
		rights: []string{"DescribeConfigs on Cluster kafka-cluster"}, want: "exit status 0",
	},
	{
		name: "kafka-producer-perf-test", digits: true, full: true,
		tools:  cmd("kafka-producer-perf-test --topic perf-$ --num-records 10 --record-size 10 --throughput -1 --producer.config {F} --producer-props bootstrap.servers={B}"),
		topics: []string{"perf-$=0"}, rights: []string{"Write on Topic perf-$"}, want: "N records sent", props: producer,
	},
	{
		name: "kafka-consumer-perf-test", digits: true, full: true,
		tools:  cmd("kafka-consumer-perf-test --bootstrap-server {B} --consumer.config {F} --topic in --messages 5 --group g-$ --timeout 8000"),
		rights: []string{readIn, "Read on Group g-$"}, want: "exit status N",
	},
	{
		name: "kafka-streams-application-reset", full: true,
		tools:  cmd("kafka-streams-application-reset --bootstrap-server {B} --config-file {F} --application-id g-$ --input-topics in --force"),
		groups: []string{"g-$"}, rights: []string{"Read on Group g-$", readIn}, want: "exit status 0",
	},
}

// cmd is one command line.
func cmd(line string) []tool { return []tool{{line: line}} }

// login is what {C} in a command line stands for.
const login = "--bootstrap-server {B} --command-config {F}"

// words returns those of a command line.
func (t tool) words() []string { return strings.Fields(strings.ReplaceAll(t.line, "{C}", login)) }

// The tools and command lines must not get fewer.
func TestTools(t *testing.T) {
	tools, lines := map[string]bool{}, map[string]bool{}
	for _, r := range slices.Concat(toolRows, toolGroupRows, toolAdminRows) {
		for _, tool := range r.tools {
			tools[tool.words()[0]], lines[tool.line] = true, true
		}
	}
	t.Logf("%d tools, %d command lines", len(tools), len(lines))
	assert.GreaterOrEqual(t, len(tools), 28)
	assert.GreaterOrEqual(t, len(lines), 89)
}
