package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func needs(t *testing.T, name string) []string {
	t.Helper()
	c, err := ops.ParseClient(name)
	require.NoError(t, err)
	var texts []string
	for _, g := range c.Needs() {
		texts = append(texts, g.String()+" "+g.Name)
	}
	return texts
}

// TestClientsNeed compares the grants derived from the table with the recommendations
// of Kafka's documentation, without what an ALLOW implies.
func TestClientsNeed(t *testing.T) {
	for _, test := range []struct {
		client string
		want   []string
	}{
		{"producer", []string{"Write on Topic TOPIC"}},
		{"transactional-producer", []string{"Write on Topic TOPIC", "Write on TransactionalId TRANSACTIONAL-ID"}},
		{"consumer", []string{"Read on Topic TOPIC", "Read on Group GROUP"}},
		{"streams", []string{
			"Read on Topic INPUT-TOPIC",
			"Read on Topic INTERNAL-TOPICS", "Write on Topic INTERNAL-TOPICS", "Create on Topic INTERNAL-TOPICS", "Delete on Topic INTERNAL-TOPICS",
			"Write on Topic OUTPUT-TOPIC", "Read on Group GROUP",
		}},
		{"connect-worker", []string{
			"Read on Topic INTERNAL-TOPICS", "Write on Topic INTERNAL-TOPICS", "Create on Topic INTERNAL-TOPICS", "Read on Group GROUP",
		}},
		{"share-consumer", []string{"Read on Topic TOPIC", "Read on Group GROUP"}},
		{"streams-exactly-once", []string{
			"Read on Topic INPUT-TOPIC",
			"Read on Topic INTERNAL-TOPICS", "Write on Topic INTERNAL-TOPICS", "Create on Topic INTERNAL-TOPICS", "Delete on Topic INTERNAL-TOPICS",
			"Write on Topic OUTPUT-TOPIC", "Read on Group GROUP", "Write on TransactionalId TRANSACTIONAL-IDS",
		}},
		{"connect-worker-exactly-once", []string{
			"Read on Topic INTERNAL-TOPICS", "Write on Topic INTERNAL-TOPICS", "Create on Topic INTERNAL-TOPICS", "Read on Group GROUP",
			"Write on TransactionalId TRANSACTIONAL-ID",
		}},
		{"sink-connector", []string{"Read on Topic TOPIC", "Read on Group GROUP"}},
		{"source-connector", []string{"Write on Topic TOPIC"}},
		{"source-connector-exactly-once", []string{
			"Read on Topic OFFSETS-TOPIC", "Write on Topic OFFSETS-TOPIC", "Write on Topic TOPIC", "Write on TransactionalId TRANSACTIONAL-IDS",
		}},
		{"dead-letter-topic", []string{"Write on Topic TOPIC", "Create on Topic TOPIC"}},
		{"admin-describe", []string{
			"Read on Topic TOPIC", "DescribeConfigs on Topic TOPIC", "Describe on Group GROUP", "DescribeConfigs on Group GROUP",
			"Describe on Cluster kafka-cluster", "DescribeConfigs on Cluster kafka-cluster",
			"Describe on TransactionalId TRANSACTIONAL-ID", "Describe on DelegationToken TOKEN",
		}},
		{"admin", []string{
			"Create on Topic NEW-TOPIC",
			"Read on Topic TOPIC", "Delete on Topic TOPIC", "Alter on Topic TOPIC", "AlterConfigs on Topic TOPIC",
			"Read on Group GROUP", "Delete on Group GROUP", "AlterConfigs on Group GROUP",
			"Alter on Cluster kafka-cluster", "AlterConfigs on Cluster kafka-cluster",
			"Write on TransactionalId TRANSACTIONAL-ID",
			"Describe on DelegationToken TOKEN",
			"CreateTokens on User User:OWNER",
		}},
	} {
		t.Run(test.client, func(t *testing.T) {
			got := needs(t, test.client)
			assert.Equal(t, test.want, got, "%s needs\n%s\nwant\n%s", test.client, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		})
	}
	n := len(ops.Clients())
	assert.Equal(t, 14, n, "%d kinds of clients, want 14", n)
}

func TestParseClient(t *testing.T) {
	for _, c := range ops.Clients() {
		got, err := ops.ParseClient(c.Name)
		require.NoError(t, err)
		assert.Equal(t, c.Name, got.Name)
		assert.NotEqual(t, "", c.Description)
	}
	for _, s := range []string{"", "Producer", "elephant"} {
		t.Run(s, func(t *testing.T) {
			c, err := ops.ParseClient(s)
			require.Error(t, err)
			assert.Equal(t, "", c.Name)
			assert.Empty(t, c.Needs())
		})
	}
}

func TestUses(t *testing.T) {
	for _, test := range []struct {
		permission ops.Permission
		want       string
	}{
		{ops.Permission{Operation: ops.IdempotentWrite, Type: resource.Cluster}, "InitProducerId 3 IDEMPOTENT_WRITE"},
		{ops.Permission{Operation: ops.Write, Type: resource.TransactionalID}, "Produce 1 WRITE; FindCoordinator 2 DESCRIBE; " +
			"InitProducerId 1 WRITE; AddPartitionsToTxn 2 WRITE; AddOffsetsToTxn 1 WRITE; EndTxn 1 WRITE; TxnOffsetCommit 1 WRITE; " +
			"DescribeTransactions 1 DESCRIBE; ListTransactions 1 DESCRIBE"},
		{ops.Permission{Operation: ops.Describe, Type: resource.User}, ""},
		{ops.Permission{Operation: ops.All, Type: resource.User}, "CreateDelegationToken 1 CREATE_TOKENS; DescribeDelegationToken 2 DESCRIBE_TOKENS"},
		{ops.Permission{Operation: ops.Any, Type: resource.Any}, ""},
	} {
		t.Run(fmt.Sprint(test.permission), func(t *testing.T) {
			var got []string
			for _, use := range ops.Uses(test.permission.Operation, test.permission.Type) {
				got = append(got, fmt.Sprint(use.Key, " ", use.Number, " ", use.Step.Operation))
			}
			assert.Equal(t, test.want, strings.Join(got, "; "))
		})
	}
}
