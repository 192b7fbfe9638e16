package clienttest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/ops"
)

// workerProps are those of a Connect worker.
var workerProps = map[string]string{
	"group.id": "c-$", "config.storage.topic": "c-$-configs", "offset.storage.topic": "c-$-offsets", "status.storage.topic": "c-$-status",
	"config.storage.replication.factor": "1", "offset.storage.replication.factor": "1", "status.storage.replication.factor": "1",
	"offset.storage.partitions": "1", "status.storage.partitions": "1",
	"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
	"listeners": "http://127.0.0.1:0", "plugin.discovery": "service_load", "connector.client.config.override.policy": "All",
	"offset.flush.interval.ms": "500",
}

// sourceConfig is the configuration of a source, and sinkConfig that of a sink.
func sourceConfig(more string) string {
	return fmt.Sprintf("name=n-$\nconnector.class=Worker$Source\ntasks.max=1\nto=out-$\ncount=%d\n%s", recordsEach, more)
}

func sinkConfig(more string) string {
	return "name=n-$\nconnector.class=Worker$Sink\ntasks.max=1\ntopics=in\nconsumer.override.auto.offset.reset=earliest\n" + more
}

// as is an override of the user of a connector's clients.
func as(client, user string) string {
	p := client + ".override."
	return p + "security.protocol=SASL_PLAINTEXT\n" + p + "sasl.mechanism=PLAIN\n" + p +
		fmt.Sprintf("sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s-secret\";\n", user, user)
}

const brought = "records [s0, s1, s2, s3, s4]"

// needsRows run clients with what "portcullis protocol --for" says.
var needsRows = []row{
	{
		name: "connect worker", class: "Worker", since: "3.8", full: true, props: workerProps, topics: []string{"out-$=0"},
		args:  []string{"{P}", "{A}", sourceConfig(as("producer", everything)), "out-$", "5", "{40s}"},
		needs: "connect-worker", names: map[string]string{"GROUP": "c-$", "INTERNAL-TOPICS": "c-$- (prefixed)"}, want: brought,
	},
	{
		name: "sink connector", class: "Worker", since: "3.8", full: true, props: workerProps,
		args:  []string{"{E}", "{A}", sinkConfig(as("consumer", "{U}")), "", "5", "{20s}"},
		needs: "sink-connector", names: map[string]string{"GROUP": "connect-n-$", "TOPIC": "in"}, want: "records [in:v0, in:v1, in:v2, in:v3, in:v4]",
	},
	{
		name: "source connector", class: "Worker", since: "3.8", full: true, props: workerProps, topics: []string{"out-$=0"},
		args:  []string{"{E}", "{A}", sourceConfig(as("producer", "{U}")), "out-$", "5", "{20s}"},
		needs: "source-connector", names: map[string]string{"TOPIC": "out-$"}, want: brought,
	},
	{
		name: "connect worker exactly once", class: "Worker", since: "3.8", full: true, topics: []string{"out-$=0"},
		props: with(workerProps, map[string]string{"exactly.once.source.support": "enabled"}),
		args:  []string{"{P}", "{A}", sourceConfig(as("producer", everything) + as("consumer", everything) + as("admin", everything)), "out-$", "5", "{40s}"},
		needs: "connect-worker-exactly-once", names: map[string]string{"GROUP": "c-$", "INTERNAL-TOPICS": "c-$- (prefixed)", "TRANSACTIONAL-ID": "connect-cluster-c-$"}, want: brought,
	},
	{
		name: "source connector exactly once", class: "Worker", since: "3.8", full: true, topics: []string{"out-$=0", "off-$=compact"},
		props: with(workerProps, map[string]string{"exactly.once.source.support": "enabled"}),
		args:  []string{"{E}", "{A}", sourceConfig("offsets.storage.topic=off-$\n" + as("producer", "{U}") + as("consumer", "{U}") + as("admin", "{U}")), "out-$", "5", "{60s}"},
		needs: "source-connector-exactly-once", names: map[string]string{"TOPIC": "out-$", "OFFSETS-TOPIC": "off-$", "TRANSACTIONAL-IDS": "c-$-n-$- (prefixed)"}, want: brought,
	},
	{
		name: "dead letter topic", class: "Worker", since: "3.8", full: true, props: workerProps,
		args: []string{"{E}", "{A}", sinkConfig("report=true\nerrors.tolerance=all\nerrors.deadletterqueue.topic.name=dead-$\nerrors.deadletterqueue.topic.replication.factor=1\n" +
			as("consumer", everything) + as("producer", "{U}") + as("admin", "{U}")), "dead-$", "5", "{20s}"},
		needs: "dead-letter-topic", names: map[string]string{"TOPIC": "dead-$"}, want: "records [v0, v1, v2, v3, v4]",
	},
	{
		name: "administrator who describes", class: "NewClients", since: "4.1", args: []string{"describe", "{P}", "in", "g-$", "tx-$"}, props: patient,
		groups: []string{"g-$"}, transactional: []string{"tx-$"},
		needs: "admin-describe", names: map[string]string{"TOPIC": "in", "GROUP": "g-$", "TRANSACTIONAL-ID": "tx-$", "TOKEN": ""}, want: "leader 1",
	},
	{
		name: "administrator", class: "NewClients", since: "4.1", full: true, args: []string{"change", "{P}", "t-$", "g-$", "tx-$", "new-$"}, props: patient,
		topics: []string{"t-$"}, groups: []string{"g-$"}, transactional: []string{"tx-$"},
		// The proxy has no delegation tokens.
		needs: "admin", names: map[string]string{"TOPIC": "t-$", "NEW-TOPIC": "new-$", "GROUP": "g-$", "TRANSACTIONAL-ID": "tx-$", "TOKEN": "", "User:OWNER": ""}, want: "all was tried",
	},
}

// Each kind of client of "portcullis protocol --for" is run with exactly what it needs.
func TestNeedsAreRun(t *testing.T) {
	var proved []string
	for _, r := range slices.Concat(javaRows, needsRows) {
		if r.needs != "" && !slices.Contains(proved, r.needs) {
			proved = append(proved, r.needs)
		}
	}
	var names []string
	for _, c := range ops.Clients() {
		names = append(names, c.Name)
	}
	assert.ElementsMatch(t, names, proved)
}
