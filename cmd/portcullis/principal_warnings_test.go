package main

import (
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strconv"
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

// Java prints the most specific attribute first, and no spaces. Names that are copied from openssl
// match no rule. These are what openssl x509 -subject prints of real certificates.
func TestPrincipalInTheFormsOfOpenSSL(t *testing.T) {
	const (
		order   = "is in openssl's order: Java prints the attributes in the other order, as openssl x509 -nameopt RFC2253 does"
		old     = "is in openssl's old form: Java prints the attributes in the other order, as openssl x509 -nameopt RFC2253 does"
		spaces  = "has spaces, semicolons or quotation marks that Java does not print"
		prefix  = "begins with what openssl prints before a name"
		email   = "has the attribute emailAddress, for which Java prints a number and bytes"
		bytes   = "has bytes in hexadecimal, for which Java prints characters"
		unknown = "" // the name in Java's form cannot be said
		address = "1.2.840.113549.1.9.1=#16057840792e7a"
	)
	for dn, want := range map[string]struct {
		java string
		what []string
	}{
		"C=DE, O=Acme, CN=alice":        {"CN=alice,O=Acme,C=DE", []string{spaces, order}},
		"C=DE,O=Acme,CN=alice":          {"CN=alice,O=Acme,C=DE", []string{order}},
		"C = DE, O = Acme, CN = alice":  {"CN=alice,O=Acme,C=DE", []string{spaces, order}},
		"DC=com,DC=acme,CN=alice":       {"CN=alice,DC=acme,DC=com", []string{order}},
		`O=Acme\, Inc.,CN=alice`:        {`CN=alice,O=Acme\, Inc.`, []string{order}},
		"/C=DE/O=Acme/CN=alice":         {"CN=alice,O=Acme,C=DE", []string{old}},
		"/CN=alice":                     {"CN=alice", []string{old}},
		"/C=DE/O=Acme, Inc/CN=kafka/h1": {`CN=kafka/h1,O=Acme\, Inc,C=DE`, []string{old}},
		`subject=C = DE, O = "Acme, Inc", OU = a + CN = alice, emailAddress = x@y.z`:          {address + `,OU=a+CN=alice,O=Acme\, Inc,C=DE`, []string{prefix, email, spaces, order}},
		"subject= /C=DE/CN=alice/emailAddress=x@y.z":                                          {address + ",CN=alice,C=DE", []string{prefix, email, old}},
		`emailAddress=x@y.z,CN=alice+OU=a,O=Acme\, Inc,C=DE`:                                  {address + `,CN=alice+OU=a,O=Acme\, Inc,C=DE`, []string{email}},
		`C=DE; O=Acme\, Inc; OU=a + CN=alice`:                                                 {`OU=a+CN=alice,O=Acme\, Inc,C=DE`, []string{spaces, order}},
		`CN=J\C3\BCrgen,O=Acme`:                                                               {"CN=Jürgen,O=Acme", []string{bytes}},
		"CN=alice, O=Acme, C=DE":                                                              {"CN=alice,O=Acme,C=DE", []string{spaces}},
		"C=DE, serialNumber=7, CN=a":                                                          {unknown, []string{"has the attribute serialNumber, for which Java prints a number and bytes", spaces, order}},
		"subject=\n    countryName               = DE\n    commonName                = alice": {unknown, []string{prefix}},
		"CN=alice,O=Acme,C=DE":                                                                {},
		`CN=a\"b,O=Acme\, Inc.`:                                                               {},
		address + ",CN=alice":                                                                 {},
		"CN=alice":                                                                            {},
		"CN=kafka/host,O=Acme":                                                                {},
		"O=Acme,OU=x":                                                                         {},
		"/not a name":                                                                         {},
		"O=Acme,CN":                                                                           {},
		"OU=Sales,O=Acme,CN=after,C=all":                                                      {},
	} {
		t.Run(dn, func(t *testing.T) {
			text := ""
			if len(want.what) > 0 {
				text = "warning: the name " + strings.Join(want.what, "; it ") + ": --cert with the certificate maps the name that Kafka sees\n"
			}
			if want.java != unknown {
				text = strings.Replace(text, ": --cert with the certificate maps the name that Kafka sees", ", and Kafka compares that: "+strconv.Quote(want.java), 1)
			}
			assert.Equal(t, text, warningsOf(t, "", "--dn", dn))
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
