package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// ask is a question about acme by flags. Tests append further flags.
func ask(args ...string) []string {
	return append([]string{"check", "--acls", acme + "acls.txt"}, args...)
}

func TestCheckByFlags(t *testing.T) {
	const (
		onPayments = " on ResourcePattern(resourceType=TOPIC, name=payments., patternType=PREFIXED)\n"
		byDefault  = "reason: default deny: no ACL matches\n"
	)
	for _, test := range []struct {
		args   string // separated by spaces
		status int
		stdout string
	}{
		{"--principal User:billing --operation Write --topic payments.eu", exitDone,
			"allowed: User:billing from 127.0.0.1, Write on Topic payments.eu\n" +
				"reason: matching allow: (principal=User:billing, host=*, operation=WRITE, permissionType=ALLOW)" + onPayments},
		{"--principal User:ledger --operation READ --topic payments.eu --host 203.0.113.1", exitDenied,
			"denied: User:ledger from 203.0.113.1, Read on Topic payments.eu\n" +
				"reason: matching deny: (principal=User:*, host=203.0.113.0/24, operation=ALL, permissionType=DENY) on ResourcePattern(resourceType=TOPIC, name=*, patternType=LITERAL)\n"},
		// Kafka's own authorizer knows no networks, and addresses only as it prints them.
		{"--principal User:ledger --operation READ --topic payments.eu --host 203.0.113.1 --semantics kafka-exact", exitDone,
			"allowed: User:ledger from 203.0.113.1, Read on Topic payments.eu\n" +
				"reason: matching allow: (principal=User:ledger, host=*, operation=READ, permissionType=ALLOW)" + onPayments},
		{"--principal User:contractor --operation Read --group contractor --host 2001:DB8:0::7", exitDone,
			"allowed: User:contractor from 2001:db8::7, Read on Group contractor\n" +
				"reason: matching allow: (principal=User:contractor, host=2001:db8::7, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=GROUP, name=contractor, patternType=LITERAL)\n"},
		{"--principal User:contractor --operation Read --group contractor --host 2001:db8::7 --semantics kafka-exact", exitDenied,
			"denied: User:contractor from 2001:db8::7, Read on Group contractor\n" + byDefault},
		{"--principal User:contractor --operation Read --group contractor --host ::ffff:10.20.7.4", exitDone,
			"allowed: User:contractor from 10.20.7.4, Read on Group contractor\n" +
				"reason: matching allow: (principal=User:contractor, host=10.20.7.4, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=GROUP, name=contractor, patternType=LITERAL)\n"},
		{"--principal User:connect-worker --operation create --cluster", exitDone,
			"allowed: User:connect-worker from 127.0.0.1, Create on Cluster kafka-cluster\n" +
				"reason: matching allow: (principal=User:connect-worker, host=*, operation=CREATE, permissionType=ALLOW) on ResourcePattern(resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL)\n"},
		{"--principal User:billing --operation Write --transactional-id billing-1", exitDone,
			"allowed: User:billing from 127.0.0.1, Write on TransactionalId billing-1\n" +
				"reason: matching allow: (principal=User:billing, host=*, operation=WRITE, permissionType=ALLOW) on ResourcePattern(resourceType=TRANSACTIONAL_ID, name=billing-, patternType=PREFIXED)\n"},
		{"--principal User:token-desk --operation Describe --delegation-token t-4711", exitDone,
			"allowed: User:token-desk from 127.0.0.1, Describe on DelegationToken t-4711\n" +
				"reason: matching allow: (principal=User:token-desk, host=*, operation=DESCRIBE, permissionType=ALLOW) on ResourcePattern(resourceType=DELEGATION_TOKEN, name=t-4711, patternType=LITERAL)\n"},
		{"--principal User:token-desk --operation CREATE_TOKENS --user-principal User:tenant-red", exitDone,
			"allowed: User:token-desk from 127.0.0.1, CreateTokens on User User:tenant-red\n" +
				"reason: matching allow: (principal=User:token-desk, host=*, operation=CREATE_TOKENS, permissionType=ALLOW) on ResourcePattern(resourceType=USER, name=User:tenant-red, patternType=LITERAL)\n"},
		{"--principal User:a --group-principal Group:b --group-principal Group:operators --operation Alter --cluster --host 10.20.0.3", exitDone,
			"allowed: User:a with Group:b, Group:operators from 10.20.0.3, Alter on Cluster kafka-cluster\n" +
				"reason: matching allow: (principal=Group:operators, host=10.20.0.0/16, operation=ALTER, permissionType=ALLOW) on ResourcePattern(resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL)\n"},
		{"--principal User:a --operation Alter --topic x --super-users User:b;User:a", exitDone,
			"allowed: User:a from 127.0.0.1, Alter on Topic x\nreason: super user: no ACL was evaluated\n"},
		{"--principal User:a --operation Alter --group x", exitDenied, "denied: User:a from 127.0.0.1, Alter on Group x\n" + byDefault},
		{"--principal User:a --operation Delete --transactional-id x --allow-everyone-if-no-acl-found", exitDone,
			"allowed: User:a from 127.0.0.1, Delete on TransactionalId x\nreason: default allow: no ACL covers the resource, and then everyone is allowed\n"},
		{"--principal User:a --operation Write --transactional-id billing-1 --allow-everyone-if-no-acl-found", exitDenied,
			"denied: User:a from 127.0.0.1, Write on TransactionalId billing-1\n" + byDefault},
		{"--principal User:billing --operation Describe --topic payments.eu -o json", exitDone,
			`{"allowed":true,"reason":"matching allow","principal":"User:billing","host":"127.0.0.1","operation":"DESCRIBE","resourceType":"TOPIC","name":"payments.eu",` +
				`"acl":{"resourceType":"TOPIC","name":"payments.","patternType":"PREFIXED","principal":"User:billing","host":"*","operation":"WRITE","permission":"ALLOW"}}` + "\n"},
		{"--principal User:a --group-principal Group:<b> --operation Describe --topic é --output json", exitDenied,
			`{"allowed":false,"reason":"default deny","principal":"User:a","groups":["Group:<b>"],"host":"127.0.0.1","operation":"DESCRIBE","resourceType":"TOPIC","name":"é"}` + "\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			stderr := ""
			switch {
			case strings.Contains(test.args, "Alter --group"):
				stderr = "warning: Kafka never asks for Alter on Group, only for Read, Delete, Describe, DescribeConfigs, AlterConfigs\n"
			case strings.Contains(test.args, "Delete --transactional-id"):
				stderr = "warning: Kafka never asks for Delete on TransactionalId, only for Write, Describe, TwoPhaseCommit\n"
			}
			expect(t, test.status, test.stdout, stderr, "", ask(strings.Fields(test.args)...)...)
		})
	}
}

// A client's text must not act on the terminal or look like another answer.
func TestCheckShowsTextSafely(t *testing.T) {
	for name, shown := range map[string]string{
		"a\x1b[2J":           `"a\x1b[2J"`,
		"a\nallowed: User:b": `"a\nallowed: User:b"`,
		"a; reason: x":       `"a; reason: x"`,
		"\u202eevil":         `"\u202eevil"`,
		" a":                 `" a"`,
		"a,é;(b)":            "a,é;(b)",
		`"a"`:                `"\"a\""`,
		"a b é":              `"a b é"`,
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, exitDenied, "denied: User:u from 127.0.0.1, Read on Group "+shown+"\nreason: default deny: no ACL matches\n", "", "",
				ask("--principal", "User:u", "--operation", "Read", "--group", name)...)
		})
	}
	dump := `{"resourceType":"GROUP","name":"\u001b[2J","patternType":"PREFIXED","principal":"User:*","host":"a\nb","operation":"READ","permission":"ALLOW"}` + "\n" +
		`{"resourceType":"GROUP","name":"\u001b[2J","patternType":"PREFIXED","principal":"User:\u0000","host":"*","operation":"READ","permission":"ALLOW"}`
	expect(t, exitDone, `allowed: "User:\x00" from "fe80::1%\x1b", Read on Group "\x1b[2Jx"`+"\n"+
		`reason: matching allow: (principal="User:\x00", host=*, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=GROUP, name="\x1b[2J", patternType=PREFIXED)`+"\n",
		"", dump, "check", "--acls", "-", "--principal", "User:\x00", "--host", "fe80::1%\x1b", "--operation", "Read", "--group", "\x1b[2Jx")
}

func TestCheckOfSeveralFiles(t *testing.T) {
	allow := `{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"*","operation":"ALL","permission":"ALLOW"}` + "\n"
	deny := "Current ACLs for resource `Topic:*`: \n \tUser:a has Deny permission for operations: Read from hosts: * \n\n"
	args := []string{"check", "--principal", "User:a", "--operation", "Read", "--topic", "a", "--acls", file(t, "allow.jsonl", allow), "--acls"}
	assert.Equal(t, exitDenied, runWith(deny, append(args, "-")...).status, "an ALLOW in one file and a DENY in the other")
	assert.Equal(t, exitDone, runWith("", append(args, "-", "--allow-empty")...).status, "an ALLOW in one file and an empty other")
	// An empty dump, from a command that failed, must not allow everything.
	empty := []string{"check", "--principal", "User:a", "--operation", "Read", "--topic", "a", "--allow-empty", "--acls", "-"}
	assert.Equal(t, exitDenied, runWith("", empty...).status, "no ACLs")
	refuse(t, "", append(empty, "--allow-everyone-if-no-acl-found"),
		"portcullis: no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set")
	// All errors in all files.
	const next = " has no ACLs: portcullis convert --help names the formats that can be read; --bootstrap-server HOST:PORT reads the ACLs of a cluster itself"
	one, other := file(t, "one", "{}\n"), file(t, "other", "\n?\n")
	refuse(t, "", []string{"check", "--principal", "User:a", "--operation", "Read", "--topic", "a", "--acls", one, "--acls", "none", "--acls", other},
		one+`:1:2: found "}", expected the key "resourceType" or "name" or "patternType" or "principal" or "host" or "operation" or "permission"`,
		"portcullis: "+one+next,
		"portcullis: open none: no such file or directory",
		other+":2:1: found \"?\", expected a dump of ACLs that begins with Current ACLs for resource `…`: (kafka-acls), { (json) or /kafka-acl/ (zookeeper)",
		"portcullis: "+other+next)
	refuse(t, "?", []string{"check", "--principal", "User:a", "--operation", "Read", "--topic", "a", "--acls", "-", "--format", "json"},
		`standard input:1:1: found "?" (not valid JSON), expected a JSON object`)
}

func TestCheckRefusesFlags(t *testing.T) {
	const (
		operation = "expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, " +
			"IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit"
		flags = "expected one of --topic, --group, --cluster, --transactional-id, --delegation-token, --user-principal"
	)
	for _, test := range []struct {
		args []string
		want []string
	}{
		{nil, []string{
			"portcullis: --principal is missing: see portcullis check --help",
			"portcullis: --operation is missing: see portcullis check --help",
			"portcullis: no resource is given: " + flags}},
		{[]string{"--principal", "User:a", "--operation", "Read", "--topic", "a", "--cluster", "--group", "b"},
			[]string{"portcullis: --topic, --group, --cluster are given: expected one of them, or --questions for many"}},
		{[]string{"--principal", "User:a", "--operation", "Read", "--cluster=false"},
			[]string{`portcullis: invalid argument "false" for "--cluster" flag: takes no value: give the flag alone, or omit it: see portcullis check --help`}},
		{[]string{"--principal", "alice", "--group-principal", ":", "--operation", "Reed", "--topic", ""}, []string{
			`portcullis: --principal "alice": expected Type:name, such as User:alice`,
			`portcullis: --group-principal ":": expected principals of the form Type:name, such as Group:developers`,
			`portcullis: --operation "Reed": ` + operation,
			`portcullis: --topic "": expected the name of one resource`}},
		{[]string{"--principal", "User:a", "--operation", "ANY", "--topic", "a"}, []string{`portcullis: --operation "ANY": ` + operation}},
		{[]string{"--principal", "User:a", "--operation", "Unknown", "--topic", "a\xff"}, []string{
			`portcullis: --operation "Unknown": ` + operation, `portcullis: --topic "a\xff": expected valid UTF-8`}},
		{[]string{"--principal", "User:a", "--operation", "Read", "--topic", "a", "--host", "localhost"},
			[]string{`portcullis: --host "localhost": expected an IP address, such as 10.0.0.1 or 2001:db8::1`}},
		{[]string{"--principal", "User:a", "--operation", "Read", "--topic", "a", "--super-users", "User:b,c;d", "--semantics", "mine"}, []string{
			`portcullis: --semantics: unknown semantics "mine": expected documented, kafka-exact=4.2 or kafka-exact=4.4`,
			`portcullis: --super-users: principal "d" has no colon: expected Type:name, such as "User:d"`}},
		{[]string{"--questions", "q.csv", "--principal", "User:a", "--topic", "b", "--group-principal", "Group:c"},
			[]string{"portcullis: --topic, --principal, --group-principal cannot be given with --questions: each question in the file has its own"}},
		{[]string{"--questions", "-", "--acls", "-"}, []string{"portcullis: standard input (-) can be read only once: use files for the other inputs"}},
		{[]string{"--questions", "no such file"}, []string{"portcullis: open no such file: no such file or directory"}},
		{[]string{"--questions", acme + "questions.csv", "--host", "here"}, []string{`portcullis: --host "here": expected an IP address, such as 10.0.0.1 or 2001:db8::1`}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) { refuse(t, "", ask(test.args...), test.want...) })
	}
	// A flag of the question can be given only once.
	for _, flag := range []string{"principal", "operation", "host", "topic", "group", "questions", "super-users", "semantics", "output", "format"} {
		t.Run("twice "+flag, func(t *testing.T) {
			refuse(t, "", ask("--"+flag, "a", "--"+flag, "b"),
				`portcullis: invalid argument "b" for "`+map[bool]string{true: "-o, "}[flag == "output"]+"--"+flag+`" flag: given twice: see portcullis check --help`)
		})
	}
}
