package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

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
	if found == nil {
		t.Fatal("the page has no data")
	}
	var data pageData
	if err := json.Unmarshal([]byte(found[1]), &data); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReportGolden(t *testing.T) {
	args := []string{"report", "--acls", acme + "acls.txt", "--super-users", "User:admin", "--html", "-"}
	got := runWith("", args...)
	if got.status != exitDone || !strings.HasPrefix(got.stderr, "ACLs: 58, principals: 13, patterns: 28, findings: 12, bytes: ") {
		t.Fatalf("status %d, %s", got.status, got.stderr)
	}
	if again := runWith("", args...); again != got {
		t.Error("the same ACLs make another page")
	}
	text, err := json.MarshalIndent(dataOf(t, got.stdout), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "report", "acme.json")
	if *update {
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readAll(t, path); string(text)+"\n" != want {
		t.Errorf("the data are\n%s", text)
	}
	jsonl := runWith("", "report", "--acls", acme+"acls.jsonl", "--super-users", "User:admin", "--html", "-")
	if jsonl.stdout != got.stdout {
		t.Error("the same ACLs in another format make another page")
	}
}

// The policy allows the one script and the one style, and nothing that a page could load.
func TestReportPolicy(t *testing.T) {
	page := runWith(hostileACLs(), "report", "--acls", "-", "--allow-empty", "--html", "-").stdout
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("the page has no policy")
	}
	for part, pattern := range map[string]string{"script-src": `(?s)<script>(.*?)</script>`, "style-src": `(?s)<style>(.*?)</style>`} {
		inline := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if inline == nil || !strings.Contains(html.UnescapeString(policy[1]), part+" "+hashSource([]byte(inline[1]))+";") {
			t.Errorf("%s of %s does not fit what is in the page", part, policy[1])
		}
	}
	if !strings.HasPrefix(html.UnescapeString(policy[1]), "default-src 'none'; ") {
		t.Errorf("the policy is %s", policy[1])
	}
	if n := strings.Count(strings.ToLower(page), "<script"); n != 2 {
		t.Errorf("there are %d scripts in the page", n)
	}
	for _, unwanted := range []string{"<img", "<svg", "<link", "<a ", "<!--", "http://", "https://", "\u2028"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("%q is in the page", unwanted)
		}
	}
	data := dataOf(t, page)
	for _, name := range hostileNames {
		if !strings.Contains(strings.Join(data.Texts, "\n"), printable(name)) {
			t.Errorf("%q is lost", name)
		}
	}
}

// The limit is a size that a browser opens at once. Most of the size is the ACLs and
// their cells.
func TestReportSize(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 ACLs")
	}
	got := runWith(manyACLs(10_000), "report", "--acls", "-", "--allow-empty", "--html", "-")
	if got.status != exitDone {
		t.Fatalf("%+v", got)
	}
	t.Logf("%d bytes: %s", len(got.stdout), got.stderr)
	if len(got.stdout) > 4<<20 {
		t.Errorf("%d bytes for 10,000 ACLs", len(got.stdout))
	}
	if data := dataOf(t, got.stdout); len(data.ACLs) != 10_000 || len(data.Rows) != 1001 {
		t.Errorf("%d ACLs, %d rows", len(data.ACLs), len(data.Rows))
	}
}

// No host is omitted from a long list.
func TestReportOfManyHosts(t *testing.T) {
	var list []acl.Binding
	for i := range 3000 {
		list = append(list, acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"),
			Entry: acl.Entry{Principal: "User:a", Host: fmt.Sprintf("10.0.%d.%d", i/200, i%200), Operation: ops.Read, Permission: acl.Allow}})
	}
	data := dataOf(t, runWith(encodeACLs(list...), "report", "--acls", "-", "--allow-empty", "--html", "-").stdout)
	cell := data.Cells[data.Rows[1].Runs[1]]
	from := map[string]bool{}
	for _, r := range cell.Rulings {
		if r[1] == 1 && r[0] == int(ops.SetOf(ops.Read, ops.Describe)) {
			from[data.Texts[r[5]]] = true
		}
	}
	if len(cell.ACLs) != 3000 || len(from) != 3000 {
		t.Errorf("%d ACLs, allowed from %d hosts", len(cell.ACLs), len(from))
	}
	for _, b := range list {
		if !from[b.Entry.Host] {
			t.Errorf("%s is lost", b.Entry.Host)
		}
	}
}

func TestReportRefuses(t *testing.T) {
	refuse(t, "", []string{"report", "--acls", acme + "acls.txt"}, `portcullis: required flag(s) "html" not set`)
	refuse(t, "", []string{"report", "--acls", acme + "acls.txt", "--html", "", "--semantics", "x"},
		`portcullis: --semantics: unknown semantics "x": expected documented, kafka-exact=4.2 or kafka-exact=4.4`, `portcullis: --html "": expected the name of a file, or -`)
	refuse(t, "", []string{"report", "--acls", "-", "--allow-empty", "--html", "-", "--allow-everyone-if-no-acl-found"},
		"portcullis: no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set")
	missing := filepath.Join(t.TempDir(), "missing", "x.html")
	refuse(t, "", []string{"report", "--acls", acme + "acls.txt", "--html", missing}, "portcullis: open "+missing+": no such file or directory")
	if got := runWith("", "report", "--acls", "-", "--allow-empty", "--html", "-"); got.status != exitDone || len(dataOf(t, got.stdout).Rows) != 1 {
		t.Errorf("no ACLs: %+v", got)
	}
}
