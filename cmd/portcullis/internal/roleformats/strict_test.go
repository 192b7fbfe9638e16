package roleformats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestScriptsDropNothing: each of these lines may create a binding or an ACL. None is left out
// without a word, and a DENY with it.
func TestScriptsDropNothing(t *testing.T) {
	const alone = "found a command about roles or ACLs that is not read, expected confluent iam rolebinding create, confluent iam rbac role-binding create or confluent iam acl create, alone and not behind another command"
	const text = "found a command about roles or ACLs in a text, expected it as a command: whether the text runs is not known"
	const deny = "confluent iam acl create --deny --principal User:a --operation all --topic t --kafka-cluster c"
	check(t, []row{
		{"Kafka's own command", "script", Options{}, "kafka-acls --bootstrap-server x --add --deny-principal User:a --topic t", "file:1:1: " + alone},
		{"Kafka's own command, in a folder", "script", Options{}, "/opt/kafka/bin/kafka-acls.sh --add --deny-principal User:a", "file:1:1: " + alone},
		{"of a cluster of the cloud", "script", Options{}, "confluent kafka acl create --deny --operations read --topic t", "file:1:1: " + alone},
		{"behind a flag", "script", Options{}, "confluent iam -v acl create --deny", "file:1:1: " + alone},
		{"behind a flag with a value", "script", Options{}, "confluent iam --context prod acl create --deny", "file:1:1: " + alone},
		{"a variable as the command", "script", Options{}, "confluent iam $kind create --deny", "file:1:1: " + alone},
		{"the command of a command", "script", Options{}, "env A=b confluent iam acl create", "file:1:1: " + alone},
		{"REST", "script", Options{}, "curl -X POST https://mds/security/1.0/principals/User:a/roles/SystemAdmin -d @scope.json", "file:1:1: " + alone},
		{"REST of ACLs", "script", Options{}, "curl -X POST https://mds/security/1.0/acls -d @deny.json", "file:1:1: " + alone},
		{"the input of a shell", "script", Options{}, "bash <<'END'\n" + deny + "\nEND", "file:2:1: " + text},
		{"the input of another computer", "script", Options{}, "ssh host <<END\n" + deny + "\nEND", "file:2:1: " + text},
		{"the input of a block", "script", Options{}, "{ bash; } <<'END'\n" + deny + "\nEND", "file:2:1: " + text},
		{"a command in a variable", "script", Options{}, "run='" + deny + "'\n$run", "file:1:5: " + text},
		{"commands of a loop", "script", Options{}, "for c in '" + deny + "'; do $c; done", "file:1:10: " + text},
		{"words of a case", "script", Options{}, "case 'iam acl' in *) a;; esac", "file:1:6: " + text},
		{"a DENY for nobody", "script", Options{}, strings.Replace(deny, "User:a", "'Group:*'", 1),
			`file:1:1: (principal=Group:*, host=*, operation=ALL, permissionType=DENY) on ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL): invalid principal: "Group:*" is one principal, not everyone: expected "User:*", or a name`},
		{"an ALLOW for nobody", "script", Options{}, strings.Replace(strings.Replace(deny, "User:a", "'Group:*'", 1), "deny", "allow", 1),
			"Group:* ALLOW ALL TOPIC:LITERAL:t from * in c\n" + `note: 1:1: (principal=Group:*, host=*, operation=ALL, permissionType=ALLOW) on ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL): invalid principal: "Group:*" is one principal, not everyone: expected "User:*", or a name` + "\n"},
		{"what is about something else", "script", Options{}, "confluent iam user list\nconfluent kafka topic create t --partitions $N\nsetfacl -m u:x:r f\ncat <<END\nhello\nEND\nx=$(date)\nconfluent login --url $URL", "skipped 7\n"},
	})
}

// TestResourcesOfSeveralClusters: --kafka-cluster names one cluster, so that resources of two are not
// read together.
func TestResourcesOfSeveralClusters(t *testing.T) {
	redpanda := func(name, namespace, cluster, kind string) string {
		return "---\nkind: RedpandaRole\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec:\n  cluster: " + cluster +
			"\n  authorization: {acls: [{type: " + kind + ", resource: {type: topic, name: t}, operations: [read]}]}\n"
	}
	const one = "  DENY [Read] [Topic \"t\"] from *\n"
	const onlyOne = " it has another Redpanda cluster (clusterRef, in its namespace) than document 1 (line 5), a: import the resources of each cluster alone"
	cfk := func(name, namespace, ref string) string {
		return "---\nkind: ConfluentRolebinding\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: {principal: {type: user, name: " + name + "}, role: SystemAdmin" + ref + "}\n"
	}
	const service = " it has another REST class (kafkaRestClassRef), whose cluster --kafka-cluster stands for than document 1 (line 4), a: import the resources of each cluster alone"
	const bound = `"User:%s" has "SystemAdmin" in {"kafka-cluster":"abc123"}` + "\n"
	ref := func(name string) string { return ", kafkaRestClassRef: {name: " + name + "}" }
	check(t, []row{
		{"one cluster", "redpanda", abc, redpanda("a", "n", "{clusterRef: {name: x}}", "deny") + redpanda("b", "n", "\n    clusterRef:\n      name: x", "deny"), "role a\n" + one + "role b\n" + one},
		{"two clusters", "redpanda", abc, redpanda("a", "n", "{clusterRef: {name: x}}", "deny") + redpanda("b", "n", "{clusterRef: {name: y}}", "allow"), "file: document 2 (line 11), b:" + onlyOne},
		{"two namespaces", "redpanda", abc, redpanda("a", "n", "{clusterRef: {name: x}}", "deny") + redpanda("b", "m", "{clusterRef: {name: x}}", "allow"), "file: document 2 (line 11), b:" + onlyOne},
		{"a role twice", "redpanda", abc, redpanda("a", "n", "{clusterRef: {name: x}}", "deny") + redpanda("a", "n", "{clusterRef: {name: x}}", "allow"),
			"file: document 2 (line 11), a: found the role a again, expected each role once: roles of two clusters are imported one after the other, with different names"},
		{"in a list", "redpanda", abc, "kind: List\nitems:\n- kind: Secret\n- kind: RedpandaRole\n  metadata: {name: red}\n  spec: {principals: [alice], authorization: {acls: [{type: deny, resource: {type: topic, name: t}, operations: [read]}]}}",
			"role red\n" + one + `"User:alice" has "red" in {"kafka-cluster":"abc123"}` + "\nskipped 1\n"},
		{"in a list of roles", "redpanda", abc, "kind: RedpandaRoleBindingList\nitems:\n- kind: RedpandaRoleBinding\n  metadata: {name: b}\n  spec: {roleRef: {name: red}, principals: [alice]}",
			`"User:alice" has "red" in {"kafka-cluster":"abc123"}` + "\n"},
		{"one REST class", "cfk", abc, cfk("a", "n", ref("x")) + cfk("b", "n", ref("x")), fmt.Sprintf(bound+bound, "a", "b")},
		{"two REST classes", "cfk", abc, cfk("a", "n", ref("x")) + cfk("b", "n", ref("y")), "file: document 2 (line 8), b:" + service},
		{"REST classes of two namespaces", "cfk", abc, cfk("a", "n", ref("x")) + cfk("b", "m", ref("x")), "file: document 2 (line 8), b:" + service},
		{"a REST class of another namespace", "cfk", abc, cfk("a", "n", ref("x, namespace: z")) + cfk("b", "m", ref("x, namespace: z")), fmt.Sprintf(bound+bound, "a", "b")},
		{"two REST classes with ids", "cfk", abc, cfk("a", "n", ref("x")) + cfk("b", "n", ref("y")+", clustersScopeByIds: {kafkaClusterId: abc123}"), fmt.Sprintf(bound+bound, "a", "b")},
		{"an alias of something else", "cfk", abc, "x: &x a\nkind: ConfluentRolebinding\nmetadata: {name: b}\nspec: {principal: {type: user, name: *x}, role: SystemAdmin}", "file: document 1 (line 4), b: spec: found an alias of an anchor that is not in the spec: write out what it stands for"},
		{"what is to be destroyed", "terraform", Options{}, `{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"confluent_role_binding.a","mode":"managed","type":"confluent_role_binding","deposed_key":"4ff9f6d1","values":{"principal":"User:a","role_name":"DeveloperRead","crn_pattern":"crn:///kafka=a/topic=t"}}]}}}`,
			"file: confluent_role_binding.a: found an object that Terraform is still to destroy: run terraform apply first"},
		{"rows of components", "list", abc, `[{"principal":"User:a","role":"SystemAdmin","resource_type":"Cluster","name":"","pattern_type":""},{"principal":"User:a","role":"DeveloperRead","resource_type":"Connector","name":"c","pattern_type":"LITERAL"}]`,
			"file: item 2: a Kafka cluster has no Connector: the list is of another scope, or of several with --inclusive, and does not say which row is of which: list each scope alone"},
	})
}

// TestAllOfARedpandaRole: ALL of a role in the file is also the right to give others access, which the
// ACL does not give.
func TestAllOfARedpandaRole(t *testing.T) {
	f, err := Find("rpk")
	require.NoError(t, err)
	set, err := f.Read("file", []byte(`{"permissions":[{"principal":"RedpandaRole:r","host":"*","resource_type":"GROUP","resource_name":"g","resource_pattern_type":"LITERAL","operation":"ALL","permission":"ALLOW"}],"members":[]}`), abc)
	require.NoError(t, err)
	operations := set.Roles[0].Grants[0].Operations
	assert.ElementsMatch(t, []string{"Read", "Delete", "Describe", "DescribeConfigs", "AlterConfigs"}, operations)
}

// TestLargeRole: the time grows with the permissions of a role, not with their square.
func TestLargeRole(t *testing.T) {
	var permissions []string
	for i := range 80_000 {
		permissions = append(permissions, fmt.Sprintf(`{"principal":"RedpandaRole:r","host":"*","resource_type":"TOPIC","resource_name":"some-topic-%d","resource_pattern_type":"LITERAL","operation":"READ","permission":"ALLOW"}`, i))
	}
	text := []byte(`{"permissions":[` + strings.Join(permissions, ",") + `],"members":[]}`)
	require.Less(t, len(text), MaxBytes)
	f, err := Find("rpk")
	require.NoError(t, err)
	began := time.Now()
	set, err := f.Read("file", text, abc)
	require.NoError(t, err)
	assert.Len(t, set.Roles[0].Grants, len(permissions))
	assert.Less(t, time.Since(began), 10*time.Second)
}
