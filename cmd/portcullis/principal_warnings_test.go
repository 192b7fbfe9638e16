package main

import (
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// warningsOf returns the warnings of the command principal, which must answer.
func warningsOf(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	got := runWith(stdin, append([]string{"principal"}, args...)...)
	require.NotEqual(t, exitError, got.status, got.stderr)
	return got.stderr
}

// Java prints the most specific attribute first. Names that are copied from openssl match no rule.
func TestPrincipalInTheOrderOfOpenSSL(t *testing.T) {
	const order, old = "in openssl's order", "in openssl's old form"
	for dn, want := range map[string][2]string{
		"C=DE, O=Acme, CN=alice":         {order, "CN=alice,O=Acme,C=DE"},
		"C = DE, O = Acme, CN = alice":   {order, "CN=alice,O=Acme,C=DE"},
		"DC=com,DC=acme,CN=alice":        {order, "CN=alice,DC=acme,DC=com"},
		`O=Acme\, Inc.,CN=alice`:         {order, `CN=alice,O=Acme\, Inc.`},
		"/C=DE/O=Acme/CN=alice":          {old, "CN=alice,O=Acme,C=DE"},
		"/CN=alice":                      {old, "CN=alice"},
		"CN=alice,O=Acme,C=DE":           {},
		"CN=alice":                       {},
		"CN=kafka/host,O=Acme":           {},
		"O=Acme,OU=x":                    {},
		"/not a name":                    {},
		"O=Acme,CN":                      {},
		"OU=Sales,O=Acme,CN=after,C=all": {},
	} {
		t.Run(dn, func(t *testing.T) {
			text := ""
			if want[0] != "" {
				text = "warning: the name is " + want[0] + ": Java prints the attributes in the other order, as openssl x509 -nameopt RFC2253 does, and Kafka compares that: "
			}
			got := warningsOf(t, "", "--dn", dn)
			if text == "" {
				assert.Empty(t, got)
				return
			}
			assert.True(t, strings.HasPrefix(got, text), got)
			assert.Equal(t, strings.ReplaceAll(want[1], `\`, `\\`), strings.Trim(strings.TrimSpace(strings.TrimPrefix(got, text)), `"`))
		})
	}
}

func TestPrincipalWarnsOfEmptySubjects(t *testing.T) {
	assert.Equal(t, "warning: the subject of the certificate is empty: the client has no name of its own, and all such clients are one principal\n",
		warningsOf(t, certificatePEM(t, pkix.Name{}), "--cert", "-"))
}

// A backslash that is lost at the end of a line makes a setting of the next rule.
func TestPrincipalWarnsOfLostRules(t *testing.T) {
	const lost = " is a setting of its own, not a rule: end the line before it with a backslash\n"
	text := "ssl.principal.mapping.rules=RULE:^CN=(.*?),OU=a.*$/$1/,\n  RULE:^CN=([^,]*).*$/$1/L,\\\n  DEFAULT\n"
	assert.Equal(t, "warning: standard input: RULE"+lost, warningsOf(t, text, "--properties", "-", "--dn", "CN=a,OU=a"))
	text = "ssl.principal.mapping.rules=RULE:^CN=(.*?),OU=a.*$/$1/\n  ,DEFAULT\n"
	assert.Equal(t, "warning: standard input: ,DEFAULT"+lost, warningsOf(t, text, "--properties", "-", "--dn", "CN=a,OU=a"))
	text = "bootstrap.servers=a:1\ngroup.id=x\n"
	assert.Equal(t, `warning: standard input: "bootstrap.servers" is no setting of a Kafka broker`+"\n"+`warning: standard input: "group.id" is no setting of a Kafka broker`+"\n"+
		"warning: standard input has no setting of a Kafka broker: expected a server.properties\n", warningsOf(t, text, "--properties", "-", "--dn", "CN=a,OU=a"))
	text = "ssl.principal.maping.rules=DEFAULT\nbroker.id=1\n"
	assert.Equal(t, `warning: standard input: "ssl.principal.maping.rules" is no setting of a Kafka broker: did you mean ssl.principal.mapping.rules?`+"\n",
		warningsOf(t, text, "--properties", "-", "--dn", "CN=a,OU=a"))
}

// What is missing from a krb5.conf of another machine costs a warning.
func TestPrincipalWithoutIncludedFiles(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "krb5.conf")
	text := "includedir " + dir + "/none/\ninclude " + dir + "/realms\n[libdefaults]\n default_realm = EXAMPLE.COM\n"
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	const with = ": no such file or directory: with it, names may be mapped differently\n"
	for _, mit := range []string{"", "--mit"} {
		got := runWith("", strings.Fields("principal --name alice@EXAMPLE.COM --krb5-conf "+conf+" "+mit)...)
		assert.Equal(t, exitDone, got.status)
		assert.Equal(t, "warning: "+conf+":1: includes what does not exist: open "+dir+"/none/"+with+
			"warning: "+conf+":2: includes what does not exist: stat "+dir+"/realms"+with, got.stderr)
	}
	require.NoError(t, os.WriteFile(dir+"/realms", []byte("[x\n"), 0o600))
	refuse(t, "", []string{"principal", "--name", "a@b", "--krb5-conf", conf}, dir+"/realms:1: expected [section] and nothing after it")
	// A server needs all of them.
	got := runWith("", "proxy", "--listen", "PLAINTEXT://:0", "--acls", acme+"acls.txt", "--upstream", "b:1", "--krb5-conf", conf, "--check")
	assert.Equal(t, exitError, got.status)
	assert.Contains(t, got.stderr, "/none/: no such file or directory")
}

// A rule of MIT krb5 that cannot be compiled costs a warning, and not the answers for the names
// that do not reach it.
func TestPrincipalWithABrokenMITRule(t *testing.T) {
	const message = `--kerberos-rules: rule 1 "RULE:[2:$1](a", at offset 11: expected ")" after the pattern`
	rules := []string{"RULE:[1:$1](a.*)", "RULE:[2:$1](a", "RULE:[1:x$1](xb.*)", "DEFAULT"}
	ask := func(rules []string, name string) result {
		args := []string{"principal", "--mit", "--realm", "R", "--name", name}
		for _, r := range rules {
			args = append(args, "--kerberos-rules", r)
		}
		return runWith("", args...)
	}
	const warned = "warning: " + message + ": the names that reach it are not mapped here\n"
	for _, test := range []struct {
		name, first, last string
	}{
		{"alice@R", "mapped: alice@R to User:alice", "rule 0: mapped with alice: RULE:[1:$1](a.*)"},
		{"bob@R", "mapped: bob@R to User:xbob", "rule 2: mapped with xbob: RULE:[1:x$1](xb.*)"},
		{"carol@R", "mapped: carol@R to User:carol", "rule 3: mapped: DEFAULT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ask(rules, test.name)
			assert.Equal(t, exitDone, got.status)
			lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
			assert.Equal(t, test.first, lines[0])
			assert.Contains(t, lines, test.last)
			assert.Contains(t, got.stderr, warned)
		})
	}
	reached := ask(rules, "kafka/host@R")
	assert.Equal(t, exitError, reached.status)
	assert.Equal(t, "portcullis: "+message+"\n", reached.stderr)
	got := ask([]string{"RULE:[2:$1](a)", "RULE:[1:$1](a", "DEFAULT"}, `b\/c@R`)
	assert.Equal(t, exitError, got.status, "it has one component")
	got = ask([]string{"RULE:[1:$1](a", "DEFAULT"}, "a@R")
	assert.Equal(t, "portcullis: "+`--kerberos-rules: rule 0 "RULE:[1:$1](a", at offset 11: expected ")" after the pattern`+"\n", got.stderr)
	got = ask([]string{"RULE:[1:$1](a", "RULE:[2:$1](a", "DEFAULT"}, "a/b/c@R")
	assert.Equal(t, exitDenied, got.status, "neither is for three components")
	assert.Equal(t, 2, strings.Count(got.stderr, "not mapped here"), got.stderr)
	// What MIT krb5 does with rules that are refused by an earlier one does not change.
	got = ask([]string{"RULE:[2:$1](a", "RULE:[1:$1](b)s/b/a/"}, "c@R")
	assert.Equal(t, exitDenied, got.status)
	assert.Contains(t, got.stdout, "rule 1: no match with c")
}
