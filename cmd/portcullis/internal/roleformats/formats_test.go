package roleformats

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/role"
)

var abc = Options{Scope: role.Scope{Kafka: "abc123"}}

const arn = "arn:aws:kafka:us-east-1:123456789012:cluster/demo/11111111-2222-3333-4444-555555555555-1"

var mskOptions = Options{Scope: role.Scope{Kafka: "demo"}, Principal: "User:app", ClusterARN: arn}

// textOf returns what a set has, a line each.
func textOf(s *Set) string {
	var b strings.Builder
	for _, r := range s.Roles {
		fmt.Fprintf(&b, "role %s\n", r.Name)
		for _, g := range r.Grants {
			fmt.Fprintf(&b, "  %v %v %v from %s\n", g.Permission, g.Operations, g.Patterns, g.Host)
		}
	}
	for _, x := range s.Bindings {
		scope, _ := json.Marshal(x.Scope)
		fmt.Fprintf(&b, "%s in %s%s\n", x, x.Scope.Name, scope)
	}
	for _, a := range s.ACLs {
		e, p := a.ACL.Entry, a.ACL.Pattern
		fmt.Fprintf(&b, "%s %v %v %v:%v:%s from %s in %s%s\n", e.Principal, e.Permission, e.Operation, p.Type, p.PatternType, p.Name, e.Host, a.Scope.Name, a.Scope.Kafka)
	}
	if s.Skipped > 0 {
		fmt.Fprintf(&b, "skipped %d\n", s.Skipped)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

type row struct {
	name, from string
	options    Options
	text       string
	want       string // or the errors
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, test := range rows {
		t.Run(test.from+"/"+test.name, func(t *testing.T) {
			f, err := Find(test.from)
			require.NoError(t, err)
			set, err := f.Read("file", []byte(test.text), test.options)
			if err != nil {
				assert.Nil(t, set, "nothing is applied half")
				assert.Equal(t, test.want, err.Error())
				return
			}
			assert.Equal(t, test.want, textOf(set))
		})
	}
}

// TestScripts reads what certainly runs, and refuses the rest with its place.
func TestScripts(t *testing.T) {
	const alone = "found a command about roles or ACLs that is not read, expected confluent iam rolebinding create, confluent iam rbac role-binding create or confluent iam acl create, alone and not behind another command"
	const runs = "found it in a condition, a loop, a function or a pipe, expected a command that runs in any case"
	const static = "found a variable, a command or a pattern in a word, expected text: what it is when the script runs is not known; quote * and other patterns"
	const seed = "confluent iam rolebinding create --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses --kafka-cluster-id abc123"
	const seedIs = `"User:ConnectAdmin" has "ResourceOwner" on Topic "connect-statuses" in {"kafka-cluster":"abc123"}` + "\n"
	check(t, []row{
		{"one line", "script", Options{}, seed, seedIs},
		{"a script", "script", Options{}, "#!/bin/bash\nset -e # stop\nlogin=yes\nconfluent login --url x && " + seed + `
/usr/local/bin/confluent iam rbac role-binding create \
  --principal 'Group:the devs' --role DeveloperRead \
  --resource "Topic:a:b \"x\"" --prefix \
  --kafka-cluster abc123 --connect-cluster c1 -o json   # a comment with rolebinding create
{ confluent iam acl create --deny --principal "User:*" --operation describe-configs --topic '*' --kafka-cluster-id abc123; }
confluent iam acl create --allow --principal User:a --operation all --cluster-scope --kafka-cluster abc123 --host 10.0.0.1
confluent iam rolebinding list --principal User:a --kafka-cluster-id abc123 | grep x
confluent iam rbac role-binding create --principal=User:root --role=SystemAdmin --cluster-name prod
`, seedIs + `"Group:the devs" has "DeveloperRead" on PREFIXED Topic "a:b \"x\"" in {"kafka-cluster":"abc123","connect-cluster":"c1"}
"User:root" has "SystemAdmin" in prod{}
User:* DENY DESCRIBE_CONFIGS TOPIC:LITERAL:* from * in abc123
User:a ALLOW ALL CLUSTER:LITERAL:kafka-cluster from 10.0.0.1 in abc123
skipped 5
`},
		{"variables", "script", Options{}, seed + "\nconfluent iam rolebinding create --principal \"User:$NAME\" --role A --kafka-cluster-id c\nconfluent iam rolebinding create --principal User:a --role $(cat role) --kafka-cluster-id c\nconfluent iam acl create --allow --principal User:a --operation all --topic * --kafka-cluster c\nconfluent iam acl create --allow --principal User:a --operation all --topic {a,b} --kafka-cluster c",
			"file:2:46: " + static + "\nfile:3:60: " + static + "\nfile:4:77: " + static + "\nfile:5:77: " + static},
		{"where it may not run", "script", Options{}, "if true; then " + seed + "; fi\nfor a in b; do " + seed + "; done\nfalse || " + seed + "\nf() { " + seed + "; }\n! " + seed + "\n" + seed + " &\n" + seed + " | cat",
			"file:1:15: " + runs + "\nfile:2:16: " + runs + "\nfile:3:10: " + runs + "\nfile:4:7: " + runs + "\nfile:5:3: " + runs + "\nfile:6:1: " + runs + "\nfile:7:1: " + runs},
		{"after the end", "script", Options{}, seed + "; if true; then a; fi; exit 0\n" + seed, "file:2:1: " + runs},
		{"in a text that is a file", "script", Options{}, "cat <<END\n$(" + seed + ")\nEND\nx=`" + seed + "`", "file:2:3: " + runs + "\nfile:4:4: " + runs},
		{"behind another command", "script", Options{}, "sudo " + seed + "\n$CLI iam rolebinding create\nbash -c '" + seed + "'\nconfluent iam rolebinding delete --principal User:a\nx=\"$(confluent iam rbac role-binding create)\" y\necho \"$(" + seed + ")\"\nconfluent iam acl\n",
			"file:1:1: " + alone + "\nfile:2:1: " + alone + "\nfile:3:1: " + alone + "\nfile:4:1: " + alone + "\nfile:5:6: " + runs + "\nfile:6:9: " + runs + "\nfile:7:1: " + alone},
		{"flags", "script", Options{}, "confluent iam rolebinding create --principal a --role A --kafka-cluster-id c\nconfluent iam rolebinding create --when never --kafka-cluster-id c\nconfluent iam rolebinding create --role A --role B --kafka-cluster-id c\nconfluent iam rolebinding create User:a --kafka-cluster-id c\nconfluent iam rolebinding create --principal User:a --role A\nconfluent iam rolebinding create --principal User:a --role A --resource Topic --kafka-cluster c\nconfluent iam rolebinding create --principal User:a --role A --prefix --kafka-cluster c\nconfluent iam rolebinding create --principal User:a --role A --kafka-cluster c --kafka-cluster-id d\nconfluent iam rolebinding create --deny --kafka-cluster c\nconfluent iam acl create --role a --kafka-cluster c\nconfluent iam acl create --allow --deny --topic a --kafka-cluster c\nconfluent iam acl create --allow --topic a --consumer-group b --kafka-cluster c\nconfluent iam acl create --allow --topic a --operation eat --kafka-cluster c\nconfluent iam acl create --allow --topic a --operation read --kafka-cluster c --principal a",
			`file:1:1: found the principal a, expected Type:name, such as User:alice
file:2:1: unknown flag: --when
file:3:1: invalid argument "B" for "--role" flag: given twice
file:4:1: found the argument User:a, expected only flags
file:5:1: expected a scope: the id of a Kafka cluster, or the name of a registered one
file:6:1: --resource Topic: expected Type:name, such as Topic:orders
file:7:1: --prefix needs --resource
file:8:1: found --kafka-cluster-id and --kafka-cluster, expected one
file:9:1: found --deny, which this command does not have
file:10:1: found --role, which this command does not have
file:11:1: expected --allow or --deny
file:12:1: expected one of --topic, --consumer-group, --transactional-id and --cluster-scope
file:13:1: operation: found eat, expected that of an ACL
file:14:1: (principal=a, host=*, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL): invalid principal: principal "a" has no colon: expected Type:name, such as "User:a"`},
		{"no script", "script", Options{}, "if", "file:1:1: 1:1: `if` must be followed by a statement list"},
		{"arithmetic", "script", Options{}, "a\nb $((1+1))", "file:2:1: found ((, expected no arithmetic"},
		{"too deep", "script", Options{}, strings.Repeat("( ", 10_001), "file: expected no more than 10000 of ( { [ $ ` | & and words such as if: split the script"},
		{"too large", "script", Options{}, strings.Repeat(" ", maxScriptBytes+1), "file: expected no more than 4194304 bytes: split the script"},
		{"not UTF-8", "script", Options{}, "a\xff", `file: at byte 1: found the byte "\xff", expected valid UTF-8`},
	})
}

// TestTerraform reads both forms, with CRNs in both spellings.
func TestTerraform(t *testing.T) {
	const see = "read the output of terraform show -json with --from terraform"
	state := func(resources string) string {
		return `{"format_version":"1.0","terraform_version":"1.9.0","values":{"root_module":{"resources":[` + resources + `]}}}`
	}
	binding := func(crn string) string {
		return `{"address":"confluent_role_binding.a","mode":"managed","type":"confluent_role_binding","values":{"id":"rb-1","principal":"User:sa-1","role_name":"DeveloperRead","crn_pattern":"` + crn + `","timeouts":null}}`
	}
	const kafka = "crn://confluent.cloud/organization=o/environment=env-1/cloud-cluster=lkc-1/kafka=lkc-1"
	const aclValues = `"values":{"resource_type":"TOPIC","resource_name":"a","pattern_type":"PREFIXED","principal":"User:sa-1","host":"*","operation":"READ","permission":"DENY","kafka_cluster":[{"id":"lkc-1"}],"rest_endpoint":"https://x","credentials":[{"key":"k"}]}`
	refused := func(crn, why string) string { return "file: confluent_role_binding.a: crn_pattern " + crn + ": " + why }
	check(t, []row{
		{"a topic", "terraform", Options{}, state(binding(kafka + "/topic=orders")), `"User:sa-1" has "DeveloperRead" on Topic "orders" in {"kafka-cluster":"lkc-1"}` + "\n"},
		{"a prefix", "terraform", Options{}, state(binding(kafka + "/group=app-*")), `"User:sa-1" has "DeveloperRead" on PREFIXED Group "app-" in {"kafka-cluster":"lkc-1"}` + "\n"},
		{"all", "terraform", Options{}, state(binding(kafka + "/transactional-id=*")), `"User:sa-1" has "DeveloperRead" on TransactionalId "*" in {"kafka-cluster":"lkc-1"}` + "\n"},
		{"the other spelling of the type", "terraform", Options{}, state(binding(kafka + "/transactionalid=t")), `"User:sa-1" has "DeveloperRead" on TransactionalId "t" in {"kafka-cluster":"lkc-1"}` + "\n"},
		{"a cluster", "terraform", Options{}, state(binding("crn://confluent.cloud/organization=o/environment=env-1/cloud-cluster=lkc-1")), `"User:sa-1" has "DeveloperRead" in {"kafka-cluster":"lkc-1"}` + "\n"},
		{"a metadata service", "terraform", Options{}, state(binding("crn://mds.example.com/kafka=abc/topic=orders")), `"User:sa-1" has "DeveloperRead" on Topic "orders" in {"kafka-cluster":"abc"}` + "\n"},
		{"without an authority", "terraform", Options{}, state(binding("crn:///kafka=abc/connect=c/connector=x")), `"User:sa-1" has "DeveloperRead" on Connector "x" in {"kafka-cluster":"abc","connect-cluster":"c"}` + "\n"},
		{"a Schema Registry", "terraform", Options{}, state(binding("crn://confluent.cloud/organization=o/environment=e/schema-registry=lsrc-1/subject=a")), "skipped 1\nnote: confluent_role_binding.a: left out: " + errNoKafka.Error() + "\n"},
		{"an environment", "terraform", Options{}, state(binding("crn://confluent.cloud/organization=o/environment=e")), refused("crn://confluent.cloud/organization=o/environment=e", "it covers all clusters of an organization or an environment: expected one for each cluster")},
		{"several clusters", "terraform", Options{}, state(binding("crn:///kafka=*/topic=a")), refused("crn:///kafka=*/topic=a", "found the part kafka=*, which is several clusters: expected one")},
		{"a * in the middle", "terraform", Options{}, state(binding("crn:///kafka=a/topic=a*b")), refused("crn:///kafka=a/topic=a*b", "found the name a*b, expected * only at its end")},
		{"two *", "terraform", Options{}, state(binding("crn:///kafka=a/topic=a**")), refused("crn:///kafka=a/topic=a**", "found the name a**, expected * only at its end")},
		{"a resource in the middle", "terraform", Options{}, state(binding("crn:///kafka=a/topic=a/group=b")), refused("crn:///kafka=a/topic=a/group=b", "found the part topic=a, expected one of organization, environment, cloud-cluster, kafka, schema-registry, ksql, connect, flink-region, each once, and then a resource")},
		{"two clusters", "terraform", Options{}, state(binding("crn://confluent.cloud/cloud-cluster=a/kafka=b")), refused("crn://confluent.cloud/cloud-cluster=a/kafka=b", "found the clusters a and b, expected one")},
		{"escapes", "terraform", Options{}, state(binding("crn:///kafka=a/topic=%2A")), refused("crn:///kafka=a/topic=%2A", "found the part topic=%2A, expected KEY=VALUE without % and a second =")},
		{"no CRN", "terraform", Options{}, state(binding("arn:x")), refused("arn:x", "expected crn://AUTHORITY/KEY=VALUE, with more of /KEY=VALUE if needed")},
		{"an ACL, in a module of a plan", "terraform", Options{}, `{"format_version":"1.2","prior_state":{},"planned_values":{"root_module":{"resources":[{"mode":"data","type":"confluent_role_binding"}],"child_modules":[{"resources":[{"address":"module.m.confluent_kafka_acl.a","mode":"managed","type":"confluent_kafka_acl",` + aclValues + `}]}]}}}`,
			"User:sa-1 DENY READ TOPIC:PREFIXED:a from * in lkc-1\nskipped 1\n"},
		{"an ACL of a cluster that is not there", "terraform", abc, state(`{"address":"x","mode":"managed","type":"confluent_kafka_acl",` + strings.Replace(aclValues, `"kafka_cluster":[{"id":"lkc-1"}],`, "", 1) + `}`), "User:sa-1 DENY READ TOPIC:PREFIXED:a from * in abc123\n"},
		{"an ACL of no cluster", "terraform", Options{}, state(`{"address":"x","mode":"managed","type":"confluent_kafka_acl",` + strings.Replace(aclValues, `[{"id":"lkc-1"}]`, "[]", 1) + `}`), "file: x: expected the text of kafka_cluster; before the first apply, Terraform may not know it"},
		{"not known yet", "terraform", Options{}, state(`{"address":"x","mode":"managed","type":"confluent_role_binding","values":{"principal":"User:a"}}`), "file: x: expected the text of role_name, crn_pattern; before the first apply, Terraform may not know it"},
		{"an attribute that could limit", "terraform", Options{}, state(strings.Replace(binding(kafka), `"timeouts":null`, `"condition":"never"`, 1)), "file: confluent_role_binding.a: found the attribute condition, which this version does not know"},
		{"a block that could limit", "terraform", Options{}, state(strings.Replace(binding(kafka), `"timeouts":null`, `"condition":[1]`, 1)), "file: confluent_role_binding.a: found the attribute condition, which this version does not know"},
		{"a key twice", "terraform", Options{}, `{"format_version":"1.0","values":{},"values":{}}`, "file: at byte 44: found the key values twice"},
		{"another JSON", "terraform", Options{}, `{}`, "file: expected format_version and values or planned_values, as terraform show -json writes them"},
		{"another version", "terraform", Options{}, `{"format_version":"2.0","values":{}}`, "file: found the format version 2.0, expected 0 or 1"},

		{"resources", "hcl", Options{}, `
terraform { required_version = ">= 1" }
resource "confluent_role_binding" "a" {
  principal   = "User:sa-1" # who
  role_name   = "DeveloperRead"
  crn_pattern = "` + kafka + `/topic=orders"
  depends_on  = [confluent_kafka_topic.orders]
  lifecycle { prevent_destroy = true }
}
resource "confluent_kafka_acl" "b" {
  kafka_cluster { id = "lkc-1" }
  resource_type = "TOPIC"
  resource_name = "a"
  pattern_type  = "LITERAL"
  principal     = "User:sa-1"
  host          = "*"
  operation     = "WRITE"
  permission    = "ALLOW"
  rest_endpoint = confluent_kafka_cluster.x.rest_endpoint
  credentials { key = var.key }
}`, `"User:sa-1" has "DeveloperRead" on Topic "orders" in {"kafka-cluster":"lkc-1"}` + "\nUser:sa-1 ALLOW WRITE TOPIC:LITERAL:a from * in lkc-1\nskipped 1\n"},
		{"what refers to something else", "hcl", Options{}, `resource "confluent_role_binding" "a" {
  principal   = "User:${confluent_service_account.a.id}"
  role_name   = upper("x")
  crn_pattern = local.crn
  count       = 2
}
module "m" { source = "./m" }
resource "confluent_role_binding" "b" {
  dynamic "x" {}
  for_each = {}
}`, "file:5:3: found count, expected a resource that stands for itself: " + see + "\nfile:4:17: found an expression, expected a text without variables, functions and references: " + see + "\nfile:2:17: found an expression, expected a text without variables, functions and references: " + see + "\nfile:3:17: found an expression, expected a text without variables, functions and references: " + see +
			"\nfile:7:1: found a module, which may have role bindings: " + see + "\nfile:10:3: found for_each, expected a resource that stands for itself: " + see + "\nfile:9:3: found the block dynamic, which this version does not know"},
		{"no HCL", "hcl", Options{}, "resource {", "file:1:10: Unclosed configuration block: There is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file."},
		{"too deep", "hcl", Options{}, "a = " + strings.Repeat("(", 200), "file:1:105: found an expression that is nested too deeply, expected less than 100 brackets"},
		{"too deep in texts", "hcl", Options{}, "a = " + strings.Repeat(`"${`, 200), "file:1:155: found an expression that is nested too deeply, expected less than 100 brackets"},
		{"too many operators", "hcl", Options{}, "a = " + strings.Repeat("!", 20_000), "file:1:10005: found an expression that is nested too deeply, expected less than 100 brackets"},
		{"too large", "hcl", Options{}, strings.Repeat(" ", maxHCLBytes+1), "file: expected no more than 4194304 bytes"},
	})
}

// TestRedpanda reads a role of Redpanda, with its DENY and its hosts.
func TestRedpanda(t *testing.T) {
	const text = `PERMISSIONS
===========
PRINCIPAL         HOST      RESOURCE-TYPE  RESOURCE-NAME  RESOURCE-PATTERN-TYPE  OPERATION  PERMISSION  ERROR
RedpandaRole:red  *         TOPIC          pay-           PREFIXED               READ       ALLOW
RedpandaRole:red  *         TOPIC          pay-           PREFIXED               WRITE      ALLOW
RedpandaRole:red  10.0.0.1  GROUP          a b            LITERAL                ALL        DENY

PRINCIPALS (2)
==============
NAME   TYPE
alice  User
devs   Group
`
	const want = "role red\n  ALLOW [Read Write] [PREFIXED Topic \"pay-\"] from *\n  DENY [All] [Group \"a b\"] from 10.0.0.1\n" +
		`"User:alice" has "red" in {"kafka-cluster":"abc123"}` + "\n" + `"Group:devs" has "red" in {"kafka-cluster":"abc123"}` + "\n"
	acls := func(principal string) string {
		return `{"principal":"` + principal + `","host":"*","resource_type":"TOPIC","resource_name":"a","resource_pattern_type":"LITERAL","operation":"READ","permission":"ALLOW"}`
	}
	check(t, []row{
		{"text", "rpk", abc, text, want},
		{"JSON", "rpk", abc, `{"permissions":[` + acls("RedpandaRole:red") + `],"members":[{"name":"alice","principal_type":"User"}]}`, "role red\n  ALLOW [Read] [Topic \"a\"] from *\n" + `"User:alice" has "red" in {"kafka-cluster":"abc123"}` + "\n"},
		{"no cluster", "rpk", Options{}, text, "file: the text does not say where the role holds: expected --kafka-cluster"},
		{"half of it", "rpk", abc, text[:strings.Index(text, "PRINCIPALS (")], "file: expected both tables of rpk security role describe, without -m and -p"},
		{"two roles", "rpk", abc, text + text, "file: line 15: found a second table, expected one role"},
		{"another principal", "rpk", abc, `{"permissions":[` + acls("RedpandaRole:red") + "," + acls("User:a") + `],"members":[]}`, "file: permission 2: found the principal User:a, expected that of one role, RedpandaRole:red"},
		{"no role", "rpk", abc, `{"permissions":[` + acls("User:a") + `],"members":[]}`, "file: found the principal User:a, expected RedpandaRole:NAME"},
		{"nothing", "rpk", abc, `{"permissions":[],"members":[]}`, "file: found no permission, which would say the name of the role"},
		{"a field that could limit", "rpk", abc, `{"permissions":[],"members":[],"until":1}`, `file: at byte 41: json: unknown field "until"`},
		{"a wrong type", "rpk", abc, strings.Replace(text, "TOPIC", "SUBJE", 1), "file: permission 1: resource_type: found SUBJE, expected that of an ACL"},
		{"a wrong column", "rpk", abc, strings.Replace(text, "*         TOPIC", "*             TOPIC", 1), `file: line 4: found "RedpandaRole:red  *             TOPIC          pay-           PREFIXED               READ       ALLOW", expected columns below their headers`},
		{"an error", "rpk", abc, strings.Replace(text, "ALLOW\n", "ALLOW       none\n", 1), "file: line 4: found the error none"},

		{"resources", "redpanda", abc, `apiVersion: cluster.redpanda.com/v1alpha2
kind: RedpandaRole
metadata: {name: red}
spec:
  cluster: {clusterRef: {name: sasl}}
  principals: [User:alice, bob]
  authorization:
    acls:
    - type: allow
      resource: {type: topic, name: pay-, patternType: prefixed}
      operations: [Read, Describe]
    - type: deny
      host: 10.0.0.1
      resource: {type: cluster}
      operations: [Alter]
---
kind: User
metadata: {name: x}
---
apiVersion: cluster.redpanda.com/v1alpha2
kind: RedpandaRoleBinding
metadata: {name: b}
spec: {roleRef: {name: red}, principals: ["Group:devs"]}
`, "role red\n  ALLOW [Read Describe] [PREFIXED Topic \"pay-\"] from *\n  DENY [Alter] [Cluster \"kafka-cluster\"] from 10.0.0.1\n" +
			`"User:alice" has "red" in {"kafka-cluster":"abc123"}` + "\n" + `"User:bob" has "red" in {"kafka-cluster":"abc123"}` + "\n" + `"Group:devs" has "red" in {"kafka-cluster":"abc123"}` + "\nskipped 1\n"},
		{"a field that could limit", "redpanda", abc, "kind: RedpandaRole\nmetadata: {name: red}\nspec: {until: 1}", "file: document 1 (line 3), red: spec: yaml: unmarshal errors: line 1: field until not found in type roleformats.redpandaSpec"},
		{"no operations", "redpanda", abc, "kind: RedpandaRole\nmetadata: {name: red}\nspec: {authorization: {acls: [{type: allow, resource: {type: topic, name: a}}]}}", "file: document 1 (line 3), red, ACL 1: expected operations"},
		{"no cluster", "redpanda", Options{}, "", "file: the text does not say where the role holds: expected --kafka-cluster"},
	})
}

// TestMSK reads policies as ACLs, and refuses what ACLs cannot say.
func TestMSK(t *testing.T) {
	policy := func(statements string) string { return `{"Version":"2012-10-17","Statement":[` + statements + `]}` }
	const base = "arn:aws:kafka:us-east-1:123456789012:"
	const id = "/demo/11111111-2222-3333-4444-555555555555-1"
	const connect = `{"Effect":"Allow","Action":"kafka-cluster:Connect","Resource":"` + arn + `"}`
	allow := func(action, resource string) string {
		return policy(connect + `,{"Effect":"Allow","Action":["kafka-cluster:Describe*","` + action + `"],"Resource":"` + resource + `"}`)
	}
	const describe = "User:app ALLOW DESCRIBE TOPIC:"
	const configs = "User:app ALLOW DESCRIBE_CONFIGS TOPIC:"
	const write = "User:app ALLOW WRITE TOPIC:"
	topic := func(pattern string) string {
		return describe + pattern + " from * in demo\n" + configs + pattern + " from * in demo\n" + write + pattern + " from * in demo\n"
	}
	const why = ", which have a wildcard only at the end: write the region, the account, the cluster and its UUID without one"
	check(t, []row{
		{"a topic", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic"+id+"/orders"), topic("LITERAL:orders")},
		{"case does not matter", "msk", mskOptions, allow("KAFKA-CLUSTER:writedata", base+"topic"+id+"/orders"), topic("LITERAL:orders")},
		{"a prefix", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic"+id+"/pay-*"), topic("PREFIXED:pay-")},
		{"all topics", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic"+id+"/*"), topic("LITERAL:*")},
		{"all topics, whatever the UUID", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic/demo/*"), topic("LITERAL:*")},
		{"topics of any UUID", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic/demo/*/orders"), topic("LITERAL:orders")},
		{"any region", "msk", mskOptions, allow("kafka-cluster:WriteData", "arn:aws:kafka:*:*:topic/*/pay-**"), topic("PREFIXED:pay-") + "note: Statement[1].Resource[0]: names with a slash or a colon are left out, which a * before the name may match too\n"},
		{"a group of any UUID", "msk", mskOptions, policy(connect + `,{"Effect":"Allow","Action":"kafka-cluster:DescribeGroup","Resource":"` + base + `group/demo/*/app-*"}`), "User:app ALLOW DESCRIBE GROUP:PREFIXED:app- from * in demo\nnote: Statement[1].Resource[0]: names with a slash or a colon are left out, which a * before the name may match too\n"},
		{"another cluster", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic/prod/*/orders"), ""},
		{"a topic whose name begins as the cluster does", "msk", mskOptions, allow("kafka-cluster:WriteData", base+"topic"+id+"x/orders"), ""},
		{"everything", "msk", mskOptions, policy(`{"Sid":"x","Effect":"Allow","Action":"kafka-cluster:*","Resource":"*"}`),
			func() string {
				var b strings.Builder
				for _, a := range mskActions[1:] {
					name := "*"
					if a.kind == 4 {
						name = "kafka-cluster"
					}
					fmt.Fprintf(&b, "User:app ALLOW %v %v:LITERAL:%s from * in demo\n", a.operation, a.kind, name)
				}
				return b.String()
			}()},
		{"a denied connection", "msk", mskOptions, policy(`{"Effect":"Deny","Action":["kafka-cluster:Connect"],"Resource":["*"]}`),
			"User:app DENY ALL TOPIC:LITERAL:* from * in demo\nUser:app DENY ALL GROUP:LITERAL:* from * in demo\nUser:app DENY ALL CLUSTER:LITERAL:kafka-cluster from * in demo\nUser:app DENY ALL TRANSACTIONAL_ID:LITERAL:* from * in demo\nUser:app DENY ALL DELEGATION_TOKEN:LITERAL:* from * in demo\nUser:app DENY ALL USER:LITERAL:* from * in demo\n"},
		{"companions", "msk", mskOptions, policy(`{"Effect":"Allow","Action":["kafka-cluster:ReadData","kafka:ListClusters"],"Resource":"` + base + "topic" + id + `/a"}`),
			"User:app ALLOW READ TOPIC:LITERAL:a from * in demo\nnote: policy: no statement allows kafka-cluster:Connect for the cluster, without which AWS allows nothing\nnote: policy: ReadData is allowed without DescribeTopic, which AWS asks for too\nnote: policy: ReadData is allowed without AlterGroup, which AWS asks for too\n"},
		{"another service", "msk", mskOptions, policy(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{}}`), "skipped 1\n"},
		{"what ACLs cannot say", "msk", mskOptions, policy(`{"Effect":"Allow","NotAction":"s3:*","Resource":"*"},
{"Effect":"Allow","Action":"kafka-cluster:*","NotResource":"x"},
{"Effect":"Deny","Action":"kafka-cluster:*","Resource":"*","Condition":{"IpAddress":{}}},
{"Effect":"allow","Action":"kafka-cluster:*","Resource":"*","Principal":"*"},
{"Effect":"Allow","Action":["kafka-cluster:Fly","*:*","kafka-cluster"],"Resource":"*"},
{"Effect":"Allow","Action":"kafka-cluster:ReadData","Resource":["` + base + "topic" + id + `/a*b","` + base + "topic" + id + `/a?"]},
{"Effect":"Deny","Action":"kafka-cluster:AlterGroup","Resource":"` + base + `group/demo/*/app"},
{"Effect":"Deny","Action":"kafka-cluster:ReadData","Resource":"` + base + "topic" + id + `/${aws:username}"},
{"Effect":"Deny","Action":"kafka-cluster:ReadData"}`),
			`file: Statement[0].NotAction: an ACL names what it allows or denies
file: Statement[1].NotResource: an ACL names its resources
file: Statement[2].Condition: an ACL has no condition; without it, it would allow or deny more
file: Statement[3].Principal: expected the policy of an identity
file: Statement[3].Effect: found allow, expected Allow or Deny
file: Statement[4].Action[0]: found kafka-cluster:Fly, which is no action that this version knows
file: Statement[4].Action[2]: found kafka-cluster, which is no action that this version knows
file: Statement[5].Resource[0]: ReadData: the names a*b cannot be written as ACLs` + why + `
file: Statement[5].Resource[1]: ReadData: the names a? cannot be written as ACLs` + why + `
file: Statement[6].Resource[0]: AlterGroup: the names */app cannot be written as ACLs` + why + `
file: Statement[7].Resource[0]: found ` + base + "topic" + id + `/${aws:username}, expected no policy variable
file: Statement[8].Resource: expected the ARN of a resource`},
		{"a key twice", "msk", mskOptions, policy(`{"Effect":"Deny","Action":"kafka-cluster:*","Resource":"*","Condition":{"a":{}},"condition":null}`), "file: at byte 128: found the key condition twice"},
		{"an element that could limit", "msk", mskOptions, policy(`{"Effect":"Deny","Until":1}`), `file: at byte 66: at byte 29: json: unknown field "Until"`},
		{"an empty list", "msk", mskOptions, `{"Version":"2012-10-17","Statement":[]}`, `file: expected a policy with "Version": "2012-10-17" and "Statement"`},
		{"no principal", "msk", Options{Scope: role.Scope{Kafka: "a"}, ClusterARN: arn}, "{}", "file: a policy does not say whose it is: expected --principal with the name that Kafka has for it, such as User:alice"},
		{"no ARN", "msk", Options{Scope: role.Scope{Kafka: "a"}, Principal: "User:a", ClusterARN: arn + "*"}, "{}", "file: expected --cluster-arn with the ARN of the cluster, arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID, without wildcards"},
		{"no cluster", "msk", Options{Principal: "User:a", ClusterARN: arn}, "{}", "file: expected --kafka-cluster with the id or --cluster-name with the name that the cluster has in the file"},
		{"too large", "msk", mskOptions, strings.Repeat(" ", maxPolicyBytes+1), "file: expected no more than 1048576 bytes"},
	})
}

// TestResiduals compares with matching each rest.
func TestResiduals(t *testing.T) {
	globs := []string{""}
	for range 5 {
		for _, g := range slices.Clone(globs) {
			for _, c := range []string{"a", "b", "*", "?"} {
				globs = append(globs, g+c)
			}
		}
		slices.Sort(globs)
		globs = slices.Compact(globs)
	}
	texts := []string{""}
	for range 4 {
		for _, x := range slices.Clone(texts) {
			texts = append(texts, x+"a", x+"b")
		}
		slices.Sort(texts)
		texts = slices.Compact(texts)
	}
	compared := 0
	for _, g := range globs {
		for _, prefix := range []string{"", "a", "ab", "ba"} {
			rest := residuals(g, prefix)
			for _, x := range texts {
				compared++
				want := plainMatch(g, prefix+x)
				got := slices.ContainsFunc(rest, func(r string) bool { return plainMatch(r, x) })
				if want != got {
					require.Failf(t, "differs", "%q after %q: %q, asked %q", g, prefix, rest, x)
				}
			}
			require.Equal(t, plainMatch(g, prefix), matches(g, prefix), "%q %q", g, prefix)
		}
	}
	assert.Greater(t, compared, 100_000)
}

func plainMatch(glob, text string) bool {
	switch {
	case glob == "":
		return text == ""
	case glob[0] == '*':
		return plainMatch(glob[1:], text) || text != "" && plainMatch(glob, text[1:])
	}
	return text != "" && (glob[0] == '?' || glob[0] == text[0]) && plainMatch(glob[1:], text[1:])
}

// The texts of a reader have its limits, and another format is none.
func TestLimits(t *testing.T) {
	for _, f := range All {
		_, err := f.Read("file", make([]byte, MaxBytes+1), Options{})
		require.EqualError(t, err, fmt.Sprintf("file: expected no more than %d bytes", MaxBytes), f.Name)
		if f.Name == "cfk" || f.Name == "script" || f.Name == "hcl" {
			continue
		}
		set, err := f.Read("file", nil, Options{})
		require.Error(t, err, f.Name)
		assert.Nil(t, set)
	}
	_, err := Find("xml")
	require.EqualError(t, err, cli.BadFlag("from", "xml", "one of "+strings.Join(Names(), ", ")).Error())
}
