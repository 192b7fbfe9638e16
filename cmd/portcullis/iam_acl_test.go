package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCentralizedACLs runs command lines of confluent iam acl on a file of roles.
func TestCentralizedACLs(t *testing.T) {
	const head = "Kafka Cluster | Principal     | Permission | Operation | Host | Resource Type | Resource Name | Pattern Type\n"
	const finance = "abc123        | Group:Finance | ALLOW      | READ      | *    | TOPIC         | financial     | PREFIXED\n"
	const jane = `{"kafka_cluster_id":"abc123","principal":"User:Jane","permission":"DENY","operation":"DESCRIBE_CONFIGS","host":"10.0.0.1","resource_type":"GROUP","resource_name":"g","pattern_type":"LITERAL"}`
	path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"prod","clusters":{"kafka-cluster":"abc123"}},{"clusterName":"connect","clusters":{"kafka-cluster":"abc123","connect-cluster":"c"}}]}`)
	for i, step := range []struct {
		line, stdin    string
		status         int
		stdout, stderr string
	}{
		{"- acl create --kafka-cluster abc123 --allow --principal Group:Finance --operation read --topic financial --prefix", "", 0, head + finance, ""},
		{"- acl create --kafka-cluster-id abc123 --allow --principal Group:Finance --operation read --topic financial --prefix", "", 0, head + finance, ""},
		{"- acl create --kafka-cluster prod --allow --principal Group:Finance --operation READ --topic financial --prefix -o json", "", 0, `[{"kafka_cluster_id":"abc123","principal":"Group:Finance","permission":"ALLOW","operation":"READ","host":"*","resource_type":"TOPIC","resource_name":"financial","pattern_type":"PREFIXED"}]` + "\n", ""},
		{"- acl create --cluster-name prod --deny --principal User:Jane --operation describe --consumer-group g --host 10.0.0.1 -o json", "", 0, "[" + strings.Replace(jane, "DESCRIBE_CONFIGS", "DESCRIBE", 1) + "]\n", ""},
		{"- acl create --kafka-cluster other --deny --principal User:* --operation all --cluster-scope -o yaml", "", 0,
			"- kafka_cluster_id: other\n  principal: User:*\n  permission: DENY\n  operation: ALL\n  host: '*'\n  resource_type: CLUSTER\n  resource_name: kafka-cluster\n  pattern_type: LITERAL\n", ""},
		{"- acl list --kafka-cluster abc123 --principal Group:Finance", "", 0, head + finance, ""},
		{"- acl list --kafka-cluster abc123 --topic financial -o json", "", 0, "[]\n", ""},
		{"- acl list --kafka-cluster abc123 --topic financial --prefix", "", 0, head + finance, ""},
		{"- acl list --kafka-cluster abc123 --deny --operation describe -o json", "", 0, "[" + strings.Replace(jane, "DESCRIBE_CONFIGS", "DESCRIBE", 1) + "]\n", ""},
		{"- acl list --kafka-cluster nobody -o json", "", 0, "[]\n", ""},
		{"- acl delete --kafka-cluster abc123 --principal Group:Finance --operation read --host 10.0.0.1 --force", "", 1, "", "portcullis: nothing was deleted: no ACL of Kafka abc123 is selected; found (principal=Group:Finance, host=*, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=TOPIC, name=financial, patternType=PREFIXED)\n"},
		{"- acl delete --kafka-cluster abc123 --principal Group:Finance --operation read --host *", "no\n", 2, "", "patternType=PREFIXED)\nAre you sure you want to delete: these ACLs of Kafka abc123? (y/n)\nportcullis: nothing was deleted: expected y on standard input, or --force\n"},
		{"- acl delete --kafka-cluster abc123 --principal Group:Finance --operation read --host *", "y\n", 0, head + finance, ""},
		{"- acl list --kafka-cluster abc123 --principal Group:Finance -o json", "", 0, "[]\n", ""},
		// What is wrong is said together, and nothing is changed.
		{"- acl create", "", 2, "", "portcullis: --operation is missing: see portcullis iam acl create --help\nportcullis: --principal is missing: see portcullis iam acl create --help\nportcullis: expected one of --kafka-cluster, --kafka-cluster-id and --cluster-name\n"},
		{"- acl create --kafka-cluster a --cluster-name b --principal Jane --operation eat --allow --deny --topic a --consumer-group b", "", 2, "", "portcullis: expected one of --kafka-cluster, --kafka-cluster-id and --cluster-name\nportcullis: --principal \"Jane\": expected Type:name, such as User:alice or Group:devs\nportcullis: --operation \"eat\": expected an operation, such as read or describe-configs, or all\nportcullis: --allow cannot be given with --deny\nportcullis: found --topic, --consumer-group, expected one of them\n"},
		{"- acl create --kafka-cluster a --principal User:Jane --operation read", "", 2, "", "portcullis: expected --allow or --deny\nportcullis: no resource is given: expected one of --topic, --consumer-group, --transactional-id and --cluster-scope\n"},
		{"- acl create --kafka-cluster a --allow --principal User:Jane --operation write --consumer-group g", "", 2, "", "portcullis: Group has no operation Write: expected one of All, Read, Delete, Describe, DescribeConfigs, AlterConfigs\n"},
		{"- acl create --kafka-cluster a --deny --principal Group:* --operation all --topic t", "", 2, "", "is one principal, not everyone"},
		{"- acl create --kafka-cluster a --deny --principal User:* --operation all --topic * --prefix", "", 2, "", "for all names use LITERAL"},
		{"- acl create --kafka-cluster a --allow --principal User:Jane --operation alter --cluster-scope --prefix", "", 2, "", "portcullis: --prefix cannot be given with --cluster-scope\n"},
		{"- acl create --kafka-cluster connect --allow --principal User:Jane --operation write --topic t", "", 2, "", "portcullis: cluster \"connect\": expected the id or the name of a Kafka cluster\n"},
		{"- acl create --cluster-name test --allow --principal User:Jane --operation write --topic t", "", 2, "", "portcullis: no cluster test is registered\n"},
		{"- acl create --kafka-cluster a --allow --principal User:Jane --operation write --topic t --host 10.0.0.0/33", "", 2, "", "patternType=LITERAL): invalid host"},
	} {
		got := runIAM(path, step.stdin, step.line)
		assert.Equal(t, step.status, got.status, "%d: %s: %s", i, step.line, got.stderr)
		assert.Equal(t, step.stdout, got.stdout, step.line)
		assert.Contains(t, got.stderr, step.stderr, step.line)
	}
	t.Run("together with the roles", func(t *testing.T) {
		require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create --principal Group:g --role DeveloperRead --resource Group:g --kafka-cluster-id abc123").status)
		exported := runIAM(path, "", "- export --kafka-cluster prod -o json")
		assert.Len(t, readACLs(t, exported.stdout), 3, "Read and Describe of the role, and the DENY")
		assert.Contains(t, exported.stdout, `"permission":"DENY"`)
		assert.Len(t, readACLs(t, runIAM(path, "", "- export --kafka-cluster other -o json").stdout), 1)
	})
	t.Run("a new file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roles.json")
		assert.Equal(t, exitError, runIAM(path, "", "- acl list --kafka-cluster abc123").status)
		require.Equal(t, exitDone, runIAM(path, "", "- acl create --kafka-cluster abc123 --deny --principal User:a --operation all --topic t").status)
		assert.FileExists(t, path+".sum")
		assert.Contains(t, readAll(t, path), `"acls": [`+"\n    {")
	})
}
