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

// write writes a record to a topic as alice.
func (c *planCluster) write(topic string) error {
	c.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap("CLIENT")), kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()),
		kgo.DisableIdempotentWrite(), kgo.RecordDeliveryTimeout(time.Minute))
	require.NoError(c.t, err)
	defer client.Close()
	return client.ProduceSync(c.t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
}

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
	require.ErrorIs(t, c.write("pay-in"), kerr.TopicAuthorizationFailed)
	require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create"+binding).status)
	apply(`\+ User:alice: Write, Describe on Topic prefix "pay-" from \*`)
	require.NoError(t, c.write("pay-in"))
	require.ErrorIs(t, c.write("orders"), kerr.TopicAuthorizationFailed)
	require.Equal(t, exitDone, runIAM(path, "", "- rolebinding delete --force"+binding).status)
	apply(`- User:alice: Write, Describe on Topic prefix "pay-" from \*`)
	require.ErrorIs(t, c.write("pay-in"), kerr.TopicAuthorizationFailed)
}

// TestPlanRolesKafka makes a file of roles the desired set of a real broker, with plan and apply.
// A client reads while it has the role, a DENY of the file takes from it, and the plan says which
// roles are gained and lost, although the broker keeps ACLs only.
func TestPlanRolesKafka(t *testing.T) {
	c := startPlanCluster(t, kafkatest.DefaultVersion, false)
	c.CreateTopics(t, kafkatest.Topic{Name: "pay-in"}, kafkatest.Topic{Name: "pay-secret"})
	c.SetACLs(t, opsAlter, opsDescribe)
	path := filepath.Join(t.TempDir(), "roles.json")
	const flags = " --kafka-cluster abc123"
	const writer = " --principal User:alice --role DeveloperWrite --resource Topic:pay- --prefix" + flags
	iam := rolesOfOps(t, path)
	iam("- acl create --deny --principal User:alice --operation write --topic pay-secret" + flags)
	iam("- rbac role-binding create" + writer)
	// A binding of a Connect cluster that uses the broker is not one of its topics.
	iam("- rbac role-binding create --principal User:mallory --role SystemAdmin --connect-cluster c1" + flags)
	desired := []string{"--roles", path, "--kafka-cluster", "abc123"}

	planned := c.run(2, append([]string{"plan"}, desired...)...)
	assert.Contains(t, planned.stdout, "\nroles: 1\n+ User:alice gains DeveloperWrite on PREFIXED Topic \"pay-\"\n")
	require.ErrorIs(t, c.write("pay-in"), kerr.TopicAuthorizationFailed, "plan changes nothing")
	plan := file(t, "plan.json", c.run(2, append([]string{"plan", "-o", "json"}, desired...)...).stdout)
	c.run(0, "apply", "--plan", plan)
	require.NoError(t, c.write("pay-in"))
	require.ErrorIs(t, c.write("pay-secret"), kerr.TopicAuthorizationFailed, "a DENY wins over the role")
	exported := readACLs(t, runIAM(path, "", "- export -o json"+flags).stdout)
	assert.ElementsMatch(t, exported, c.acls(), "all of the file, and nothing of the Connect cluster")
	assert.NotContains(t, c.run(0, append([]string{"plan"}, desired...)...).stdout, "roles:")

	iam("- rbac role-binding delete --force" + writer)
	planned = c.run(2, append([]string{"plan"}, desired...)...)
	assert.Contains(t, planned.stdout, "\nroles: 1\n- User:alice loses DeveloperWrite on PREFIXED Topic \"pay-\"\n")
	c.run(0, append([]string{"apply", "--force"}, desired...)...)
	require.ErrorIs(t, c.write("pay-in"), kerr.TopicAuthorizationFailed)
	c.run(0, append([]string{"plan"}, desired...)...)
}
