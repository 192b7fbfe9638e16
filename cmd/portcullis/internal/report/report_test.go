package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func init() { now = func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) } }

var update = flag.Bool("update", false, "write testdata/acme.json and docs/report.png")

const acme = "../../../../examples/acme/"

// run runs the command report and returns what it prints.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := New()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(cli.NewWriter(&out))
	cmd.SetErr(cli.NewWriter(&errOut))
	require.NoError(t, cmd.Execute())
	return out.String(), errOut.String()
}

// hostileNames are names that an attacker could choose to run code in the page.
var hostileNames = []string{
	`</script><img src=x onerror="hacked=1">`,
	`<!--<script>hacked=1</script>`,
	`"><svg onload=hacked=1>`,
	`{{.Script}}${hacked=1}`,
	`]]><a href=javascript:hacked=1>`,
	"\u2028hacked=1//\u2029",
	`\u003c/script\u003e`,
	"__proto__",
}

func encodeACLs(list ...acl.Binding) string {
	var text bytes.Buffer
	for _, b := range list {
		line, err := json.Marshal(b)
		if err != nil {
			panic(err)
		}
		text.Write(append(line, '\n'))
	}
	return text.String()
}

func hostileACLs() string {
	var list []acl.Binding
	for _, name := range hostileNames {
		host := "fe80::1%" + name
		if strings.Contains(name, "/") { // no address, but a bad network
			host = acl.WildcardHost
		}
		list = append(list, acl.Binding{Pattern: resource.LiteralPattern(resource.Group, name),
			Entry: acl.Entry{Principal: "User:" + name, Host: host, Operation: ops.Read, Permission: acl.Allow}})
	}
	return encodeACLs(list...)
}

// manyACLs returns n ACLs as in a large installation: ten for each team, on its prefixes
// and topics, from its hosts.
func manyACLs(n int) string {
	var list []acl.Binding
	add := func(who string, p resource.Pattern, host string, op ops.Operation, permission acl.PermissionType) {
		list = append(list, acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: op, Permission: permission}})
	}
	for i := 0; len(list) < n; i++ {
		team := fmt.Sprintf("team-%d", i)
		who, host := "User:"+team, fmt.Sprintf("10.%d.%d.0/24", i/250, i%250)
		for _, op := range []ops.Operation{ops.Read, ops.Write, ops.Create} {
			add(who, resource.PrefixedPattern(resource.Topic, team+"."), "*", op, acl.Allow)
		}
		add(who, resource.LiteralPattern(resource.Topic, team+".secret"), "*", ops.Write, acl.Deny)
		add(who, resource.LiteralPattern(resource.Topic, fmt.Sprintf("shared.%d", i%100)), host, ops.Read, acl.Allow)
		add(who, resource.LiteralPattern(resource.Topic, fmt.Sprintf("shared.%d", i%100)), "192.0.2.1", ops.Read, acl.Allow)
		add(who, resource.PrefixedPattern(resource.Group, team+"."), "*", ops.Read, acl.Allow)
		add(who, resource.LiteralPattern(resource.Group, team), "*", ops.All, acl.Allow)
		add(who, resource.PrefixedPattern(resource.TransactionalID, team+"."), host, ops.Write, acl.Allow)
		add(who, resource.LiteralPattern(resource.Cluster, resource.ClusterName), "*", ops.IdempotentWrite, acl.Allow)
	}
	return encodeACLs(list[:n]...)
}

// hashSource returns the hash of a text in the form of a Content-Security-Policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// manyPatterns returns the ACLs of 500 principals on 10,000 patterns: of each principal a prefix,
// 18 topics that some others read too, and a group.
func manyPatterns() string {
	var list []acl.Binding
	for i := range 500 {
		team := fmt.Sprintf("team-%03d", i)
		add := func(who string, p resource.Pattern, op ops.Operation) {
			list = append(list, acl.Binding{Pattern: p, Entry: acl.Entry{Principal: "User:" + who, Host: "*", Operation: op, Permission: acl.Allow}})
		}
		add(team, resource.PrefixedPattern(resource.Topic, team+"."), ops.Read)
		add(team, resource.LiteralPattern(resource.Group, team), ops.Read)
		for j := range 18 {
			topic := resource.LiteralPattern(resource.Topic, fmt.Sprintf("%s.topic-%d", team, j))
			add(team, topic, ops.Write)
			add(fmt.Sprintf("team-%03d", (i+1+j/6)%500), topic, ops.Read)
		}
	}
	return encodeACLs(list...)
}

func quoteJS(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

var dataScript = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

// dataOf returns the data in a page.
func dataOf(t *testing.T, page string) pageData {
	t.Helper()
	found := dataScript.FindStringSubmatch(page)
	require.NotNil(t, found, "the page has no data")
	var data pageData
	require.NoError(t, json.Unmarshal([]byte(found[1]), &data))
	return data
}

func TestReportGolden(t *testing.T) {
	args := []string{"--acls", acme + "acls.txt", "--super-users", "User:admin", "--html", "-"}
	got, stderr := run(t, "", args...)
	require.Regexp(t, "^ACLs: 58, principals: 13, patterns: 28, findings: 14, bytes: ", stderr)
	again, _ := run(t, "", args...)
	assert.Equal(t, got, again, "the same ACLs make another page")
	text, err := json.MarshalIndent(dataOf(t, got), "", " ")
	require.NoError(t, err)
	path := filepath.Join("testdata", "acme.json")
	if *update {
		require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(text)+"\n")
	jsonl, _ := run(t, "", "--acls", acme+"acls.jsonl", "--super-users", "User:admin", "--html", "-")
	assert.Equal(t, got, strings.Replace(jsonl, acme+"acls.jsonl", acme+"acls.txt", 1), "the same ACLs in another format make another page")
}

// The policy allows the one script and the one style, and nothing that a page could load.
func TestReportPolicy(t *testing.T) {
	page, _ := run(t, hostileACLs(), "--acls", "-", "--allow-empty", "--html", "-")
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(t, policy, "the page has no policy")
	for part, pattern := range map[string]string{"script-src": `(?s)<script>(.*?)</script>`, "style-src": `(?s)<style>(.*?)</style>`} {
		inline := regexp.MustCompile(pattern).FindStringSubmatch(page)
		require.NotNil(t, inline, part)
		assert.Contains(t, html.UnescapeString(policy[1]), part+" "+hashSource(inline[1]))
	}
	assert.Regexp(t, "^default-src 'none'; ", html.UnescapeString(policy[1]))
	assert.Equal(t, 2, strings.Count(strings.ToLower(page), "<script"), "scripts in the page")
	for _, unwanted := range []string{"<img", "<svg", "<link", "<!--", "http://", "https://", "\u2028"} {
		assert.NotContains(t, page, unwanted)
	}
	assert.Equal(t, 1, strings.Count(page, "<a "), "links in the page: one, to its views")
	texts := strings.Join(dataOf(t, page).Texts, "\n")
	for _, name := range hostileNames {
		assert.Contains(t, texts, lines.Printable(name))
	}
}

// The limit is a size that a browser opens at once. Most of the size is the ACLs and
// their cells.
func TestReportSize(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 ACLs")
	}
	page, stderr := run(t, manyACLs(10_000), "--acls", "-", "--allow-empty", "--html", "-")
	t.Logf("%d bytes: %s", len(page), stderr)
	assert.LessOrEqual(t, len(page), 4<<20, "bytes for 10,000 ACLs")
	data := dataOf(t, page)
	assert.Len(t, data.ACLs, 10_000)
	assert.Len(t, data.Rows, 1001)
}

// No host is omitted from a long list.
func TestReportOfManyHosts(t *testing.T) {
	var list []acl.Binding
	want := map[string]bool{}
	for i := range 3000 {
		host := fmt.Sprintf("10.0.%d.%d", i/200, i%200)
		want[host] = true
		list = append(list, acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"),
			Entry: acl.Entry{Principal: "User:a", Host: host, Operation: ops.Read, Permission: acl.Allow}})
	}
	page, _ := run(t, encodeACLs(list...), "--acls", "-", "--allow-empty", "--html", "-")
	data := dataOf(t, page)
	cell := data.Cells[data.Rows[1].Runs[1]]
	from := map[string]bool{}
	for _, r := range cell.Rulings {
		if r[1] == 1 && r[0] == int(ops.SetOf(ops.Read, ops.Describe)) {
			from[data.Texts[r[5]]] = true
		}
	}
	assert.Len(t, cell.ACLs, 3000)
	assert.Equal(t, want, from)
}

func TestReportOfNoACLs(t *testing.T) {
	page, _ := run(t, "", "--acls", "-", "--allow-empty", "--html", "-")
	assert.Len(t, dataOf(t, page).Rows, 1)
}

// The page needs no escapes: its policy names the style and the script by their hashes.
func TestPageIsInert(t *testing.T) {
	for name, text := range map[string]string{"html": pageHTML, "style": pageStyle, "script": pageScript} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			fmt.Fprint(lines.NewWriter(&out), text)
			assert.Equal(t, text, out.String())
		})
	}
}

// A finding about a super user has no ACL. It is with the configuration.
func TestReportOfSuperUsers(t *testing.T) {
	page, _ := run(t, encodeACLs(acltest.Allow("User:a", ops.Read, acltest.Topic("x"))), "--acls", "-", "--html", "-", "--super-users", "User:b,User:c")
	data := dataOf(t, page)
	assert.Empty(t, data.Findings)
	assert.Contains(t, data.Config, `warning: the super user "User:b,User:c" is one principal, and seems to be meant as several; fix: separate principals with semicolons, because names of certificates contain commas`)
}

// Each level has a group, and a finding of another level is not taken for harmless.
func TestDangers(t *testing.T) {
	for i, level := range []inspect.Level{inspect.LevelError, inspect.LevelWarning, inspect.LevelNote} {
		assert.Equal(t, i, dangerOf(inspect.Finding{Level: level}), level)
	}
	assert.Equal(t, 0, dangerOf(inspect.Finding{}))
}
