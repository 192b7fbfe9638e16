package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What comes from a command that failed is empty. No command that reads ACLs takes it,
// so that no gate passes because its input is missing.
func TestEmptyInputIsRefused(t *testing.T) {
	const expected = " holds no ACL: expected at least one, or --allow-empty"
	some := file(t, "some.jsonl", `{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}`+"\n")
	trace := file(t, "trace.jsonl", `{"principal":"User:a","host":"10.0.0.1","operation":"Read","resourceType":"Topic","name":"a"}`+"\n")
	for _, command := range []string{
		"check --acls EMPTY --principal User:a --operation Read --topic a",
		"check --acls SOME --acls EMPTY --principal User:a --operation Read --topic a",
		"list --acls EMPTY",
		"convert --acls EMPTY --to json",
		"explain --acls EMPTY --principal User:a --operation Read --topic a",
		"who-can --acls EMPTY --operation Read --topic a",
		"what-can --acls EMPTY --principal User:a",
		"lint --acls EMPTY",
		"diff --acls EMPTY --new-acls SOME",
		"diff --acls SOME --new-acls EMPTY",
		"report --acls EMPTY --html -",
		"suggest --trace TRACE --unused --acls EMPTY",
	} {
		for name, text := range map[string]string{"nothing": "", "blank lines": "\n\n"} {
			t.Run(command+", "+name, func(t *testing.T) {
				empty := file(t, "empty.txt", text)
				args := strings.Fields(strings.NewReplacer("EMPTY", empty, "SOME", some, "TRACE", trace).Replace(command))
				refuse(t, "", args, "portcullis: "+empty+expected)
				got := runWith("", append(args, "--allow-empty")...)
				assert.NotEqual(t, exitError, got.status, got.stderr)
				assert.NotContains(t, got.stderr, "no ACL")
				args = strings.Fields(strings.NewReplacer("EMPTY", "-", "SOME", some, "TRACE", trace).Replace(command))
				refuse(t, text, args, "portcullis: standard input"+expected)
			})
		}
	}
}

// A list of super users with commas is one super user whose name nobody has.
func TestSuperUsersWithCommas(t *testing.T) {
	acls := file(t, "acls.jsonl", `{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}`+"\n")
	for list, warned := range map[string]bool{
		"User:a,User:b": true, "User:a, User:b": true, "User:x;User:a,Group:b": true,
		"User:a;User:b": false, "User:CN=a,OU=b,O=c": false, "User:CN=a:b,OU=c": false, "User:a": false,
	} {
		t.Run(list, func(t *testing.T) {
			got := runWith("", "check", "--acls", acls, "--principal", "User:b", "--operation", "Write", "--topic", "a", "--super-users", list)
			assert.Equal(t, warned, strings.Contains(got.stderr, "is one principal: several have a semicolon between them"), got.stderr)
			assert.Equal(t, list == "User:a;User:b", got.status == exitDone)
		})
	}
}
