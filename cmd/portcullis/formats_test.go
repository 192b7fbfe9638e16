package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

const formatsData = "testdata/formats/"

// The files have the forms that the documentation of the tools shows.
func TestForeignFormats(t *testing.T) {
	for _, test := range []struct{ file, format, dump string }{
		{"users.yaml", "strimzi", "users.txt"},
		{"exported.yaml", "strimzi", "users.txt"},
		{"list.rpk.json", "rpk", "list.rpk.txt"},
		{"exported.rpk.json", "rpk", "acls.ksm.txt"},
		{"acls.ksm.csv", "ksm", "acls.ksm.txt"},
		{"before-0.4.ksm.csv", "ksm", "before-0.4.ksm.txt"},
	} {
		t.Run(test.file, func(t *testing.T) {
			expect(t, exitDone, readAll(t, formatsData+test.dump), "", "",
				"convert", "--acls", formatsData+test.file, "--format", test.format, "--to", "kafka-acls")
		})
	}
	for _, test := range []struct{ dump, format, file string }{
		{"users.txt", "strimzi", "exported.yaml"},
		{"acls.ksm.txt", "rpk", "exported.rpk.json"},
		{"acls.ksm.txt", "ksm", "exported.ksm.csv"},
	} {
		t.Run("to "+test.file, func(t *testing.T) {
			expect(t, exitDone, readAll(t, formatsData+test.file), "", "", "convert", "--acls", formatsData+test.dump, "--to", test.format)
		})
	}
	// Questions are answered from such a file too.
	expect(t, exitDone, "allowed: User:ledger from 127.0.0.1, Read on Topic payments.eu\n"+
		"reason: matching allow: (principal=User:ledger, host=*, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=TOPIC, name=payments.eu, patternType=LITERAL)\n", "",
		readAll(t, formatsData+"users.yaml"), "check", "--acls", "-", "--format", "strimzi", "--principal", "User:ledger", "--operation", "Read", "--topic", "payments.eu")
	// rpk prints null for a list of nothing.
	expect(t, exitDone, "", "", `{"matches":null}`, "convert", "--allow-empty", "--acls", "-", "--format", "rpk", "--to", "strimzi")
	expect(t, exitDone, `{"matches":[]}`+"\n", "", "", "convert", "--allow-empty", "--acls", "-", "--format", "strimzi", "--to", "rpk")
}

// user returns a KafkaUser with these rules, from line 9 on.
func user(rules string) string {
	return "apiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\nmetadata: {name: alice}\nspec:\n  authorization:\n    type: simple\n    acls:\n" + rules + "\n"
}

func TestForeignFormatsRefuseFiles(t *testing.T) {
	const (
		keys       = "one of apiVersion, kind, items, metadata, spec, status"
		operations = "one of Read, Write, Create, Delete, Alter, Describe, ClusterAction, AlterConfigs, DescribeConfigs, IdempotentWrite, All"
		quoted     = " (in quotes, if YAML would read it as another type)"
		header     = "KafkaPrincipal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host"
		columns    = "each of KafkaPrincipal, ResourceType, PatternType, ResourceName, Operation, PermissionType, Host once"
		match      = `{"principal":"User:a","host":"*","resource_type":"TOPIC","resource_name":"t","resource_pattern_type":"LITERAL","operation":"READ","permission":"ALLOW"}`
	)
	kafkaUser := func(rest string) string { return "apiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\n" + rest }
	for _, test := range []struct{ format, text, want string }{
		{"strimzi", "a: [", "1:1: found invalid YAML (did not find expected node content), expected YAML"},
		{"strimzi", "a: 1\n\tb: 2", "2:1: found invalid YAML (found a tab character that violates indentation), expected YAML"},
		{"strimzi", "a: *b", "1:1: found invalid YAML (unknown anchor 'b' referenced), expected YAML"},
		{"strimzi", "[]", "1:1: found a list, expected a mapping with the keys apiVersion, kind, items, metadata, spec, status"},
		{"strimzi", "kind: KafkaUser", "1:1: found a mapping without apiVersion, expected the keys apiVersion, kind"},
		{"strimzi", kafkaUser("metadata: {name: a}\nspec: {}\n<<: {}"), `5:1: found the key "<<" (!!merge), expected ` + keys},
		{"strimzi", kafkaUser("kind: KafkaTopic\nmetadata: {name: a}\nspec: {}"), `3:1: found the key "kind" again, expected each key once`},
		{"strimzi", "apiVersion: v1\nkind: List\nitems: {}", "3:8: found a mapping, expected a list"},
		{"strimzi", "apiVersion: v1\nkind: List\nmetadata: {}", `1:1: found a mapping without items, expected the keys items, apiVersion, kind`},
		{"strimzi", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  metadata: {}\n  spec: {}", `5:9: found the kind "List", expected KafkaUser, or a List of them`},
		{"strimzi", "apiVersion: v1\nkind: KafkaUser\nmetadata: {name: a}\nspec: {}", `1:13: found "v1", expected one of kafka.strimzi.io/v1, kafka.strimzi.io/v1beta2, kafka.strimzi.io/v1beta1, kafka.strimzi.io/v1alpha1`},
		{"strimzi", "apiVersion: kafka.strimzi.io/v2\nkind: KafkaUser\nmetadata: {name: a}\nspec: {}", `1:13: found "kafka.strimzi.io/v2", expected one of kafka.strimzi.io/v1, kafka.strimzi.io/v1beta2, kafka.strimzi.io/v1beta1, kafka.strimzi.io/v1alpha1`},
		// The name must not become the wildcard, or another user's.
		{"strimzi", kafkaUser("metadata: {name: \"*\"}\nspec: {}"), `3:18: found the name "*", expected the name of a resource: lower case letters, digits, - and .`},
		{"strimzi", kafkaUser("metadata: {name: \"CN=a\"}\nspec: {}"), `3:18: found the name "CN=a", expected the name of a resource: lower case letters, digits, - and .`},
		{"strimzi", kafkaUser("metadata: {generateName: a}\nspec: {}"), "3:11: found a mapping without name, expected the keys name"},
		{"strimzi", kafkaUser("metadata: {name: a}\nspec: {}\n---\n") + kafkaUser("metadata: {name: a}\nspec: {}"), `8:18: found the name "a" of line 3 again, expected each user once`},
		{"strimzi", kafkaUser("metadata: {name: a}\nspec: {authentication: {type: oauth}}"), `4:31: found "oauth", expected one of tls, tls-external, scram-sha-512`},
		{"strimzi", kafkaUser("metadata: {name: a}\nspec: {authorization: {type: opa, acls: []}}"), `4:30: found "opa", expected one of simple`},
		{"strimzi", kafkaUser("metadata: {name: a}\nspec: {authorisation: {}}"), `4:8: found the key "authorisation", expected one of authentication, authorization, quotas, template`},
		{"strimzi", user("    - {resource: {type: topic, name: t, patternType: prefixed}, operations: [Read]}"), `8:54: found "prefixed", expected one of literal, prefix`},
		{"strimzi", user("    - {resource: {name: é, type: tópic}, operations: [Read]}"), `8:35: found "tópic", expected one of topic, group, cluster, transactionalId`},
		{"strimzi", user("    - {resource: {type: topic}, operations: [Read]}"), "8:18: found a mapping without name, expected the keys type, name"},
		{"strimzi", user("    - {resource: {type: topic, name: 12}, operations: [Read]}"), `8:38: found "12" (!!int), expected a name, or * for all` + quoted},
		{"strimzi", user("    - {resource: {type: topic, name: \"\"}, operations: [Read]}"), "8:38: found an empty name, expected a name, or * for all"},
		{"strimzi", user("    - {resource: {type: cluster, name: kafka-cluster}, operations: [Read]}"), "8:18: found a cluster with a name or a pattern type, expected only its type"},
		{"strimzi", user("    - {resource: {type: cluster}, operations: []}"), "8:47: found an empty list, expected at least one operation"},
		{"strimzi", user("    - {resource: {type: cluster}, operations: [Read, CreateTokens]}"), `8:54: found "CreateTokens", expected ` + operations},
		{"strimzi", user("    - {resource: {type: cluster}, operations: &o [Read]}\n    - {resource: {type: cluster}, operations: *o}"), `9:47: found the alias "*o", expected a list`},
		{"strimzi", user("    - {resource: {type: cluster}, operation: Read}"), `8:35: found the key "operation", expected one of resource, type, host, operations`},
		{"strimzi", user("    - {resource: {type: cluster}}"), "8:7: found a rule without operations, expected the key operations"},
		{"strimzi", strings.Replace(user("    - {resource: {type: cluster}, operation: Read, operations: [Read]}"), "/v1", "/v1beta2", 1), "8:7: found a rule with both operation and operations, expected one of them"},
		{"strimzi", user("    - {resource: {type: cluster}, operations: [Read], type: maybe}"), `8:61: found "maybe", expected one of allow, deny`},
		{"strimzi", user("    - {resource: {type: cluster}, operations: [Read], host: null}"), `8:61: found "null" (!!null), expected an address, * for all, or a network such as 10.0.0.0/8` + quoted},
		{"strimzi", user("    - {resource: {type: cluster}, operations: [!!binary UmVhZA==]}"), `8:48: found "UmVhZA==" (!!binary), expected ` + operations},

		{"rpk", "", "1:1: found the end of the JSON text, expected a JSON object"},
		{"rpk", "{}", `1:2: found "}", expected the key "matches" or "filters"`},
		{"rpk", `{"matches":nul}`, `1:12: found "nul}" (not valid JSON), expected a JSON array or null`},
		{"rpk", `{"matches":[],"matches":[]}`, `1:15: found the key "matches", expected the key "filters" or a closing brace`},
		{"rpk", "{\"matches\":[\n" + match + ",\n" + strings.Replace(match, "READ", "REED1", 1) + "]}",
			`3:124: found operation "REED1", expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit`},
		{"rpk", "{\"matches\":[\n" + strings.Replace(match, "TOPIC", "ANY", 1) + "]}", `2:50: found resource type "ANY", expected one of Topic, Group, Cluster, TransactionalId, DelegationToken, User`},
		{"rpk", `{"matches":[{"principal":"User:a"}]}`, `1:34: found "}", expected the key "host" or "resource_type" or "resource_name" or "resource_pattern_type" or "operation" or "permission"`},
		{"rpk", `{"filters":[` + strings.Replace(match, "}", `,"message":"CLUSTER_AUTHORIZATION_FAILED"}`, 1) + `],"matches":[]}`,
			`1:174: found a filter that failed: "CLUSTER_AUTHORIZATION_FAILED", expected a complete list`},
		{"rpk", `{"matches":[]} {}`, `1:16: found "{}", expected nothing more on this line`},

		{"ksm", "", "1:1: found no header, expected " + header},
		{"ksm", "KafkaPrincipal,Host,Host,Operation\n", "1:21: found the column \"Host\", expected " + columns + "\n" +
			"1:1: found a header without ResourceType, expected " + header + "\n1:1: found a header without ResourceName, expected " + header + "\n1:1: found a header without PermissionType, expected " + header},
		{"ksm", header + ",Comment\n", `1:84: found the column "Comment", expected ` + columns},
		{"ksm", header + "\nUser:bob,Group,bar,PREFIXED,Write,Deny,12.34.56.78\n", `2:16: found pattern type "bar", expected LITERAL or PREFIXED`},
		{"ksm", header + "\nUser:bob,Group,LITERAL,g,Write,Deny\n", "2:1: found 6 fields, expected 7 as in the header"},
		{"ksm", header + "\nUser:bob,Any,LITERAL,g,Write,Deny,*\n", `2:10: found resource type "Any", expected one of Topic, Group, Cluster, TransactionalId, DelegationToken, User`},
		{"ksm", header + "\nbob,Group,LITERAL,,Read,Denied,\n", `2:25: found permission "Denied", expected ALLOW or DENY`},
		{"ksm", header + "\nUser:bob,Group,LITERAL,g,Reed,Deny,*\n", `2:26: found operation "Reed", expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit`},
		{"ksm", header + "\n\"User:bob,Group", `2:16: found extraneous or missing " in quoted-field, expected double quotes only around a whole field, and doubled inside it`},
		{"ksm", "\xff", `1:1: found the byte "\xff", expected valid UTF-8`},
	} {
		t.Run(test.format+" "+test.want, func(t *testing.T) {
			var want []string
			for line := range strings.SplitSeq(test.want, "\n") {
				want = append(want, "standard input:"+line)
			}
			refuse(t, test.text, []string{"convert", "--acls", "-", "--format", test.format, "--to", "json"}, want...)
		})
	}
}

// A file with more errors than the limit.
func TestForeignFormatsAreBounded(t *testing.T) {
	many := lines.MaxErrors + 10
	rows := strings.Repeat("a,b,c,d\n", many)
	for format, text := range map[string]string{
		"strimzi operations": user("    - {resource: {type: topic, name: é}, operations: [" + strings.Repeat("é,", many) + "]}"),
		"ksm":                "KafkaPrincipal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\n" + rows,
		"rpk":                `{"matches":[` + strings.Repeat(`{"principal":"","host":"","resource_type":"","resource_name":"","resource_pattern_type":"","operation":"","permission":""},`, many),
		"strimzi":            user(strings.Repeat("    - {}\n", many)),
	} {
		t.Run(format, func(t *testing.T) {
			format, _, _ := strings.Cut(format, " ")
			got := runWith(text, "convert", "--acls", "-", "--format", format, "--to", "json")
			assert.Equal(t, exitError, got.status)
			assert.InDelta(t, lines.MaxErrors, strings.Count(got.stderr, "\n"), 1, "errors")
			last := strings.LastIndex(strings.TrimSpace(got.stderr), "\n")
			assert.Contains(t, got.stderr[last+1:], ": more errors not shown\n")
		})
	}
	// Nesting and references, which expand a small text.
	for _, text := range []string{strings.Repeat("[", 1<<20), strings.Repeat("? ", 1<<20), "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"} {
		t.Run(fmt.Sprintf("%.20q", text), func(t *testing.T) {
			got := runWith(text, "convert", "--acls", "-", "--format", "strimzi", "--to", "json")
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
		})
	}
}
