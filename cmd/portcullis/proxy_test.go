package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/internal/logtest"
)

func TestProxyUsage(t *testing.T) {
	const more = ": see portcullis proxy --help"
	for _, test := range []struct {
		args  string
		lines []string // nil for any
	}{
		{"", []string{
			"portcullis: expected either --acls, --roles or both, or --mirror-acls",
			"portcullis: expected either --upstream or --embedded",
			"portcullis: --listen is missing" + more,
		}},
		{"--acls a --mirror-acls --embedded --upstream b:1", []string{
			"portcullis: expected either --acls, --roles or both, or --mirror-acls",
			"portcullis: expected either --upstream or --embedded",
			"portcullis: --mirror-acls cannot be given with --embedded: the embedded cluster has no ACLs",
		}},
		{"--acls a --upstream b:1 --listen SSL://c:1 --tls-cert d --upstream-user e --keytab f --upstream-ca g", []string{
			"portcullis: --tls-cert needs --tls-key",
			"portcullis: --upstream-user needs --upstream-password-file",
			"portcullis: --upstream-ca needs --upstream-tls",
			"portcullis: --keytab needs --krb5-conf",
		}},
		{"--acls a --upstream b:1 --listen PLAINTEXT://c:1 --demo x --embedded-topics y", []string{
			"portcullis: --embedded-topics needs --embedded",
			"portcullis: --demo needs --embedded and has its own listener and users: omit --listen and --users",
			`portcullis: --demo "x": expected user=topic`,
		}},
		{"--acls a --upstream b:1 --listen c:1", []string{`portcullis: --listen: found "c:1", expected NAME://host:port, such as SASL_SSL://127.0.0.1:9192`}},
		{"--acls a --upstream b:1 --listen SSL://127.0.0.1:0 --super-users x", []string{
			`portcullis: --super-users: principal "x" has no colon: expected Type:name, such as "User:x"`,
			`portcullis: listener SSL: --tls-client-ca or ssl.client.auth is missing: without certificates of the clients, each client is User:ANONYMOUS; if you want that, set ssl.client.auth=none`}},
		{"--acls a --upstream b:1 --listen PLAINTEXT://127.0.0.1:0 -o xml", []string{`portcullis: --output "xml": expected text or json`}},
		{"--acls none --upstream 127.0.0.1:1 --listen HTTP://127.0.0.1:0", nil},
		{"--acls a --upstream b:1 --listen PLAINTEXT://127.0.0.1:0 --upstream-tls --upstream-ca -", []string{
			"portcullis: --upstream-ca: open -: no such file or directory"}},
		{"--acls a --upstream b:1 --listen PLAINTEXT://c:1 --otlp-endpoint http://u:secret@d --trace-ratio NaN", []string{
			"portcullis: --otlp-endpoint: expected http://host:port or https://host:port of an OpenTelemetry collector, without a user: what logs in goes in OTEL_EXPORTER_OTLP_HEADERS",
			"portcullis: --trace-ratio: found NaN, expected a number above 0 and up to 1"}},
		{"--acls a --upstream b:1 --listen PLAINTEXT://c:1 --trace-ratio 0", []string{
			"portcullis: --trace-ratio needs --otlp-endpoint",
			"portcullis: --trace-ratio: found 0, expected a number above 0 and up to 1"}},
		{"--config none", []string{"portcullis: open none: no such file or directory"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			args := append([]string{"proxy"}, strings.Fields(test.args)...)
			if test.lines != nil {
				refuse(t, "", args, test.lines...)
				return
			}
			got := runWith("", args...)
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
		})
	}
}

func TestProxyConfigFile(t *testing.T) {
	config := file(t, "proxy.conf", "# comment\n\nlisten\nlistne = x\nmax-connections = many\nconfig = other\nacls = a\n")
	refuse(t, "", []string{"proxy", "--config", config},
		config+`:3:1: found "listen", expected flag = value`,
		config+`:4:1: found "listne", expected a flag of portcullis proxy`,
		config+`:5:1: found "many", expected a value of max-connections: strconv.ParseInt: parsing "many": invalid syntax`,
		config+`:6:1: found "config", expected a flag of portcullis proxy`)
	users := file(t, "users.txt", "alice:secret\nbob\nalice:again\n")
	refuse(t, "", []string{"proxy", "--embedded", "--acls", "a", "--users", users},
		users+`:2:1: found a line, expected user:password, or "user":"password" with JSON strings; each user once`,
		users+`:3:1: found a line, expected user:password, or "user":"password" with JSON strings; each user once`)
}

// buffer collects the output of a program that still runs.
type buffer struct{ logtest.Log }

// wait returns the first submatch of pattern once it is written.
func (b *buffer) wait(t *testing.T, pattern string) string {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text := b.String()
		if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		require.True(t, time.Now().Before(deadline), "%s is not written, but:\n%s", pattern, text)
	}
}

const orders = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:\n" +
	"\t(principal=User:%s, host=*, operation=WRITE, permissionType=ALLOW)\n\n"

// The proxy watches its file, keeps the previous ACLs if the file has an error, serves
// metrics, and stops on request.
func TestProxyServes(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	require.NoError(t, err)
	defer cluster.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	metrics := free.Addr().String()
	free.Close()
	acls := file(t, "acls.txt", fmt.Sprintf(orders, "alice"))
	config := file(t, "proxy.conf", "acls = "+acls+"\nlisten = SASL_PLAINTEXT://127.0.0.1:0\nusers = "+file(t, "users.txt", "alice:a\nbob:b\nadmin:c\n")+
		"\nupstream = "+cluster.ListenAddrs()[0]+"\nsuper-users = User:nobody\nmetrics = "+metrics+"\n")
	var log, refused buffer
	status := make(chan int, 1)
	go func() {
		status <- run([]string{"proxy", "--config", config, "--super-users", "User:admin"}, strings.NewReader(""), &refused, &log)
	}()
	address := log.wait(t, `msg=serving listeners=(\S+) acls=1`)

	produce := func(user, password string) error {
		c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()), kgo.RecordDeliveryTimeout(30*time.Second))
		require.NoError(t, err)
		defer c.Close()
		return c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}
	check := func(when string, want map[string]bool) {
		for user, password := range map[string]string{"alice": "a", "bob": "b", "admin": "c"} {
			err := produce(user, password)
			assert.Equal(t, want[user], err == nil, "%s, %s: %v", when, user, err)
		}
	}
	save := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(acls), "new"), []byte(text), 0o600))
		require.NoError(t, os.Rename(filepath.Join(filepath.Dir(acls), "new"), acls))
	}
	check("at first", map[string]bool{"alice": true, "admin": true})
	save(fmt.Sprintf(orders, "bob"))
	log.wait(t, `ACLs loaded" acls=1 generation=2`)
	check("after a change", map[string]bool{"bob": true, "admin": true})
	save("Current ACLs for resource `junk`:\n")
	log.wait(t, `ACLs not loaded.*acls.txt`)
	check("after a fault", map[string]bool{"bob": true, "admin": true})

	// suggest can read the refusals. With --denied it finds the missing ACL.
	refusals := refused.wait(t, `(?s).*"principal":"User:bob".*"principal":"User:alice".*\n`)
	got := runWith(refusals, "suggest", "--trace", "-", "--trace-format", "json")
	require.Regexp(t, `^decisions: [0-9]+, allowed: 0, to super users: 0, denied: [0-9]+;`, got.stderr)
	require.Equal(t, exitDone, got.status)
	require.Empty(t, got.stdout)
	got = runWith(refusals, "suggest", "--denied", "--trace", "-", "--trace-format", "json")
	require.Equal(t, exitDone, got.status)
	require.Contains(t, got.stdout, "resourceType=TOPIC, name=orders, patternType=LITERAL")
	require.Contains(t, got.stdout, "principal=User:bob, host=127.0.0.1, operation=DESCRIBE, permissionType=ALLOW")

	response, err := http.Get("http://" + metrics + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for _, want := range []string{"portcullis_acls 1\n", "portcullis_acl_generation 2\n", "portcullis_acls_ready 1\n", `portcullis_denials_total{api="Metadata",resource="topic"}`,
		`portcullis_requests_allowed_total{api="Produce"} 6` + "\n", `portcullis_requests_total{api="Produce"} 6` + "\n", "portcullis_decision_seconds_bucket"} {
		assert.Contains(t, string(text), want)
	}

	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case got := <-status:
		assert.Equal(t, exitDone, got, log.String())
	case <-time.After(90 * time.Second):
		assert.Fail(t, "it does not end")
	}
}

// A file of ACLs that is empty and has no checksum is refused: it may be cut off.
func TestProxyWithoutACLs(t *testing.T) {
	got := runWith("", "proxy", "--embedded", "--acls", file(t, "acls.txt", ""), "--demo", "a=b")
	assert.Equal(t, exitError, got.status)
	assert.Contains(t, got.stderr, "expected at least one binding, or a checksum file if the set is empty on purpose")
}
