package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runIAM runs a command line of Confluent's on a file of roles.
func runIAM(path, stdin, line string) result {
	words := strings.Fields(line)
	words[0] = "iam" // confluent iam ...
	return runWith(stdin, append(words, "--file", path)...)
}

// TestConfluentCommandLines runs lines that were written for a metadata service, in both
// spellings.
func TestConfluentCommandLines(t *testing.T) {
	const head = "Principal         | Role          | Resource Type | Name             | Pattern Type\n"
	const row = "User:ConnectAdmin | ResourceOwner | Topic         | connect-statuses | LITERAL\n"
	path := filepath.Join(t.TempDir(), "roles.json")
	for i, step := range []struct {
		line, stdin    string
		status         int
		stdout, stderr string
	}{
		{"- rolebinding create --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses --kafka-cluster-id abc123", "", 0, head + row, ""},
		{"- rbac role-binding create --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses --kafka-cluster abc123", "", 0, head + row, ""},
		{"- rolebinding create --principal Group:devs --role DeveloperRead --resource Topic:a:b --prefix --kafka-cluster-id abc123", "", 0, "Principal  | Role          | Resource Type | Name | Pattern Type\nGroup:devs | DeveloperRead | Topic         | a:b  | PREFIXED\n", ""},
		{"- rolebinding create --principal User:root --role SystemAdmin --kafka-cluster-id abc123", "", 0, "Principal | Role        | Resource Type | Name | Pattern Type\nUser:root | SystemAdmin | Cluster       |      | \n", ""},
		{"- rolebinding create --principal User:root --role SystemAdmin --kafka-cluster-id abc123 --connect-cluster-id c1", "", 0, "Principal | Role        | Resource Type | Name | Pattern Type\nUser:root | SystemAdmin | Cluster       |      | \n", ""},
		{"- rbac role-binding list --principal User:ConnectAdmin --kafka-cluster abc123 -o json", "", 0, `[{"principal":"User:ConnectAdmin","role":"ResourceOwner","resource_type":"Topic","name":"connect-statuses","pattern_type":"LITERAL"}]` + "\n", ""},
		{"- rolebinding list --role DeveloperRead --kafka-cluster-id abc123 -o yaml", "", 0, "- principal: Group:devs\n  role: DeveloperRead\n  resource_type: Topic\n  name: a:b\n  pattern_type: PREFIXED\n", ""},
		{"- rolebinding list --role DeveloperRead --kafka-cluster-id other -o json", "", 0, "[]\n", ""},
		{"- rolebinding list --role SystemAdmin --kafka-cluster-id abc123 --inclusive -o json", "", 0, `[{"principal":"User:root","role":"SystemAdmin","resource_type":"Cluster","name":"","pattern_type":""},{"principal":"User:root","role":"SystemAdmin","resource_type":"Cluster","name":"","pattern_type":""}]` + "\n", ""},
		{"- rolebinding delete --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect --kafka-cluster-id abc123 --force", "", 1, "", `portcullis: nothing was deleted: "User:ConnectAdmin" has "ResourceOwner" on Topic "connect" is not bound in this scope; found "User:ConnectAdmin" has "ResourceOwner" on Topic "connect-statuses" in the scope Kafka abc123` + "\n"},
		{"- rolebinding delete --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses --kafka-cluster-id abc123", "n\n", 2, "", "Are you sure you want to delete: \"User:ConnectAdmin\" has \"ResourceOwner\" on Topic \"connect-statuses\" in the scope Kafka abc123? (y/n)\nportcullis: nothing was deleted: expected y on standard input, or --force\n"},
		{"- rbac role-binding delete --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses --kafka-cluster abc123", "y\n", 0, head + row, "Are you sure you want to delete: \"User:ConnectAdmin\" has \"ResourceOwner\" on Topic \"connect-statuses\" in the scope Kafka abc123? (y/n)\n"},
		{"- rolebinding list --principal User:ConnectAdmin --kafka-cluster-id abc123 -o json", "", 0, "[]\n", ""},
		{"- export --kafka-cluster abc123 -o json", "", 0, "", ""},
		// What is wrong is said together, and nothing is changed.
		{"- rolebinding create --principal alice --role X --resource Topic", "", 2, "", "portcullis: --principal \"alice\": expected Type:name, such as User:alice or Group:devs\nportcullis: expected --kafka-cluster-id, or --cluster-name\nportcullis: --resource \"Topic\": expected Type:name, such as Topic:orders\n"},
		{"- rolebinding create --principal User:alice --role X --kafka-cluster-id abc123", "", 2, "", "portcullis: \"User:alice\" has \"X\": no role has this name: the table has DeveloperManage, DeveloperRead, DeveloperWrite, ResourceOwner, SecurityAdmin, SystemAdmin, UserAdmin\n"},
		{"- rolebinding create --principal User:* --role SystemAdmin --kafka-cluster-id abc123", "", 2, "", "portcullis: \"User:*\" has \"SystemAdmin\": a role cannot be bound to everyone: bind it to a group by its name, or add an ACL for User:*\n"},
		{"- rolebinding create --principal User:a --role SystemAdmin --prefix --kafka-cluster-id abc123", "", 2, "", "portcullis: --prefix needs --resource\n"},
		{"- rolebinding create --principal User:a --role SystemAdmin --cluster-name prod", "", 2, "", "portcullis: \"User:a\" has \"SystemAdmin\": no cluster prod is registered\n"},
		{"- rolebinding list --kafka-cluster-id abc123", "", 2, "", "portcullis: expected --principal, --role or both\n"},
		{"- rolebinding list --role Nobody --kafka-cluster-id abc123", "", 2, "", "portcullis: --role \"Nobody\": expected the name of a role: iam rbac role list shows them\n"},
		{"- rolebinding list --role X --kafka-cluster-id abc123 -o xml", "", 2, "", "portcullis: --output \"xml\": expected human, json or yaml\n"},
		{"- export --kafka-cluster", "", 2, "", ""},
	} {
		got := runIAM(path, step.stdin, step.line)
		assert.Equal(t, step.status, got.status, "%d: %s: %s", i, step.line, got.stderr)
		if strings.Contains(step.line, "export") {
			continue
		}
		assert.Equal(t, step.stdout, got.stdout, step.line)
		assert.Equal(t, step.stderr, got.stderr, step.line)
	}
	exported := runIAM(path, "", "- export --kafka-cluster abc123 -o json")
	assert.Len(t, readACLs(t, exported.stdout), 8, "2 of the group, 6 of root")
	assert.Equal(t, "bindings: 2, ACLs: 8, bindings of components: 1\n", exported.stderr)
}

// TestRolesFile is refused where it is not what the program writes, and is not changed then.
func TestRolesFile(t *testing.T) {
	const create = "- rolebinding create --principal User:a --role SystemAdmin --kafka-cluster-id abc123"
	for name, test := range map[string]struct{ text, want string }{
		"not JSON":          {"hello", "roles.json: 1:1: expected a file of roles"},
		"another format":    {`{"format":"portcullis-roles-9"}`, `found the format "portcullis-roles-9"`},
		"an unknown field":  {`{"format":"portcullis-roles-1","deny":[]}`, "unknown field"},
		"more than one":     {`{"format":"portcullis-roles-1"} {}`, "expected nothing after the roles"},
		"a wrong type":      {"{\"format\":\"portcullis-roles-1\",\n\"bindings\":[{\"principal\":7}]}", "2:"},
		"an empty pattern":  {`{"format":"portcullis-roles-1","bindings":[{"principal":"User:a","role":"SystemAdmin","scope":{"clusters":{"kafka-cluster":"c"}},"resourcePattern":{}}]}`, "expected a resource type"},
		"no scope":          {`{"format":"portcullis-roles-1","bindings":[{"principal":"User:a","role":"SystemAdmin","scope":{}}]}`, "expected a scope"},
		"a bad principal":   {`{"format":"portcullis-roles-1","bindings":[{"principal":"a","role":"SystemAdmin"}]}`, `binding 1: found the principal "a"`},
		"an unknown role":   {`{"format":"portcullis-roles-1","bindings":[{"principal":"User:a","role":"Nobody","scope":{"clusters":{"kafka-cluster":"c"}}}]}`, "no role has this name"},
		"two names":         {`{"format":"portcullis-roles-1","clusters":[{"clusterName":"a","clusters":{"kafka-cluster":"c"}},{"clusterName":"b","clusters":{"kafka-cluster":"c"}}]}`, "registered already"},
		"a role that lacks": {`{"format":"portcullis-roles-1","roles":[{"name":"r"}]}`, "role r: found the level"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "roles.json", test.text)
			got := runIAM(path, "", create)
			assert.Equal(t, exitError, got.status)
			assert.Contains(t, got.stderr, test.want)
			assert.Equal(t, test.text, readAll(t, path))
		})
	}
	t.Run("a lost file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roles.json")
		require.Equal(t, exitDone, runIAM(path, "", create).status)
		require.NoError(t, os.Remove(path))
		assert.Equal(t, exitError, runIAM(path, "", create).status, "its checksum is still there")
	})
	t.Run("an edit without its checksum", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roles.json")
		require.Equal(t, exitDone, runIAM(path, "", create).status)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(readAll(t, path), "User:a", "User:b", 1)), 0o600))
		got := runIAM(path, "", "- export --kafka-cluster abc123")
		assert.Equal(t, exitError, got.status)
		assert.Contains(t, got.stderr, "restore the file, or create its checksum again")
	})
	t.Run("names and roles of one's own", func(t *testing.T) {
		path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"prod","clusters":{"kafka-cluster":"abc123"}}],
"roles":[{"name":"DeveloperRead","accessPolicy":{"scopeType":"Resource","allowedOperations":[{"resourceType":"Topic","operations":["Read","Describe","DescribeConfigs"]}]}},
{"name":"NoSecrets","accessPolicy":{"scopeType":"Cluster","allowedOperations":[{"resourceType":"Topic","operations":["Read"],"permission":"DENY","host":"10.0.0.0/8","patterns":[{"resourceType":"Topic","name":"secret-","patternType":"PREFIXED"}]}]}}]}`)
		require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create --principal User:a --role DeveloperRead --resource Topic:t --cluster-name prod").status)
		require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create --principal Group:g --role NoSecrets --kafka-cluster-id abc123").status)
		got := runIAM(path, "", "- rbac role-binding list --principal User:a --kafka-cluster abc123 -o json")
		assert.Contains(t, got.stdout, `"name":"t"`)
		acls := readACLs(t, runIAM(path, "", "- export --kafka-cluster prod -o json").stdout)
		assert.Len(t, acls, 4)
		assert.Equal(t, "NoSecrets (Cluster)\n  DENY Topic: Read from 10.0.0.0/8 on PREFIXED Topic \"secret-\"\n", runIAM(path, "", "- rbac role describe NoSecrets").stdout)
		assert.Contains(t, runIAM(path, "", "- rbac role list").stdout, "NoSecrets (Cluster)\n")
		assert.Contains(t, runIAM(path, "", "- rbac role describe DeveloperRead -o json").stdout, `"scopeType": "Resource"`)
		assert.Equal(t, exitError, runIAM(path, "", "- rbac role describe Nobody").status)
	})
}

// TestImportRoles takes bindings from where they are today, or refuses all of them.
func TestImportRoles(t *testing.T) {
	const lookup = `[{"scope":{"clusters":{"kafka-cluster":"abc123"}},"rolebindings":{
"User:alice":{"DeveloperRead":[{"resourceType":"Topic","name":"a","patternType":"LITERAL"},{"resourceType":"Group","name":"g-","patternType":"PREFIXED"}]},
"Group:admins":{"SystemAdmin":[]}}},
{"scope":{"clusters":{"kafka-cluster":"abc123","connect-cluster":"c"}},"rolebindings":{"User:alice":{"SystemAdmin":[]}}}]`
	const cfk = `apiVersion: v1
kind: Secret
metadata: {name: s}
---
apiVersion: platform.confluent.io/v1beta1
kind: ConfluentRolebinding
metadata: {name: connect-statuses, namespace: confluent}
spec:
  principal: {type: user, name: ConnectAdmin}
  role: ResourceOwner
  resourcePatterns:
  - {name: connect-statuses, resourceType: Topic}
  - {name: connect-, resourceType: Topic, patternType: PREFIXED}
  clustersScopeByIds: {kafkaClusterId: abc123}
  kafkaRestClassRef: {name: default, namespace: confluent}
---
apiVersion: platform.confluent.io/v1beta1
kind: ConfluentRolebinding
metadata: {name: admins}
spec:
  principal: {type: group, name: admins}
  role: SystemAdmin
`
	for _, test := range []struct {
		name, line, text string
		status           int
		stdout, stderr   string
		acls             int
	}{
		{"lookup", "- import --from lookup -", lookup, 0, "roles: 0, bindings: 4, of which new: 4, ACLs: 0, of which new: 0, other resources: 0\n", "", 10},
		{"one item of a lookup", "- import --from lookup -", `{"scope":{"clusters":{"kafka-cluster":"abc123"}},"rolebindings":{"Group:admins":{"SystemAdmin":[]}}}`, 0, "roles: 0, bindings: 1, of which new: 1, ACLs: 0, of which new: 0, other resources: 0\n", "", 6},
		{"a list", "- import --from list --kafka-cluster abc123 -", `[{"principal":"User:a","role":"SystemAdmin","resource_type":"Cluster","name":"","pattern_type":""},{"principal":"User:a","role":"DeveloperWrite","resource_type":"Cluster","name":"kafka-cluster","pattern_type":"LITERAL"}]`, 0, "roles: 0, bindings: 2, of which new: 2, ACLs: 0, of which new: 0, other resources: 0\n", "", 7},
		{"a list without a scope", "- import --from list -", `[]`, 2, "", "portcullis: standard input: the list does not say where its bindings hold: expected --kafka-cluster, or --cluster-name\n", 0},
		{"Kubernetes", "- import --from cfk --kafka-cluster abc123 -", cfk, 0, "roles: 0, bindings: 3, of which new: 3, ACLs: 0, of which new: 0, other resources: 1\n", "", 22},
		{"Kubernetes without a scope", "- import --from cfk -", cfk, 2, "", "portcullis: standard input: document 3 (line 21), admins: it has no scope, which means the Kafka cluster of its REST class: expected --kafka-cluster with its id\n", 0},
		{"a field that could limit", "- import --from cfk --kafka-cluster abc123 -", strings.Replace(cfk, "  role: SystemAdmin", "  role: SystemAdmin\n  condition: never", 1), 2, "", "portcullis: standard input: document 3 (line 21), admins: spec: yaml: unmarshal errors: line 3: field condition not found in type roleformats.cfkBinding\n", 0},
		{"a role that is not known", "- import --from lookup -", `[{"scope":{"clusters":{"kafka-cluster":"abc123"}},"rolebindings":{"User:a":{"ClusterAdmin":[]}}}]`, 2, "", "portcullis: standard input: item 1, User:a, ClusterAdmin: \"User:a\" has \"ClusterAdmin\": no role has this name: the table has DeveloperManage, DeveloperRead, DeveloperWrite, ResourceOwner, SecurityAdmin, SystemAdmin, UserAdmin\n", 0},
		{"a principal without a type", "- import --from lookup -", `[{"scope":{"clusters":{"kafka-cluster":"abc123"}},"rolebindings":{"a":{"SystemAdmin":[]}}}]`, 2, "", "portcullis: standard input: item 1, a, SystemAdmin: found the principal a, expected Type:name, such as User:alice\n", 0},
		{"a resource without a name", "- import --from lookup -", `[{"scope":{"clusters":{"kafka-cluster":"abc123"}},"rolebindings":{"User:a":{"SystemAdmin":[{}]}}}]`, 2, "", "portcullis: standard input: item 1, User:a, SystemAdmin: found a resource without a type and a name\n", 0},
		{"no JSON", "- import --from lookup -", `x`, 2, "", "portcullis: standard input: at byte 0: invalid character 'x' looking for beginning of value\n", 0},
		{"no roles", "- import --from roles -", `{}`, 2, "", "", 0},
		{"another format", "- import --from xml -", ``, 2, "", "portcullis: --from \"xml\": expected one of lookup, roles, list, script, cfk, terraform, hcl, rpk, redpanda, msk\n", 0},
		{"a dry run", "- import --dry-run --from lookup -", lookup, 0, "roles: 0, bindings: 4, of which new: 4, ACLs: 0, of which new: 0, other resources: 0\n", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "roles.json")
			got := runIAM(path, test.text, test.line)
			assert.Equal(t, test.status, got.status, got.stderr)
			assert.Equal(t, test.stdout, got.stdout)
			if test.stderr != "" || test.status == 0 {
				assert.Equal(t, test.stderr, got.stderr)
			}
			if test.acls == 0 {
				assert.NoFileExists(t, path)
				return
			}
			assert.Len(t, readACLs(t, runIAM(path, "", "- export --kafka-cluster abc123 -o json").stdout), test.acls)
			again := runIAM(path, test.text, test.line)
			assert.Contains(t, again.stdout, "of which new: 0, ACLs: 0, of which new: 0")
		})
	}
	t.Run("roles, then bindings of them", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roles.json")
		roles := `[{"name":"ClusterAdmin","accessPolicy":{"scopeType":"Cluster","allowedOperations":[{"resourceType":"Topic","operations":["Create"]}]}}]`
		require.Equal(t, "roles: 1, bindings: 0, of which new: 0, ACLs: 0, of which new: 0, other resources: 0\n", runIAM(path, roles, "- import --from roles -").stdout)
		require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create --principal User:a --role ClusterAdmin --kafka-cluster-id abc123").status)
		assert.Len(t, readACLs(t, runIAM(path, "", "- export --kafka-cluster abc123 -o json").stdout), 1)
	})
}
