package ops_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
)

func needs(t *testing.T, name string) []string {
	t.Helper()
	clients := ops.Clients()
	i := slices.IndexFunc(clients, func(c ops.Client) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	assert.NotEmpty(t, clients[i].Description)
	var texts []string
	for _, g := range clients[i].Needs() {
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
	assert.Empty(t, ops.Client{}.Needs())
}
