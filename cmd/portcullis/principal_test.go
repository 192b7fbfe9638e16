package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

// certificatePEM returns a self-signed certificate and, before it, its key.
func certificatePEM(t *testing.T, subject pkix.Name) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

var billing = pkix.Name{CommonName: "Billing", OrganizationalUnit: []string{"Services"}, Organization: []string{"Acme"}}

const partnersWarning = "warning: " + acme + "server.properties: listener.name.partners.ssl.principal.mapping.rules has other rules for one listener: --listener uses them\n"

func TestPrincipalOfDistinguishedNames(t *testing.T) {
	rules, err := principal.ParseSSLRules("RULE:.*CN=([^,]*).*/$1/", 0)
	require.NoError(t, err)
	require.Len(t, rules.Lint(), 1)
	unanchored := rules.Lint()[0].Msg + "\n"
	for _, test := range []struct {
		rules, dn string
		status    int
		stdout    string
		stderr    string
	}{
		{"RULE:^CN=([^,]+),OU=(Sales|IT).*$/$1-$2/L,DEFAULT", "CN=Alice,OU=Sales,C=DE", exitDone,
			"mapped: CN=Alice,OU=Sales,C=DE to User:alice-sales\n" +
				"rule 0: mapped: RULE:^CN=([^,]+),OU=(Sales|IT).*$/$1-$2/L\n" +
				"  CN=Alice,OU=Sales,C=DE becomes alice-sales\n" +
				"    replaced CN=Alice,OU=Sales,C=DE: $1 is Alice, $2 is Sales\n", ""},
		{"RULE:^CN=([^,]+),OU=(Sales|IT).*$/$1-$2/L,DEFAULT", "CN=Alice,OU=HR", exitDone,
			"mapped: CN=Alice,OU=HR to User:CN=Alice,OU=HR\n" +
				"rule 0: no match: RULE:^CN=([^,]+),OU=(Sales|IT).*$/$1-$2/L\n" +
				"rule 1: mapped: DEFAULT\n", ""},
		{"RULE:^CN=x$/y/", "CN=Alice", exitDenied,
			"refused: CN=Alice: no rule applies\nrule 0: no match: RULE:^CN=x$/y/\n", ""},
		{"", "CN=Alice", exitDenied, "refused: CN=Alice: no rule applies\n", ""},
		{"DEFAULT", "", exitDone, "mapped: \"\" to User:\nrule 0: mapped: DEFAULT\n",
			"warning: the distinguished name is empty: all clients whose certificates have no subject are one principal\n"},
		{"RULE:^CN=(a)?(b*)/$1$2 /", "CN=b", exitDone,
			"mapped: CN=b to \"User:b \"\nrule 0: mapped: RULE:^CN=(a)?(b*)/$1$2 /\n  CN=b becomes \"b \"\n    replaced CN=b: $1 is \"\", $2 is b\n", ""},
		// Java continues the search after the whole match, and finds an empty match.
		{"RULE:.*/x/", "a", exitDone,
			"mapped: a to User:xx\nrule 0: mapped: RULE:.*/x/\n  a becomes xx\n    replaced a\n    replaced \"\"\n",
			"warning: rule 0: constant: every name that it applies to becomes \"x\": end the pattern so that it matches the names that are meant, and no others\n"},
		{"RULE:a/${b}/", "a", exitDenied,
			"refused: a: the rule cannot be applied: its replacement is invalid: \"${b}\" names no group\nrule 0: failed: RULE:a/${b}/\n",
			"warning: rule 0: always-fails: every name that it applies to is refused: its replacement is invalid: \"${b}\" names no group\n"},
		{"RULE:.*CN=([^,]*).*/$1/,DEFAULT,DEFAULT", "CN=admin", exitDone,
			"mapped: CN=admin to User:admin\nrule 0: mapped: RULE:.*CN=([^,]*).*/$1/\n  CN=admin becomes admin\n    replaced CN=admin: $1 is admin\n",
			"warning: rule 0: unanchored: " + unanchored + "warning: rule 2: unreachable: rule 1 takes every name of one line that this one applies to\n"},
		{"RULE:a/b/\nDEFAULT", "a", exitDone, "mapped: a to User:a\nrule 0: mapped: DEFAULT\n",
			"warning: rule 0: dropped: Kafka skips the text before this rule: \"RULE:a/b/\": put commas between rules\n"},
		// Kafka's rules may need backtracking.
		{"RULE:^CN=(?!root)(.*)$/$1/", "CN=a", exitDone,
			"mapped: CN=a to User:a\nrule 0: mapped: RULE:^CN=(?!root)(.*)$/$1/\n  CN=a becomes a\n    replaced CN=a: $1 is a\n",
			"warning: rule 0 \"RULE:^CN=(?!root)(.*)$/$1/\", at offset 9 of the list: look-ahead: it needs backtracking, see DefaultMaxSteps\n"},
		// A client's text must not act on the terminal or look like another answer.
		{"RULE:(?s)^CN=(.*)$/$1/", "CN=\x1b[2J to User:a\nmapped", exitDone,
			`mapped: "CN=\x1b[2J to User:a\nmapped" to "User:\x1b[2J to User:a\nmapped"` + "\nrule 0: mapped: RULE:(?s)^CN=(.*)$/$1/\n" +
				`  "CN=\x1b[2J to User:a\nmapped" becomes "\x1b[2J to User:a\nmapped"` + "\n" +
				`    replaced "CN=\x1b[2J to User:a\nmapped": $1 is "\x1b[2J to User:a\nmapped"` + "\n", ""},
		{"RULE:\x1b\\.x/\"y\"/", "x", exitDenied, "refused: x: no rule applies\nrule 0: no match: \"RULE:\\x1b\\\\.x/\\\"y\\\"/\"\n", ""},
		{`RULE:^a\.b "c"$/x/`, "x", exitDenied, "refused: x: no rule applies\n" + `rule 0: no match: RULE:^a\.b "c"$/x/` + "\n", ""},
		{"DEFAULT", strings.Repeat("x", 200_000), exitDenied, "refused: " + strings.Repeat("x", 200_000) + ": malformed name: it is not valid UTF-8 or is too long\n", ""},
	} {
		t.Run(fmt.Sprintf("%.60q of %s", test.dn, test.rules), func(t *testing.T) {
			expect(t, test.status, test.stdout, test.stderr, "", "principal", "--ssl-rules", test.rules, "--dn", test.dn)
		})
	}
	// Without rules, the default rules of a broker apply.
	expect(t, exitDone, "mapped: CN=a to User:CN=a\nrule 0: mapped: DEFAULT\n", "", "", "principal", "--dn", "CN=a")
}

func TestPrincipalInJSON(t *testing.T) {
	expect(t, exitDone, `{"mapped":true,"principal":"User:é<","name":"CN=É<","rules":[{"rule":0,"text":"RULE:a/b/","outcome":"no match"},`+
		`{"rule":1,"text":"RULE:^CN=(.*)$/$1/L","outcome":"mapped","substitutions":[{"before":"CN=É<","after":"é<","matches":[["CN=É<","É<"]]}]}]}`+"\n", "", "",
		"principal", "--ssl-rules", "RULE:a/b/,RULE:^CN=(.*)$/$1/L", "--dn", "CN=É<", "-o", "json")
	expect(t, exitDenied, `{"mapped":false,"reason":"no rule applies","name":"CN=a","rules":[]}`+"\n", "", "",
		"principal", "--ssl-rules", "", "--dn", "CN=a", "-o", "json")
	expect(t, exitDone, `{"mapped":true,"principal":"User:a","name":"a/h@R","realm":"R","components":["a","h"],"rules":[{"rule":0,"text":"RULE:[1:$1](y)","outcome":"not applicable"},`+
		`{"rule":1,"text":"RULE:[2:$1](x)","outcome":"no match","selection":"a"},`+
		`{"rule":2,"text":"RULE:[2:$1@$0](.*@R)s/@(.)//g","outcome":"mapped","selection":"a@R","substitutions":[{"before":"a@R","after":"a","matches":[["@R","R"]]}]}]}`+"\n", "", "",
		"principal", "--kerberos-rules", "RULE:[1:$1](y),RULE:[2:$1](x),RULE:[2:$1@$0](.*@R)s/@(.)//g", "--name", "a/h@R", "--realm", "R", "-o", "json")
	expect(t, exitDone, `{"mapped":true,"principal":"User:a","name":"a@R","realm":"R","components":["a"],"rules":[{"rule":0,"text":"RULE:[1:$1](a)s/x/y/","outcome":"mapped","selection":"a",`+
		`"substitutions":[{"before":"a","after":"a","matches":[]}]}]}`+"\n", "", "",
		"principal", "--kerberos-rules", "RULE:[1:$1](a)s/x/y/", "--name", "a@R", "--realm", "R", "-o", "json")
	expect(t, exitDone, `{"mapped":true,"principal":"User:nas","name":"backup/nas@ACME.EXAMPLE","realm":"ACME.EXAMPLE","components":["backup","nas"],"listed":true,"rules":[]}`+"\n", "", "",
		"principal", "--mit", "--krb5-conf", acme+"krb5.conf", "--name", "backup/nas@ACME.EXAMPLE", "-o", "json")
}

func TestPrincipalOfCertificates(t *testing.T) {
	const mapped = "mapped: CN=Billing,OU=Services,O=Acme to User:billing\n" +
		"rule 0: mapped: RULE:^CN=([^,]+),OU=(?:Services|Tenants),O=Acme$/$1/L\n" +
		"  CN=Billing,OU=Services,O=Acme becomes billing\n" +
		"    replaced CN=Billing,OU=Services,O=Acme: $1 is Billing\n"
	text := certificatePEM(t, billing)
	expect(t, exitDone, mapped, partnersWarning, "", "principal", "--properties", acme+"server.properties", "--cert", file(t, "billing.pem", text))
	expect(t, exitDone, mapped, partnersWarning, text, "principal", "--properties", acme+"server.properties", "--cert", "-")
	// Followed by the certificates of its issuers.
	chain := text + certificatePEM(t, pkix.Name{CommonName: "CA"})
	expect(t, exitDone, "mapped: CN=Billing,OU=Services,O=Acme to User:CN=Billing,OU=Services,O=Acme\nrule 0: mapped: DEFAULT\n",
		"warning: standard input has 2 certificates: the first is used\n", chain, "principal", "--cert", "-")
	// An attribute that the client may have chosen.
	expect(t, exitDone, `mapped: "CN=x\\,CN\\=\u202e" to "User:CN=x\\,CN\\=\u202e"`+"\nrule 0: mapped: DEFAULT\n", "",
		certificatePEM(t, pkix.Name{CommonName: "x,CN=\u202e"}), "principal", "--cert", "-")
}

func TestPrincipalRefusesCertificates(t *testing.T) {
	const noBlock = " has no PEM block of type CERTIFICATE: expected a certificate in PEM, as openssl x509 writes it"
	text := certificatePEM(t, billing)
	key, _, _ := strings.Cut(text, "-----BEGIN CERTIFICATE")
	none, onlyKey, der := file(t, "none.pem", ""), file(t, "key.pem", key), file(t, "der.pem", "\x30\x82\x00")
	for path, want := range map[string]string{
		none: none + noBlock, onlyKey: onlyKey + noBlock, der: der + noBlock,
		"no such file": "open no such file: no such file or directory",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) { refuse(t, "", []string{"principal", "--cert", path}, "portcullis: "+want) })
	}
	bad := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0x80}}))
	refuse(t, bad+text, []string{"principal", "--cert", "-"}, "portcullis: standard input: the first certificate: x509: malformed certificate")
	refuse(t, strings.Repeat("x", 1<<20+1), []string{"principal", "--cert", "-"}, "portcullis: standard input: expected no more than 1048576 bytes")
}

func TestPrincipalOfKerberosNames(t *testing.T) {
	const (
		admin    = `RULE:[2:$1/$2@$0](.*/admin@ACME\.EXAMPLE)s/.*/admin/`
		service  = `RULE:[2:$1@$0](.*@ACME\.EXAMPLE)s/@.*//`
		service2 = `RULE:[2:$1,$2@$0](.*@ACME\.EXAMPLE)s/@.*//`
		adm      = `RULE:[2:$1;$2](.*;admin)s/;admin$/-adm/`
	)
	broker := []string{"--properties", acme + "server.properties", "--krb5-conf", acme + "krb5.conf"}
	host := []string{"--mit", "--krb5-conf", acme + "krb5.conf"}
	for _, test := range []struct {
		args   []string
		name   string
		status int
		stdout string
	}{
		{broker, "eve/admin@ACME.EXAMPLE", exitDone, "to User:admin\nrule 0: mapped with eve/admin@ACME.EXAMPLE: " + admin +
			"\n  eve/admin@ACME.EXAMPLE becomes admin\n    replaced eve/admin@ACME.EXAMPLE\n"},
		{broker, "kafka/b1@ACME.EXAMPLE", exitDone, "to User:kafka\nrule 0: no match with kafka/b1@ACME.EXAMPLE: " + admin +
			"\nrule 1: mapped with kafka@ACME.EXAMPLE: " + service + "\n  kafka@ACME.EXAMPLE becomes kafka\n    replaced @ACME.EXAMPLE\n"},
		{broker, "alice@ACME.EXAMPLE", exitDone, "to User:alice\nrule 0: not applicable: " + admin + "\nrule 1: not applicable: " + service + "\nrule 2: mapped: DEFAULT\n"},
		{broker, "alice@OTHER", exitDenied, ": no rule applies\nrule 0: not applicable: " + admin + "\nrule 1: not applicable: " + service + "\nrule 2: not applicable: DEFAULT\n"},
		{broker, "a/b/c@OTHER", exitDenied, ": malformed name: has more than two components before its realm\n"},
		{append(broker, "--realm", "OTHER"), "alice@OTHER", exitDone, "to User:alice\nrule 0: not applicable: " + admin + "\nrule 1: not applicable: " + service + "\nrule 2: mapped: DEFAULT\n"},
		{host, "eve/admin@ACME.EXAMPLE", exitDone, "to User:eve-adm\nrule 0: mapped with eve;admin: " + adm + "\n  eve;admin becomes eve-adm\n    replaced ;admin\n"},
		{host, "backup/nas@ACME.EXAMPLE", exitDone, "to User:nas\nauth_to_local_names has the name: no rule is tried\n"},
		{host, "alice@ACME.EXAMPLE", exitDone, "to User:alice\nrule 0: not applicable: " + adm + "\nrule 1: mapped: DEFAULT\n"},
		{host, "a/b@ACME.EXAMPLE", exitDenied, ": no rule applies\nrule 0: no match with a;b: " + adm + "\nrule 1: not applicable: DEFAULT\n"},
		{append(host, "--kerberos-rules", "RULE:[1:x$1](xb)", "--kerberos-rules", service2), "a/b@ACME.EXAMPLE", exitDone,
			"to User:a,b\nrule 0: not applicable: RULE:[1:x$1](xb)\nrule 1: mapped with a,b@ACME.EXAMPLE: " + service2 + "\n  a,b@ACME.EXAMPLE becomes a,b\n    replaced @ACME.EXAMPLE\n"},
		{[]string{"--realm", "R"}, "alice@R", exitDone, "to User:alice\nrule 0: mapped: DEFAULT\n"},
		{[]string{"--realm", "R", "--kerberos-rules", "RULE:[1:$1](a|\x1b)"}, "alice@R", exitDenied, ": no rule applies\nrule 0: no match with alice: \"RULE:[1:$1](a|\\x1b)\"\n"},
		{[]string{"--realm", "R", "--kerberos-rules", "RULE:[1:$1](.*)s/a/$3/"}, "alice@R", exitDenied,
			": the rule cannot be applied: its replacement is invalid: $3: there are 0 groups\nrule 0: failed with alice: RULE:[1:$1](.*)s/a/$3/\n"},
	} {
		t.Run(test.name+" "+strings.Join(test.args, " "), func(t *testing.T) {
			answer := "mapped: " + test.name + " "
			if test.status == exitDenied {
				answer = "refused: " + test.name
			}
			expect(t, test.status, answer+test.stdout, "", "", append([]string{"principal", "--name", test.name}, test.args...)...)
		})
	}
	expect(t, exitDenied, "refused: \"a\\n@R\": no rule applies\nrule 0: not applicable: DEFAULT\n",
		"warning: no default realm is known: DEFAULT does not match names with a realm; give --realm or --krb5-conf\n", "", "principal", "--name", "a\n@R")
	expect(t, exitDenied, `refused: "\x1b a@R": no rule applies`+"\n"+`rule 0: no match with "\x1b a": RULE:[1:$1](x)`+"\n", "", "",
		"principal", "--name", "\x1b a@R", "--realm", "R", "--kerberos-rules", "RULE:[1:$1](x)")
	expect(t, exitDone, "mapped: a@R to User:a\nrule 0: mapped: DEFAULT\n",
		"warning: rule 1: unreachable: rule 0 takes every name that this one applies to\n", "", "principal", "--name", "a@R", "--realm", "R", "--kerberos-rules", "DEFAULT,DEFAULT")
}

func TestPrincipalFromProperties(t *testing.T) {
	const partner = "mapped: CN=Eve,O=Beta to User:partner-beta-eve\nrule 0: mapped: RULE:^CN=([^,]+),O=(Beta|Gamma)$/partner-$2-$1/L\n" +
		"  CN=Eve,O=Beta becomes partner-beta-eve\n    replaced CN=Eve,O=Beta: $1 is Eve, $2 is Beta\n"
	expect(t, exitDone, partner, "", "", "principal", "--properties", acme+"server.properties", "--listener", "PARTNERS", "--dn", "CN=Eve,O=Beta")
	byDefault := "mapped: CN=Eve to User:CN=Eve\nrule 0: mapped: DEFAULT\n"
	for text, stderr := range map[string]string{
		"": "",
		// Rules of the other kind are not parsed.
		"sasl.kerberos.principal.to.local.rules=RULE":                                                         "",
		"listener.name..ssl.principal.mapping.rules=RULE:CN=Eve/x/":                                           "warning: standard input: listener.name..ssl.principal.mapping.rules has other rules for one listener: --listener uses them\n",
		"principal.builder.class=org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder": "",
		"ssl.principal.mapping.rules=RULE:\xc3\xa9/e/,DEFAULT":                                                `warning: standard input: ssl.principal.mapping.rules seems to be UTF-8, but Kafka reads ISO 8859-1: write characters beyond ASCII as \uXXXX` + "\n",
	} {
		t.Run(text, func(t *testing.T) {
			got := runWith(text, "principal", "--properties", "-", "--dn", "CN=Eve")
			assert.Equal(t, exitDone, got.status)
			assert.Regexp(t, "^mapped: CN=Eve to User:CN=Eve\n", got.stdout)
			assert.Equal(t, stderr, got.stderr)
		})
	}
	// A listener without its own rules uses those of the broker.
	expect(t, exitDone, byDefault, "", "", "principal", "--properties", file(t, "f", "ssl.principal.mapping.rules=DEFAULT"), "--listener", "a", "--dn", "CN=Eve")
	expect(t, exitDone, "mapped: a@R to User:a\nrule 0: mapped with a: RULE:[1:$1]\n",
		"warning: rule 0: cuts: it takes names of every realm: \"alice@ONE.TEST\" and \"alice@TWO.TEST\" both become \"alice\"\n", "sasl.kerberos.principal.to.local.rules: RULE:[1:$1] , DEFAULT\nssl.principal.mapping.rules=RULE",
		"principal", "--properties", "-", "--name", "a@R", "--realm", "R")
	for text, want := range map[string]string{
		"ssl.principal.mapping.rules=RULE:a/b/,RULE:(/b/": `portcullis: standard input: ssl.principal.mapping.rules: rule 1 "RULE:(/b/", at offset 15 of the list: the group is not closed`,
		"principal.builder.class=com.acme.Builder":        `portcullis: standard input: principal.builder.class: unknown class "com.acme.Builder": only org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder is supported`,
		"a=b\n c=\\u00g0": `standard input:2:4: found a backslash and u without a character, expected \uXXXX with hexadecimal digits, or two such for a character above U+FFFF`,
	} {
		t.Run(text, func(t *testing.T) {
			refuse(t, text, []string{"principal", "--properties", "-", "--dn", "CN=Eve"}, want)
		})
	}
}

func TestPrincipalRefusesFlags(t *testing.T) {
	conf := file(t, "krb5.conf", "[libdefaults]\ndefault_realm = R\n[realms]\nR = {\nauth_to_local = RULE:[1:$1](\n}\n")
	broken := file(t, "broken.conf", "[libdefaults]\n}\n")
	for _, test := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"portcullis: no name is given: expected one of --dn, --cert, --name"}},
		{[]string{"--dn", "a", "--cert", "b", "--name", "c"}, []string{
			"portcullis: --dn cannot be given with --cert: expected one name",
			"portcullis: --dn cannot be given with --name: expected one name",
			"portcullis: --cert cannot be given with --name: expected one name"}},
		{[]string{"--name", "a", "--ssl-rules", "DEFAULT", "-o", "xml"}, []string{
			"portcullis: --ssl-rules cannot be given with --name: they are for distinguished names",
			`portcullis: --output "xml": expected text or json`}},
		{[]string{"--dn", "a", "--kerberos-rules", "DEFAULT", "--realm", "R", "--krb5-conf", "f", "--mit"}, []string{
			"portcullis: --kerberos-rules cannot be given with --dn: they are for Kerberos names",
			"portcullis: --mit cannot be given with --dn: it is for Kerberos names",
			"portcullis: --krb5-conf cannot be given with --dn: it is for Kerberos names",
			"portcullis: --realm cannot be given with --dn: it is for Kerberos names"}},
		{[]string{"--cert", "a", "--kerberos-rules", "DEFAULT", "--realm", "R", "--krb5-conf", "f", "--mit"}, []string{
			"portcullis: --kerberos-rules cannot be given with --cert: they are for Kerberos names",
			"portcullis: --mit cannot be given with --cert: it is for Kerberos names",
			"portcullis: --krb5-conf cannot be given with --cert: it is for Kerberos names",
			"portcullis: --realm cannot be given with --cert: it is for Kerberos names"}},
		{[]string{"--name", "a", "--kerberos-rules", "DEFAULT", "--properties", "f", "--mit"}, []string{
			"portcullis: --kerberos-rules cannot be given with --properties: expected rules from one of them",
			"portcullis: --mit cannot be given with --properties: the rules of a broker are Kafka's"}},
		{[]string{"--dn", "a", "--ssl-rules", "DEFAULT", "--properties", "f"}, []string{
			"portcullis: --ssl-rules cannot be given with --properties: expected rules from one of them"}},
		{[]string{"--dn", "a", "--listener", "l"}, []string{"portcullis: --listener needs --properties"}},
		{[]string{"--name", "a", "--mit"}, []string{"portcullis: --mit without rules: expected --krb5-conf or --kerberos-rules"}},
		{[]string{"--name", "a", "--kerberos-rules", "DEFAULT", "--kerberos-rules", "DEFAULT"}, []string{
			"portcullis: --kerberos-rules is given twice: expected one list with commas, or --mit"}},
		{[]string{"--cert", "-", "--properties", "-"}, []string{"portcullis: standard input (-) can be read only once: use files for the other inputs"}},
		{[]string{"--dn", "\xff", "--ssl-rules", "\xff"}, []string{`portcullis: --dn "\xff": expected valid UTF-8`, `portcullis: --ssl-rules "\xff": expected valid UTF-8`}},
		{[]string{"--name", "\xff", "--kerberos-rules", "\xff", "--realm", "\xff"}, []string{
			`portcullis: --name "\xff": expected valid UTF-8`, `portcullis: --kerberos-rules "\xff": expected valid UTF-8`, `portcullis: --realm "\xff": expected valid UTF-8`}},
		{[]string{"--dn", "a", "--ssl-rules", "RULE:a/b/,RULE:[/b/"}, []string{
			`portcullis: --ssl-rules: rule 1 "RULE:[/b/", at offset 15 of the list: the class is not closed`}},
		{[]string{"--cert", "none", "--ssl-rules", "RULE:[/b/"}, []string{
			"portcullis: open none: no such file or directory",
			`portcullis: --ssl-rules: rule 0 "RULE:[/b/", at offset 5 of the list: the class is not closed`}},
		{[]string{"--name", "a@R", "--kerberos-rules", "DEFAULT,RULE:[1:$1](a)s/b/"}, []string{
			`portcullis: --kerberos-rules: rule 1 "RULE:[1:$1](a)s/b/", at offset 14: expected s/from/to/`}},
		{[]string{"--name", "a@R", "--mit", "--kerberos-rules", "DEFAULT"}, []string{
			"portcullis: --kerberos-rules: auth_to_local needs a default realm: without one MIT krb5 maps no name"}},
		{[]string{"--name", "a@R", "--mit", "--krb5-conf", conf}, []string{
			"portcullis: " + conf + `: rule 0 "RULE:[1:$1](", at offset 11: expected ")" after the pattern`}},
		{[]string{"--name", "a@R", "--mit", "--krb5-conf", conf, "--realm", "S"}, []string{
			`portcullis: --realm "S": expected "R", the default_realm of --krb5-conf`}},
		{[]string{"--name", "a@R", "--krb5-conf", broken}, []string{broken + `:2: "}" closes nothing`}},
		{[]string{"--name", "a@R", "--krb5-conf", "none"}, []string{"none: cannot be opened: open none: no such file or directory"}},
		{[]string{"--dn", "a", "--properties", "none"}, []string{"portcullis: open none: no such file or directory"}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) { refuse(t, "", append([]string{"principal"}, test.args...), test.want...) })
	}
	for _, flag := range []string{"dn", "cert", "name", "ssl-rules", "properties", "listener", "krb5-conf", "realm"} {
		t.Run("twice "+flag, func(t *testing.T) {
			refuse(t, "", []string{"principal", "--" + flag, "a", "--" + flag, "b"},
				`portcullis: invalid argument "b" for "--`+flag+`" flag: given twice: see portcullis principal --help`)
		})
	}
}
