package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// liveUsers are the users of a live cluster. The first is a super user.
var liveUsers = map[string]string{"root": "r00t", "ops": "0ps", "alice": "a1ice"}

// live is a cluster that answers the requests about ACLs from a store.
type live struct {
	address string
	store   *snapshot.Store
}

// startLive starts a cluster in memory with these ACLs. It ends with the test.
func startLive(t *testing.T, config snapshot.Config, bindings ...acl.Binding) *live {
	t.Helper()
	upstream, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(upstream.Close)
	config.SuperUsers = append(config.SuperUsers, principal.User("root"))
	store := snapshot.NewStore(config)
	require.NoError(t, store.Replace(slices.Values(bindings)))
	ctx, stop := context.WithCancel(context.Background())
	p, err := proxy.Listen(ctx, proxy.Config{
		Upstream: relay.Upstream{Brokers: upstream.ListenAddrs()}, Store: store, Logger: slog.New(slog.DiscardHandler),
		Listeners: []proxy.Listener{{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: liveUsers}}},
	})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
		p.Close()
	})
	return &live{p.Addresses()[0], store}
}

// flags returns the flags with which a user connects.
func (l *live) flags(t *testing.T, user string) []string {
	t.Helper()
	return []string{"--bootstrap-server", l.address, "--command-config", clientProperties(t, "PLAIN", user, liveUsers[user])}
}

// clientProperties writes the properties of a client and returns the name of the file.
func clientProperties(t *testing.T, mechanism, user, password string, more ...string) string {
	t.Helper()
	lines := append([]string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=" + mechanism,
		`sasl.jaas.config=org.apache.kafka.common.security.` + map[string]string{"PLAIN": "plain.Plain", "SCRAM-SHA-256": "scram.Scram"}[mechanism] +
			`LoginModule required username="` + user + `" password="` + password + `";`, "default.api.timeout.ms=20000"}, more...)
	return file(t, "client.properties", strings.Join(lines, "\n")+"\n")
}

// run runs the program with the flags of a user at the cluster.
func (l *live) run(t *testing.T, user, stdin string, args ...string) result {
	t.Helper()
	return runWith(stdin, append(slices.Clone(args), l.flags(t, user)...)...)
}

func readACLs(t *testing.T, text string) []acl.Binding {
	t.Helper()
	bindings, err := acl.Read(strings.NewReader(text), "", acl.FormatAuto)
	require.NoError(t, err)
	return bindings
}

// TestLiveCluster compares the answers about the ACLs of a live cluster with those about the
// same ACLs in a file.
func TestLiveCluster(t *testing.T) {
	bindings := readACLs(t, readAll(t, acme+"acls.txt"))
	cluster := startLive(t, snapshot.Config{}, bindings...)
	trace := acme + "kafka-authorizer.log"
	for _, line := range []string{
		"check --principal User:billing --operation Write --topic payments.eu", "check --questions " + acme + "questions.csv -o json",
		"explain --principal User:billing --operation Write --topic payments.eu", "who-can --operation Read --topic payments.eu",
		"what-can --principal User:contractor --host 10.20.7.4", "list", "list -o json", "lint", "diff --new-acls " + acme + "acls.jsonl",
		"diff --new-semantics documented", "suggest --unused --trace " + trace, "convert --to json", "report --html -",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(line)
			got := cluster.run(t, "root", "", args...)
			args = append(args, "--acls", acme+"acls.txt")
			if !strings.HasPrefix(line, "list") && !strings.HasPrefix(line, "convert") {
				args = append(args, "--semantics", "kafka-exact=4.4")
			}
			want := runWith("", args...)
			require.NotEqual(t, exitError, got.status, got.stderr)
			assert.Regexp(t, `(?m)^ACLs of cluster \S+ at `+cluster.address+`, Kafka 4\.4; rules: \S+$`, got.stderr)
			if line == "report --html -" {
				want.stdout = strings.Replace(want.stdout, "files "+acme+"acls.txt", "cluster kfake at "+cluster.address+", Kafka 4.4", 1)
			}
			assert.Equal(t, want.stdout, got.stdout)
			assert.Equal(t, want.status, got.status)
		})
	}
	for flags, want := range map[string]string{
		"--acls a --bootstrap-server b:1":   "portcullis: --acls cannot be given with --bootstrap-server: the ACLs are from files or from a cluster\n",
		"--acls a --command-config c":       "portcullis: --command-config needs --bootstrap-server\n",
		"--bootstrap-server b":              "portcullis: --bootstrap-server \"b\": expected host:port, such as kafka-0:9092\n",
		"--bootstrap-server b:0":            "portcullis: --bootstrap-server \"b:0\": expected host:port, such as kafka-0:9092\n",
		"--bootstrap-server b:1,:2":         "portcullis: --bootstrap-server \"b:1,:2\": expected host:port, such as kafka-0:9092\n",
		"--bootstrap-server b:1 --acls b:1": "portcullis: --acls cannot be given with --bootstrap-server: the ACLs are from files or from a cluster\n",
	} {
		t.Run(flags, func(t *testing.T) {
			expect(t, exitError, "", want, "", append([]string{"list"}, strings.Fields(flags)...)...)
		})
	}
}

// TestLiveClusterErrors makes each error of a connection, which names the next step.
func TestLiveClusterErrors(t *testing.T) {
	cluster := startLive(t, snapshot.Config{})
	silent := listenSilently(t)
	for name, test := range map[string]struct {
		server, config string
		want           string
	}{
		"no right":        {cluster.address, clientProperties(t, "PLAIN", "alice", liveUsers["alice"]), `CLUSTER_AUTHORIZATION_FAILED.*: the client needs Describe on the cluster.*--allow-principal User:alice --operation Describe --cluster`},
		"wrong password":  {cluster.address, clientProperties(t, "PLAIN", "alice", "wrong"), `SASL_AUTHENTICATION_FAILED.*: the cluster refuses the login: check sasl.jaas.config`},
		"wrong mechanism": {cluster.address, clientProperties(t, "SCRAM-SHA-256", "alice", "a1ice"), `UNSUPPORTED_SASL_MECHANISM.*: the listener does not have this sasl.mechanism`},
		"no login":        {cluster.address, file(t, "c.properties", "security.protocol=PLAINTEXT\n"), `SASL is required.*check that security.protocol`},
		"TLS":             {cluster.address, file(t, "c.properties", "security.protocol=SSL\ndefault.api.timeout.ms=3000\n"), `check (that )?security.protocol`},
		"unreachable":     {"127.0.0.1:1", file(t, "c.properties", ""), `connection refused: no broker can be reached: check the address`},
		"no such host":    {"no-such-host.invalid:1", file(t, "c.properties", "default.api.timeout.ms=3000\n"), `no-such-host.invalid.*: (no broker can be reached|no answer within)`},
		"silent":          {silent, file(t, "c.properties", "default.api.timeout.ms=300\n"), `no answer within 300ms: check the address`},
		"a misspelt key":  {"127.0.0.1:1", file(t, "c.properties", "sasl.mechanisms=PLAIN\n"), `"sasl.mechanisms" is no setting of a Kafka client: did you mean sasl.mechanism\?`},
		"a bad time":      {"127.0.0.1:1", file(t, "c.properties", "default.api.timeout.ms=soon\n"), `default.api.timeout.ms: found "soon", expected a number of milliseconds`},
		"an HTTP server":  {listenAndSay(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), file(t, "c.properties", ""), `'HTTP' in ascii.*: a response may have at most 268435456 bytes`},
		"a large answer":  {listenAndSay(t, "\x10\x00\x00\x01"), file(t, "c.properties", ""), `response size 268435457 > limit 268435456.*: a response may have at most`},
		"no file":         {"127.0.0.1:1", filepath.Join(t.TempDir(), "none"), `none: no such file`},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			got := runWith("", "list", "--bootstrap-server", test.server, "--command-config", test.config)
			t.Log(time.Since(began).Round(time.Millisecond), got.stderr)
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
			assert.Regexp(t, test.want, got.stderr)
			assert.NotContains(t, got.stderr, "a1ice", "a password")
		})
	}
}

// listenSilently listens, and accepts connections that it never answers.
func listenSilently(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// listenAndSay listens, and answers each connection with a text when something comes.
func listenAndSay(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_, _ = c.Write([]byte(text))
			time.Sleep(100 * time.Millisecond)
			c.Close()
		}
	}()
	return listener.Addr().String()
}
