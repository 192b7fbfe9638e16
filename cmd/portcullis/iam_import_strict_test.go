package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rpkRole is a role of Redpanda with one permission on a topic, and one member.
func rpkRole(name, topic, permission, member string) string {
	return `{"permissions":[{"principal":"RedpandaRole:` + name + `","host":"*","resource_type":"TOPIC","resource_name":"` + topic + `","resource_pattern_type":"LITERAL","operation":"READ","permission":"` + permission + `"}],"members":[{"name":"` + member + `","principal_type":"User"}]}`
}

// TestImportKeepsRoles: a role of the file is not replaced by one with its name, because its bindings
// would mean something else: a DENY would be gone.
func TestImportKeepsRoles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roles.json")
	run := func(text, line string) result { return runIAM(path, text, "- import --from "+line) }
	require.Equal(t, exitDone, run(rpkRole("red", "secret", "DENY", "alice"), "rpk - --kafka-cluster east").status)
	before := readAll(t, path)
	got := run(rpkRole("red", "orders", "ALLOW", "bob"), "rpk - --kafka-cluster west")
	assert.Equal(t, exitError, got.status)
	assert.Contains(t, got.stderr, "standard input: the file has another role red, and 1 bindings of it: rename one, or give --replace-roles\n")
	assert.Equal(t, before, readAll(t, path))
	got = run(rpkRole("red", "secret", "DENY", "bob"), "rpk - --kafka-cluster east")
	assert.Equal(t, exitDone, got.status, "the same role: %s", got.stderr)
	got = run(rpkRole("red", "orders", "ALLOW", "bob"), "rpk - --kafka-cluster west --replace-roles")
	assert.Equal(t, exitDone, got.status, got.stderr)
	assert.Contains(t, got.stderr, "note: the role red is replaced: 2 bindings of the file mean the new one\n")
	got = run(`[{"name":"red","accessPolicy":{"scopeType":"Cluster","allowedOperations":[]}}]`, "roles -")
	assert.Equal(t, exitDone, got.status, got.stderr)
	assert.Contains(t, got.stderr, "note: the role red is replaced: 3 bindings of the file mean the new one\n", "a table says what roles are")
	got = run(rpkRole("DeveloperRead", "orders", "ALLOW", "bob"), "rpk - --kafka-cluster west --replace-roles")
	assert.Contains(t, got.stderr, "the role DeveloperRead is a predefined one: rename it")
}

// TestImportPlaces: each binding and each ACL that the file cannot take is said with its place.
func TestImportPlaces(t *testing.T) {
	path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"prod","clusters":{"kafka-cluster":"abc123"}},{"clusterName":"c","clusters":{"kafka-cluster":"abc123","connect-cluster":"x"}}]}`)
	before := readAll(t, path)
	script := "confluent iam rolebinding create --principal User:a --role Nobody --kafka-cluster-id abc123\n" +
		"confluent iam rolebinding create --principal User:a --role DeveloperRead --resource Topic:t --kafka-cluster-id abc123\n" +
		"confluent iam rolebinding create --principal User:a --role DeveloperRead --resource Topic:t --cluster-name nowhere\n" +
		"confluent iam rolebinding create --principal User:a --role SystemAdmin --kafka-cluster-id prod\n" +
		"confluent iam acl create --deny --principal User:a --operation all --topic t --cluster-name c\n"
	got := runIAM(path, script, "- import --from script -")
	assert.Equal(t, exitError, got.status)
	for _, want := range []string{
		`standard input:1:1: "User:a" has "Nobody": no role has this name: the table has `,
		`standard input:3:1: "User:a" has "DeveloperRead" on Topic "t": no cluster nowhere is registered`,
		`standard input:4:1: "User:a" has "SystemAdmin": found the id prod, which is the name of the cluster with the id abc123`,
		`standard input:5:1: "User:a" has DENY All on Topic "t": expected a Kafka cluster: other components have no ACLs`,
	} {
		assert.Contains(t, got.stderr, want)
	}
	assert.NotContains(t, got.stderr, "input:2")
	assert.Equal(t, before, readAll(t, path))
}

// TestFlagsThatWouldBeIgnored are errors.
func TestFlagsThatWouldBeIgnored(t *testing.T) {
	path := file(t, "roles.json", `{"format":"portcullis-roles-1"}`)
	const role = `[{"name":"red","accessPolicy":{"scopeType":"Cluster","allowedOperations":[]}}]`
	for line, want := range map[string]string{
		"- import --from roles - --principal User:a":                                                    "--principal is for --from msk: with --from roles it would be ignored",
		"- import --from roles - --cluster-arn x":                                                       "--cluster-arn is for --from msk",
		"- import --from roles - --kafka-cluster abc123":                                                "with --from roles the text says where a role holds: the flags of a cluster would be ignored",
		"- import --from script - --cluster-name prod":                                                  "with --from script the text says where",
		"- import --from rpk - --kafka-cluster a --connect-cluster b":                                   "--from rpk is about Kafka: expected --kafka-cluster or --cluster-name, and no component",
		"- rbac role-binding list --role SystemAdmin --kafka-cluster a --connect-cluster c --inclusive": "--inclusive is for a Kafka cluster",
	} {
		got := runIAM(path, role, line)
		assert.Equal(t, exitError, got.status, line)
		assert.Contains(t, got.stderr, want, line)
	}
	missing := filepath.Join(t.TempDir(), "typo.json")
	got := runWith("", "iam", "rbac", "role", "list", "--file", missing)
	assert.Equal(t, exitError, got.status, "a file that is named must be there")
	for _, flag := range []string{"--kafka-cluster abc123", "--roles " + path, "--allow-empty", "--managed-by {}", "--semantics documented", "--super-users User:a", "--format json"} {
		words := strings.Fields(flag)
		got := runWith("", append([]string{"apply", "--plan", "plan.json", "--bootstrap-server", "127.0.0.1:1"}, words...)...)
		assert.Equal(t, 1, got.status, flag)
		assert.Contains(t, got.stderr, words[0]+" cannot be given with --plan: the plan says it", flag)
	}
}

// TestImpliedRights: what Kafka adds to a role is said where the role is shown, and where its ACLs are.
func TestImpliedRights(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roles.json")
	const table = `[{"name":"Altering","accessPolicy":{"scopeType":"Resource","allowedOperations":[{"resourceType":"Topic","operations":["Alter"]}]}}]`
	require.Equal(t, exitDone, runIAM(path, table, "- import --from roles -").status)
	const note = "note: role Altering, in Kafka also Topic: Describe, which it allows with Alter\n"
	assert.NotContains(t, runIAM(path, "", "- export --kafka-cluster abc123").stderr, note, "nobody has it")
	require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create --principal User:a --role Altering --resource Topic:t --kafka-cluster-id abc123").status)
	assert.Contains(t, runIAM(path, "", "- export --kafka-cluster abc123").stderr, note)
	assert.Equal(t, "Altering (Resource)\n  Topic: Alter\n  in Kafka also: Topic: Describe, which it allows with Alter\n", runIAM(path, "", "- rbac role describe Altering").stdout)
	assert.NotContains(t, runIAM(path, "", "- rbac role describe DeveloperRead").stdout, "in Kafka also")
}
