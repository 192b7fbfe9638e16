package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	ordersHeading = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:"
	ordersEntry   = "(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)"
	ordersDump    = ordersHeading + "\n\t" + ordersEntry + "\n\n"
	ordersNode    = `{"version":1,"acls":[{"principal":"User:alice","permissionType":"Allow","operation":"Read","host":"*"}]}`
	ordersJSON    = `{"resourceType":"TOPIC","name":"orders","patternType":"LITERAL","principal":"User:alice","host":"*","operation":"READ","permission":"ALLOW"}`
	ordersRPK     = `{"principal":"User:alice","host":"*","resource_type":"TOPIC","resource_name":"orders","resource_pattern_type":"LITERAL","operation":"READ","permission":"ALLOW"}`
	noise         = "OpenJDK 64-Bit Server VM warning: If the number of processors is expected to increase from one, then configure the number of parallel GC threads\n" +
		"[2024-01-05 10:11:12,345] WARN The configuration 'ssl.endpoint.identification.algorithm' was supplied but isn't a known config. (org.apache.kafka.clients.admin.AdminClientConfig)\n" +
		"Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n"
	ordersUser = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\nmetadata: {name: alice}\nspec:\n  authorization:\n    type: simple\n    acls:\n" +
		"      - {resource: {type: topic, name: orders}, operations: [Read]}\n"
	uiHeader = "Principal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\n"
)

// gzipped returns a text compressed.
func gzipped(text string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(text)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.String()
}

// inUTF16 returns a text in UTF-16.
func inUTF16(text string, order binary.ByteOrder) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		two := make([]byte, 2)
		order.PutUint16(two, unit)
		out = append(out, two...)
	}
	return string(out)
}

// TestDumpsAsPeopleHaveThem: the same ACL in what a terminal, a ticket, a README and other tools
// make of it. It is read, and what was skipped is told.
func TestDumpsAsPeopleHaveThem(t *testing.T) {
	for _, test := range []struct{ name, text, told string }{
		{"as kafka-acls prints it", ordersDump, ""},
		{"as it printed before 4.1", ordersHeading + " \n \t" + ordersEntry + " \n\n", ""},
		{"spaces for the tab", "ACLs for principal `User:alice`\n" + ordersHeading + " \n        " + ordersEntry + " \n\n", ""},
		{"more spaces at the end", ordersHeading + "   \n\t" + ordersEntry + "     \n", ""},
		{"spaces of a web page", ordersHeading + "\u00a0\n\u00a0\u00a0" + ordersEntry + "\n", ""},
		{"a comment", "# " + ordersHeading + " \n#         " + ordersEntry + " \n", ""},
		{"a quotation", "> " + ordersHeading + "\n> \t" + ordersEntry + "\n>\n", "1, the first is line 3: >"},
		{"a list", "* " + ordersHeading + "\n  * " + ordersEntry + "\n", ""},
		{"a code fence that touches the text", "```" + ordersHeading + "\n\t" + ordersEntry + "```\n", ""},
		{"preformatted text of a page", "<pre>" + ordersHeading + "\n\t" + ordersEntry + "\n</pre>\n", "1, the first is line 3: </pre>"},
		{"code of Jira", "{noformat}\n" + ordersDump + "{noformat}\n", "2, the first is line 1: {noformat}"},
		{"the colours of a terminal", "\x1b[01;32m" + ordersHeading + "\x1b[0m\n\x1b[K\t" + ordersEntry + "\x1b[0m\x1b[K\n", ""},
		{"gzip", gzipped(ordersDump), ""},
		{"gzip of UTF-16", gzipped(inUTF16("\uFEFF"+ordersDump, binary.LittleEndian)), ""},
		{"a code fence", "```text\n" + ordersDump + "```\n", "2, the first is line 1: ```text"},
		{"prompts", "[root@kafka ~]$ kafka-acls --bootstrap-server kafka:9092 --list\n" + ordersDump + "[root@kafka ~]$ exit\n",
			`2, the first is line 1: "[root@kafka ~]$ kafka-acls --bootstrap-server kafka:9092 --list"`},
		{"noise of the JVM", noise + ordersDump, `3, the first is line 1: "OpenJDK 64-Bit Server VM warning: If the number of processors is…"`},
		{"a stack trace", "java.lang.RuntimeException: x\n\tat org.apache.kafka.Tool.main(Tool.java:7)\n" + ordersDump, `2, the first is line 1: "java.lang.RuntimeException: x"`},
		{"docker compose", "kafka-1  | " + ordersHeading + "\nkafka-1  | \t" + ordersEntry + "\n", ""},
		{"before 2.4", "Current ACLs for resource `Topic:orders`: \n \tUser:alice has Allow permission for operations: Read from hosts: * \n", ""},
		{"before 2.4, spaces for the tab", "Current ACLs for resource `Topic:LITERAL:orders`: \n        User:alice has Allow permission for operations: Read from hosts: *   \n", ""},
		{"before 2.4, a comment", "# Current ACLs for resource `Topic:orders`: \n#       User:alice has Allow permission for operations: Read from hosts: *\n", ""},
		{"UTF-16 with a mark", inUTF16("\uFEFF"+strings.ReplaceAll(ordersDump, "\n", "\r\n"), binary.LittleEndian), ""},
		{"UTF-16, big end first", inUTF16("\uFEFF"+ordersDump, binary.BigEndian), ""},
		{"UTF-16 without a mark", inUTF16(ordersDump, binary.LittleEndian), ""},
		{"UTF-8 with a mark", "\uFEFF" + ordersDump, ""},
		{"JSON lines", "\n  " + ordersJSON + "\n", ""},
		{"JSON lines after a log", `{"level":"WARN","message":"x"}` + "\n" + ordersJSON + "\n", `1, the first is line 1: "{\"level\":\"WARN\",\"message\":\"x\"}"`},
		{"zookeeper-shell", "Connecting to localhost:2181\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\nls /kafka-acl/Topic\n[orders]\n" +
			"[zk: localhost:2181(CONNECTED) 1] get -s /kafka-acl/Topic/orders\n" + ordersNode + "\ncZxid = 0x2b\nctime = Tue Jan 01 00:00:00 UTC 2019\ndataVersion = 0\n",
			`8, the first is line 1: "Connecting to localhost:2181"`},
		{"a command of zookeeper-shell", "$ bin/zookeeper-shell.sh zk:2181 get /kafka-acl/Topic/orders\n" + ordersNode + "\n", ""},
		{"rpk", `{"matches":[` + ordersRPK + "]}\n", ""},
		{"rpk in a code fence", "```json\n{\n  \"matches\": [\n" + ordersRPK + "]}\n```\n", ""},
		{"rpk with ACLs of the schema registry", `{"matches":[` + ordersRPK + "," + strings.Replace(ordersRPK, "TOPIC", "SUBJECT", 1) + "," + strings.Replace(ordersRPK, "TOPIC", "REGISTRY", 1) + "]}",
			`registry`},
		{"kafka-security-manager", "KafkaPrincipal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\nUser:alice,Topic,LITERAL,orders,Read,Allow,*\n", ""},
		{"kafka-security-manager with semicolons", "KafkaPrincipal;ResourceType;PatternType;ResourceName;Operation;PermissionType;Host\nUser:alice;Topic;LITERAL;orders;Read;Allow;*\n", ""},
		{"kafka-ui", uiHeader + "User:alice,TOPIC,LITERAL,orders,READ,ALLOW,*", ""},
		{"kafka-ui, the header of its documentation", "Principal,ResourceType, PatternType, ResourceName,Operation,PermissionType,Host\r\nUser:alice,TOPIC,LITERAL,orders,READ,ALLOW,*\r\n", ""},
		{"a stream of Kubernetes", "---\napiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata: {name: c}\nspec: {kafka: {version: 4.2.0}}\n---\n" + ordersUser +
			"---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: t}\nspec: {partitions: 3}\n", "kinds"},
	} {
		t.Run(test.name, func(t *testing.T) {
			told := test.told
			switch told {
			case "":
			case "registry":
				told = "standard input: ACLs kept apart: 1, of the resource type \"REGISTRY\", about which no request of Kafka asks\n" +
					"standard input: ACLs kept apart: 1, of the resource type \"SUBJECT\", about which no request of Kafka asks\n"
			case "kinds":
				told = "standard input: resources skipped that are no KafkaUser: Kafka (1), KafkaTopic (1)\n"
			default:
				told = "standard input: lines skipped that are no ACLs: " + told + "\n"
			}
			expect(t, exitDone, ordersDump, told, test.text, "list", "--acls", "-")
		})
	}
}

// TestDumpsThatAreRefused: what could have more than one meaning is an error, which says how to
// get a text that has one.
func TestDumpsThatAreRefused(t *testing.T) {
	const clean = "portcullis: the text of standard input seems to have been changed on its way: for a clean dump, use kafka-acls --bootstrap-server HOST:PORT --list > acls.txt"
	for _, test := range []struct {
		name, text string
		flags      []string
		want       []string
	}{
		{"a wrapped line", noise + ordersHeading + "\n\t(principal=User:alice, host=*, operation=READ, permissio\nnType=ALLOW)\n", nil, []string{
			`standard input:5:58: found the end of the line, expected ")" before it`, clean}},
		{"all on one line", "# " + ordersHeading + " " + ordersEntry + "\n", nil, []string{
			"standard input:1:170: found the end of the line, expected \"`:\" before it", clean}},
		{"an unknown mark", ordersHeading + "\n\t" + ordersEntry + "\nentry: " + ordersEntry + "\n$ exit\n", nil, []string{
			`standard input:3:1: found "entry: (principal=User:alice, host=*, operation=READ, permission"…, expected a heading such as ` + ordersHeading +
				" or, after a tab, an entry such as " + ordersEntry, clean}},
		{"entries alone", "  " + ordersEntry + "\n", nil, []string{
			"standard input:1:3: found an entry before any resource, expected a heading above it, such as " + ordersHeading, clean}},
		{"a node without its path", "Connecting to localhost:2181\n" + ordersNode + "\ncZxid = 0x2b\n", nil, []string{
			"standard input:2:1: found the content of a ZooKeeper node without its path, which says what the ACLs are about, " +
				"expected the command before it, such as get /kafka-acl/Topic/orders, or the path, a space and the content on one line", clean}},
		{"nothing that looks like an ACL", "Error while executing ACL command: timed out\n\tat x\n", nil, []string{
			"standard input:1:1: found \"Error while executing ACL command: timed out\", expected a dump of ACLs that begins with Current ACLs for resource `…`: (kafka-acls), { (json) or /kafka-acl/ (zookeeper)",
			"portcullis: standard input has no ACLs: portcullis convert --help names the formats that can be read; --bootstrap-server HOST:PORT reads the ACLs of a cluster itself"}},
		{"the log of an authorizer", "[2023-01-01 00:00:00,000] INFO Principal = User:a is Denied Operation = Read from host = 10.0.0.1 on resource = Topic:t (kafka.authorizer.logger)\n", nil, []string{
			"standard input:1:1: found \"[2023-01-01 00:00:00,000] INFO Principal = User:a is Denied Oper\"…, expected a dump of ACLs that begins with Current ACLs for resource `…`: (kafka-acls), { (json) or /kafka-acl/ (zookeeper)",
			"portcullis: standard input has no ACLs: it looks like the log of an authorizer: portcullis suggest --trace FILE reads it"}},
		{"a krb5.conf", "includedir /etc/krb5.conf.d/\n[libdefaults]\n default_realm = EXAMPLE.COM\n", nil, []string{
			"standard input:1:1: found \"includedir /etc/krb5.conf.d/\", expected a dump of ACLs that begins with Current ACLs for resource `…`: (kafka-acls), { (json) or /kafka-acl/ (zookeeper)",
			"portcullis: standard input has no ACLs: it looks like a configuration with rules for names: portcullis principal reads it"}},
		{"a difference of dumps", "+" + ordersHeading + "\n+\t" + ordersEntry + "\n-\t" + ordersEntry + "\n", nil, []string{
			"standard input:1:1: found \"+Current ACLs for resource `ResourcePattern(resourceType=TOPIC, \"…, expected a dump of ACLs that begins with Current ACLs for resource `…`: (kafka-acls), { (json) or /kafka-acl/ (zookeeper)", clean}},
		{"a name with a line break", "Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=a\nb, patternType=LITERAL)`:\n\t" + ordersEntry + "\n", nil, []string{
			"standard input:1:70: found the end of the line, expected \"`:\" before it",
			"standard input:2:1: found \"b, patternType=LITERAL)`:\", expected a heading such as " + ordersHeading + " or, after a tab, an entry such as " + ordersEntry,
			"portcullis: a line of standard input is wrapped, or a name has a line break, which kafka-acls does not escape: read the ACLs of the cluster itself, with --bootstrap-server HOST:PORT instead of --acls"}},
		{"a colour in a name", strings.Replace(ordersDump, "name=orders", "name=or\x1b[0mders", 1), nil, []string{
			"standard input:1:71: found control character '\\x1b', expected only printable text: use the json format for other names"}},
		{"gzip that is cut", gzipped(ordersDump)[:40], nil, []string{"portcullis: standard input: gzip: unexpected EOF"}},
		{"gzip in gzip", gzipped(gzipped(ordersDump)), nil, []string{"portcullis: standard input: found gzip in gzip, expected text: unpack it first"}},
		{"half of a pair of UTF-16", inUTF16("\uFEFF"+ordersHeading+"\n\t(principal=User:", binary.LittleEndian) + "\x00\xd8" + inUTF16("x, host=*, operation=READ, permissionType=ALLOW)\n", binary.LittleEndian), nil,
			[]string{`portcullis: standard input: found half of a pair of UTF-16, or U+FFFD, expected whole characters: save the text as UTF-8`}},
		{"only other resources", "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: a}\nspec: {}", nil, []string{
			"portcullis: standard input has no ACL, only resources that are no KafkaUser: KafkaTopic (1): expected at least one, or --allow-empty"}},
		{"kafka-ui, two places", uiHeader + "User:a,TOPIC,LITERAL,b,TOPIC,LITERAL,orders,READ,ALLOW,*\n", nil, []string{
			"standard input:2:1: found more than one resource type with a pattern type, expected Principal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host, where no other part of the line is a resource type and a pattern type"}},
		{"another format than the flag says", `{"matches":[` + ordersRPK + "]}\n", []string{"--format", "json"}, []string{
			`standard input:1:2: found the key "matches", expected the key "resourceType" or "name" or "patternType" or "principal" or "host" or "operation" or "permission"`,
			"portcullis: the text of standard input looks like rpk: read it with --format rpk"}},
		{"a dump as YAML", ordersDump, []string{"--format", "strimzi"}, []string{
			"standard input:2:1: found invalid YAML (found character that cannot start any token), expected YAML",
			"portcullis: the text of standard input looks like kafka-acls: read it with --format kafka-acls"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			refuse(t, test.text, append([]string{"list", "--acls", "-"}, test.flags...), test.want...)
		})
	}
}

// TestKafkaUINamesWithCommas: kafka-ui does not quote. A line with one reading is read.
func TestKafkaUINamesWithCommas(t *testing.T) {
	got := runWith(uiHeader+"User:CN=a,OU=b,TOPIC,PREFIXED,x,y,WRITE,DENY,10.0.0.0/255.0.0.0\n", "list", "--acls", "-", "-o", "json")
	assert.Equal(t, exitDone, got.status, got.stderr)
	assert.Equal(t, `{"resourceType":"TOPIC","name":"x,y","patternType":"PREFIXED","principal":"User:CN=a,OU=b","host":"10.0.0.0/255.0.0.0","operation":"WRITE","permission":"DENY"}`+"\n", got.stdout)
}

// TestACLsOfALaterRelease: in decisions they fail closed, and each command that would lose one
// says so.
func TestACLsOfALaterRelease(t *testing.T) {
	everyone := "\t(principal=User:*, host=*, operation=ALL, permissionType=ALLOW)\n"
	denies := ordersHeading + "\n" + everyone + "\t(principal=User:alice, host=*, operation=LEAP, permissionType=DENY)\n"
	allows := strings.Replace(denies, "DENY", "ALLOW", 1)
	const told = `standard input:3:43: the ACL of User:alice on Topic orders has the operation "LEAP", which this version does not know: kept apart; in decisions it `
	question := []string{"check", "--acls", "-", "--operation", "Read", "--topic", "orders", "--principal"}
	for name, test := range map[string]struct {
		text, who, told string
		status          int
	}{
		"a DENY":               {denies, "User:alice", "denies all operations, because it may deny any", exitDenied},
		"a DENY, another user": {denies, "User:bob", "denies all operations, because it may deny any", exitDone},
		"an ALLOW":             {allows, "User:alice", "allows nothing", exitDone},
		"an ALLOW alone":       {strings.Replace(allows, everyone, "\n", 1), "User:alice", "allows nothing", exitDenied},
	} {
		t.Run(name, func(t *testing.T) {
			got := runWith(test.text, append(question, test.who)...)
			assert.Equal(t, test.status, got.status, got.stdout+got.stderr)
			assert.Equal(t, told+test.told+"\n", got.stderr)
		})
	}
	t.Run("list", func(t *testing.T) {
		expect(t, exitDone, ordersHeading+"\n"+everyone+"\n", told+"denies all operations, because it may deny any\n", denies, "list", "--acls", "-")
	})
	t.Run("convert", func(t *testing.T) {
		refuse(t, denies, []string{"convert", "--acls", "-", "--to", "json"},
			`portcullis: standard input:3:43: the ACL of User:alice has the operation "LEAP", which this version does not know: it cannot be converted`)
	})
}

// TestStoredACLsInEveryCommand: an ACL that Kafka no longer creates is in the output of each
// command, as text and as JSON, and lint finds it.
func TestStoredACLsInEveryCommand(t *testing.T) {
	stored := ordersHeading + "\n\t(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)\n\t(principal=test, host=*, operation=READ, permissionType=ALLOW)\n\n" +
		"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:\n\t(principal=User:a, host=10.0.0.0/255.0.0.0, operation=READ, permissionType=ALLOW)\n\n"
	for _, format := range []string{"kafka-acls", "kafka-acls-3", "json", "zookeeper", "rpk", "ksm"} {
		t.Run(format, func(t *testing.T) {
			converted := runWith(stored, "convert", "--acls", "-", "--to", format)
			require.Equal(t, exitDone, converted.status, converted.stderr)
			expect(t, exitDone, stored, "", converted.stdout, "list", "--acls", "-", "--format", format)
		})
	}
	for _, args := range []string{"list --acls - -o json", "who-can --acls - --operation Read --topic orders -o json"} {
		t.Run(args, func(t *testing.T) {
			got := runWith(stored, strings.Fields(args)...)
			assert.Equal(t, exitDone, got.status, got.stderr)
		})
	}
	// What StandardAuthorizer 4.4.0 itself answers, and the documented rules.
	everyone := "(principal=User:*, host=*, operation=ALL, permissionType=ALLOW)"
	for _, test := range []struct {
		pattern, entry    string
		kafka, documented int
	}{
		{"name=t, patternType=LITERAL", "(principal=User:a, host=10.0.0.0/255.0.0.0, operation=READ, permissionType=DENY)", exitDone, exitDenied}, // host-unreadable of docs/differences.md
		{"name=t, patternType=LITERAL", "(principal=User:a, host=, operation=READ, permissionType=DENY)", exitDone, exitDone},
		{"name=, patternType=PREFIXED", "(principal=User:a, host=*, operation=READ, permissionType=DENY)", exitDenied, exitDenied},
		{"name=, patternType=LITERAL", "(principal=User:a, host=*, operation=READ, permissionType=DENY)", exitDone, exitDone},
	} {
		t.Run(test.pattern+" "+test.entry, func(t *testing.T) {
			dump := "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:\n\t" + everyone +
				"\nCurrent ACLs for resource `ResourcePattern(resourceType=TOPIC, " + test.pattern + ")`:\n\t" + test.entry + "\n"
			for semantics, status := range map[string]int{"kafka-exact=4.4": test.kafka, "documented": test.documented} {
				got := runWith(dump, "check", "--acls", "-", "--principal", "User:a", "--host", "10.0.0.1", "--operation", "Read", "--topic", "t", "--semantics", semantics)
				assert.Equal(t, status, got.status, "%s: %s%s", semantics, got.stdout, got.stderr)
			}
		})
	}
	got := runWith(stored, "lint", "--acls", "-")
	assert.Equal(t, exitDenied, got.status)
	assert.Contains(t, got.stdout, `no-principal`)
	assert.Contains(t, got.stdout, `dead-host`)
	refused := runWith("", "acl", "add", "--file", file(t, "new.txt", ordersDump), "--allow-principal", "test", "--operation", "Read", "--topic", "orders")
	assert.Equal(t, exitError, refused.status, "creation is strict")
	assert.Contains(t, refused.stderr, "test")
}
