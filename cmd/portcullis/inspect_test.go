package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
)

var update = flag.Bool("update", false, "write the files of testdata/golden")

// goldenRuns are runs of the commands that inspect ACLs, on the examples. Their output
// is in testdata/golden.
var goldenRuns = []struct{ name, args string }{
	{"explain-deny", "explain --acls ACME --principal User:contractor --operation Read --topic customers.pii --host 10.20.7.4"},
	{"explain-deny-json", "explain --acls ACME --principal User:contractor --operation Read --topic customers.pii --host 10.20.7.4 -o json --limit 2"},
	{"explain-allow", "explain --acls ACME --principal User:billing --operation Describe --topic payments.eu --limit 1"},
	{"explain-kafka-exact", "explain --acls ACME --principal User:contractor --operation Read --group contractor --host 2001:db8::7 --semantics kafka-exact --limit 0"},
	{"explain-super-user", "explain --acls ACME --principal User:root --operation Alter --cluster --super-users User:root --limit 1"},
	{"explain-unsupported", "explain --acls ACME --principal User:a --group-principal Group:operators --operation Write --group g"},
	{"explain-broken", "explain --acls BROKEN --principal User:a --operation Write --topic t"},
	{"who-can", "who-can --acls ACME --operation Read --topic payments.eu --super-users User:admin"},
	{"who-can-json", "who-can --acls ACME --operation Read --topic announcements -o json"},
	{"who-can-everyone", "who-can --acls ACME --operation Read --topic announcements"},
	{"who-can-nobody", "who-can --acls ACME --operation Delete --topic payments.eu"},
	{"who-can-nobody-json", "who-can --acls ACME --operation Delete --topic payments.eu -o json"},
	{"who-can-open", "who-can --acls ACME --operation Read --topic unknown --allow-everyone-if-no-acl-found"},
	{"who-can-broken", "who-can --acls BROKEN --operation Read --topic fine"},
	{"what-can", "what-can --acls ACME --principal User:contractor"},
	{"what-can-json", "what-can --acls ACME --principal User:contractor -o json"},
	{"what-can-host", "what-can --acls ACME --principal User:a --group-principal Group:operators --host 10.20.0.3"},
	{"what-can-kafka-exact", "what-can --acls ACME --principal User:contractor --semantics kafka-exact"},
	{"what-can-super-user", "what-can --acls ACME --principal User:admin --super-users User:admin"},
	{"what-can-nothing", "what-can --acls ACME --principal User:nobody --host 203.0.113.1"},
	{"what-can-broken", "what-can --acls BROKEN --principal User:a"},
	{"lint", "lint --acls ACME"},
	{"lint-json", "lint --acls ACME --semantics kafka-exact --super-users User:billing --principal-type User --principal-type Group -o json"},
	{"lint-open", "lint --acls ACME --allow-everyone-if-no-acl-found --principal-type Group"},
	{"lint-broken", "lint --acls BROKEN"},
	{"lint-names", "lint --acls NAMES --super-users User:a,User:b"},
	{"lint-names-json", "lint --acls NAMES --semantics kafka-exact=4.4 --fail-on error -o json"},
	{"explain-name-pattern", "explain --acls NAMES --principal User:Alice --operation Write --topic syslog-1"},
	{"diff-same", "diff --acls ACME --new-acls ACME.jsonl"},
	{"diff-semantics", "diff --acls ACME --new-semantics kafka-exact"},
	{"diff-semantics-json", "diff --acls ACME --new-semantics kafka-exact -o json"},
	{"diff-releases", "diff --acls ACME --semantics kafka-exact=4.2 --new-semantics kafka-exact=4.4"},
	{"diff-releases-json", "diff --acls ACME --semantics kafka-exact=4.2 --new-semantics kafka-exact=4.4 -o json"},
	{"explain-side-effect", "explain --acls ACME --principal User:tenant-red --operation AlterConfigs --group tenant.red.shares"},
	{"explain-side-effect-json", "explain --acls ACME --principal User:tenant-red --operation AlterConfigs --group tenant.red.shares -o json"},
	{"explain-side-effect-4.2", "explain --acls ACME --principal User:tenant-red --operation AlterConfigs --group tenant.red.shares --semantics kafka-exact=4.2"},
	{"protocol-side-effect", "protocol --grants AlterConfigs:Group"},
	{"protocol-side-effect-json", "protocol --grants AlterConfigs:Group -o json"},
	{"lint-4.2", "lint --acls ACME --semantics kafka-exact=4.2"},
	{"lint-4.4", "lint --acls ACME --semantics kafka-exact=4.4"},
	{"diff-broken", "diff --acls ACME --new-acls BROKEN"},
	{"suggest", "suggest --trace LOG"},
	{"suggest-json", "suggest --trace LOG --prefix topic:payments. --prefix transactional-id:billing- --any-host -o json"},
	{"suggest-answers", "suggest --trace ANSWERS"},
	{"suggest-unused", "suggest --trace LOG --unused --acls ACME --super-users User:admin"},
	{"suggest-unused-json", "suggest --trace LOG --unused --acls ACME -o json"},
	{"suggest-broken", "suggest --trace LOG --unused --acls BROKEN"},
	{"suggest-no-trace", "suggest --trace BROKEN"},
}

func TestGolden(t *testing.T) {
	files := strings.NewReplacer("ACME.jsonl", acme+"acls.jsonl", "ACME", acme+"acls.txt", "NAMES", badNames, "BROKEN", "../../examples/broken/acls.txt",
		"LOG", acme+"kafka-authorizer.log", "ANSWERS", acme+"answers.jsonl")
	known := map[string]bool{}
	for _, test := range goldenRuns {
		known[test.name+".txt"] = true
		t.Run(test.name, func(t *testing.T) {
			args := strings.Fields(test.args)
			for i := range args {
				args[i] = files.Replace(args[i])
			}
			r := runWith("", args...)
			got := fmt.Sprintf("portcullis %s\n-- status %d --\n-- stdout --\n%s-- stderr --\n%s", test.args, r.status, r.stdout, r.stderr)
			path := filepath.Join("testdata", "golden", test.name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			assert.Equal(t, readAll(t, path), got)
		})
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "golden"))
	require.NoError(t, err)
	for _, e := range entries {
		assert.Contains(t, known, e.Name(), "the file belongs to no run")
	}
}

func TestInspectRefusesFlags(t *testing.T) {
	const flags = "expected one of --topic, --group, --cluster, --transactional-id, --delegation-token, --user-principal"
	acls := acme + "acls.txt"
	for _, test := range []struct {
		args string
		want []string
	}{
		{"explain --acls ACLS", []string{"portcullis: --principal is missing: see portcullis explain --help", "portcullis: --operation is missing: see portcullis explain --help",
			"portcullis: no resource is given: " + flags}},
		{"explain --acls ACLS --principal a --operation Reed --topic x --host h --limit -1", []string{`portcullis: --principal "a": expected Type:name, such as User:alice`,
			`portcullis: --host "h": expected an IP address, such as 10.0.0.1 or 2001:db8::1`,
			`portcullis: --operation "Reed": expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit`,
			`portcullis: --limit "-1": expected 0 or more`}},
		{"who-can --acls ACLS --topic a --group b -o xml --semantics x", []string{"portcullis: --operation is missing: see portcullis who-can --help",
			"portcullis: --topic, --group are given: expected one of them", `portcullis: --output "xml": expected text or json`,
			`portcullis: --semantics: unknown semantics "x": expected documented, kafka-exact=4.2 or kafka-exact=4.4`}},
		{"who-can --acls ACLS --operation Read --cluster=false", []string{`portcullis: invalid argument "false" for "--cluster" flag: takes no value: give the flag alone, or omit it: see portcullis who-can --help`}},
		{"who-can --acls - --allow-empty --operation Read --topic a --allow-everyone-if-no-acl-found", []string{
			"portcullis: no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set"}},
		{"what-can --acls ACLS", []string{"portcullis: --principal is missing: see portcullis what-can --help"}},
		{"what-can --acls ACLS --principal User:a --super-users b", []string{`portcullis: --super-users: principal "b" has no colon: expected Type:name, such as "User:b"`}},
		{"lint --acls ACLS -o xml --semantics z", []string{`portcullis: --output "xml": expected text, json or sarif`,
			`portcullis: --semantics: unknown semantics "z": expected documented, kafka-exact=4.2 or kafka-exact=4.4`}},
		{"lint --acls - --acls -", []string{"portcullis: standard input (-) can be read only once: use files for the other inputs"}},
		{"lint --acls - --allow-empty --allow-everyone-if-no-acl-found", []string{
			"portcullis: no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set"}},
		{"diff --acls ACLS", []string{"portcullis: nothing to compare with: expected --new-acls, --new-roles or --new-bootstrap-server, --new-semantics, or both"}},
		{"diff --acls - --new-acls - --new-semantics y", []string{`portcullis: --new-semantics: unknown semantics "y": expected documented, kafka-exact=4.2 or kafka-exact=4.4`,
			"portcullis: standard input (-) can be read only once: use files for the other inputs"}},
		{"diff --acls ACLS --new-acls ACLS --new-format yaml", []string{`portcullis: --new-format "yaml": expected one of auto, kafka-acls, kafka-acls-3, json, zookeeper, strimzi, rpk, ksm, kafka-ui`}},
		{"diff --acls ACLS --new-acls - --allow-empty --allow-everyone-if-no-acl-found", []string{
			"portcullis: no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set"}},
		{"suggest", []string{"portcullis: --trace is missing: see portcullis suggest --help"}},
		{"suggest --trace no-such-file", []string{"portcullis: open no-such-file: no such file or directory"}},
		{"suggest --trace - --trace-format xml --prefix topic --prefix queue:a", []string{
			`portcullis: --trace-format: unknown format "xml": expected auto, json, kafka, escaped, ocsf or cloudevents`,
			`portcullis: --prefix "topic": expected a resource type, a colon and a prefix, such as topic:payments.`,
			`portcullis: --prefix "queue:a": expected a resource type, a colon and a prefix, such as topic:payments.`}},
		{"suggest --trace - --unused --any-host", []string{"portcullis: --unused needs --acls, --roles or --bootstrap-server"}},
		{"suggest --trace - --unused --acls ACLS --denied", []string{"portcullis: --prefix, --any-host and --denied cannot be given with --unused: they are for suggestions"}},
		{"suggest --trace - --unused --acls ACLS --prefix topic:a", []string{"portcullis: --prefix, --any-host and --denied cannot be given with --unused: they are for suggestions"}},
		{"suggest --trace - --acls ACLS", []string{"portcullis: --acls, --roles or --bootstrap-server needs --unused: suggestions depend only on the trace"}},
		{"suggest --trace - --super-users User:a", []string{"portcullis: --super-users and --allow-everyone-if-no-acl-found need --unused: the trace shows who was a super user"}},
		{"suggest --trace - --trace -", []string{"portcullis: standard input (-) can be read only once: use files for the other inputs"}},
		{"suggest --trace -", []string{"portcullis: standard input has no decision: expected at least one, or --allow-empty"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			refuse(t, "", strings.Fields(strings.ReplaceAll(test.args, "ACLS", acls)), test.want...)
		})
	}
}

func TestLintFindsNothing(t *testing.T) {
	const acls = `{"resourceType":"GROUP","name":"g","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}`
	expect(t, exitDone, "", "ACLs: 1, findings: 0 (errors: 0, warnings: 0, notes: 0), removable: 0\n", acls, "lint", "--acls", "-")
}

// The two sides of a diff mirror each other, and "-" is lost access.
func TestDiffOfFiles(t *testing.T) {
	lines := strings.SplitAfter(readAll(t, acme+"acls.jsonl"), "\n")
	var without []string
	for _, line := range lines {
		if !strings.Contains(line, `"customers.pii"`) || !strings.Contains(line, "DENY") {
			without = append(without, line)
		}
	}
	require.Len(t, without, len(lines)-2)
	changed := file(t, "changed.jsonl", strings.Join(without, ""))
	const region = "User:contractor: Read, Describe on Topic \"customers.pii\" from * except 203.0.113.0/24\n"
	expect(t, exitDenied, "+ "+region, "", "", "diff", "--acls", acme+"acls.txt", "--new-acls", changed)
	expect(t, exitDenied, "- "+region, "", "", "diff", "--acls", changed, "--new-acls", acme+"acls.txt")
}

// The suggested ACLs allow what the trace allowed.
func TestSuggestionAllowsTheTrace(t *testing.T) {
	suggested := runWith("", "suggest", "--trace", acme+"answers.jsonl", "-o", "json")
	require.Equal(t, exitDone, suggested.status, suggested.stderr)
	acls := file(t, "suggested.jsonl", suggested.stdout)
	got := runWith("", "check", "--acls", acls, "--questions", acme+"questions.csv", "--super-users", "User:admin")
	lines := strings.Split(got.stdout, "\n")
	for i, answer := range strings.Split(strings.TrimSpace(readAll(t, acme+"answers.txt")), "\n") {
		if strings.HasPrefix(answer, "allowed") {
			assert.Regexp(t, "^allowed", lines[i], "question %d, was %s", i, answer)
		}
	}
}

func TestSuggestLeavesOver(t *testing.T) {
	const trace = `{"principal":"User:a","host":"10.0.0.1","operation":"Read","resourceType":"Group","name":"*"}` + "\n" +
		`{"principal":"User:\u001b","host":"fe80::1%e\n0","operation":"Write","resourceType":"Topic","name":"","byType":true}` + "\n"
	expect(t, exitDenied, "", "decisions: 2, allowed: 2, to super users: 0, denied: 0; ACLs suggested: 0\n"+
		`left over: "User:\x1b" from "fe80::1%e\n0", Write on Topic of any name: it is about any resource of the type, and the trace does not show which`+"\n"+
		`left over: User:a from 10.0.0.1, Read on Group *: an ACL on LITERAL "*" is on every resource of the type`+"\n", trace, "suggest", "--trace", "-")
	// JSON can hold ACLs that the text format cannot.
	const control = `{"principal":"User:a","host":"10.0.0.1","operation":"Read","resourceType":"Group","name":"a\nb"}` + "\n"
	got := runWith(control, "suggest", "--trace", "-")
	assert.Equal(t, exitError, got.status)
	assert.Contains(t, got.stderr, "cannot be written as kafka-acls")
	got = runWith(control, "suggest", "--trace", "-", "-o", "json")
	assert.Equal(t, exitDone, got.status)
	assert.Contains(t, got.stdout, `"a\nb"`)
	got = runWith("?\n{}\n", "suggest", "--trace", "-", "--trace-format", "json")
	assert.Equal(t, exitError, got.status)
	assert.Equal(t, 2, strings.Count(got.stderr, "standard input:"), got.stderr)
}

// --trace-format says whether a name in quotation marks is escaped.
func TestSuggestAsksWhoWroteTheLog(t *testing.T) {
	const line = `Principal = User:a is Allowed operation = READ from host = 10.0.0.1 on resource = Group:LITERAL:"g\x20h" for request = JoinGroup with resourceRefCount = 1 based on rule DefaultAllow` + "\n"
	refuse(t, line, []string{"suggest", "--trace", "-"},
		`standard input:1:97: found text "\"g\\x20h\"", expected text that does not begin with a quotation mark, or an explicit trace format (Kafka does not quote)`)
	for format, name := range map[string]string{"kafka": `\"g\\x20h\"`, "escaped": "g h"} {
		t.Run(format, func(t *testing.T) {
			got := runWith(line, "suggest", "--trace", "-", "--trace-format", format, "-o", "json")
			assert.Equal(t, exitDone, got.status)
			assert.Contains(t, got.stdout, `"name":"`+name+`"`)
		})
	}
}

// Names must not act on the terminal.
func TestInspectShowsTextSafely(t *testing.T) {
	const acls = `{"resourceType":"GROUP","name":"\u001b[2J","patternType":"PREFIXED","principal":"User:\u001b","host":"fe80::1%\u001b","operation":"READ","permission":"ALLOW"}` + "\n" +
		`{"resourceType":"GROUP","name":"\u202e","patternType":"LITERAL","principal":"User:*","host":"*","operation":"READ","permission":"DENY"}` + "\n"
	for _, args := range []string{
		"explain --acls - --principal User:a --operation Read --group x", "who-can --acls - --operation Read --group \x1b[2Jx",
		"what-can --acls - --principal User:\x1b", "lint --acls - -o text", "diff --acls - --new-semantics kafka-exact",
	} {
		t.Run(args, func(t *testing.T) {
			got := runWith(acls, strings.Fields(args)...)
			assert.NotEqual(t, exitError, got.status, got.stderr)
			assert.False(t, strings.ContainsAny(got.stdout+got.stderr, "\x1b\u202e"), "%q", got)
		})
	}
}

// An answer that is too large is an error that says what to do.
func TestWhatCanLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of ACLs")
	}
	var acls strings.Builder
	for i := range 9000 {
		b := acl.Binding{}
		text := fmt.Sprintf(`{"resourceType":"TOPIC","name":"t%d","patternType":"LITERAL","principal":"User:a","host":"10.0.%d.%d","operation":"READ","permission":"ALLOW"}`, i, i/250, i%250)
		require.NoError(t, b.UnmarshalJSON([]byte(text)))
		acls.WriteString(text + "\n")
	}
	got := runWith(acls.String(), "what-can", "--acls", "-", "--principal", "User:a")
	assert.Equal(t, exitError, got.status)
	assert.Contains(t, got.stderr, "query one client address")
	got = runWith(acls.String(), "what-can", "--acls", "-", "--principal", "User:a", "--host", "10.0.0.1")
	assert.Equal(t, exitDone, got.status)
	assert.Contains(t, got.stdout, `Topic "t1" from 10.0.0.1`)
}

func TestReportRefuses(t *testing.T) {
	refuse(t, "", []string{"report", "--acls", acme + "acls.txt"}, "portcullis: --html is missing: see portcullis report --help")
	refuse(t, "", []string{"report", "--acls", acme + "acls.txt", "--html", "", "--semantics", "x"},
		`portcullis: --semantics: unknown semantics "x": expected documented, kafka-exact=4.2 or kafka-exact=4.4`, `portcullis: --html "": expected the name of a file, or -`)
	refuse(t, "", []string{"report", "--acls", "-", "--allow-empty", "--html", "-", "--allow-everyone-if-no-acl-found"},
		"portcullis: no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set")
	missing := filepath.Join(t.TempDir(), "missing", "x.html")
	refuse(t, "", []string{"report", "--acls", acme + "acls.txt", "--html", missing}, "portcullis: open "+missing+": no such file or directory")
}
