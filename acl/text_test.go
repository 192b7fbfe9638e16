package acl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// The output of earlier releases of kafka-acls.
func TestReadTextOfEarlierReleases(t *testing.T) {
	alice := binding(resource.LiteralPattern(resource.Topic, "test_secure_topic"), "User:alice", "10.0.0.1", ops.Read)
	bob := alice
	bob.Entry = acl.Entry{Principal: "User:CN=bob has Allow permission, OU=x", Host: "*", Operation: ops.DescribeConfigs, Permission: acl.Deny}

	// Up to 1.1, with and without the trailing spaces that it printed.
	for _, end := range []string{"", " "} {
		t.Run(end, func(t *testing.T) {
			read(t, "Current ACLs for resource `Topic:test_secure_topic`:"+end+"\n"+
				end+"\tUser:alice has Allow permission for operations: Read from hosts: 10.0.0.1\n"+
				"\tUser:CN=bob has Allow permission, OU=x has Deny permission for operations: DescribeConfigs from hosts: *"+end+"\n\n",
				acl.FormatAuto, alice, bob)
		})
	}

	// 2.0 to 2.3 print the pattern type as well.
	entry := "`: \n \tUser:alice has Allow permission for operations: Read from hosts: * \n\n"
	read(t, "Current ACLs for resource `Topic:LITERAL:*"+entry+
		"Current ACLs for resource `Group:PREFIXED:a:b"+entry+
		"Current ACLs for resource `TransactionalId:Prefixed:c"+entry+
		"Current ACLs for resource `Group:MATCH:d"+entry+
		"Current ACLs for resource `Cluster:LITERAL:kafka-cluster"+entry,
		acl.FormatText,
		binding(resource.LiteralPattern(resource.Topic, "*"), "User:alice", "*", ops.Read),
		binding(resource.PrefixedPattern(resource.Group, "a:b"), "User:alice", "*", ops.Read),
		// No release uses this spelling, and no ACL has the other pattern type: both
		// are parts of the names.
		binding(resource.LiteralPattern(resource.TransactionalID, "Prefixed:c"), "User:alice", "*", ops.Read),
		binding(resource.LiteralPattern(resource.Group, "MATCH:d"), "User:alice", "*", ops.Read),
		binding(resource.LiteralPattern(resource.Cluster, "kafka-cluster"), "User:alice", "*", ops.Read))
}

// Everything that kafka-acls prints without quoting may contain the separators.
func TestReadTextWithSeparatorsInNames(t *testing.T) {
	for _, name := range []string{
		"a, b", "a, name=b", "a, patternType=PREFIXED)", "a, patternType=PREFIXED)`:", "`", ")", "=", "a b ", " ",
		"ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL)", "Topic:LITERAL:x", "é\u2028",
	} {
		t.Run(name, func(t *testing.T) {
			want := binding(resource.PrefixedPattern(resource.Group, name), "User:a", "*", ops.Read)
			read(t, "Current ACLs for resource `ResourcePattern(resourceType=GROUP, name="+name+", patternType=PREFIXED)`:\n"+
				"\t(principal=User:a, host=*, operation=READ, permissionType=ALLOW)\n", acl.FormatText, want)
		})
	}
	for _, principal := range []string{
		"User:CN=a, OU=b", "User:a, host=b", "User:a, host=1.2.3.4, operation=ALL, permissionType=ALLOW", "User:)", "User: ", ":",
		"User:(principal=", "User:a has Allow permission for operations: Read from hosts: *",
	} {
		t.Run(principal, func(t *testing.T) {
			read(t, strings.Replace(oneText, "User:alice", principal, 1), acl.FormatText, topic("foo", principal))
		})
	}
	want := topic("foo", "User:alice")
	want.Entry.Host = "a host, of sorts)"
	read(t, strings.Replace(oneText, "host=*", "host="+want.Entry.Host, 1), acl.FormatText, want)
}

func TestReadTextWithoutEntries(t *testing.T) {
	heading := "Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=g, patternType=LITERAL)`: \n"
	read(t, heading, acl.FormatText)
	read(t, heading+"  \n\n"+oneText, acl.FormatText, one)
}

// The heading of a principal only repeats what its entries say, and starts a new
// section.
func TestReadTextForPrincipals(t *testing.T) {
	read(t, "ACLs for principal `User:a`b`\n"+oneText+"ACLs for principal `User:nobody`\n", acl.FormatText, one)
	refuse(t, oneText+"ACLs for principal `User:b`\n\t(principal=User:b, host=*, operation=READ, permissionType=ALLOW)\n"+
		"\t(principal=User:b, host=*, operation=WRITE, permissionType=ALLOW)\n", acl.FormatText,
		"dump.txt:5:2: found an entry before any resource, expected a heading above it, such as "+
			"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:")
	refuse(t, "ACLs for principal `User:a\n", acl.FormatText, "dump.txt:1:27: found the end of the line, expected \"`\" before it")
}

const (
	exampleResource = "expected a resource such as ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)"
	exampleEntry    = "expected an entry such as (principal=User:alice, host=*, operation=READ, permissionType=ALLOW)"
	oldEntry        = "expected an entry such as User:alice has Allow permission for operations: Read from hosts: *"
	printable       = "expected only printable text: use the json format for other names"
	someHost        = `expected an address, "*" for all, or a network in CIDR notation such as 10.0.0.0/8`
	somePrincipal   = `expected Type:name, such as User:alice, or "User:*" for everyone`
	someOperation   = "expected one of ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, " +
		"ALTER_CONFIGS, IDEMPOTENT_WRITE, CREATE_TOKENS, DESCRIBE_TOKENS, TWO_PHASE_COMMIT"
	someType = "expected one of TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, DELEGATION_TOKEN, USER"
)

func TestReadTextRefusesHeadings(t *testing.T) {
	const ok = "\t(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)\n"
	for _, test := range []struct {
		heading string
		want    []string
	}{
		{"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=foo, patternType=LITERAL)`",
			[]string{"1:95: found the end of the line, expected \"`:\" before it"}},
		{"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=foo, patternType=LITERAL)`:  ",
			[]string{"1:96: found more than one space at the end of the line, expected at most one after \"`:\""}},
		{"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=f, patternType=LITERAL`:",
			[]string{"1:28: found \"ResourcePattern(resourceType=TOPIC, name=f, patternType=LITERAL\", " + exampleResource}},
		{"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=foo)`:",
			[]string{"1:28: found \"ResourcePattern(resourceType=TOPIC, name=foo)\", " + exampleResource}},
		{"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, patternType=LITERAL)`:",
			[]string{"1:28: found \"ResourcePattern(resourceType=TOPIC, patternType=LITERAL)\", " + exampleResource}},
		{"Current ACLs for resource `ResourcePattern(resourceType=QUEUE, name=, patternType=literal)`:", []string{
			`1:57: found resource type "QUEUE", ` + someType,
			`1:83: found pattern type "literal", expected one of LITERAL, PREFIXED`}},
		{"Current ACLs for resource `ResourcePattern(resourceType=ANY, name=a, patternType=MATCH)`:", []string{
			`1:57: found resource type "ANY", ` + someType,
			`1:82: found pattern type "MATCH", expected one of LITERAL, PREFIXED`}},
		{"Current ACLs for resource `Queue1:a`:", []string{`1:28: found resource type "Queue1", ` + someType}},
		{"Current ACLs for resource `Topic`:", []string{`1:28: found "Topic", ` + exampleResource + " or Topic:orders"}},
		{"Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=a\x1bb, patternType=LITERAL)`:",
			[]string{`1:70: found control character '\x1b', ` + printable}},
		{" Current ACLs for resource `Topic:a`:", []string{"1:1: found \" Current ACLs for resource `Topic:a`:\", expected a heading such as " +
			"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`: " +
			"or, after a tab, an entry such as (principal=User:alice, host=*, operation=READ, permissionType=ALLOW)"}},
	} {
		t.Run(test.heading, func(t *testing.T) {
			want := make([]string, len(test.want))
			for i, w := range test.want {
				want[i] = "dump.txt:" + w
			}
			// The entry below is valid except that its heading has the form of an old
			// release.
			entry := ok
			if strings.Contains(test.heading, "`Queue") || strings.Contains(test.heading, "`Topic`") {
				entry = "\tUser:alice has Allow permission for operations: Read from hosts: *\n"
			}
			refuse(t, test.heading+"\n"+entry+entry, acl.FormatText, want...)
		})
	}
}

func TestReadTextRefusesEntries(t *testing.T) {
	for _, test := range []struct {
		entry string
		want  []string
	}{
		{"\t\t(principal=User:a, host=*, operation=READ, permissionType=ALLOW)", []string{`2: found control character '\t', ` + printable}},
		{"\t(principal=User:a, host=*, operation=READ, permissionType=ALLOW)  ", []string{"66: found more than one space at the end of the line, expected at most one after \")\""}},
		{"\tprincipal=User:a, host=*, operation=READ, permissionType=ALLOW", []string{`2: found "principal=User:a, host=*, operation=READ, permissionType=ALLOW", ` + exampleEntry}},
		{"\t(principal=User:a, operation=READ, permissionType=ALLOW)", []string{`13: found "User:a" without ", host=", ` + exampleEntry}},
		{"\t(principal=User:a, host=*, permissionType=ALLOW)", []string{`13: found "User:a, host=*" without ", operation=", ` + exampleEntry}},
		{"\tUser:alice has Allow permission for operations: Read from hosts: *", []string{`2: found "User:alice has Allow permission for operations: Read from hosts:"…, ` + exampleEntry}},
		{" \t(principal=alice, host=10.0.0.0/33, operation=ANY, permissionType=MAYBE) ", []string{
			`49: found operation "ANY", ` + someOperation,
			`69: found permission type "MAYBE", expected one of ALLOW, DENY`}},
		{"\t(principal=User:a, host=, operation=READ, permissionType=ANY)", []string{
			`59: found permission type "ANY", expected one of ALLOW, DENY`}},
		{"\t(principal=User:a\x00, host=*, operation=READ, permissionType=ALLOW)", []string{`19: found control character '\x00', ` + printable}},
		{"\t(principal=User:a\u0085, host=*, operation=READ, permissionType=ALLOW)", []string{`19: found control character '\u0085', ` + printable}},
	} {
		t.Run(test.entry, func(t *testing.T) {
			want := make([]string, len(test.want))
			for i, w := range test.want {
				want[i] = "dump.txt:4:" + w
			}
			refuse(t, oneText+test.entry+"\n", acl.FormatText, want...)
		})
	}

	// The heading determines the form of the entries.
	refuse(t, "Current ACLs for resource `Topic:a`:\n"+
		"\t(principal=User:a, host=*, operation=READ, permissionType=ALLOW)\n"+
		"\tUser:a has Allow permission for operations: Read\n"+
		"\tUser:a has Allow permission for operations: Dance from hosts: *\n", acl.FormatText,
		`dump.txt:2:2: found "(principal=User:a, host=*, operation=READ, permissionType=ALLOW)" without " from hosts: ", `+oldEntry,
		`dump.txt:3:2: found "User:a has Allow permission for operations: Read" without " from hosts: ", `+oldEntry,
		`dump.txt:4:46: found operation "Dance", `+someOperation)
}

func ExampleRead() {
	dump := "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:\n" +
		"\t(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)\n"
	bindings, err := acl.Read(strings.NewReader(dump), "acls.txt", acl.FormatAuto)
	fmt.Println(bindings, err)

	_, err = acl.Read(strings.NewReader(strings.Replace(dump, "READ", "REED", 1)), "acls.txt", acl.FormatAuto)
	fmt.Println(err)
	// Output:
	// [(pattern=ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL), entry=(principal=User:alice, host=*, operation=READ, permissionType=ALLOW))] <nil>
	// acls.txt:2:43: found operation "REED", expected one of ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE, CREATE_TOKENS, DESCRIBE_TOKENS, TWO_PHASE_COMMIT
}
