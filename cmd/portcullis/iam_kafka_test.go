package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
)

// TestRolesKafka brings role bindings into force at a real broker that knows no roles. A
// client may write while it has the role, and no longer than that.
func TestRolesKafka(t *testing.T) {
	c := startPlanCluster(t, kafkatest.DefaultVersion, false)
	c.CreateTopics(t, kafkatest.Topic{Name: "pay-in"}, kafkatest.Topic{Name: "orders"})
	others := acltest.Allow("User:bob", ops.Read, acltest.Topic("orders"))
	c.SetACLs(t, opsAlter, opsDescribe, others)
	path := filepath.Join(t.TempDir(), "roles.json")
	const binding = " --principal User:alice --role DeveloperWrite --resource Topic:pay- --prefix --kafka-cluster-id abc123"
	apply := func(want string) {
		t.Helper()
		exported := runIAM(path, "", "- export --kafka-cluster abc123 -o json")
		require.Equal(t, exitDone, exported.status, exported.stderr)
		acls := file(t, "acls.jsonl", exported.stdout)
		flags := []string{"--acls", acls, "--allow-empty", "--managed-by", `{"principalPrefix":"User:alice"}`}
		planned := c.run(2, append([]string{"plan"}, flags...)...)
		assert.Regexp(t, want, planned.stdout)
		c.run(0, append([]string{"apply", "--force"}, flags...)...)
		c.run(0, append([]string{"plan"}, flags...)...)
		assert.Contains(t, c.acls(), others, "it is not ours")
	}
	write := func(topic string) error {
		t.Helper()
		client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap("CLIENT")), kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()),
			kgo.DisableIdempotentWrite(), kgo.RecordDeliveryTimeout(time.Minute))
		require.NoError(t, err)
		defer client.Close()
		return client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
	}
	require.ErrorIs(t, write("pay-in"), kerr.TopicAuthorizationFailed)
	require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create"+binding).status)
	apply(`\+ User:alice: Write, Describe on Topic prefix "pay-" from \*`)
	require.NoError(t, write("pay-in"))
	require.ErrorIs(t, write("orders"), kerr.TopicAuthorizationFailed)
	require.Equal(t, exitDone, runIAM(path, "", "- rolebinding delete --force"+binding).status)
	apply(`- User:alice: Write, Describe on Topic prefix "pay-" from \*`)
	require.ErrorIs(t, write("pay-in"), kerr.TopicAuthorizationFailed)
}
