package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
)

func TestNeeds(t *testing.T) {
	for client, want := range map[string]string{
		"producer":               "Write on Topic TOPIC\n",
		"transactional-producer": "Write on Topic TOPIC\nWrite on TransactionalId TRANSACTIONAL-ID\n",
		"consumer":               "Read on Topic TOPIC\nRead on Group GROUP\n",
		"streams": "Read on Topic INPUT-TOPIC\n" +
			"Read on Topic INTERNAL-TOPICS (prefixed)\nWrite on Topic INTERNAL-TOPICS (prefixed)\n" +
			"Create on Topic INTERNAL-TOPICS (prefixed)\nDelete on Topic INTERNAL-TOPICS (prefixed)\n" +
			"Write on Topic OUTPUT-TOPIC\nRead on Group GROUP\n",
		"connect-worker": "Read on Topic INTERNAL-TOPICS (prefixed)\nWrite on Topic INTERNAL-TOPICS (prefixed)\n" +
			"Create on Topic INTERNAL-TOPICS (prefixed)\nRead on Group GROUP\n",
		"share-consumer": "Read on Topic TOPIC\nRead on Group GROUP\n",
		"streams-exactly-once": "Read on Topic INPUT-TOPIC\n" +
			"Read on Topic INTERNAL-TOPICS (prefixed)\nWrite on Topic INTERNAL-TOPICS (prefixed)\n" +
			"Create on Topic INTERNAL-TOPICS (prefixed)\nDelete on Topic INTERNAL-TOPICS (prefixed)\n" +
			"Write on Topic OUTPUT-TOPIC\nRead on Group GROUP\nWrite on TransactionalId TRANSACTIONAL-IDS (prefixed)\n",
		"admin": "Create on Topic NEW-TOPIC\nRead on Topic TOPIC\nDelete on Topic TOPIC\nAlter on Topic TOPIC\nAlterConfigs on Topic TOPIC\n" +
			"Read on Group GROUP\nDelete on Group GROUP\nAlterConfigs on Group GROUP\n" +
			"Alter on Cluster kafka-cluster\nAlterConfigs on Cluster kafka-cluster\n" +
			"Write on TransactionalId TRANSACTIONAL-ID\nDescribe on DelegationToken TOKEN\nCreateTokens on User User:OWNER\n",
	} {
		t.Run(client, func(t *testing.T) {
			got := runWith("", "protocol", "--for", client)
			assert.Equal(t, exitDone, got.status)
			assert.Equal(t, want, got.stdout)
			says := strings.Contains(want, "AlterConfigs on Group")
			assert.Equal(t, says, strings.HasPrefix(got.stderr, "note: since Kafka 4.4, who has AlterConfigs on a Group may send copies of the records "), got.stderr)
			assert.Equal(t, says, got.stderr != "")
		})
	}
	expect(t, exitDone, "Read on Topic a\nRead on Topic \"b c\"\nRead on Group GROUP\n", "", "",
		"protocol", "--for", "consumer", "--topic", "a", "--topic", "b c")
	expect(t, exitDone, `{"resourceType":"TOPIC","name":"<a>","patternType":"LITERAL","operation":"WRITE"}`+"\n", "", "",
		"protocol", "--for", "producer", "--topic", "<a>", "-o", "json")
}

// nameFlags returns flags for every name in the needs of a client, which are those that
// the program misses.
func nameFlags(t *testing.T, client string) (args []string) {
	t.Helper()
	got := runWith("", "protocol", "--for", client, "--principal", "User:u")
	require.Equal(t, exitError, got.status)
	for line := range strings.Lines(got.stderr) {
		_, rest, _ := strings.Cut(line, "--")
		flag, _, ok := strings.Cut(rest, " is missing: ")
		require.True(t, ok, line)
		args = append(args, "--"+flag, map[bool]string{true: "User:bob", false: "the-" + flag}[flag == "user-principal"])
	}
	return args
}

// The printed ACLs allow exactly the needs, and none of them is superfluous.
func TestNeedsAsACLs(t *testing.T) {
	for _, c := range ops.Clients() {
		t.Run(c.Name, func(t *testing.T) {
			args := append([]string{"protocol", "--for", c.Name, "--principal", "User:u"}, nameFlags(t, c.Name)...)
			text, jsonLines := runWith("", args...), runWith("", append(args, "-o", "json")...)
			require.Equal(t, exitDone, text.status, text.stderr)
			require.Equal(t, exitDone, jsonLines.status, jsonLines.stderr)
			expect(t, exitDone, jsonLines.stdout, "", text.stdout, "convert", "--acls", "-", "--to", "json")
			assert.Equal(t, len(c.Needs()), strings.Count(jsonLines.stdout, "\n"), "ACLs")
		})
	}
	expect(t, exitDone, "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=app-, patternType=PREFIXED)`:\n"+
		"\t(principal=User:w, host=0:0:0:0:0:0:0:1, operation=READ, permissionType=ALLOW)\n"+
		"\t(principal=User:w, host=0:0:0:0:0:0:0:1, operation=WRITE, permissionType=ALLOW)\n"+
		"\t(principal=User:w, host=0:0:0:0:0:0:0:1, operation=CREATE, permissionType=ALLOW)\n\n"+
		"Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=workers, patternType=LITERAL)`:\n"+
		"\t(principal=User:w, host=0:0:0:0:0:0:0:1, operation=READ, permissionType=ALLOW)\n\n", "", "",
		"protocol", "--for", "connect-worker", "--principal", "User:w", "--host", "::1", "--internal-topics", "app-", "--group", "workers")
	acls := runWith("", "protocol", "--for", "consumer", "--principal", "User:c", "--topic", "a", "--topic", "b", "--group", "g").stdout
	for args, status := range map[string]int{
		"--operation Read --topic a": exitDone, "--operation Describe --topic b": exitDone, "--operation Read --group g": exitDone,
		"--operation Write --topic a": exitDenied, "--operation Read --topic TOPIC": exitDenied,
	} {
		t.Run(args, func(t *testing.T) {
			assert.Equal(t, status, runWith(acls, append([]string{"check", "--acls", "-", "--principal", "User:c"}, strings.Fields(args)...)...).status)
		})
	}
}

func TestNeedsRefuses(t *testing.T) {
	const clients = "expected one of producer, transactional-producer, consumer, share-consumer, streams, streams-exactly-once, connect-worker, connect-worker-exactly-once, " +
		"sink-connector, source-connector, source-connector-exactly-once, dead-letter-topic, admin-describe, admin, mirror-maker-source, mirror-maker-target, schema-registry, ksqldb, kafka-ui, cruise-control, kafka-lag-exporter, kafka-exporter, burrow, consumer-group-exporter"
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"--for", "elephant"}, []string{`portcullis: --for: unknown client "elephant": ` + clients}},
		{[]string{"--for", ""}, []string{`portcullis: --for: unknown client "": ` + clients}},
		{[]string{"Fetch", "--for", "consumer", "--grants", "Read:Topic"}, []string{`portcullis: the API "Fetch" and --grants and --for are given: expected one of them`}},
		{[]string{"--for", "consumer", "--grants", "Read:Topic"}, []string{"portcullis: --grants and --for are given: expected one of them"}},
		{[]string{"Fetch", "Produce"}, []string{"portcullis: accepts at most 1 arg(s), received 2"}},
		{[]string{"--topic", "a", "--user-principal", "b", "--principal", "c", "-o", "xml"}, []string{
			"portcullis: --topic needs --for",
			"portcullis: --user-principal needs --for",
			"portcullis: --principal needs --for",
			`portcullis: --output "xml": expected text or json`}},
		{[]string{"--for", "consumer", "--host", "10.0.0.1"}, []string{"portcullis: --host needs --principal"}},
		{[]string{"--for", "producer", "--group", "g", "--topic", "", "--topic", "\xff"}, []string{
			`portcullis: --topic "": expected the name of one resource`,
			`portcullis: --topic "\xff": expected valid UTF-8`,
			"portcullis: --group cannot be given: producer does not use it"}},
		{[]string{"--for", "consumer", "--principal", "User:a"}, []string{
			"portcullis: --topic is missing: the ACLs of consumer need a name",
			"portcullis: --group is missing: the ACLs of consumer need a name"}},
		{[]string{"--for", "producer", "--topic", "a", "--principal", "alice", "--host", "10.0.0.0/8"}, []string{
			`portcullis: --principal "alice": expected Type:name, such as User:alice`,
			`portcullis: --host "10.0.0.0/8": expected an IP address, such as 10.0.0.1 or 2001:db8::1, or *`}},
		{[]string{"--for", "admin", "--user-principal", "bob"}, []string{`portcullis: --user-principal "bob": expected Type:name, such as User:bob`}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) { refuse(t, "", append([]string{"protocol"}, test.args...), test.want...) })
	}
	for _, flag := range []string{"for", "grants", "principal", "host"} {
		refuse(t, "", []string{"protocol", "--" + flag, "a", "--" + flag, "b"},
			`portcullis: invalid argument "b" for "--`+flag+`" flag: given twice: see portcullis protocol --help`)
	}
}
