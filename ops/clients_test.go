package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func needs(t *testing.T, name string) []string {
	t.Helper()
	c, err := ops.ParseClient(name)
	if err != nil {
		t.Fatal(err)
	}
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
		if got := needs(t, test.client); !slices.Equal(got, test.want) {
			t.Errorf("%s needs\n%s\nwant\n%s", test.client, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
	if n := len(ops.Clients()); n != 14 {
		t.Errorf("%d kinds of clients, want 14", n)
	}
}

func TestParseClient(t *testing.T) {
	for _, c := range ops.Clients() {
		if got, err := ops.ParseClient(c.Name); err != nil || got.Name != c.Name || c.Description == "" {
			t.Errorf("%s: %+v, %v", c.Name, got, err)
		}
	}
	for _, s := range []string{"", "Producer", "elephant"} {
		if c, err := ops.ParseClient(s); err == nil || c.Name != "" || len(c.Needs()) != 0 {
			t.Errorf("%q: %+v, %v", s, c, err)
		}
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
		var got []string
		for _, use := range ops.Uses(test.permission.Operation, test.permission.Type) {
			got = append(got, fmt.Sprint(use.Key, " ", use.Number, " ", use.Step.Operation))
		}
		if got := strings.Join(got, "; "); got != test.want {
			t.Errorf("%v: %s, want %s", test.permission, got, test.want)
		}
	}
}
