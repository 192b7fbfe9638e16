package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listed returns the ACLs that a list prints, each as "name principal operation".
func listed(t *testing.T, args ...string) []string {
	t.Helper()
	got := runWith("", append([]string{"list", "--acls", acme + "acls-3.txt", "-o", "json"}, args...)...)
	require.Equal(t, exitDone, got.status)
	require.Empty(t, got.stderr)
	var list []string
	for line := range strings.Lines(got.stdout) {
		values := map[string]string{}
		for _, key := range []string{"name", "principal", "operation", "patternType"} {
			_, rest, _ := strings.Cut(line, `"`+key+`":"`)
			values[key], _, _ = strings.Cut(rest, `"`)
		}
		list = append(list, values["patternType"][:1]+" "+values["name"]+" "+values["principal"]+" "+values["operation"])
	}
	return list
}

func TestListFilters(t *testing.T) {
	const monitor = `User:CN=monitor,OU=Operations,O=Acme\\, Inc.`
	for _, test := range []struct {
		args string
		want []string
	}{
		{"--topic payments.eu", []string{"L payments.eu User:connect-sink-warehouse READ"}},
		{"--topic payments.", nil},
		{"--topic payments. --resource-pattern-type prefixed", []string{
			"P payments. User:billing WRITE", "P payments. User:billing CREATE", "P payments. User:ledger READ"}},
		{"--topic payments.eu --resource-pattern-type ANY", []string{"L payments.eu User:connect-sink-warehouse READ"}},
		{"--topic payments. --resource-pattern-type Any --principal User:ledger", []string{"P payments. User:ledger READ"}},
		{"--topic payments.eu --resource-pattern-type match", []string{
			"L * User:* ALL", "L * " + monitor + " DESCRIBE", "L * " + monitor + " DESCRIBE_CONFIGS", "L * User:analytics READ",
			"P payments. User:billing WRITE", "P payments. User:billing CREATE", "P payments. User:ledger READ",
			"L payments.eu User:connect-sink-warehouse READ"}},
		{"--topic *", []string{"L * User:* ALL", "L * " + monitor + " DESCRIBE", "L * " + monitor + " DESCRIBE_CONFIGS", "L * User:analytics READ"}},
		{"--topic orders --topic announcements --group ledger", []string{
			"L announcements User:* READ", "L orders User:connect-sink-warehouse READ", "L ledger User:ledger READ"}},
		{"--cluster --principal User:billing", []string{"L kafka-cluster User:billing IDEMPOTENT_WRITE"}},
		{"--transactional-id billing- --resource-pattern-type prefixed", []string{"P billing- User:billing WRITE", "P billing- User:billing DESCRIBE"}},
		{"--delegation-token t-4711", []string{"L t-4711 User:token-desk DESCRIBE"}},
		{"--user-principal User:tenant-red", []string{"L User:tenant-red User:token-desk CREATE_TOKENS", "L User:tenant-red User:token-desk DESCRIBE_TOKENS"}},
		{"--principal User:ledger --principal User:analytics", []string{
			"L * User:analytics READ", "P payments. User:ledger READ", "P analytics- User:analytics READ", "L ledger User:ledger READ"}},
		{"--principal User:nobody", nil},
	} {
		t.Run(test.args, func(t *testing.T) { assert.Equal(t, test.want, listed(t, strings.Fields(test.args)...)) })
	}
}

func TestListText(t *testing.T) {
	expect(t, exitDone, readAll(t, acme+"acls.txt"), "", "", "list", "--acls", acme+"acls-3.txt")
	expect(t, exitDone, readAll(t, acme+"acls.jsonl"), "", readAll(t, acme+"acls.txt"), "list", "--acls", "-", "--output", "json")
	expect(t, exitDone, "", "", "", "list", "--acls", acme+"acls.txt", "--group", "none")
	// As kafka-acls does, under a heading for each principal.
	const byPrincipal = "ACLs for principal `User:ledger`\n" +
		"Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=ledger, patternType=LITERAL)`:\n" +
		"\t(principal=User:ledger, host=*, operation=READ, permissionType=ALLOW)\n\n" +
		"ACLs for principal `User:nobody`\n"
	args := []string{"list", "--principal", "User:ledger", "--principal", "User:nobody", "--group", "ledger", "--acls"}
	expect(t, exitDone, byPrincipal, "", "", append(args, acme+"acls.txt")...)
	expect(t, exitDone, byPrincipal, "", byPrincipal, append(args, "-")...)
}

func TestListRefuses(t *testing.T) {
	refuse(t, "", []string{"list", "--acls", acme + "acls.txt", "--topic", "", "--principal", "alice"},
		`portcullis: --topic "": expected a name`,
		`portcullis: --principal "alice": expected Type:name, such as User:alice`)
	for _, patternType := range []string{"unknown", "", "prefix"} {
		t.Run("pattern type "+patternType, func(t *testing.T) {
			refuse(t, "", []string{"list", "--acls", acme + "acls.txt", "--resource-pattern-type", patternType},
				`portcullis: --resource-pattern-type "`+patternType+`": expected literal, prefixed, any or match`)
		})
	}
	// Text cannot hold it, JSON can.
	dump := `{"resourceType":"GROUP","name":"a\nb","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}` + "\n"
	expect(t, exitDone, dump, "", dump, "list", "--acls", "-", "-o", "json")
	for _, args := range [][]string{{"list"}, {"list", "--principal", "User:a"}, {"convert", "--to", "kafka-acls"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			refuse(t, dump, append(args, "--acls", "-"),
				`portcullis: the ACL (principal=User:a, host=*, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=GROUP, name="a\nb", patternType=LITERAL) `+
					`cannot be written as kafka-acls: the name has unprintable characters; only the formats json and rpk can escape them`)
		})
	}
}

func TestConvert(t *testing.T) {
	for _, to := range []string{"auto", "text", ""} {
		t.Run("to "+to, func(t *testing.T) {
			refuse(t, "", []string{"convert", "--acls", acme + "acls.txt", "--to", to},
				`portcullis: --to "`+to+`": expected one of kafka-acls, kafka-acls-3, json, zookeeper, strimzi, rpk, ksm`)
		})
	}
	// Each ACL once, sorted, from all files.
	lines := strings.SplitAfter(readAll(t, acme+"acls.jsonl"), "\n")
	half := file(t, "half", lines[40]+lines[3]+lines[3]+strings.Join(lines[20:], ""))
	expect(t, exitDone, strings.Join(lines, ""), "", strings.Join(lines[:20], ""), "convert", "--acls", half, "--acls", "-", "--to", "json")
	// The error names all ACLs that the format cannot hold, and nothing is written.
	dump := readAll(t, acme+"acls.jsonl") + strings.NewReplacer("announcements", "a/b").Replace(lines[4]) + strings.NewReplacer("announcements", "..").Replace(lines[4])
	refuse(t, dump, []string{"convert", "--acls", "-", "--to", "zookeeper"},
		`portcullis: acl: the binding of TOPIC ".." (LITERAL), ALLOW READ for "User:*" from host "*" cannot be written as zookeeper: `+
			`reading it back finds "..", expected a name that is allowed in ZooKeeper: use the json format for other names`,
		`portcullis: acl: the binding of TOPIC "a/b" (LITERAL), ALLOW READ for "User:*" from host "*" cannot be written as zookeeper: `+
			`reading it back finds the character '/' in a name, expected a name that is allowed in ZooKeeper: use the json format for other names`)
}
