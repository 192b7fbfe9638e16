package playground

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/browsertest"
)

// maxCompressed is how many bytes the page may take on a network, where it is compressed.
const maxCompressed = 3_000_000

const acme = "../../../../examples/acme/"

// built is the page, once it is built.
var built []byte

// newPage returns the page as a file.
func newPage(t *testing.T) string {
	t.Helper()
	if built == nil {
		var page bytes.Buffer
		require.NoError(t, WritePage(&page, ".", ""))
		built = page.Bytes()
	}
	path := filepath.Join(t.TempDir(), "playground.html")
	require.NoError(t, os.WriteFile(path, built, 0o600))
	return path
}

func TestPageSize(t *testing.T) {
	newPage(t)
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(built)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	t.Logf("%d bytes, %d compressed", len(built), packed.Len())
	assert.Less(t, packed.Len(), maxCompressed, "bytes of the compressed page")
}

// The page can ask no server, and runs no script but its own.
func TestPagePolicy(t *testing.T) {
	newPage(t)
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindSubmatch(built)
	require.NotNil(t, policy)
	text := html.UnescapeString(string(policy[1]))
	assert.Regexp(t, `^default-src 'none'; script-src 'sha256-[^']+' 'wasm-unsafe-eval'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; worker-src blob:$`, text)
	outside := regexp.MustCompile(`(?s)<script type="text/plain".*?</script>`).ReplaceAll(built, nil)
	for _, unwanted := range []string{"http://", "https://", "<link", "<img", "<a ", "innerHTML", "eval("} {
		assert.NotContains(t, string(outside), unwanted)
	}
}

// link returns the fragment of a link with a state.
func link(t *testing.T, state any) string {
	t.Helper()
	text, err := json.Marshal(state)
	require.NoError(t, err)
	return linkOf(t, text)
}

func linkOf(t *testing.T, text []byte) string {
	t.Helper()
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return "#" + base64.RawURLEncoding.EncodeToString(packed.Bytes())
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// Each answer of the page is that of the command for the flags that the page says it used.
func TestAnswersInBrowser(t *testing.T) {
	const strimzi = "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata:\n  name: alice\nspec:\n  authorization:\n    type: simple\n    acls:\n      - resource: {type: topic, name: orders, patternType: literal}\n        operations: [Read]\n"
	dump := readFile(t, acme+"acls.txt")
	tests := []struct {
		name    string
		state   map[string]string
		args    string // separated by |
		input   string
		verdict string
	}{
		{"explain", map[string]string{"acls": dump, "principal": "User:contractor", "name": "customers.pii", "host": "203.0.113.9"},
			"explain|--acls=-|--principal=User:contractor|--host=203.0.113.9|--operation=Read|--topic=customers.pii", dump, "denied"},
		{"check with groups and super users", map[string]string{"command": "check", "acls": dump, "principal": "User:x", "groups": "Group:a\n Group:operators \n", "operation": "Alter", "resource": "cluster", "super": "User:y;User:x"},
			"check|--acls=-|--super-users=User:y;User:x|--principal=User:x|--group-principal=Group:a|--group-principal=Group:operators|--operation=Alter|--cluster", dump, "allowed"},
		{"who can, of JSON", map[string]string{"command": "who-can", "acls": readFile(t, acme+"acls.jsonl"), "name": "payments.eu", "semantics": "kafka-exact=4.2"},
			"who-can|--acls=-|--semantics=kafka-exact=4.2|--operation=Read|--topic=payments.eu", readFile(t, acme+"acls.jsonl"), "somebody may"},
		{"what can, of ZooKeeper", map[string]string{"command": "what-can", "acls": readFile(t, acme+"acls-zookeeper.txt"), "principal": "User:analytics", "format": "zookeeper"},
			"what-can|--acls=-|--format=zookeeper|--principal=User:analytics", readFile(t, acme+"acls-zookeeper.txt"), "something is allowed"},
		{"check of a KafkaUser, open to everyone", map[string]string{"command": "check", "acls": strimzi, "format": "strimzi", "principal": "User:bob", "name": "other", "everyone": "yes"},
			"check|--acls=-|--format=strimzi|--allow-everyone-if-no-acl-found|--principal=User:bob|--operation=Read|--topic=other", strimzi, "allowed"},
		{"lint", map[string]string{"command": "lint", "acls": dump, "types": "Group"}, "lint|--acls=-|--principal-type=User|--principal-type=Group", dump, "findings"},
		{"a wrong dump", map[string]string{"command": "lint", "acls": "Current ACLs for nothing"}, "lint|--acls=-", "Current ACLs for nothing", "no answer"},
		{"a certificate", map[string]string{"command": "principal", "client": "CN=Alice,OU=Sales", "rules": "RULE:^CN=([^,]+),.*$/$1/L,DEFAULT"},
			"principal|--dn=CN=Alice,OU=Sales|--ssl-rules=RULE:^CN=([^,]+),.*$/$1/L,DEFAULT", "", "mapped"},
		{"Kerberos by MIT", map[string]string{"command": "principal", "kind": "name", "client": "kafka/b1@EXAMPLE.COM", "dialect": "mit", "realm": "EXAMPLE.COM", "rules": "RULE:[2:$1](k.*)\nDEFAULT"},
			"principal|--name=kafka/b1@EXAMPLE.COM|--realm=EXAMPLE.COM|--mit|--kerberos-rules=RULE:[2:$1](k.*)|--kerberos-rules=DEFAULT", "", "mapped"},
		{"server.properties", map[string]string{"command": "principal", "client": "CN=a", "dialect": "properties", "rules": "ssl.principal.mapping.rules=RULE:^CN=b$/b/\n"},
			"principal|--dn=CN=a|--properties=-", "ssl.principal.mapping.rules=RULE:^CN=b$/b/\n", "refused"},
		{"a value that begins as a flag", map[string]string{"command": "what-can", "acls": dump, "principal": "--help"}, "what-can|--acls=-|--principal=--help", dump, "no answer"},
	}
	b := browsertest.New(t)
	path := newPage(t)
	b.Open(path)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := Run(strings.Split(test.args, "|"), []byte(test.input))
			b.Eval(`document.getElementById('verdict').textContent = ''; location.hash = ` + quote(link(t, test.state)))
			b.Await(`document.getElementById('verdict').textContent !== ''`)
			for id, text := range map[string]string{"verdict": test.verdict, "stdout": want.Stdout, "stderr": want.Stderr} {
				assert.Equal(t, text, b.Eval(fmt.Sprintf(`document.getElementById(%q).textContent`, id)), id)
			}
			assert.Equal(t, false, b.Eval(`document.getElementById('notice').hidden`), "the page says that the question is from a link")
		})
	}
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A person types, asks, and copies a link that asks the same again.
func TestTypingInBrowser(t *testing.T) {
	b := browsertest.New(t)
	path := newPage(t)
	b.Open(path)
	b.Click("#tab-check")
	b.Click("#example")
	b.Click("#name")
	b.Write(".eu")
	b.Press("Enter")
	b.Await(`document.getElementById('verdict').textContent === 'allowed'`)
	assert.Contains(t, b.Text("#command"), "portcullis check --acls=FILE --principal=User:alice --operation=Read --topic=orders.secret.eu")
	b.Eval(`document.getElementById('tab-check').focus()`)
	b.Press("ArrowLeft")
	assert.Equal(t, "tab-explain", b.Eval(`document.activeElement.id`), "arrow keys move between the tabs")
	b.Click("#link")
	b.Await(`location.hash.length > 10`)
	assert.Less(t, len(b.Eval(`location.hash`).(string)), 1000)
	before := b.Eval(`document.getElementById('acls').value`)
	b.Call("Page.reload", nil)
	b.Await(`document.readyState === 'complete' && document.getElementById('verdict').textContent === 'allowed'`)
	assert.Equal(t, before, b.Eval(`document.getElementById('acls').value`))
	assert.Equal(t, "true", b.Eval(`document.getElementById('tab-explain').getAttribute('aria-selected')`))
	assert.Contains(t, b.Text("#stdout"), "near misses")
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
}

// What a stranger puts into a link is shown as text, and costs little.
func TestHostileLinksInBrowser(t *testing.T) {
	b := browsertest.New(t)
	path := newPage(t)
	b.Open(path)
	const markup = `</textarea></script><img src=x onerror=hacked=1><svg onload=hacked=1>`
	for name, test := range map[string]struct{ fragment, state string }{
		"no base64":    {"#%%%", "cannot"},
		"no deflate":   {"#AAAA", "cannot"},
		"no JSON":      {linkOf(t, []byte("{")), "cannot"},
		"null":         {linkOf(t, []byte("null")), "cannot"},
		"a huge state": {linkOf(t, append(bytes.Repeat([]byte(" "), 8<<20), "{}"...)), "cannot"},
		"prototype":    {linkOf(t, []byte(`{"__proto__":{"acls":"x"},"command":"constructor","acls":5,"operation":"none","format":"<b>"}`)), ""},
		"markup":       {link(t, map[string]string{"command": "check", "acls": markup, "principal": "User:" + markup, "name": markup, "groups": markup, "super": markup}), ""},
		"markup of an ACL": {link(t, map[string]string{"command": "who-can", "name": "t", "format": "json",
			"acls": `{"resourceType":"TOPIC","name":"t","patternType":"LITERAL","principal":` + quote("User:"+markup) + `,"host":"*","operation":"READ","permission":"ALLOW"}`}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b.Eval(`document.getElementById('verdict').textContent = ''; document.getElementById('state').textContent = ''; location.hash = ` + quote(test.fragment))
			if test.state != "" {
				b.Await(`document.getElementById('state').textContent.includes('no question that can be read')`)
				return
			}
			b.Await(`document.getElementById('verdict').textContent !== ''`)
			assert.Equal(t, "undefined,0", b.Eval(`[typeof hacked, document.querySelectorAll('img, svg').length].join()`))
		})
	}
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
}

// A question that takes too long is ended, and the page answers the next one.
func TestSlowQuestionInBrowser(t *testing.T) {
	b := browsertest.New(t)
	path := newPage(t)
	b.Open(path)
	// The engine needs a second or more. The limit is shortened to 10 ms by a clock that runs fast.
	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, `{"resourceType":"TOPIC","name":"team-%d.","patternType":"PREFIXED","principal":"User:%d","host":"*","operation":"READ","permission":"ALLOW"}`+"\n", i, i)
	}
	b.Eval(`const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms / 1000)`)
	b.Click("#tab-lint")
	b.Eval(`document.getElementById('acls').value = ` + quote(many.String()))
	b.Click("#ask")
	b.Await(`document.getElementById('stderr').textContent.includes('was ended after 10 seconds')`)
	b.Eval(`window.setTimeout = later`)
	b.Await(`!document.getElementById('ask').disabled`)
	b.Eval(`document.getElementById('acls').value = ` + quote(readFile(t, acme+"acls.txt")))
	b.Click("#ask")
	b.Await(`document.getElementById('verdict').textContent === 'findings'`)
}
