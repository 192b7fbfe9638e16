package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// authorizerLogs is where the lines of brokers are kept, by release.
const authorizerLogs = "testdata/authorizerlogs/"

// TestCapturedAuthorizerLogs lets brokers with each authorizer write their log. suggest reads
// all of it. With -update it writes the lines of the authorizer to testdata, for
// TestAuthorizerLogs.
func TestCapturedAuthorizerLogs(t *testing.T) {
	for version, form := range map[string]string{"2.8.2": audit.FormACL, "4.4.0": audit.FormStandard42} {
		t.Run(version, func(t *testing.T) {
			log := authorizerLog(t, version)
			decisions := strings.Count(log, "Principal = ")
			t.Logf("Kafka %s: %d lines, %d decisions", version, strings.Count(log, "\n"), decisions)
			assert.Greater(t, decisions, 10)
			if *update {
				require.NoError(t, os.MkdirAll(authorizerLogs, 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(authorizerLogs, "kafka-"+version+".log"), []byte(firstOfEachKind(log)), 0o644))
			}
			got := runWith("", "suggest", "--trace", file(t, "kafka-authorizer.log", log))
			t.Logf("suggest: %s%s", got.stdout, got.stderr)
			assert.NotEqual(t, exitError, got.status)
			assert.Contains(t, got.stderr, form)
		})
	}
}

// authorizerLog runs a broker and clients that are allowed and denied, and returns the log of
// the authorizer, with one line of another logger.
func authorizerLog(t *testing.T, version string) string {
	t.Helper()
	users := map[string]string{"alice": "alice-secret", "bob": "bob-secret", "root": "root-secret"}
	c := kafkatest.Start(t, kafkatest.Config{Version: version, SuperUsers: []string{"User:root"}, Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: users}},
		LogLevel: "info", Loggers: map[string]string{"kafka.authorizer.logger": "debug"}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	root := logClient(t, c, "root", users)
	topic := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range []string{"orders", "secret"} {
		one := kmsg.NewCreateTopicsRequestTopic()
		one.Topic, one.NumPartitions, one.ReplicationFactor = name, 1, 1
		topic.Topics = append(topic.Topics, one)
	}
	_, err := topic.RequestWith(ctx, root)
	require.NoError(t, err)
	create, err := kmsgacl.CreateRequest([]acl.Binding{
		{Pattern: acltest.Topic("orders"), Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Write, Permission: acl.Allow}},
		{Pattern: resource.PrefixedPattern(resource.Topic, "sec"), Entry: acl.Entry{Principal: "User:bob", Host: "*", Operation: ops.All, Permission: acl.Deny}},
	})
	require.NoError(t, err)
	_, err = create.RequestWith(ctx, root)
	require.NoError(t, err)
	time.Sleep(2 * time.Second) // brokers learn of ACLs later
	for _, user := range []string{"alice", "bob"} {
		client := logClient(t, c, user, users)
		for _, name := range []string{"orders", "secret"} {
			short, stop := context.WithTimeout(ctx, 10*time.Second)
			err := client.ProduceSync(short, &kgo.Record{Topic: name, Value: []byte("x")}).FirstErr()
			stop()
			t.Logf("%s produces to %s: %v", user, name, err)
		}
		groups := kmsg.NewPtrDescribeGroupsRequest()
		groups.Groups = []string{"g1", "G 2"}
		_, err := groups.RequestWith(ctx, client)
		t.Logf("%s describes groups: %v", user, err)
	}
	var log strings.Builder
	log.WriteString("[main] INFO kafka.server.KafkaServer - started\n")
	for line := range strings.Lines(c.Brokers[0].Log()) {
		if strings.Contains(line, "kafka.authorizer.logger") {
			log.WriteString(line)
		}
	}
	return log.String()
}

func logClient(t *testing.T, c *kafkatest.Cluster, user string, users map[string]string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap("CLIENT")), kgo.SASL(plain.Auth{User: user, Pass: users[user]}.AsMechanism()),
		kgo.DisableIdempotentWrite(), kgo.UnknownTopicRetries(0), kgo.RetryTimeout(10*time.Second))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// variable is what differs between lines of the same kind.
var variable = regexp.MustCompile(`[0-9]+`)

// firstOfEachKind returns the lines of a log that differ in more than numbers.
func firstOfEachKind(log string) string {
	var kept strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(log) {
		kind := variable.ReplaceAllString(line, "0")
		if !seen[kind] {
			kept.WriteString(cmp.Or(line, "\n"))
		}
		seen[kind] = true
	}
	return kept.String()
}
