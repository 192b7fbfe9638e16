package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
)

// hostileTexts are texts that act on a terminal or mislead its reader. Each is between an
// a and a z. Package lines tests every such character; these are examples of each kind,
// separate if one alone decides whether a file is read.
var hostileTexts = func() (texts []string) {
	for _, acting := range []string{
		"\x00", "\t", "\n", "\r", "\x1b]0;title\a", // C0
		"\x7f\u0085\u009b2J", // DEL, C1
		"\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u200b\u200d\u2060\ufeff\U000e0041\u2028\u2029\u00a0", // direction, without width, tags, separators
		"\x9b2J", "\xe2\x80", // no UTF-8
	} {
		texts = append(texts, "a"+acting+"z")
	}
	return texts
}()

// assertInert checks that out has only printable characters, and no line break or tab
// from the input.
func assertInert(t *testing.T, out, hostile string) bool {
	t.Helper()
	ok := assert.True(t, utf8.ValidString(out), "no UTF-8: %q", out)
	for _, r := range out {
		if r != '\n' && r != '\t' && !strconv.IsPrint(r) {
			return assert.Fail(t, "a character that acts", "%q in %q", r, out)
		}
	}
	if hostile == "a\nz" || hostile == "a\tz" {
		ok = assert.NotContains(t, out, hostile) && assert.NotContains(t, out, "\nportcullis: z") && ok
	}
	return ok
}

// hostileFiles are the files that the program reads, with X for a hostile text. Those of
// JSON have it as it is in X, and with escapes in J.
var hostileFiles = map[string]string{
	"json.acls":       `{"resourceType":"GROUP","name":"J","patternType":"PREFIXED","principal":"User:J","host":"*","operation":"READ","permission":"ALLOW"}` + "\n",
	"jsonhost.acls":   `{"resourceType":"GROUP","name":"b","patternType":"LITERAL","principal":"User:b","host":"J","operation":"READ","permission":"DENY"}` + "\n",
	"jsonraw.acls":    `{"resourceType":"GROUP","name":"X","patternType":"LITERAL","principal":"User:X","host":"*","operation":"READ","permission":"ALLOW"}` + "\n",
	"jsonkey.acls":    `{"X":"GROUP"}` + "\n",
	"text.acls":       "Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=X, patternType=LITERAL)`:\n\t(principal=User:X, host=*, operation=READ, permissionType=ALLOW)\n\n",
	"texthost.acls":   "Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=b, patternType=LITERAL)`:\n\t(principal=User:b, host=X, operation=READ, permissionType=ALLOW)\n\n",
	"textwrong.acls":  "Current ACLs for resource `ResourcePattern(resourceType=X, name=b, patternType=X)`:\n\t(principal=User:b, host=b, operation=X, permissionType=X)X\nX\n",
	"zookeeper.acls":  `/kafka-acl/Group/X {"version":1,"acls":[{"principal":"User:J","permissionType":"Allow","operation":"Read","host":"*"}]}` + "\n",
	"zookeeper2.acls": `/kafka-acl/Group/b {"version":1,"acls":[{"principal":"User:J","permissionType":"Allow","operation":"Read","host":"X"}]}` + "\n",
	"strimzi.yaml":    "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata:\n  name: b\nspec:\n  authorization:\n    type: simple\n    acls:\n    - resource: {type: group, name: \"J\", patternType: literal}\n      host: \"J\"\n      operations: [Read]\n",
	"strimzi2.yaml":   "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata:\n  name: X\nX: X\n",
	"rpk.json":        `{"matches":[{"principal":"User:J","host":"J","resource_type":"GROUP","resource_name":"J","resource_pattern_type":"LITERAL","operation":"READ","permission":"ALLOW"}]}`,
	"rpk2.json":       `{"filters":[{"message":"J"}],"X":"X"}`,
	"ksm.csv":         "KafkaPrincipal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\nUser:b,Group,LITERAL,\"X\",Read,Allow,\"X\"\n",
	"ksm2.csv":        "KafkaPrincipal,X\nX\n",
	"questions.jsonl": `{"principal":"User:J","operation":"Read","resourceType":"Group","name":"J","groups":["Group:J"]}` + "\n" + `{"principal":"User:J","operation":"Write","resourceType":"Group","name":"J"}` + "\n",
	"questions.csv":   "principal,operation,resourceType,name\nUser:X,Read,Group,X\n",
	"wrong.jsonl":     `{"principal":"J","operation":"J","resourceType":"J","name":"","X":1}` + "\n",
	"trace.jsonl":     `{"principal":"User:J","host":"10.0.0.1","operation":"Read","resourceType":"Group","name":"J","allowed":true}` + "\n",
	"trace2.jsonl":    `{"principal":"User:J","host":"10.0.0.1","operation":"Read","resourceType":"Topic","name":"*","allowed":true,"groups":["Group:J"]}` + "\n" + `{"principal":"User:X","host":"fe80::1%X"}` + "\n",
	"trace.log":       "[2026-01-01 00:00:00,000] INFO Principal = User:X is Allowed operation = READ from host = 10.0.0.1 on resource = Group:LITERAL:X for request = Fetch with resourceRefCount = 1 based on rule DefaultDeny (kafka.authorizer.logger)\n",
	"broker.props":    "super.users=User:X,User:X\nssl.principal.mapping.rules=RULE:X(.*)$/X$1/,DEFAULT\nlistener.name.X.ssl.principal.mapping.rules=X\nsasl.kerberos.principal.to.local.rules=RULE:[1:$1](X)s/X//,DEFAULT\n",
	"broker2.props":   "super.users=X\nssl.principal.mapping.rules=X\nsasl.kerberos.principal.to.local.rules=X\nprincipal.builder.class=X\n",
	"krb5.conf":       "[libdefaults]\ndefault_realm = X\n[realms]\nX = {\nauth_to_local = RULE:[1:$1](X)s/X//\nauth_to_local = DEFAULT\n}\n",
	"krb5wrong.conf":  "[libdefaults\nX\nX = X = {\n",
	"proxy.conf":      "X = X\nlisten X\nsemantics = X\nlog-level = X\n",
	"users.txt":       "X\nX:\nb:X\n",
	"cert.pem":        "-----BEGIN X-----\nX\n-----END X-----\n-----BEGIN CERTIFICATE-----\nX\n-----END CERTIFICATE-----\n",
	"cert2.pem":       "-----BEGIN CERTIFICATE-----\nWFhY\n-----END CERTIFICATE-----\n",
}

// hostileRuns are command lines for these files. ACLS is each of the files of ACLs with
// its format, and ask is a question with the text X.
var hostileRuns = []string{
	"list --acls ACLS", "list --acls ACLS -o json", "list --acls ACLS --principal User:X", "list --acls ACLS --group X",
	"check --acls ACLS --principal User:X --operation Read --group X", "check --acls ACLS --principal User:X --operation Write --group X -o json",
	"explain --acls ACLS --principal User:X --operation Read --group X", "explain --acls ACLS --principal User:X --operation Read --group Xb -o json",
	"who-can --acls ACLS --operation Read --group X", "who-can --acls ACLS --operation Read --group X -o json",
	"what-can --acls ACLS --principal User:X", "what-can --acls ACLS --principal User:X -o json",
	"lint --acls ACLS", "lint --acls ACLS -o sarif", "lint --acls ACLS --baseline wrong.jsonl", "lint --acls ACLS --principal-type X -o json", "lint --acls ACLS --super-users User:X,User:X;User:b",
	"diff --acls ACLS --new-acls json.acls", "diff --new-acls ACLS --new-format FORMAT --acls jsonhost.acls --format auto", "diff --acls ACLS --new-semantics kafka-exact -o json",
	"suggest --trace trace.jsonl --unused --acls ACLS", "suggest --trace trace.jsonl --unused --acls ACLS -o json",
	"report --acls ACLS --html -", "report --acls ACLS --html out.html --super-users User:X;User:X",
	"convert --acls ACLS --to kafka-acls", "convert --acls ACLS --to kafka-acls-3", "convert --acls ACLS --to json", "convert --acls ACLS --to zookeeper",
	"convert --acls ACLS --to strimzi", "convert --acls ACLS --to rpk", "convert --acls ACLS --to ksm",
	"acl list --file ACLS", "acl list --file ACLS --principal User:X", "acl add --file ACLS --allow-principal User:X --operation Read --group X --dry-run",
	"acl add --file ACLS --allow-principal User:X --operation Read --group X --group b", "acl --add --file ACLS --deny-principal User:X --deny-host X --group X",
	"acl remove --file ACLS --allow-principal User:X --group X", "acl remove --file ACLS --group X", "acl --remove --file ACLS --group X --resource-pattern-type match --dry-run",
	"proxy --listen nonsense --acls ACLS --upstream b:1",

	"check --acls json.acls --questions QUESTIONS", "check --acls json.acls --questions QUESTIONS -o json",
	"suggest --trace TRACE", "suggest --trace TRACE -o json", "suggest --trace TRACE --prefix group:X --any-host",
	"principal --properties PROPS --dn CN=X", "principal --properties PROPS --dn CN=X -o json", "principal --properties PROPS --name X@X", "principal --properties PROPS --listener X --name X/X@X -o json",
	"principal --krb5-conf KRB5 --name X@X", "principal --krb5-conf KRB5 --mit --name X@X", "principal --krb5-conf KRB5 --mit --name X@X -o json",
	"principal --cert CERT", "principal --cert CERT -o json",
	"principal --ssl-rules RULE:^CN=(X.*)$/User-$1X/L,DEFAULT --dn CN=X", "principal --ssl-rules RULE:^(?<n>X)(?=X)$/X/ --dn CN=X", "principal --kerberos-rules RULE:[1:$1X](.*X.*)s/X/X/g,DEFAULT --name X@X",
	"proxy --listen nonsense --upstream b:1 --acls json.acls --properties PROPS", "proxy --config proxy.conf", "proxy --listen nonsense --upstream b:1 --acls json.acls --krb5-conf KRB5",
	"proxy --listen nonsense --upstream b:1 --acls json.acls --users users.txt", "proxy --listen SSL://nonsense --upstream b:1 --acls json.acls --tls-cert CERT --tls-key CERT",
	"protocol --for consumer --topic X --group X --principal User:X", "protocol --for consumer --topic X --group X", "protocol --for consumer --topic X --group X -o json", "protocol --for consumer --topic X --group X --principal User:X -o json",
	"principal --dn C=X,CN=X", "principal --dn /C=X/CN=X", "protocol --for ksqldb --input-topic X", "protocol --for ksqldb --input-topic X --output-topic X --internal-topics X --groups X --principal User:X", "lint --acls ACLS --super-users User:X,User:X -o sarif",
	"protocol X", "protocol --grants X:X", "protocol -o json Fetch", "X", "help X", "acl X", "completion X", "completion bash", "completion zsh", "completion fish", "completion powershell",
	"__complete check --acls X", "__complete X", "--X", "list -X", "",
}

// expandRun returns run with each of the files that one of its words stands for, and the
// format of ACLs that other programs write.
func expandRun(run string) (runs []string) {
	suffixes := map[string][]string{
		"ACLS": {".acls", ".yaml", "rpk.json", "rpk2.json", "ksm.csv", "ksm2.csv"}, "QUESTIONS": {"questions.jsonl", "questions.csv", "wrong.jsonl"},
		"TRACE": {"trace.jsonl", "trace2.jsonl", "trace.log"}, "PROPS": {".props"}, "KRB5": {"krb5.conf", "krb5wrong.conf"}, "CERT": {".pem"},
	}
	for word, ends := range suffixes {
		if !strings.Contains(run, " "+word) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(hostileFiles)) {
			if !slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(name, end) }) {
				continue
			}
			format := "auto"
			for _, foreign := range []string{"strimzi", "rpk", "ksm"} {
				if strings.HasPrefix(name, foreign) {
					format = foreign
				}
			}
			expanded := strings.ReplaceAll(strings.ReplaceAll(run, word, name), "FORMAT", format)
			if word == "ACLS" && strings.Contains(run, "--acls ACLS") && format != "auto" && !strings.HasPrefix(run, "proxy") {
				expanded += " --format " + format
			}
			runs = append(runs, expanded)
		}
		return runs
	}
	return []string{run}
}

// TestOutputsAreInert: for any file, flag and standard input, and in any format, the
// output does not act on a terminal. Printed ACLs are read back as the same ACLs, or
// refused.
func TestOutputsAreInert(t *testing.T) {
	const leastRuns, leastAnswers = 5_500, 1_000 // so that the test is not lost unseen
	runs, answers := 0, 0
	names := slices.Sorted(maps.Keys(hostileFiles))
	for _, hostile := range hostileTexts {
		t.Run(strconv.QuoteToASCII(hostile), func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			escaped, err := json.Marshal(hostile)
			require.NoError(t, err)
			fill := func(text string) string {
				return strings.NewReplacer("X", hostile, "J", string(escaped[1:len(escaped)-1])).Replace(text)
			}
			for _, template := range hostileRuns {
				for _, line := range expandRun(template) {
					for _, name := range names { // some commands change them
						if strings.Contains(line, name) {
							require.NoError(t, os.WriteFile(name, []byte(fill(hostileFiles[name])), 0o600))
							_ = os.Remove(name + ".sum")
						}
					}
					var args []string
					for _, word := range strings.Fields(line) {
						if !slices.Contains(names, word) {
							word = strings.ReplaceAll(word, "X", hostile)
						}
						args = append(args, word)
					}
					got := runWith("y\nn\n", args...)
					page, _ := os.ReadFile("out.html")
					if !assertInert(t, got.stdout+"\n"+got.stderr+"\n"+string(page), hostile) {
						t.Errorf("portcullis %q, status %d", args, got.status)
					}
					runs++
					if got.status != exitError {
						answers++
						if !assertReadBack(t, line, args, got.stdout) {
							t.Errorf("portcullis %q", args)
						}
					}
				}
			}
		})
	}
	t.Logf("%d runs, of which %d answered", runs, answers)
	assert.GreaterOrEqual(t, runs, leastRuns)
	assert.GreaterOrEqual(t, answers, leastAnswers)
}

// assertReadBack checks that JSON output is valid, and that the output of convert has the
// ACLs of its input.
func assertReadBack(t *testing.T, line string, args []string, stdout string) bool {
	t.Helper()
	if strings.HasSuffix(line, "-o json") {
		for text := range strings.Lines(stdout) {
			if !strings.HasPrefix(line, "protocol -o") && !assert.True(t, json.Valid([]byte(text)), "%q", text) {
				return false
			}
		}
	}
	if !strings.HasPrefix(line, "convert") {
		return true
	}
	read := func(file, format string) []acl.Binding {
		f, err := formats.Find("", format, formats.Readable)
		require.NoError(t, err)
		in, err := os.Open(file)
		require.NoError(t, err)
		defer in.Close()
		set, err := f.Read(in, file)
		require.NoError(t, err)
		return set.ACLs
	}
	from := "auto"
	if i := slices.Index(args, "--format"); i >= 0 {
		from = args[i+1]
	}
	require.NoError(t, os.WriteFile("converted", []byte(stdout), 0o600))
	return assert.Equal(t, read(args[2], from), read("converted", args[4]), "%q", stdout)
}

// TestFlagsAreInert gives every flag of every command a hostile text, a file of that name,
// and a name without a file.
func TestFlagsAreInert(t *testing.T) {
	acls := file(t, "acls.jsonl", `{"resourceType":"GROUP","name":"b","patternType":"LITERAL","principal":"User:b","host":"*","operation":"READ","permission":"ALLOW"}`+"\n")
	trace := file(t, "trace.jsonl", `{"principal":"User:a","host":"10.0.0.1","operation":"Read","resourceType":"Topic","name":"a"}`+"\n")
	worker := file(t, "worker.properties", "group.id=b\nconfig.storage.topic=b\noffset.storage.topic=b\nstatus.storage.topic=b\n")
	sink := file(t, "sink.properties", "name=b\nconnector.class=BSink\ntopics=b\n")
	// The flags that a command requires. Its result with only these does not matter.
	needed := map[string]map[string]string{
		"check":                        {"acls": acls, "principal": "User:b", "operation": "Read", "group": "b"},
		"list":                         {"acls": acls},
		"convert":                      {"acls": acls, "to": "json"},
		"acl":                          {"file": acls, "list": "true"},
		"acl add":                      {"file": acls, "allow-principal": "User:b", "group": "b"},
		"acl list":                     {"file": acls},
		"acl remove":                   {"file": acls, "allow-principal": "User:b", "group": "b"},
		"explain":                      {"acls": acls, "principal": "User:b", "operation": "Read", "group": "b"},
		"who-can":                      {"acls": acls, "operation": "Read", "group": "b"},
		"what-can":                     {"acls": acls, "principal": "User:b"},
		"lint":                         {"acls": acls},
		"diff":                         {"acls": acls, "new-acls": acls},
		"connect needs":                {"worker": worker, "connector": sink},
		"connect check":                {"acls": acls, "worker": worker, "connector": sink},
		"connect lint":                 {"worker": worker, "connector": sink},
		"connect guard":                {"check": "true", "listen": "nonsense", "worker": "http://127.0.0.1:1", "roles": acls, "connect-cluster": "b"},
		"iam rolebinding create":       {"principal": "User:b", "role": "SystemAdmin", "kafka-cluster-id": "b"},
		"iam rolebinding list":         {"principal": "User:b", "kafka-cluster-id": "b"},
		"iam rolebinding delete":       {"principal": "User:b", "role": "SystemAdmin", "kafka-cluster-id": "b"},
		"iam rbac role-binding create": {"principal": "User:b", "role": "SystemAdmin", "kafka-cluster": "b"},
		"iam rbac role-binding list":   {"principal": "User:b", "kafka-cluster": "b"},
		"iam rbac role-binding delete": {"principal": "User:b", "role": "SystemAdmin", "kafka-cluster": "b"},
		"iam acl create":               {"principal": "User:b", "operation": "read", "topic": "b", "kafka-cluster": "b"},
		"iam acl list":                 {"kafka-cluster": "b"},
		"iam acl delete":               {"principal": "User:b", "operation": "read", "host": "*", "kafka-cluster": "b"},
		"iam rbac role list":           {},
		"iam rbac role describe":       {},
		"iam import":                   {"from": "lookup"},
		"iam export":                   {"kafka-cluster": "b"},
		"iam lint":                     {},
		"plan":                         {"acls": acls, "bootstrap-server": "127.0.0.1:1"},
		"apply":                        {"acls": acls, "bootstrap-server": "127.0.0.1:1"},
		"watch":                        {"bootstrap-server": "127.0.0.1:1"},
		"suggest":                      {"trace": trace},
		"report":                       {"acls": acls, "html": "-"},
		"principal":                    {"name": "b"},
		"protocol":                     {"for": "consumer"},
		"version":                      {},
		"proxy":                        {"listen": "nonsense", "acls": acls, "upstream": "b:1"},
	}
	const leastRuns = 3_000
	runs, commands := 0, map[string]bool{}
	for i, hostile := range hostileTexts {
		dir := t.TempDir()
		t.Chdir(dir)
		if !strings.Contains(hostile, "\x00") { // no name of a file has it
			require.NoError(t, os.WriteFile(hostile+".there", []byte(hostile), 0o600))
		}
		eachCommand(newRootCommand(), func(path string, cmd *cobra.Command) {
			base, ok := needed[path]
			if !ok {
				assert.Contains(t, []string{"", "help", "completion", "iam", "iam rolebinding", "iam rbac", "iam rbac role-binding", "iam rbac role", "iam acl", "connect"}, path, "the test does not know the command")
				return
			}
			commands[path] = true
			cmd.Flags().VisitAll(func(flag *pflag.Flag) {
				// A file of that name, or a name without a file: each flag gets both, with different texts.
				value := []string{hostile + ".there", "User:" + hostile}[(i+len(flag.Name))%2]
				args := strings.Fields(path)
				for name, text := range base {
					if name != flag.Name {
						args = append(args, "--"+name+"="+text)
					}
				}
				args = append(args, "--"+flag.Name+"="+value)
				got := runWith("y\n", args...)
				if !assertInert(t, got.stdout+"\n"+got.stderr, hostile) {
					t.Errorf("portcullis %q, status %d", args, got.status)
				}
				runs++
			})
		})
	}
	t.Logf("%d runs of %d commands", runs, len(commands))
	assert.GreaterOrEqual(t, runs, leastRuns)
	assert.Len(t, commands, len(needed))
}

// eachCommand calls visit with every command and its path below the root.
func eachCommand(cmd *cobra.Command, visit func(path string, cmd *cobra.Command)) {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	visit(path, cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, visit)
	}
}

// The program's own texts need no escapes.
func TestOwnTextIsInert(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		t.Run(shell, func(t *testing.T) {
			var raw bytes.Buffer
			root := newRootCommand()
			root.SetArgs([]string{"completion", shell})
			root.SetOut(&raw)
			require.NoError(t, root.Execute())
			assert.Equal(t, raw.String(), runWith("", "completion", shell).stdout)
		})
	}
}
