package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
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
		expect(t, exitDone, readAll(t, formatsData+test.dump), "", "",
			"convert", "--acls", formatsData+test.file, "--format", test.format, "--to", "kafka-acls")
	}
	for _, test := range []struct{ dump, format, file string }{
		{"users.txt", "strimzi", "exported.yaml"},
		{"acls.ksm.txt", "rpk", "exported.rpk.json"},
		{"acls.ksm.txt", "ksm", "exported.ksm.csv"},
	} {
		expect(t, exitDone, readAll(t, formatsData+test.file), "", "", "convert", "--acls", formatsData+test.dump, "--to", test.format)
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
		{"strimzi", "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: a}\nspec: {}", `2:7: found the kind "KafkaTopic", expected KafkaUser, or a List of them`},
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
		{"strimzi", user("    - {resource: {type: cluster}, operations: [Read], host: 10.0.0.0/99}"), `8:61: found host "10.0.0.0/99", expected an address, * for all, or a network such as 10.0.0.0/8`},
		{"strimzi", user("    - {resource: {type: cluster}, operations: [Read], host: null}"), `8:61: found "null" (!!null), expected an address, * for all, or a network such as 10.0.0.0/8` + quoted},
		{"strimzi", user("    - {resource: {type: cluster}, operations: [!!binary UmVhZA==]}"), `8:48: found "UmVhZA==" (!!binary), expected ` + operations},

		{"rpk", "", "1:1: found the end of the JSON text, expected a JSON object"},
		{"rpk", "{}", `1:2: found "}", expected the key "matches" or "filters"`},
		{"rpk", `{"matches":nul}`, `1:12: found "nul}" (not valid JSON), expected a JSON array or null`},
		{"rpk", `{"matches":[],"matches":[]}`, `1:15: found the key "matches", expected the key "filters" or a closing brace`},
		{"rpk", "{\"matches\":[\n" + match + ",\n" + strings.Replace(match, "READ", "REED", 1) + "]}",
			`3:124: found operation "REED", expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit`},
		{"rpk", "{\"matches\":[\n" + strings.Replace(match, "TOPIC", "SUBJECT", 1) + "]}", `2:50: found resource type "SUBJECT", expected one of Topic, Group, Cluster, TransactionalId, DelegationToken, User`},
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
		{"ksm", header + "\nbob,Group,LITERAL,,Read,Denied,\n", `2:1: found principal "bob", expected Type:name, such as User:alice` + "\n" + `2:19: found resource name "", expected a name, or * for all` + "\n" +
			`2:25: found permission "Denied", expected ALLOW or DENY` + "\n" + `2:32: found host "", expected an address, * for all, or a network such as 10.0.0.0/8`},
		{"ksm", header + "\n\"User:bob,Group", `2:16: found extraneous or missing " in quoted-field, expected double quotes only around a whole field, and doubled inside it`},
		{"ksm", "\xff", `1:1: found the byte "\xff", expected valid UTF-8`},
	} {
		var want []string
		for line := range strings.SplitSeq(test.want, "\n") {
			want = append(want, "standard input:"+line)
		}
		refuse(t, test.text, []string{"convert", "--acls", "-", "--format", test.format, "--to", "json"}, want...)
	}
}

// A file with more errors, or more bytes, than the limit.
func TestForeignFormatsAreBounded(t *testing.T) {
	for _, f := range []foreignFormat{strimziFormat, rpkFormat, ksmFormat} {
		f.maxBytes = 9
		got, err := f.read(strings.NewReader("\n\n12345678"), "file")
		if want := "file:3:9: found more than 9 bytes, expected a smaller file: split it"; got != nil || err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", f.name, got, err, want)
		}
		if _, err := f.read(io.MultiReader(strings.NewReader("a"), brokenReader{}), "file"); err == nil || err.Error() != "file: no space left" {
			t.Errorf("%s: got %v", f.name, err)
		}
	}
	many := acl.MaxParseErrors + 10
	rows := strings.Repeat("a,b,c,d\n", many)
	for format, text := range map[string]string{
		"strimzi ": user("    - {resource: {type: topic, name: é}, operations: [" + strings.Repeat("é,", many) + "]}"),
		"ksm":      "KafkaPrincipal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\n" + rows,
		"rpk":      `{"matches":[` + strings.Repeat(`{"principal":"","host":"","resource_type":"","resource_name":"","resource_pattern_type":"","operation":"","permission":""},`, many),
		"strimzi":  user(strings.Repeat("    - {}\n", many)),
	} {
		got := runWith(text, "convert", "--acls", "-", "--format", strings.TrimSpace(format), "--to", "json")
		if n := strings.Count(got.stderr, "\n"); got.status != exitError || n < acl.MaxParseErrors || n > acl.MaxParseErrors+1 ||
			!strings.HasSuffix(got.stderr, ": more errors not shown\n") {
			t.Errorf("%s: status %d, %d errors", format, got.status, n)
		}
	}
	// Nesting and references, which expand a small text.
	for _, text := range []string{strings.Repeat("[", 1<<20), strings.Repeat("? ", 1<<20), "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"} {
		if got := runWith(text, "convert", "--acls", "-", "--format", "strimzi", "--to", "json"); got.status != exitError || got.stdout != "" {
			t.Errorf("%.20q: %+v", text, got)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errFull }

// binding returns an ACL of a valid one, with changes.
func binding(changes ...func(b *acl.Binding)) acl.Binding {
	b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"), Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}}
	for _, change := range changes {
		change(&b)
	}
	return b
}

func TestForeignFormatsRefuseACLs(t *testing.T) {
	const name = "the principal must be User:name or User:CN=name, with the name of a Kubernetes resource: lower case letters, digits, - and ."
	who := func(text string) func(b *acl.Binding) { return func(b *acl.Binding) { b.Entry.Principal = text } }
	what := func(o ops.Operation) func(b *acl.Binding) { return func(b *acl.Binding) { b.Entry.Operation = o } }
	on := func(p resource.Pattern) func(b *acl.Binding) { return func(b *acl.Binding) { b.Pattern = p } }
	for _, test := range []struct {
		format foreignFormat
		acl    acl.Binding
		reason string
	}{
		{strimziFormat, binding(who("User:*")), name},
		{strimziFormat, binding(who("User:Alice")), name},
		{strimziFormat, binding(who("User:")), name},
		{strimziFormat, binding(who("Group:alice")), name},
		{strimziFormat, binding(who("User:CN=alice,OU=x")), name},
		{strimziFormat, binding(who("User:CN=CN=alice")), name},
		{strimziFormat, binding(who("User:cn=alice")), name},
		{strimziFormat, binding(who("User:alice\n")), name},
		{strimziFormat, binding(who("User:a..b")), name},
		{strimziFormat, binding(who("User:" + strings.Repeat("a", 254))), name},
		{strimziFormat, binding(who("User:" + strings.Repeat("a", 253))), ""},
		{strimziFormat, binding(who("User:CN=" + strings.Repeat("a", 65))), name},
		{strimziFormat, binding(who("User:CN=" + strings.Repeat("a", 64))), ""},
		{strimziFormat, binding(on(resource.LiteralPattern(resource.DelegationToken, "t"))), "it knows no resource type DelegationToken"},
		{strimziFormat, binding(on(resource.LiteralPattern(resource.User, "User:a"))), "it knows no resource type User"},
		{strimziFormat, binding(what(ops.TwoPhaseCommit)), "it knows no operation TwoPhaseCommit"},
		{strimziFormat, binding(what(ops.CreateTokens)), "it knows no operation CreateTokens"},
		{strimziFormat, binding(on(resource.LiteralPattern(resource.Cluster, "*"))), "in Strimzi the cluster has only the name kafka-cluster"},
		{strimziFormat, binding(on(resource.Pattern{Type: resource.Cluster, PatternType: resource.Prefixed, Name: resource.ClusterName})), "in Strimzi the cluster has only the name kafka-cluster"},
		{strimziFormat, binding(on(resource.LiteralPattern(resource.Cluster, resource.ClusterName))), ""},
		{rpkFormat, binding(what(ops.TwoPhaseCommit)), "it knows no operation TWO_PHASE_COMMIT"},
		{rpkFormat, binding(what(ops.DescribeTokens)), ""},
		{rpkFormat, binding(who("User:<&>\u2028")), ""},
		{ksmFormat, binding(on(resource.LiteralPattern(resource.User, "User:a"))), "it knows no resource type User"},
		{ksmFormat, binding(what(ops.CreateTokens)), "it knows no operation CreateTokens"},
		{ksmFormat, binding(on(resource.LiteralPattern(resource.Group, "a\r\nb"))), "a carriage return in CSV is read as the end of a line"},
		{ksmFormat, binding(on(resource.LiteralPattern(resource.Group, " a\nb\",\\."))), ""},
		{rpkFormat, binding(who("alice")), `invalid principal: principal "alice" has no colon: expected Type:name, such as "User:alice"`},
		{ksmFormat, binding(on(resource.LiteralPattern(resource.Group, "\xff"))), `invalid name: "\xff" is not valid UTF-8: expected the text that a Kafka client would send`},
	} {
		var out bytes.Buffer
		err := test.format.write(&out, slices.Values([]acl.Binding{binding(), test.acl}))
		want := fmt.Sprintf("the ACL %s cannot be written as %s: %s", aclText(test.acl), test.format.name, test.reason)
		if test.reason == "" {
			if err != nil || out.Len() == 0 {
				t.Errorf("%s: %v: got %v", test.format.name, test.acl, err)
			}
		} else if err == nil || err.Error() != want || out.Len() > 0 {
			t.Errorf("got %v and %q, want %s", err, &out, want)
		}
	}
	// If two principals would be the same KafkaUser, neither is written.
	both := []acl.Binding{binding(), binding(who("User:CN=alice")), binding(who("User:bob"))}
	var out bytes.Buffer
	err := strimziFormat.write(&out, slices.Values(both))
	var want []string
	for _, b := range []acl.Binding{both[1], both[0]} {
		want = append(want, "the ACL "+aclText(b)+" cannot be written as strimzi: User:alice and User:CN=alice cannot both be the KafkaUser alice")
	}
	if err == nil || err.Error() != strings.Join(want, "\n") || out.Len() > 0 {
		t.Errorf("got %v and %q, want %q", err, &out, want)
	}
}

// A text with another meaning is not written.
func TestForeignFormatsReadBack(t *testing.T) {
	one, two := binding(), binding(func(b *acl.Binding) { b.Entry.Host = "::1" })
	for want, render := range map[string][]acl.Binding{
		"cannot be written as ksm: it would be read back as another ACL": {two},
		"cannot be written as ksm: it would be read back twice":          {one, one},
	} {
		f := ksmFormat
		f.render = func([]acl.Binding) ([]byte, error) { return ksmFormat.render(render) }
		var out bytes.Buffer
		if err := f.write(&out, slices.Values([]acl.Binding{one})); err == nil || !strings.HasSuffix(err.Error(), want) || out.Len() > 0 {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f := ksmFormat
	f.render = func([]acl.Binding) ([]byte, error) { return []byte("no CSV"), nil }
	if err := f.write(io.Discard, slices.Values([]acl.Binding{one})); err == nil || !strings.Contains(err.Error(), "reading them back fails") {
		t.Errorf("got %v", err)
	}
}

// holds says of each format which ACLs it can hold, as its documentation does.
var holds = map[string]func(b acl.Binding) bool{
	"strimzi": func(b acl.Binding) bool {
		isCluster := b.Pattern == resource.LiteralPattern(resource.Cluster, "kafka-cluster")
		return regexp.MustCompile(`^User:(CN=)?[a-z0-9.-]+$`).MatchString(b.Entry.Principal) && b.Entry.Operation < ops.CreateTokens &&
			(isCluster || slices.Contains([]resource.Type{resource.Topic, resource.Group, resource.TransactionalID}, b.Pattern.Type))
	},
	"rpk": func(b acl.Binding) bool { return b.Entry.Operation < ops.TwoPhaseCommit },
	"ksm": func(b acl.Binding) bool {
		return b.Entry.Operation < ops.CreateTokens && b.Pattern.Type != resource.User
	},
}

// genACLs draws ACLs that Kafka would create, of all types and operations.
func genACLs(t *rapid.T) []acl.Binding {
	src := gen.Rapid(t)
	alice := gen.Pick(src, []string{"User:alice", "User:CN=alice"})
	list := make([]acl.Binding, src.IntN(8))
	for i := range list {
		b := gen.Valid(src)
		if gen.Bool(src) {
			b.Entry.Principal = gen.Pick(src, []string{alice, "User:CN=a.b-c", "User:true", "User:12"})
		}
		if b.Entry.Principal == "User:alice" {
			b.Entry.Principal = alice // they cannot both be in a list
		}
		switch src.IntN(4) {
		case 0:
			b.Pattern.Type = gen.Pick(src, resource.Types())
		case 1:
			b.Pattern = resource.LiteralPattern(resource.Cluster, resource.ClusterName)
		case 2:
			b.Pattern.Name = gen.Pick(src, []string{"null", "~", "1e3", "0x1", "yes", "- a", "a: b", "#", "'", `"`, "\n", "a\tb", "\u0085", "\u2028", ",", "é", "\U0001F600", "---", "{", "&a", "!!int"})
		}
		switch src.IntN(8) {
		case 0:
			b.Entry.Operation = ops.All + ops.Operation(src.IntN(int(ops.TwoPhaseCommit-ops.All)+1))
		case 1:
			b.Entry.Operation = ops.TwoPhaseCommit
		}
		list[i] = b
	}
	slices.SortFunc(list, acl.Binding.Compare)
	return slices.Compact(list)
}

// TestForeignFormatsRoundTrip writes the ACLs that a format can hold and reads them back.
// All others are refused by name.
func TestForeignFormatsRoundTrip(t *testing.T) {
	written, refused := map[string]int{}, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		all := genACLs(t)
		for _, f := range []foreignFormat{strimziFormat, rpkFormat, ksmFormat} {
			held := slices.DeleteFunc(slices.Clone(all), func(b acl.Binding) bool { return !holds[f.name](b) })
			var out bytes.Buffer
			if err := f.write(&out, slices.Values(held)); err != nil {
				t.Fatalf("%s: %v: %v", f.name, held, err)
			}
			got, err := f.read(&out, "")
			slices.SortFunc(got, acl.Binding.Compare)
			if err != nil || !slices.Equal(got, held) {
				t.Fatalf("%s: got %v, %v, want %v", f.name, got, err, held)
			}
			written[f.name] += len(held)
			if len(held) == len(all) {
				continue
			}
			err = f.write(&out, slices.Values(all))
			if err == nil || out.Len() > 0 {
				t.Fatalf("%s: writes %v: %s", f.name, all, &out)
			}
			for _, b := range all {
				if named := strings.Contains(err.Error(), "the ACL "+aclText(b)+" cannot be written"); named == holds[f.name](b) {
					t.Fatalf("%s: %v is named: %t in %v", f.name, b, named, err)
				}
			}
			refused[f.name]++
		}
	})
	t.Logf("written %v, lists refused %v", written, refused)
	for _, f := range []foreignFormat{strimziFormat, rpkFormat, ksmFormat} {
		if written[f.name] < 50 || refused[f.name] < 3 {
			t.Errorf("%s: %d ACLs written, %d lists refused: too few", f.name, written[f.name], refused[f.name])
		}
	}
}

// FuzzForeignFormats reads any text as each format. The ACLs that are read are valid,
// and those that the format can hold can be written and read back.
func FuzzForeignFormats(f *testing.F) {
	formats := []foreignFormat{strimziFormat, rpkFormat, ksmFormat}
	files, err := filepath.Glob(formatsData + "*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i := range formats {
			f.Add(i, string(text))
		}
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		if which < 0 || which >= len(formats) {
			return
		}
		format := formats[which]
		format.maxBytes = 1 << 16
		list, err := format.read(strings.NewReader(text), "file")
		if err != nil {
			if list != nil {
				t.Fatalf("%v and %v", list, err)
			}
			return
		}
		for _, b := range list {
			if err := b.Validate(); err != nil {
				t.Fatalf("%v: %v", b, err)
			}
		}
		slices.SortFunc(list, acl.Binding.Compare)
		list = slices.Compact(list)
		why := format.refuse(list)
		list = slices.DeleteFunc(list, func(b acl.Binding) bool { return why(b) != "" })
		format = formats[which]
		if err := format.write(io.Discard, slices.Values(list)); err != nil {
			t.Fatal(err)
		}
	})
}
