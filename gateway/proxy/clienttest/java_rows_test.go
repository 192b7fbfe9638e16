package clienttest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The properties of Java clients. They give up sooner than by default.
var (
	patient     = map[string]string{"request.timeout.ms": "20000", "default.api.timeout.ms": "25000"}
	producer    = map[string]string{"delivery.timeout.ms": "25000", "request.timeout.ms": "20000", "max.block.ms": "20000"}
	plain0      = with(producer, map[string]string{"enable.idempotence": "false", "acks": "1"})
	inTx        = with(producer, map[string]string{"transactional.id": "tx-$"})
	classic     = with(patient, map[string]string{"group.id": "g-$", "auto.offset.reset": "earliest", "enable.auto.commit": "false", "metadata.max.age.ms": "3000"})
	consumer    = with(classic, map[string]string{"group.protocol": "consumer"})
	committed   = with(consumer, map[string]string{"isolation.level": "read_committed"})
	share       = with(patient, map[string]string{"group.id": "s-$", "share.acknowledgement.mode": "implicit"})
	streamsOnce = map[string]string{
		"application.id": "app-$", "commit.interval.ms": "200", "repartition.purge.interval.ms": "200", "auto.offset.reset": "earliest", "num.stream.threads": "1",
		"default.key.serde":   "org.apache.kafka.common.serialization.Serdes$StringSerde",
		"default.value.serde": "org.apache.kafka.common.serialization.Serdes$StringSerde",
		"producer.linger.ms":  "0", "consumer.request.timeout.ms": "20000",
	}
	exactlyOnce = map[string]string{"processing.guarantee": "exactly_once_v2"}
	newProtocol = map[string]string{"group.protocol": "streams"}
)

const (
	readIn     = "Read on Topic in"
	allRecords = "read [in:v0, in:v1, in:v2, in:v3, in:v4]"
	counted    = "output [v0=1, v1=1, v2=1, v3=1, v4=1]"
)

// streamsNames are what the words of the Streams clients of "protocol --for" stand for.
var streamsNames = map[string]string{
	"INPUT-TOPIC": "in", "OUTPUT-TOPIC": "out-$", "GROUP": "app-$",
	"INTERNAL-TOPICS": "app-$- (prefixed)", "TRANSACTIONAL-IDS": "app-$- (prefixed)",
}

// flow are the arguments of a Streams application.
func flow(seconds, later string) []string {
	return []string{"{P}", "{A}", "in", "out-$", fmt.Sprint(recordsEach), seconds, later, "app-$-re-repartition"}
}

// javaRows are Java clients.
var javaRows = []row{
	{
		name: "producer", class: "Clients", args: []string{"produce", "{P}", "out-$", "2"}, props: plain0,
		topics: []string{"out-$=0"}, rights: []string{"Write on Topic out-$"}, want: "offset 1",
	},
	{
		name: "idempotent producer", class: "Clients", args: []string{"produce", "{P}", "out-$", "2"}, props: with(producer, map[string]string{"enable.idempotence": "true"}),
		topics: []string{"out-$=0"}, needs: "producer", names: map[string]string{"TOPIC": "out-$"}, want: "offset 1",
	},
	{
		name: "transactional producer", class: "Clients", args: []string{"transaction", "{P}", "out-$"}, props: inTx,
		topics: []string{"out-$=0"}, needs: "transactional-producer", names: map[string]string{"TOPIC": "out-$", "TRANSACTIONAL-ID": "tx-$"}, want: "committed",
	},
	{
		name: "transactional producer with offsets", class: "Clients", args: []string{"transaction", "{P}", "out-$", "g-$", "in"}, props: inTx,
		topics: []string{"out-$=0"}, rights: []string{"Write on Topic out-$", "Write on TransactionalId tx-$", "Read on Group g-$", readIn}, want: "committed",
	},
	{
		name: "transaction that is aborted", class: "Clients", args: []string{"abort", "{P}", "out-$"}, props: inTx, full: true,
		topics: []string{"out-$=0"}, rights: []string{"Write on Topic out-$", "Write on TransactionalId tx-$"}, want: "aborted",
	},
	{
		name: "consumer, classic protocol", class: "Clients", args: []string{"consume", "{P}", "names", "in", "5", "{15s}"}, props: classic,
		needs: "consumer", names: map[string]string{"TOPIC": "in", "GROUP": "g-$"}, want: allRecords + "\noffsets committed",
	},
	{
		name: "consumer, consumer protocol", class: "Clients", args: []string{"consume", "{P}", "names", "in", "5", "{15s}"}, props: consumer, since: "4.0",
		needs: "consumer", names: map[string]string{"TOPIC": "in", "GROUP": "g-$"}, want: allRecords + "\noffsets committed",
	},
	{
		name: "consumer of two topics, one without a right", class: "Clients", args: []string{"consume", "{P}", "names", "in,secret", "5", "8"}, props: consumer, since: "4.0",
		rights: []string{readIn, "Read on Group g-$"}, want: "TopicAuthorizationException", alone: true, exact: true,
	},
	{
		name: "consumer by pattern, classic protocol", class: "Clients", args: []string{"consume", "{P}", "pattern", "in|secret", "5", "{8s}"}, props: classic,
		rights: []string{readIn, "Read on Group g-$"}, want: allRecords + "\noffsets committed", exact: true,
	},
	{
		name: "consumer by pattern, consumer protocol", class: "Clients", args: []string{"consume", "{P}", "pattern", "in|secret", "5", "{8s}"}, props: consumer, since: "4.0", full: true,
		rights: []string{readIn, "Read on Group g-$"}, want: allRecords + "\noffsets committed", exact: true,
	},
	{
		name: "consumer by RE2J pattern", class: "NewClients", args: []string{"re2j", "{P}", "in|secret", "5", "{10s}"}, props: consumer, since: "4.1",
		rights: []string{readIn, "Read on Group g-$"}, want: allRecords + "\noffsets committed", exact: true,
	},
	{
		name: "RE2J pattern, a topic is made later", class: "NewClients", args: []string{"grow", "{P}", "re2j", "late-$.*", "late-$", "{A}", "40"}, props: consumer, since: "4.1",
		rights: []string{"Read on Topic late-$", "Read on Group g-$"}, want: "read [late-$:later]", alone: true,
	},
	{
		name: "consumer without a group", class: "Clients", args: []string{"consume", "{P}", "assign", "in", "5", "{8s}"},
		props: with(patient, map[string]string{"enable.auto.commit": "false"}), rights: []string{readIn}, want: allRecords,
	},
	{
		name: "consumer of committed records", class: "Clients", args: []string{"consume", "{P}", "names", "in", "5", "{15s}"}, props: committed, since: "4.0", full: true,
		rights: []string{readIn, "Read on Group g-$"}, want: allRecords + "\noffsets committed",
	},
	{
		name: "share consumer", class: "NewClients", args: []string{"share", "{P}", "in", "5", "{8s}"}, props: share, since: "4.2", shareGroups: []string{"s-$"},
		needs: "share-consumer", names: map[string]string{"TOPIC": "in", "GROUP": "s-$"}, want: allRecords + "\nclosed in time: true",
	},
	{
		name: "share consumer of two topics, one without a right", class: "NewClients", args: []string{"share", "{P}", "in,secret", "6", "15"}, props: share, since: "4.2", shareGroups: []string{"s-$"},
		rights: []string{readIn, "Describe on Topic secret", "Read on Group s-$"}, want: allRecords + "\nTopicAuthorizationException: Not authorized to access topics: [secret]", alone: true, exact: true,
	},
	{
		name: "a topic is made and written to at once", class: "Clients", args: []string{"create-and-produce", "{P}", "new-$-", "5", "10"},
		props:  with(plain0, map[string]string{"retries": "3", "retry.backoff.ms": "100"}),
		rights: []string{"Create on Topic new-$- (prefixed)", "Write on Topic new-$- (prefixed)"}, want: "0 of 50 records lost", alone: true,
	},
	{
		name: "first write to a topic just made", class: "Clients", args: []string{"first-write", "{P}", "first-$-", "5"}, props: producer,
		rights: []string{"Create on Topic first-$- (prefixed)", "Write on Topic first-$- (prefixed)"}, alone: true, check: firstWrite,
	},
	{
		name: "streams, streams protocol", class: "Flow", args: flow("{25s}", ""), props: with(streamsOnce, newProtocol), since: "4.2",
		topics: []string{"out-$=0"}, needs: "streams", names: streamsNames, want: counted + "\npurged true", full: true,
	},
	{
		name: "streams, streams protocol, internal topics are made later by another", class: "Flow", since: "4.2", alone: true,
		args:  flow("45", "app-$-st-changelog,app-$-re-repartition"),
		props: with(streamsOnce, newProtocol), topics: []string{"out-$=0"},
		rights: []string{
			readIn, "Write on Topic out-$", "Read on Group app-$",
			"Read on Topic app-$- (prefixed)", "Write on Topic app-$- (prefixed)", "Delete on Topic app-$- (prefixed)",
		},
		exact: true,
		want:  counted + "\npurged true\nended by an error: false",
	},
	{
		name: "streams, classic protocol", class: "Flow", args: flow("{25s}", ""), props: streamsOnce, since: "3.0",
		topics: []string{"out-$=0"}, needs: "streams", names: streamsNames, want: counted + "\npurged true", full: true,
	},
	{
		name: "streams exactly once, streams protocol", class: "Flow", args: flow("{25s}", ""), props: with(with(streamsOnce, newProtocol), exactlyOnce), since: "4.2",
		topics: []string{"out-$=0"}, needs: "streams-exactly-once", names: streamsNames, want: counted + "\npurged true", full: true,
	},
	{
		name: "streams exactly once, classic protocol", class: "Flow", args: flow("{25s}", ""), props: with(streamsOnce, exactlyOnce), since: "3.0",
		topics: []string{"out-$=0"}, needs: "streams-exactly-once", names: streamsNames, want: counted + "\npurged true", full: true,
	},
}

// slower is how many milliseconds more the first write may take through the proxy, on a
// machine that has other things to do.
const slower = 700

// firstWrite compares how long the first write to a new topic takes.
func firstWrite(t *testing.T, direct, proxied string) {
	t.Helper()
	var took [2]int
	for i, s := range []string{direct, proxied} {
		_, err := fmt.Sscanf(s, "milliseconds %d", &took[i])
		require.NoError(t, err, s)
	}
	assert.Less(t, took[1], took[0]+slower, "milliseconds; straight at the broker it took %d", took[0])
}
