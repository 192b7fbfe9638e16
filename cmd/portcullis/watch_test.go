package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// watching is a run of watch.
type watching struct {
	out, log buffer
	status   chan int
}

func (l *live) watch(t *testing.T, args ...string) *watching {
	t.Helper()
	w := &watching{status: make(chan int, 1)}
	args = append(append([]string{"watch", "--interval", "1s"}, args...), l.flags(t, "ops")...)
	go func() { w.status <- run(args, strings.NewReader(""), &w.out, &w.log) }()
	w.log.wait(t, `watching cluster kfake at \S+, Kafka 4\.4; rules: \S+; ACLs: \d+\n`)
	return w
}

// end ends all runs with a signal.
func end(t *testing.T, runs ...*watching) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	for _, w := range runs {
		select {
		case got := <-w.status:
			assert.Equal(t, exitDone, got, w.log.String())
		case <-time.After(90 * time.Second):
			assert.Fail(t, "it does not end")
		}
	}
}

func TestWatch(t *testing.T) {
	cluster := startLive(t, snapshot.Config{}, opsDescribe, acltest.Allow("User:alice", ops.Read, acltest.Topics("pay")))
	text, events, objects := cluster.watch(t), cluster.watch(t, "-o", "cloudevents", "--source", "urn:test"), cluster.watch(t, "-o", "json", "--semantics", "documented")
	change := func(add, remove []acl.Binding) {
		require.NoError(t, cluster.store.Update(func(tx *snapshot.Tx) error {
			for _, b := range add {
				tx.Add(b)
			}
			for _, b := range remove {
				tx.Remove(b)
			}
			return nil
		}))
	}
	bob, alice := acltest.Allow("User:bob\u202e", ops.Write, acltest.Topic("pay.eu")), acltest.Allow("User:alice", ops.Read, acltest.Topics("pay"))
	stored := acltest.Allow("test", ops.Read, acltest.Topic("old")) // Kafka no longer creates it
	change([]acl.Binding{bob, stored}, []acl.Binding{alice})
	text.out.wait(t, `(?m)^- User:alice: Read, Describe on Topic prefix "pay" from \*\n    remove ALLOW: .*\n`)
	line := events.out.wait(t, `(.*)\n`)
	object := objects.out.wait(t, `(.*)\n`)

	// No right for a moment: it says so, and goes on.
	change(nil, []acl.Binding{opsDescribe})
	text.log.wait(t, `portcullis: not read: .*CLUSTER_AUTHORIZATION_FAILED`)
	useless := acltest.Allow("User:x", ops.Read, acltest.Topics("pay"))
	uselessDeny := acltest.Deny("User:x", ops.All, acltest.Topics("pay"))
	change([]acl.Binding{opsDescribe, useless, uselessDeny}, nil)
	text.log.wait(t, `read again: ACLs: 5\n`)
	text.out.wait(t, `(?m)^  no access changed\n`)
	end(t, text, events, objects)

	got := regexp.MustCompile(`(?m)^\d{4}-\S+Z `).ReplaceAllString(text.out.String(), "TIME ")
	assertInert(t, got, "")
	if *update {
		require.NoError(t, os.WriteFile("testdata/live/watch.txt", []byte(got), 0o644))
	}
	assert.Equal(t, readAll(t, "testdata/live/watch.txt"), got)

	assertInert(t, line, "")
	var event struct {
		Type, Source string
		Data         json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(line), &event))
	assert.Equal(t, "com.github.portcullis-authz.portcullis.acls.changed", event.Type)
	assert.Equal(t, "urn:test", event.Source)
	var fromEvent, fromObject struct {
		Time, Cluster, Release, Semantics string
		Added, Removed                    []acl.Binding
		Access                            []map[string]any
	}
	require.NoError(t, json.Unmarshal(event.Data, &fromEvent))
	require.NoError(t, json.Unmarshal([]byte(object), &fromObject))
	assert.Equal(t, "kafka-exact=4.4", fromEvent.Semantics)
	assert.Equal(t, "documented", fromObject.Semantics)
	fromEvent.Semantics, fromEvent.Time, fromObject.Time = fromObject.Semantics, "", ""
	assert.Equal(t, fromObject, fromEvent)
	assert.Equal(t, []acl.Binding{stored, bob}, fromObject.Added)
	assert.Equal(t, []acl.Binding{alice}, fromObject.Removed)
	changes := []any{}
	for _, a := range fromObject.Access {
		changes = append(changes, a["change"])
	}
	assert.Equal(t, []any{"lost", "gained"}, changes)
}

func TestWatchUsage(t *testing.T) {
	cluster := startLive(t, snapshot.Config{})
	for flags, want := range map[string][]string{
		"":                                  {"portcullis: --bootstrap-server is missing: see portcullis watch --help"},
		"--bootstrap-server b":              {`portcullis: --bootstrap-server "b": expected host:port, such as kafka-0:9092`},
		"--interval 999ms -o xml":           {"portcullis: --bootstrap-server is missing: see portcullis watch --help", `portcullis: --interval "999ms": expected 1s or more`, `portcullis: --output "xml": expected text, json or cloudevents`},
		"--bootstrap-server b:1 --source x": {"portcullis: --source needs --output cloudevents, and a text"},
	} {
		t.Run(flags, func(t *testing.T) { refuse(t, "", append([]string{"watch"}, strings.Fields(flags)...), want...) })
	}
	got := cluster.run(t, "alice", "", "watch")
	assert.Equal(t, exitError, got.status, "the first read fails")
	assert.Contains(t, got.stderr, "CLUSTER_AUTHORIZATION_FAILED")
}
