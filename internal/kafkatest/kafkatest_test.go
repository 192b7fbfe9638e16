package kafkatest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// properties writes a client's properties to a file and returns its path.
func properties(t *testing.T, p map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.properties")
	require.NoError(t, os.WriteFile(path, []byte(kafkatest.Properties(p)), 0o600))
	return path
}

func topicDescribe(principal, topic string) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: resource.Topic, PatternType: resource.Literal, Name: topic},
		Entry:   acl.Entry{Principal: principal, Host: "*", Operation: ops.Describe, Permission: acl.Allow},
	}
}

// With each kind of listener Kafka's own tool can log in, and the ACLs decide what it
// sees.
func TestListeners(t *testing.T) {
	ca := kafkatest.NewAuthority(t)
	users := map[string]string{"alice": `pass "word\`}
	cluster := kafkatest.Start(t, kafkatest.Config{
		Listeners: []kafkatest.Listener{
			{Name: "PASSWORD", Users: users},
			{Name: "SCRAM", Users: users, Mechanisms: []string{"SCRAM-SHA-512"}},
			{Name: "TLS", TLS: ca, ClientAuth: "required"},
			{Name: "BOTH", TLS: ca, Users: users},
		},
		SSLRules: "RULE:^CN=(.*?),.*$/$1/L,DEFAULT",
	})
	cluster.CreateTopics(t, kafkatest.Topic{Name: "orders", Partitions: 2}, kafkatest.Topic{Name: "secret"})
	cluster.SetACLs(t, topicDescribe("User:alice", "orders"))
	cert := ca.Client(t, pkix.Name{CommonName: "ALICE", Organization: []string{"Example"}}, nil)
	for _, l := range []struct {
		name string
		cert *tls.Certificate
	}{{"PASSWORD", nil}, {"SCRAM", nil}, {"TLS", &cert}, {"BOTH", nil}} {
		t.Run(l.name, func(t *testing.T) {
			config := properties(t, cluster.ClientProperties(l.name, "alice", l.cert))
			result := kafkatest.Tool(t, cluster.Version, "", "kafka-topics", "--list", "--bootstrap-server", cluster.Bootstrap(l.name), "--command-config", config)
			assert.Equal(t, 0, result.Status, "kafka-topics --list as alice: %v\nexpected orders alone", result)
			assert.Equal(t, "orders", strings.TrimSpace(result.Stdout), "kafka-topics --list as alice: %v\nexpected orders alone", result)
		})
	}
}

// Every kind of version starts, with its authorizer.
func TestVersions(t *testing.T) {
	for _, version := range []string{"2.8.2", "3.3.2", "3.9.2", "4.2.1"} {
		t.Run(version, func(t *testing.T) {
			listener := kafkatest.Listener{Name: "CLIENT", Users: map[string]string{"alice": "secret"}}
			if version != "3.3.2" { // its quorum has no SCRAM users
				listener.Mechanisms = []string{"SCRAM-SHA-256"}
			}
			cluster := kafkatest.Start(t, kafkatest.Config{Version: version, Listeners: []kafkatest.Listener{listener}})
			cluster.CreateTopics(t, kafkatest.Topic{Name: "orders"}, kafkatest.Topic{Name: "secret"})
			cluster.SetACLs(t, topicDescribe("User:alice", "secret"))
			cluster.SetACLs(t, topicDescribe("User:alice", "orders"))
			config := properties(t, cluster.ClientProperties("CLIENT", "alice", nil))
			result := kafkatest.Tool(t, version, "", "kafka-topics", "--list", "--bootstrap-server", cluster.Bootstrap("CLIENT"), "--command-config", config)
			assert.Equal(t, 0, result.Status, "kafka-topics --list as alice: %v\nexpected orders alone", result)
			assert.Equal(t, "orders", strings.TrimSpace(result.Stdout), "kafka-topics --list as alice: %v\nexpected orders alone", result)
		})
	}
}

// One of three brokers can be killed and started again.
func TestThreeBrokers(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{Brokers: 3})
	cluster.CreateTopics(t, kafkatest.Topic{Name: "orders", Partitions: 3})
	cluster.Brokers[1].Kill()
	cluster.SetACLs(t, topicDescribe("User:alice", "orders"))
	cluster.Brokers[1].Restart(t)
	cluster.Brokers[2].Stop(t)
	cluster.SetACLs(t)
	cluster.Brokers[2].Restart(t)
	cluster.SetACLs(t, topicDescribe("User:bob", "orders"))
}

// Java returns results, and exceptions are returned as errors.
func TestJVM(t *testing.T) {
	source := filepath.Join(t.TempDir(), "Echo.java")
	require.NoError(t, os.WriteFile(source, []byte(`public class Echo {
		public static String run(String[] args) {
			if (args.length == 0) throw new org.apache.kafka.common.errors.InvalidTopicException("nothing\tto say");
			System.out.println("this goes to standard error");
			return String.join("|", args);
		}
	}`), 0o600))
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, source)
	for range 3 {
		got, want := jvm.MustCall("Echo", "a\tb", "c\nd\r", `e\t`, "é😀", ""), "a\tb|c\nd\r|e\\t|é😀|"
		assert.Equal(t, want, got, "the answer is %q, expected %q", got, want)
	}
	var thrown *kafkatest.JavaError
	_, err := jvm.Call("Echo")
	require.ErrorAs(t, err, &thrown, "the error is %v", err)
	assert.Equal(t, (kafkatest.JavaError{
		Class: "org.apache.kafka.common.errors.InvalidTopicException", Message: "nothing\tto say",
	}), *thrown, "the error is %v", err)
	_, err = jvm.Call("Missing")
	require.ErrorAs(t, err, &thrown, "the error for a class that does not exist is %v", err)
	assert.Equal(t, "java.lang.ClassNotFoundException", thrown.Class, "the error for a class that does not exist is %v", err)
}

// orphanVariable is the environment variable that makes TestOrphan the test binary to
// kill.
const orphanVariable = "PORTCULLIS_KAFKA_ORPHAN"

// TestOrphan starts brokers and ends in the way that the variable says.
// TestNothingIsLeft runs it.
func TestOrphan(t *testing.T) {
	way := os.Getenv(orphanVariable)
	if way == "" {
		t.Skip("TestNothingIsLeft runs it")
	}
	kafkatest.Start(t, kafkatest.Config{})
	os.Stdout.WriteString("started\n")
	if way == "panic" {
		go panic("the way to end") // in another goroutine than the test's, whose clean-up would run
	}
	time.Sleep(time.Hour)
}

// A test binary that dies leaves no broker and no file, however it dies.
func TestNothingIsLeft(t *testing.T) {
	kafkatest.Jars(t, kafkatest.DefaultVersion) // or skips
	for _, way := range []string{"SIGKILL", "panic", "time-out"} {
		t.Run(way, func(t *testing.T) {
			folder := t.TempDir()
			args := []string{"-test.run=^TestOrphan$", "-test.v"}
			if way == "time-out" {
				args = append(args, "-test.timeout=20s")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], args...)
			cmd.Env = append(os.Environ(), orphanVariable+"="+way, "TMPDIR="+folder)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			started := false
			for lines := bufio.NewScanner(out); !started && lines.Scan(); {
				started = lines.Text() == "started"
			}
			pids := pidsBelow(folder)
			require.True(t, started, "started %v, %d processes", started, len(pids))
			require.NotEmpty(t, pids, "started %v, %d processes", started, len(pids))
			if way == "SIGKILL" {
				_ = cmd.Process.Kill()
			}
			_ = cmd.Wait()
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
				alive := 0
				for pid := range pids {
					if syscall.Kill(pid, 0) == nil {
						alive++
					}
				}
				entries, err := os.ReadDir(folder)
				if alive == 0 && err == nil && len(entries) == 0 {
					return
				}
				require.False(t, time.Now().After(deadline), "%d processes and %d folders are left", alive, len(entries))
			}
		})
	}
}

// pidsBelow returns the ids of the processes in the watchdog's folder.
func pidsBelow(folder string) map[int]bool {
	pids := map[int]bool{}
	_ = fs.WalkDir(os.DirFS(folder), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && filepath.Base(filepath.Dir(path)) == "pids" {
			var pid int
			for _, digit := range e.Name() {
				pid = pid*10 + int(digit-'0')
			}
			pids[pid] = true
		}
		return nil
	})
	return maps.Clone(pids)
}
