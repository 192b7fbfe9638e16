package main

import (
	"bytes"
	"context"
	"maps"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// mirrorVersion is that of connect-mirror.
const mirrorVersion = "4.1.0"

// lockedBuffer is a buffer that a process writes to while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// neededACLs returns the ACLs that protocol --for prints.
func neededACLs(t *testing.T, args string) []acl.Binding {
	t.Helper()
	got := runWith("", strings.Fields("protocol -o json --for "+args)...)
	require.Equal(t, exitDone, got.status, got.stderr)
	acls, err := acl.Read(strings.NewReader(got.stdout), "", acl.FormatJSON)
	require.NoError(t, err)
	return acls
}

// mirrorMaker runs MirrorMaker 2 from the alias a to the alias b, which are two users of one
// cluster, and returns its log.
func mirrorMaker(t *testing.T, cluster *kafkatest.Cluster) *lockedBuffer {
	t.Helper()
	settings := map[string]string{
		"clusters": "a,b", "a->b.enabled": "true", "b->a.enabled": "false", "a->b.topics": "orders", "a->b.groups": "readers",
		"sync.topic.acls.enabled": "false", "sync.topic.configs.enabled": "false", "emit.heartbeats.enabled": "false",
		"emit.checkpoints.interval.seconds": "1", "refresh.topics.interval.seconds": "5", "refresh.groups.interval.seconds": "5", "tasks.max": "1",
		"replication.factor": "1", "offset-syncs.topic.replication.factor": "1", "checkpoints.topic.replication.factor": "1", "heartbeats.topic.replication.factor": "1",
		"config.storage.replication.factor": "1", "offset.storage.replication.factor": "1", "status.storage.replication.factor": "1", "offset.lag.max": "0",
		"consumer.auto.offset.reset": "earliest",
	}
	for alias, user := range map[string]string{"a": "source", "b": "target"} {
		for key, value := range cluster.ClientProperties("CLIENT", user, nil) {
			settings[alias+"."+key] = value
		}
		settings[alias+".bootstrap.servers"] = cluster.Bootstrap("CLIENT")
	}
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	log := &lockedBuffer{}
	cmd := exec.Command("java", "-Xmx300m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", kafkatest.ClassPath(t, "connect-mirror", mirrorVersion),
		"org.apache.kafka.connect.mirror.MirrorMaker", file(t, "mm2.properties", kafkatest.Properties(settings)))
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text := log.String()
			t.Logf("MirrorMaker:\n%s", text[max(0, len(text)-20_000):])
		}
	})
	return log
}

// TestMirrorMakerOfKafka runs MirrorMaker 2 with exactly the rights that protocol --for lists for
// both sides: records and the offsets of a group arrive, and no request is denied. Without one of
// the rights they do not.
func TestMirrorMakerOfKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{Version: upgradeTo, Loggers: map[string]string{"kafka.authorizer.logger": "info"},
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"source": "source-secret", "target": "target-secret"}}}})
	admin := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword,
		kgo.ConsumeTopics("a.orders", "a.checkpoints.internal"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	createTopic(t, admin, "orders", nil)
	require.NoError(t, admin.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}, &kgo.Record{Topic: "orders", Value: []byte("two")}).FirstErr())
	reader := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword,
		kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	reader.PollRecords(t.Context(), 2)
	require.NoError(t, reader.CommitUncommittedOffsets(t.Context()))

	acls := append(neededACLs(t, "mirror-maker-source --topic orders --group readers --offsets-topic mm2-offset-syncs.b.internal --principal User:source"),
		neededACLs(t, "mirror-maker-target --mirrored-topics a. --internal-topics mm2- --group a-mm2 --principal User:target")...)
	cluster.SetACLs(t, acls...)
	mirrorMaker(t, cluster)
	got := map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	for len(got) < 3 && ctx.Err() == nil {
		admin.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			if r.Topic == "a.orders" {
				got[string(r.Value)] = true
			} else if strings.Contains(string(r.Key), "readers") {
				got["checkpoint"] = true
			}
		})
	}
	assert.Equal(t, map[string]bool{"one": true, "two": true, "checkpoint": true}, got)
	denied := map[string]bool{}
	for line := range strings.Lines(cluster.Brokers[0].Log()) {
		if _, after, ok := strings.Cut(line, "Principal = User:"); ok && strings.Contains(line, "is Denied") {
			denied[after] = true
		}
	}
	assert.Empty(t, denied)
}
