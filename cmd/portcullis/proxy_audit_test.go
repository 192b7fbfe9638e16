package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// auditedProxy is a proxy with an audit log.
type auditedProxy struct {
	cluster     *kfake.Cluster
	log, stdout buffer
	address     string
	status      chan int
}

// startAudited starts a proxy where alice may write to the topic orders, and root is a super
// user.
func startAudited(t *testing.T, args ...string) *auditedProxy {
	t.Helper()
	p := &auditedProxy{status: make(chan int, 1)}
	var err error
	p.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "audit"))
	require.NoError(t, err)
	t.Cleanup(p.cluster.Close)
	args = append([]string{"proxy", "--acls", file(t, "acls.txt", fmt.Sprintf(orders, "alice")), "--listen", "SASL_PLAINTEXT://127.0.0.1:0",
		"--users", file(t, "users.txt", "alice:a\nbob:b\nroot:c\n"), "--super-users", "User:root", "--upstream", p.cluster.ListenAddrs()[0]}, args...)
	go func() { p.status <- run(args, strings.NewReader(""), &p.stdout, &p.log) }()
	p.address = p.log.wait(t, `msg=serving listeners=(\S+) acls=\d+`)
	return p
}

// produce writes a record as a user.
func (p *auditedProxy) produce(t *testing.T, user, password string) error {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(p.address), kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()),
		kgo.RecordDeliveryTimeout(30*time.Second), kgo.DisableIdempotentWrite())
	require.NoError(t, err)
	defer c.Close()
	return c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
}

// stop stops the proxy, which writes all events first.
func (p *auditedProxy) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case got := <-p.status:
		require.Equal(t, exitDone, got, p.log.String())
	case <-time.After(90 * time.Second):
		require.Fail(t, "it does not end")
	}
}

// records returns the values in the topic of the audit log, a line each.
func (p *auditedProxy) records(t *testing.T) string {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(p.cluster.ListenAddrs()...), kgo.ConsumeTopics("audit"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer c.Close()
	var lines strings.Builder
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		fetched := c.PollFetches(ctx)
		cancel()
		if fetched.NumRecords() == 0 {
			return lines.String()
		}
		fetched.EachRecord(func(r *kgo.Record) { fmt.Fprintf(&lines, "%s\n", r.Value) })
	}
}

// Events go to standard output, to a file or to a topic, in each format, and suggest reads all
// of them. Those in a topic cause no further events.
func TestProxyAuditLog(t *testing.T) {
	for _, format := range []string{"json", "cloudevents", "ocsf"} {
		for _, where := range []string{"stdout", "file", "topic"} {
			t.Run(format+" "+where, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "audit.log")
				args := []string{"--audit-format", format, "--audit-failure", "block"}
				switch where {
				case "file":
					args = append(args, "--audit-log", path)
				case "topic":
					args = append(args, "--audit-topic", "audit")
				}
				p := startAudited(t, args...)
				require.NoError(t, p.produce(t, "alice", "a"))
				require.ErrorIs(t, p.produce(t, "bob", "b"), kerr.TopicAuthorizationFailed)
				p.stop(t)
				text := p.stdout.String()
				switch where {
				case "file":
					all, err := os.ReadFile(path)
					require.NoError(t, err)
					require.Empty(t, text)
					text = string(all)
				case "topic":
					require.Empty(t, text)
					text = p.records(t)
				}
				require.NotContains(t, text, "audit-", "the writer of the log is not a client of the proxy")
				got := runWith(text, "suggest", "--denied", "--trace", "-")
				require.Equal(t, exitDone, got.status, got.stderr)
				assert.Contains(t, got.stdout, "resourceType=TOPIC, name=orders, patternType=LITERAL")
				assert.Contains(t, got.stdout, "principal=User:bob, host=127.0.0.1, operation=DESCRIBE, permissionType=ALLOW")
				assert.NotContains(t, got.stdout, "alice")
			})
		}
	}
}

// With --audit-allows what is allowed is recorded too, and the records that the log writes to
// its own topic are not.
func TestProxyAuditsAllows(t *testing.T) {
	p := startAudited(t, "--audit-topic", "audit", "--audit-allows", "--audit-failure", "deny")
	require.NoError(t, p.produce(t, "alice", "a"))
	require.NoError(t, p.produce(t, "root", "c"))
	require.Error(t, p.produce(t, "bob", "b"))
	time.Sleep(time.Second) // a loop would go on
	p.stop(t)
	text := p.records(t)
	for _, want := range []string{
		`"allowed":true,"reason":"matching allow","principal":"User:alice","host":"127.0.0.1","operation":"WRITE","resourceType":"TOPIC","name":"orders"`,
		`"allowed":true,"reason":"super user","principal":"User:root","host":"127.0.0.1","operation":"WRITE"`,
		`"allowed":false,"reason":"default deny","principal":"User:bob"`,
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, `"name":"audit"`)
	assert.Less(t, strings.Count(text, "\n"), 30)
	got := runWith(text, "suggest", "--trace", "-")
	require.Equal(t, exitDone, got.status, got.stderr)
	assert.Contains(t, got.stdout, "principal=User:alice, host=127.0.0.1, operation=WRITE, permissionType=ALLOW")
	assert.NotContains(t, got.stdout, "User:bob")
}

// While the log is full, deny refuses all requests; once it has been opened again with room,
// requests are allowed.
func TestProxyDeniesWithoutAuditLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	require.NoError(t, os.Symlink("/dev/full", path))
	p := startAudited(t, "--audit-log", path, "--audit-failure", "deny")
	require.NoError(t, p.produce(t, "root", "c"))
	require.Error(t, p.produce(t, "bob", "b"))
	p.log.wait(t, `the audit log cannot be written.*no space left on device.*all requests are refused`)
	require.ErrorIs(t, p.produce(t, "alice", "a"), kerr.TopicAuthorizationFailed)
	require.ErrorIs(t, p.produce(t, "root", "c"), kerr.TopicAuthorizationFailed)

	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	p.log.wait(t, `the audit log is written again`)
	require.NoError(t, p.produce(t, "alice", "a"))
	p.stop(t)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"principal":"User:bob"`, "what was denied before the log failed")
}

// With block, a proxy that stops does not wait for a log that cannot be written, and says what
// is lost.
func TestProxyEndsWithoutAuditLog(t *testing.T) {
	p := startAudited(t, "--audit-log", "/dev/full", "--audit-failure", "block", "--drain-time", "100ms")
	require.Error(t, p.produce(t, "bob", "b"))
	p.log.wait(t, `the audit log cannot be written.*requests wait`)
	began := time.Now()
	p.stop(t)
	assert.Less(t, time.Since(began), time.Minute)
	p.log.wait(t, `the audit log is not complete.*events could not be written before the end`)
}

func TestProxyAuditUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--audit-log a --audit-topic b":              "portcullis: expected either --audit-log or --audit-topic",
		"--audit-topic=":                             `portcullis: --audit-topic "": expected the name of a topic`,
		"--audit-format xml":                         `portcullis: --audit-format "xml": expected json, cloudevents or ocsf`,
		"--audit-format cloudevents --audit-source=": `portcullis: --audit-source "": expected a URI reference, such as crn:///kafka=ID or /portcullis`,
		"--audit-failure stop":                       `portcullis: --audit-failure: unknown failure mode "stop": expected drop, block or deny`,
		"--audit-rotate-mib 1":                       "portcullis: --audit-rotate-mib, --audit-rotate-time and --audit-keep need a file in --audit-log",
		"--audit-log a --audit-keep -1":              "portcullis: --audit-rotate-mib, --audit-rotate-time and --audit-keep: expected a positive number",
	} {
		t.Run(args, func(t *testing.T) {
			refuse(t, "", append([]string{"proxy", "--embedded", "--acls", "a"}, strings.Fields(args)...), want)
		})
	}
}
