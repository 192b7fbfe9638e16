package clienttest

// toolGroupRows are Kafka's command-line tools that write, read and look after groups.
var toolGroupRows = []row{
	{
		name: "kafka-console-producer", tools: []tool{{line: "kafka-console-producer --bootstrap-server {B} --producer.config {F} --topic w-$", stdin: "one\ntwo\n"}},
		topics: []string{"w-$=0"}, rights: []string{"Write on Topic w-$"}, want: "exit status 0", full: true,
	},
	{
		name: "kafka-console-producer with keys and acks", full: true, props: plain0,
		tools:  []tool{{line: "kafka-console-producer --bootstrap-server {B} --producer.config {F} --request-required-acks 1 --topic w-$ --property parse.key=true", stdin: "k\tone\n"}},
		topics: []string{"w-$=0"}, rights: []string{"Write on Topic w-$"}, want: "exit status 0",
	},
	{
		name: "kafka-console-consumer of a partition", full: true, tools: cmd("kafka-console-consumer --bootstrap-server {B} --consumer.config {F} --topic in --partition 0 --offset earliest --max-messages 5 --timeout-ms 12000"),
		rights: []string{readIn}, want: "v4",
	},
	{
		name: "kafka-console-consumer of a pattern", full: true, exact: true,
		tools:  cmd("kafka-console-consumer --bootstrap-server {B} --consumer.config {F} --include in|secret --from-beginning --max-messages 5 --timeout-ms 12000 --group g-$"),
		rights: []string{readIn, "Read on Group g-$"}, want: "v4",
	},
	{
		name: "kafka-console-share-consumer", since: "4.2", full: true, shareGroups: []string{"s-$"},
		tools:  cmd("kafka-console-share-consumer {C} --topic in --group s-$ --timeout-ms 10000 --max-messages 5"),
		rights: []string{readIn, "Read on Group s-$"}, want: "v4",
	},
	{
		name: "kafka-consumer-groups --describe --members", full: true, tools: cmd("kafka-consumer-groups {C} --describe --group g-$ --members"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$"}, want: "has no active members",
	},
	{
		name: "kafka-consumer-groups --list --state", full: true, lists: true, tools: cmd("kafka-consumer-groups {C} --list --state"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$"}, want: "g-$",
	},
	{
		name: "kafka-consumer-groups --describe --all-groups", full: true, exact: true, tools: cmd("kafka-consumer-groups {C} --describe --all-groups"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$", "Describe on Topic in"}, want: "in 0 2 5 3",
	},
	{
		name: "kafka-consumer-groups --reset-offsets --dry-run", full: true, tools: cmd("kafka-consumer-groups {C} --reset-offsets --group g-$ --topic in --to-latest --dry-run"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$", "Describe on Topic in"}, want: "in 0 5",
	},
	{
		name: "kafka-consumer-groups --reset-offsets --export", full: true, tools: cmd("kafka-consumer-groups {C} --reset-offsets --group g-$ --topic in --shift-by -1 --export"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$", "Describe on Topic in"}, want: "in,0,1",
	},
	{
		name: "kafka-groups --list --consumer", since: "4.0", full: true, lists: true, tools: cmd("kafka-groups {C} --list --consumer"),
		groups: []string{"g-$"}, rights: []string{"Describe on Group g-$"}, want: "g-$",
	},
	{
		name: "kafka-groups --list --share", since: "4.2", full: true, lists: true, tools: cmd("kafka-groups {C} --list --share"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$"}, want: "s-$",
	},
	{
		name: "kafka-share-groups --list", since: "4.2", full: true, lists: true, tools: cmd("kafka-share-groups {C} --list"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$"}, want: "s-$",
	},
	{
		name: "kafka-share-groups --list --state", since: "4.2", full: true, lists: true, tools: cmd("kafka-share-groups {C} --list --state"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$"}, want: "s-$",
	},
	{
		name: "kafka-share-groups --describe", since: "4.2", full: true, tools: cmd("kafka-share-groups {C} --describe --group s-$"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$", "Describe on Topic in"}, want: "s-$",
	},
	{
		name: "kafka-share-groups --describe --members", since: "4.2", full: true, tools: cmd("kafka-share-groups {C} --describe --group s-$ --members"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$"}, want: "exit status 0",
	},
	{
		name: "kafka-share-groups --describe --state", since: "4.2", full: true, tools: cmd("kafka-share-groups {C} --describe --group s-$ --state"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$"}, want: "s-$",
	},
	{
		name: "kafka-share-groups --reset-offsets", since: "4.2", full: true, tools: cmd("kafka-share-groups {C} --reset-offsets --group s-$ --topic in --to-latest --execute"),
		shareGroups: []string{"s-$"}, rights: []string{"Describe on Group s-$", "Read on Group s-$", readIn}, unneeded: []string{"Describe on Group s-$"}, want: "exit status 0",
	},
	{
		name: "kafka-share-groups --delete-offsets", since: "4.2", full: true, tools: cmd("kafka-share-groups {C} --delete-offsets --group s-$ --topic in"),
		shareGroups: []string{"s-$"}, rights: []string{"Delete on Group s-$", readIn}, want: "exit status 0",
	},
	{
		name: "kafka-share-groups --delete", since: "4.2", full: true, tools: cmd("kafka-share-groups {C} --delete --group s-$"),
		shareGroups: []string{"s-$"}, rights: []string{"Delete on Group s-$"}, want: "exit status 0",
	},
	{
		name: "kafka-streams-groups --list", since: "4.2", full: true, lists: true, tools: cmd("kafka-streams-groups {C} --list"),
		streamsGroups: []string{"a-$"}, rights: []string{"Describe on Group a-$"}, want: "a-$",
	},
	{
		name: "kafka-streams-groups --describe --members", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --describe --group a-$ --members"),
		streamsGroups: []string{"a-$"}, rights: []string{"Describe on Group a-$", "Describe on Topic in"}, want: "exit status 0",
	},
	{
		name: "kafka-streams-groups --describe --state", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --describe --group a-$ --state"),
		streamsGroups: []string{"a-$"}, rights: []string{"Describe on Group a-$", "Describe on Topic in"}, want: "a-$",
	},
	{
		name: "kafka-streams-groups --describe --offsets", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --describe --group a-$ --offsets"),
		streamsGroups: []string{"a-$"}, rights: []string{"Describe on Group a-$", "Describe on Topic in"}, want: "exit status 0",
	},
	{
		name: "kafka-streams-groups --reset-offsets", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --reset-offsets --group a-$ --input-topic in --to-latest --execute"),
		streamsGroups: []string{"a-$"}, rights: []string{"Describe on Group a-$", "Read on Group a-$", readIn}, unneeded: []string{"Describe on Group a-$"}, want: "exit status 0",
	},
	{
		name: "kafka-streams-groups --delete-offsets", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --delete-offsets --group a-$ --input-topic in"),
		streamsGroups: []string{"a-$"}, rights: []string{"Delete on Group a-$", readIn}, want: "exit status 0",
	},
	{
		name: "kafka-streams-groups --delete", since: "4.2", full: true, tools: cmd("kafka-streams-groups {C} --delete --group a-$"),
		streamsGroups: []string{"a-$"}, rights: []string{"Delete on Group a-$"}, want: "exit status 0",
	},
	{
		name: "kafka-streams-application-reset --dry-run", full: true,
		tools:  cmd("kafka-streams-application-reset --bootstrap-server {B} --config-file {F} --application-id g-$ --input-topics in --dry-run --force"),
		groups: []string{"g-$"}, rights: []string{"Read on Group g-$", readIn}, want: "exit status 0",
	},
	{
		name: "kafka-producer-perf-test in transactions", digits: true, full: true,
		tools:  cmd("kafka-producer-perf-test --topic perf-$ --num-records 10 --record-size 10 --throughput -1 --producer.config {F} --producer-props bootstrap.servers={B} --transactional-id tx-$"),
		topics: []string{"perf-$=0"}, rights: []string{"Write on Topic perf-$", "Write on TransactionalId tx-$"}, want: "N records sent", props: producer,
	},
	{
		name: "kafka-share-consumer-perf-test", since: "4.2", digits: true, full: true, shareGroups: []string{"s-$"},
		tools:  cmd("kafka-share-consumer-perf-test --bootstrap-server {B} --consumer.config {F} --topic in --messages 5 --group s-$ --timeout 8000"),
		rights: []string{readIn, "Read on Group s-$"}, want: "exit status N",
	},
	{
		name: "kafka-e2e-latency", full: true, digits: true, tools: cmd("kafka-e2e-latency {B} l-$ 3 1 10 {F}"),
		topics: []string{"l-$=0"}, rights: []string{"Write on Topic l-$", "Read on Topic l-$"}, want: "Avg latency", since: "4.0",
	},
	{
		name: "kafka-verifiable-producer", full: true, ownJVM: true, digits: true, tools: cmd("kafka-verifiable-producer --bootstrap-server {B} --producer.config {F} --topic w-$ --max-messages 3 --throughput 1000"), props: producer,
		topics: []string{"w-$=0"}, rights: []string{"Write on Topic w-$"}, want: "\"acked\":N",
	},
	{
		name: "kafka-verifiable-consumer", full: true, tools: cmd("kafka-verifiable-consumer --bootstrap-server {B} --consumer.config {F} --topic in --group-id g-$ --max-messages 5"),
		rights: []string{readIn, "Read on Group g-$"}, want: "records_consumed",
	},
	{
		name: "kafka-verifiable-consumer, consumer protocol", since: "4.0", full: true,
		tools:  cmd("kafka-verifiable-consumer --bootstrap-server {B} --consumer.config {F} --topic in --group-id g-$ --max-messages 5 --group-protocol consumer"),
		rights: []string{readIn, "Read on Group g-$"}, want: "records_consumed",
	},
	{
		name: "kafka-verifiable-share-consumer", since: "4.2", full: true, shareGroups: []string{"s-$"},
		tools:  cmd("kafka-verifiable-share-consumer {C} --topic in --group-id s-$ --max-messages 5"),
		rights: []string{readIn, "Read on Group s-$"}, want: "records_consumed",
	},
}
