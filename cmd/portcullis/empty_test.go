package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The output of a command that failed is empty. Every command that reads ACLs refuses
// empty input, so that no CI check passes because its input is missing.
func TestEmptyInputIsRefused(t *testing.T) {
	const expected = " has no ACL: expected at least one, or --allow-empty"
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
		for name, text := range map[string]string{
			"nothing": "", "blank lines": "\n\n", "a byte order mark": "\uFEFF\r\n",
			"a heading": "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL)`:\n\n",
		} {
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

// A trace with a missing part is not a sample: each file must have a decision.
func TestEmptyTraceIsRefused(t *testing.T) {
	trace := file(t, "trace.jsonl", `{"principal":"User:a","host":"10.0.0.1","operation":"Read","resourceType":"Topic","name":"a"}`+"\n")
	for name, text := range map[string]string{"nothing": "", "blank lines": "\n\n"} {
		t.Run(name, func(t *testing.T) {
			empty := file(t, "empty.jsonl", text)
			for _, args := range [][]string{{"--trace", trace, "--trace", empty}, {"--trace", empty, "--trace", trace}, {"--trace", empty}} {
				args = append([]string{"suggest"}, args...)
				refuse(t, "", args, "portcullis: "+empty+" has no decision: expected at least one, or --allow-empty")
			}
			got := runWith("", "suggest", "--trace", trace, "--trace", empty, "--allow-empty")
			assert.Equal(t, exitDone, got.status, got.stderr)
		})
	}
}

// A list of super users with commas is one super user with a name that no client has.
func TestSuperUsersWithCommas(t *testing.T) {
	acls := file(t, "acls.jsonl", `{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}`+"\n")
	for list, warned := range map[string]bool{
		"User:a,User:b": true, "User:a, User:b": true, "User:x;User:a,Group:b": true,
		"User:a User:b": true, "User:a|User:b": true, "User:a\nUser:b": true, "User:a；User:b": true, "User:a,My-Type:b": true, "User:a, User :b": true,
		"User:CN=Bob User,OU=x y:z": false, "User:CN=a b:c": false,
		"User:a;User:b": false, "User:CN=a,OU=b,O=c": false, "User:CN=a:b,OU=c": false, "User:a": false,
	} {
		t.Run(list, func(t *testing.T) {
			got := runWith("", "check", "--acls", acls, "--principal", "User:b", "--operation", "Write", "--topic", "a", "--super-users", list)
			assert.Equal(t, warned, strings.Contains(got.stderr, "is one principal: separate principals with semicolons"), got.stderr)
			assert.Equal(t, list == "User:a;User:b", got.status == exitDone)
		})
	}
}

// --check warns of a login that the proxy sends over a network in clear, whether flags or a file
// say so.
func TestPlainUpstreamIsWarnedOf(t *testing.T) {
	acls := file(t, "acls.jsonl", `{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}`+"\n")
	password := file(t, "password", "secret\n")
	base := []string{"proxy", "--check", "--acls", acls, "--listen", "PLAINTEXT://127.0.0.1:0"}
	flags := " --upstream-user u --upstream-password-file " + password
	config := func(protocol, mechanism, module string) string {
		token := file(t, "token", "t")
		return " --upstream-config " + file(t, "client.properties", "security.protocol="+protocol+"\nsasl.mechanism="+mechanism+
			"\nsasl.oauthbearer.token.endpoint.url=file://"+token+
			"\nsasl.jaas.config=org.apache.kafka.common.security."+module+" required username=\"u\" password=\"s3cr3t\";\n")
	}
	plainModule, tokenModule, scramModule := "plain.PlainLoginModule", "oauthbearer.OAuthBearerLoginModule", "scram.ScramLoginModule"
	for args, warned := range map[string]bool{
		"--upstream kafka:1 --upstream-mechanism PLAIN" + flags: true, "--upstream 127.0.0.1:1 --upstream 10.0.0.1:1 --upstream-mechanism PLAIN" + flags: true,
		"--upstream 127.0.0.1:1 --upstream LOCALHOST:1 --upstream [::1]:1 --upstream-mechanism PLAIN" + flags: false,
		"--upstream kafka:1" + flags: false, "--upstream kafka:1 --upstream-mechanism PLAIN --upstream-tls" + flags: false,
		"--upstream kafka:1" + config("SASL_PLAINTEXT", "PLAIN", plainModule): true, "--upstream kafka:1" + config("SASL_PLAINTEXT", "OAUTHBEARER", tokenModule): true,
		"--upstream kafka:1" + config("SASL_SSL", "PLAIN", plainModule): false, "--upstream kafka:1" + config("SASL_SSL", "OAUTHBEARER", tokenModule): false,
		"--upstream kafka:1" + config("SASL_PLAINTEXT", "SCRAM-SHA-256", scramModule): false, "--upstream 127.0.0.1:1" + config("SASL_PLAINTEXT", "PLAIN", plainModule): false,
	} {
		t.Run(args, func(t *testing.T) {
			got := runWith("", append(base, strings.Fields(args)...)...)
			assert.Equal(t, exitDone, got.status, got.stderr)
			assert.Equal(t, warned, strings.Contains(got.stderr, "of the proxy crosses the network to "), got.stderr)
			assert.Contains(t, got.stderr, "warning: listener PLAINTEXT 127.0.0.1:0: clients are not authenticated", "as those of listeners are")
			assert.NotContains(t, got.stderr, "s3cr3t")
		})
	}
}
