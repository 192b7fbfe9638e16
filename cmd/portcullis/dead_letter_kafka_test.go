package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestDeadLetterTopicsOfKafka proves ops.SideEffects at a broker: a client that may alter the
// configuration of a share group, and may write nothing, sends a copy of a record to another
// topic. Where one of the conditions does not hold, it does not.
func TestDeadLetterTopicsOfKafka(t *testing.T) {
	effects := ops.SideEffects(ops.AlterConfigs, resource.Group)
	require.Len(t, effects, 1)
	cluster := kafkatest.Start(t, kafkatest.Config{Version: upgradeTo, LogLevel: "warn",
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"mallory": "mallory-secret"}}}})
	admin := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword, kgo.ConsumeTopics("dlq.open", "dlq.closed", "open"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	mallory := kafkaClient(t, cluster.Bootstrap("CLIENT"), "mallory", "mallory-secret")
	enabled := map[string]string{"errors.deadletterqueue.group.enable": "true"}
	for topic, config := range map[string]map[string]string{"in": nil, "dlq.open": enabled, "dlq.closed": nil, "open": enabled} {
		createTopic(t, admin, topic, config)
	}
	groups := resource.PrefixedPattern(resource.Group, "g-")
	acls := []acl.Binding{acltest.Allow("User:mallory", ops.Read, acltest.Topic("in")), acltest.Allow("User:mallory", ops.Read, groups),
		acltest.Allow("User:mallory", ops.AlterConfigs, groups)}
	cluster.SetACLs(t, acls...)
	require.NoError(t, admin.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("a secret")}).FirstErr())
	err := mallory.ProduceSync(t.Context(), &kgo.Record{Topic: "dlq.open", Value: []byte("forged")}).FirstErr()
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed, "mallory may write nothing")

	properties := file(t, "mallory.properties", kafkatest.Properties(cluster.ClientProperties("CLIENT", "mallory", nil)))
	for group, config := range map[string]map[string]string{
		"g-copy":     {"errors.deadletterqueue.topic.name": "dlq.open", "errors.deadletterqueue.copy.record.enable": "true"},
		"g-headers":  {"errors.deadletterqueue.topic.name": "dlq.open"},
		"g-closed":   {"errors.deadletterqueue.topic.name": "dlq.closed", "errors.deadletterqueue.copy.record.enable": "true"},
		"g-unprefix": {"errors.deadletterqueue.topic.name": "open", "errors.deadletterqueue.copy.record.enable": "true"},
		"g-missing":  {"errors.deadletterqueue.topic.name": "dlq.missing", "errors.deadletterqueue.copy.record.enable": "true"},
	} {
		config["share.auto.offset.reset"] = "earliest"
		alterGroup(t, mallory, group, config)
		printed := kafkatest.Tool(t, cluster.Version, "", "kafka-console-share-consumer", "--bootstrap-server", cluster.Bootstrap("CLIENT"), "--command-config", properties,
			"--topic", "in", "--group", group, "--reject", "--max-messages", "1", "--timeout-ms", "60000")
		assert.Contains(t, printed.Stdout, "a secret", "%s: %v", group, printed)
	}

	got := map[string]int{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(got) < 2 && ctx.Err() == nil {
		admin.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got[fmt.Sprintf("%s: %s", r.Topic, r.Value)]++ })
	}
	wait, cancelWait := context.WithTimeout(t.Context(), 3*time.Second) // for what should not come
	defer cancelWait()
	for wait.Err() == nil {
		admin.PollFetches(wait).EachRecord(func(r *kgo.Record) { got[fmt.Sprintf("%s: %s", r.Topic, r.Value)]++ })
	}
	assert.Equal(t, map[string]int{"dlq.open: a secret": 1, "dlq.open: ": 1}, got)
	m := kmsg.NewPtrMetadataRequest()
	m.Topics = []kmsg.MetadataRequestTopic{{Topic: new("dlq.missing")}}
	r, err := m.RequestWith(t.Context(), admin)
	require.NoError(t, err)
	assert.Equal(t, kerr.UnknownTopicOrPartition.Code, r.Topics[0].ErrorCode, "the topic was created")
}

func kafkaClient(t *testing.T, bootstrap, user, password string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	options = append(options, kgo.SeedBrokers(bootstrap), kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.AllISRAcks()))
	client, err := kgo.NewClient(options...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func createTopic(t *testing.T, client *kgo.Client, name string, config map[string]string) {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	for key, value := range config {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: new(value)})
	}
	m := kmsg.NewPtrCreateTopicsRequest()
	m.Topics = append(m.Topics, topic)
	r, err := m.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.Zero(t, r.Topics[0].ErrorCode, "%s: %v", name, r.Topics[0].ErrorMessage)
}

func alterGroup(t *testing.T, client *kgo.Client, group string, config map[string]string) {
	t.Helper()
	entry := kmsg.NewIncrementalAlterConfigsRequestResource()
	entry.ResourceType, entry.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for key, value := range config {
		entry.Configs = append(entry.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Value: new(value)})
	}
	m := kmsg.NewPtrIncrementalAlterConfigsRequest()
	m.Resources = append(m.Resources, entry)
	r, err := m.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.Zero(t, r.Resources[0].ErrorCode, "%s: %v", group, r.Resources[0].ErrorMessage)
}
