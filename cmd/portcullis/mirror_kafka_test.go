package main

import (
	"context"
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// mirrorVersion is that of connect-mirror.
const mirrorVersion = "4.1.0"

// neededACLs returns what protocol --for lists as ACLs of a user: what is needed always, and
// the rest.
func neededACLs(t *testing.T, user, args string) (always, maybe []acl.Binding) {
	t.Helper()
	got := runWith("", strings.Fields("protocol -o json --principal User:"+user+" --for "+args)...)
	require.Equal(t, exitDone, got.status, got.stderr)
	always, err := acl.Read(strings.NewReader(got.stdout), "", acl.FormatJSON)
	require.NoError(t, err)
	for line := range strings.Lines(runWith("", strings.Fields("protocol -o json --for "+args)...).stdout) {
		var need struct {
			ResourceType resource.Type
			Name         string
			PatternType  resource.PatternType
			Operation    ops.Operation
		}
		require.NoError(t, json.Unmarshal([]byte(line), &need))
		b := acltest.Allow("User:"+user, need.Operation, resource.Pattern{Type: need.ResourceType, PatternType: need.PatternType, Name: need.Name})
		if !slices.Contains(always, b) {
			maybe = append(maybe, b)
		}
	}
	return always, maybe
}

// mirrorMaker runs MirrorMaker 2 from the alias a to the alias b, which are two users of one
// cluster. The function that it returns ends it.
func mirrorMaker(t *testing.T, cluster *kafkatest.Cluster, all string) (stop func()) {
	t.Helper()
	settings := map[string]string{
		"clusters": "a,b", "a->b.enabled": "true", "b->a.enabled": "false", "b->a.emit.heartbeats.enabled": "false", "a->b.topics": "orders", "a->b.groups": "readers",
		"sync.topic.acls.enabled": all, "sync.topic.configs.enabled": all, "emit.heartbeats.enabled": all,
		"sync.topic.acls.interval.seconds": "5", "sync.topic.configs.interval.seconds": "5",
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
	return startProgram(t, "java", "-Xmx300m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", kafkatest.ClassPath(t, "connect-mirror", mirrorVersion),
		"org.apache.kafka.connect.mirror.MirrorMaker", file(t, "mm2.properties", kafkatest.Properties(settings)))
}

// startProgram runs a program. The function that it returns ends it; so does the end of the test,
// which logs what the program printed last if it has failed.
func startProgram(t *testing.T, name string, args ...string) (stop func()) {
	t.Helper()
	log := &logtest.Log{}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text := log.String()
			t.Logf("%s:\n%s", name, text[max(0, len(text)-20_000):])
		}
	})
	t.Cleanup(stop)
	return stop
}

// skipped is in the line of a denial after which a worker skips a check.
const skipped = "User:target is Denied operation = DESCRIBE_CONFIGS from host = 127.0.0.1 on resource = Topic:LITERAL:mm2-"

// TestMirrorMakerOfKafka runs MirrorMaker 2 with exactly the rights that protocol --for lists for
// both sides: records and the offsets of a group arrive, and no request is denied but one whose
// right is listed with that effect. With what is
// needed under a condition, configurations, partitions and ACLs are mirrored, too.
func TestMirrorMakerOfKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{Version: upgradeTo, Loggers: map[string]string{"kafka.authorizer.logger": "info"},
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"source": "source-secret", "target": "target-secret"}}}})
	admin := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword,
		kgo.ConsumeTopics("a.orders", "a.checkpoints.internal", "heartbeats"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	createTopic(t, admin, "orders", nil)
	require.NoError(t, admin.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}, &kgo.Record{Topic: "orders", Value: []byte("two")}).FirstErr())
	reader := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword,
		kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	reader.PollRecords(t.Context(), 2)
	require.NoError(t, reader.CommitUncommittedOffsets(t.Context()))

	always, maybe := neededACLs(t, "source", "mirror-maker-source --topic orders --group readers --offsets-topic mm2-offset-syncs.b.internal")
	targetAlways, targetMaybe := neededACLs(t, "target", "mirror-maker-target --mirrored-topics a. --internal-topics mm2- --group a-mm2")
	always, maybe = append(always, targetAlways...), append(maybe, targetMaybe...)
	require.Len(t, maybe, 6)
	await := func(want ...string) {
		t.Helper()
		got := map[string]bool{}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		for len(got) < len(want) && ctx.Err() == nil {
			admin.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				switch {
				case r.Topic == "a.orders" && slices.Contains(want, string(r.Value)):
					got[string(r.Value)] = true
				case r.Topic != "a.orders" && slices.Contains(want, r.Topic):
					got[r.Topic] = true
				}
			})
		}
		assert.ElementsMatch(t, want, slices.Collect(maps.Keys(got)))
		denied := map[string]bool{}
		for line := range strings.Lines(cluster.Brokers[0].Log()) {
			if _, after, ok := strings.Cut(line, "Principal = User:"); ok && strings.Contains(line, "is Denied") && !strings.Contains(line, skipped) {
				denied[after] = true
			}
		}
		assert.Empty(t, denied)
	}
	cluster.SetACLs(t, always...)
	stop := mirrorMaker(t, cluster, "false")
	await("one", "two", "a.checkpoints.internal")
	stop()
	if t.Failed() {
		return
	}

	reads := acltest.Allow("User:app", ops.Read, acltest.Topic("orders"))
	cluster.SetACLs(t, slices.Concat(always, maybe, []acl.Binding{reads})...)
	printed := kafkatest.Tool(t, cluster.Version, "", "kafka-configs", "--bootstrap-server", cluster.Bootstrap(kafkatest.Internal), "--command-config",
		file(t, "admin.properties", kafkatest.Properties(cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil))),
		"--alter", "--entity-type", "topics", "--entity-name", "orders", "--add-config", "retention.ms=123456789")
	require.Zero(t, printed.Status, printed)
	require.NoError(t, admin.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("three")}).FirstErr())
	mirrorMaker(t, cluster, "true")
	await("three", "heartbeats")
	admins := kadm.NewClient(admin)
	assert.Eventually(t, func() bool {
		configs, err := admins.DescribeTopicConfigs(t.Context(), "a.orders")
		return err == nil && slices.ContainsFunc(configs[0].Configs, func(c kadm.Config) bool { return c.Key == "retention.ms" && c.MaybeValue() == "123456789" })
	}, 2*time.Minute, time.Second, "the configuration is not mirrored")
	assert.Eventually(t, func() bool {
		acls, err := admins.DescribeACLs(t.Context(), kadm.NewACLs().Topics("a.orders").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead).Allow("User:app").AllowHosts())
		return err == nil && len(acls) > 0 && len(acls[0].Described) == 1
	}, 2*time.Minute, time.Second, "the ACL is not mirrored")
	await()
}
