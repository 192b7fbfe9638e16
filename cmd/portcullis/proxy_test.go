package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

func TestProxyUsage(t *testing.T) {
	const more = ": see portcullis proxy --help"
	for _, test := range []struct {
		args  string
		lines []string
	}{
		{"", []string{
			"portcullis: expected either --acls or --mirror-acls",
			"portcullis: expected either --upstream or --embedded",
			"portcullis: --listen is missing" + more,
		}},
		{"--acls a --mirror-acls --embedded --upstream b:1", []string{
			"portcullis: expected either --acls or --mirror-acls",
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
		{"--acls a --upstream b:1 --listen c:1", []string{`portcullis: --listen "c:1": expected protocol://host:port, such as SASL_SSL://127.0.0.1:9192`}},
		{"--acls a --upstream b:1 --listen SSL://127.0.0.1:0 --super-users x", []string{
			`portcullis: --super-users: principal "x" has no colon: expected Type:name, such as "User:x"`}},
		{"--acls a --upstream b:1 --listen PLAINTEXT://127.0.0.1:0 -o xml", []string{`portcullis: --output "xml": expected text or json`}},
		{"--acls none --upstream 127.0.0.1:1 --listen HTTP://127.0.0.1:0", []string{"*"}},
		{"--config none", []string{"portcullis: open none: no such file or directory"}},
	} {
		got := runWith("", append([]string{"proxy"}, strings.Fields(test.args)...)...)
		want := strings.Join(test.lines, "\n") + "\n"
		if got.status != exitError || got.stdout != "" || test.lines[0] != "*" && got.stderr != want {
			t.Errorf("proxy %s: status %d\n%s%swant\n%s", test.args, got.status, got.stdout, got.stderr, want)
		}
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
		users+`:2:1: found a line, expected user:password, each user once`,
		users+`:3:1: found a line, expected user:password, each user once`)
}

// buffer collects the output of a program that still runs.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// wait returns the first submatch of pattern once it is written.
func (b *buffer) wait(t *testing.T, pattern string) string {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		text := b.text.String()
		b.mu.Unlock()
		if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not written, but:\n%s", pattern, text)
		}
	}
}

const orders = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:\n" +
	"\t(principal=User:%s, host=*, operation=WRITE, permissionType=ALLOW)\n\n"

// The proxy watches its file, keeps the previous ACLs if the file has an error, serves
// metrics, and stops on request.
func TestProxyServes(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}
	check := func(when string, want map[string]bool) {
		for user, password := range map[string]string{"alice": "a", "bob": "b", "admin": "c"} {
			if err := produce(user, password); (err == nil) != want[user] {
				t.Errorf("%s, %s: %v", when, user, err)
			}
		}
	}
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(acls), "new"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(filepath.Dir(acls), "new"), acls); err != nil {
			t.Fatal(err)
		}
	}
	check("at first", map[string]bool{"alice": true, "admin": true})
	save(fmt.Sprintf(orders, "bob"))
	log.wait(t, `ACLs loaded" acls=1 generation=2`)
	check("after a change", map[string]bool{"bob": true, "admin": true})
	save("Current ACLs for resource `junk`:\n")
	log.wait(t, `ACLs not loaded.*acls.txt`)
	check("after a fault", map[string]bool{"bob": true, "admin": true})

	// suggest can read the refusals.
	got := runWith(refused.wait(t, `(?s).*"principal":"User:bob".*"principal":"User:alice".*\n`), "suggest", "--trace", "-", "--trace-format", "json")
	require.Regexp(t, `^decisions: [0-9]+, allowed: 0, to super users: 0, denied: [0-9]+;`, got.stderr)
	require.Equal(t, exitDone, got.status)

	response, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	for _, want := range []string{"portcullis_acls 1\n", "portcullis_acl_generation 2\n", "portcullis_acls_ready 1\n", `portcullis_denials_total{api="Metadata",resource="topic"}`,
		`portcullis_requests_allowed_total{api="Produce"} 6` + "\n", `portcullis_requests_total{api="Produce"} 6` + "\n", "portcullis_decision_seconds_bucket"} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v, %q is not among the metrics:\n%s", err, want, text)
		}
	}

	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-status:
		if got != exitDone {
			t.Errorf("status %d:\n%s", got, log.text.String())
		}
	case <-time.After(90 * time.Second):
		t.Error("it does not end")
	}
}

// A file of ACLs that is empty and has no checksum is refused: it may be cut off.
func TestProxyWithoutACLs(t *testing.T) {
	got := runWith("", "proxy", "--embedded", "--acls", file(t, "acls.txt", ""), "--demo", "a=b")
	assert.Equal(t, exitError, got.status)
	assert.Contains(t, got.stderr, "expected at least one binding, or a checksum file if the set is empty on purpose")
}

// Only its owner can read the audit log, and the proxy appends to it.
func TestProxyAuditLog(t *testing.T) {
	for _, name := range []string{"", "old\n"} {
		p := &proxyCommand{auditLog: &once{text: filepath.Join(t.TempDir(), "audit.jsonl")}}
		if name != "" {
			require.NoError(t, os.WriteFile(p.auditLog.text, []byte(name), 0o600))
		}
		out, err := p.openAuditLog(io.Discard)
		require.NoError(t, err)
		_, err = io.WriteString(out, "new\n")
		require.NoError(t, err)
		require.NoError(t, out.Close())
		text, err := os.ReadFile(p.auditLog.text)
		require.NoError(t, err)
		require.Equal(t, name+"new\n", string(text))
		info, err := os.Stat(p.auditLog.text)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	_, err := (&proxyCommand{auditLog: &once{text: t.TempDir()}}).openAuditLog(io.Discard)
	require.ErrorContains(t, err, "--audit-log: ")
}

// TestMetricsServerLog: what goes wrong in the server of metrics is in the log of the proxy,
// in its form and escaped.
func TestMetricsServerLog(t *testing.T) {
	var log bytes.Buffer
	server := metricsServer(prometheus.NewRegistry(), newLogger(&log, true, false))
	server.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a\u202e\x1b") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	_, err = http.Get("http://" + ln.Addr().String() + "/metrics")
	require.Error(t, err)
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	require.Contains(t, log.String(), `"level":"WARN"`)
	require.Contains(t, log.String(), `"server":"metrics"`)
	require.NotContains(t, log.String(), "\u202e")
	require.NotContains(t, log.String(), "\x1b")
}
