package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

const docs = "../../docs/"

// The output for the whole table is the page of the documentation, and the same as JSON.
func TestProtocol(t *testing.T) {
	for _, test := range []struct {
		args    []string
		page    string
		release ops.Release
	}{
		{nil, "protocol.md", 0},
		{[]string{"--release", "4.4"}, "protocol.md", ops.Kafka44},
		{[]string{"--release", "4.2"}, "protocol-4.2.md", ops.Kafka42},
		{[]string{"--release", "4.2.1"}, "protocol-4.2.md", ops.Kafka42},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			_, sections, ok := strings.Cut(readAll(t, docs+test.page), "\n## 0 Produce")
			require.True(t, ok, "the page has no section of Produce")
			expect(t, exitDone, "## 0 Produce"+sections, "", "", append([]string{"protocol"}, test.args...)...)
			text, err := json.MarshalIndent(ops.APIsIn(test.release), "", " ")
			require.NoError(t, err)
			expect(t, exitDone, string(text)+"\n", "", "", append([]string{"protocol", "-o", "json"}, test.args...)...)
		})
	}
}

func TestProtocolRelease(t *testing.T) {
	alter := runWith("", "protocol", "AlterConfigs", "--release", "4.3").stdout
	assert.Contains(t, alter, "- before the steps: the resource names another node; of type BROKER; at the broker; up to Kafka 4.3:")
	assert.NotContains(t, alter, "since Kafka 4.4")
	assert.Contains(t, runWith("", "protocol", "28", "--release", "4.2").stdout, "Versions 0 to 5, at broker.\n")
	assert.Contains(t, runWith("", "protocol", "28").stdout, "Versions 0 to 6, at broker. Version 6 is new in Kafka 4.4.\n")
	assert.Contains(t, runWith("", "protocol", "94").stdout, "New in Kafka 4.4.\n")
	assert.Contains(t, runWith("", "protocol", "--grants", "Alter:Cluster").stdout, "\n94 UnregisterController, step 1 of 1: Alter on Cluster, the cluster\n")
	assert.NotContains(t, runWith("", "protocol", "--grants", "Alter:Cluster", "--release", "4.3").stdout, "UnregisterController")
	assert.Contains(t, runWith("", "protocol", "--grants", "AlterConfigs:Cluster").stdout, "33 AlterConfigs, step 1 of 4: ")
	assert.Contains(t, runWith("", "protocol", "--grants", "AlterConfigs:Cluster", "--release", "4.2").stdout, "33 AlterConfigs, step 1 of 3: ")
	refuse(t, "", []string{"protocol", "UnregisterController", "--release", "4.3"}, "portcullis: UnregisterController is new in Kafka 4.4: Kafka 4.3 does not have it")
	refuse(t, "", []string{"protocol", "--release", "4.1"}, `portcullis: --release "4.1": expected one of 4.2, 4.3, 4.4`)
	refuse(t, "", []string{"protocol", "--release", ""}, `portcullis: --release "": expected one of 4.2, 4.3, 4.4`)
	refuse(t, "", []string{"protocol", "--for", "producer", "--release", "4.2"}, "portcullis: --release: --for is about the newest release")
}

func TestProtocolOfOneAPI(t *testing.T) {
	page := strings.TrimSuffix(readAll(t, docs+"protocol.md"), "\n")
	rows := ops.APIsIn(0)
	sections := strings.Split(page, "\n## ")[1:]
	require.Len(t, sections, 95)
	require.Len(t, rows, 95)
	for i, section := range sections {
		title, _, _ := strings.Cut(section, "\n")
		key, name, _ := strings.Cut(title, " ")
		t.Run(name, func(t *testing.T) {
			want := "## " + strings.TrimSuffix(section, "\n") + "\n"
			for _, arg := range []string{key, name, strings.ToUpper(name)} {
				expect(t, exitDone, want, "", "", "protocol", arg)
			}
			out := runWith("", "protocol", name, "--output", "json")
			assert.Equal(t, exitDone, out.status)
			assert.Empty(t, out.stderr)
			row, err := json.Marshal(rows[i])
			require.NoError(t, err)
			assert.JSONEq(t, string(row), out.stdout)
		})
	}
	for _, arg := range []string{"", "95", "-1", "65536", "+1x", "elephant", "\x1b[2J"} {
		t.Run("unknown "+arg, func(t *testing.T) {
			got := runWith("", "protocol", "--", arg)
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
			assert.Regexp(t, "^portcullis: unknown API ", got.stderr)
			assert.NotContains(t, got.stderr, "\x1b")
		})
	}
}

func TestProtocolGrants(t *testing.T) {
	expect(t, exitDone, `0 Produce, step 1 of 2: Write on TransactionalId, the transactional id; if the records are transactional
10 FindCoordinator, step 2 of 3: Describe on TransactionalId, each key; if the keys are transactional ids
22 InitProducerId, step 1 of 4: Write on TransactionalId, the transactional id; if the transactional id is not null (it may be empty)
24 AddPartitionsToTxn, step 2 of 3: Write on TransactionalId, the transactional id
25 AddOffsetsToTxn, step 1 of 2: Write on TransactionalId, the transactional id
26 EndTxn, step 1 of 1: Write on TransactionalId, the transactional id
28 TxnOffsetCommit, step 1 of 3: Write on TransactionalId, the transactional id
65 DescribeTransactions, step 1 of 2: Describe on TransactionalId, each transactional id
66 ListTransactions, step 1 of 1: Describe on TransactionalId, each transactional id
`, "", "", "protocol", "--grants", "Write:TransactionalId")
	fallback := "20 DeleteTopics, step 3 of 3: Delete on Topic, each topic; where step 1 did not allow\n21 DeleteRecords, step 1 of 1: Delete on Topic, each topic\n"
	assert.Contains(t, runWith("", "protocol", "--grants", "Delete:Topic").stdout, fallback)
	removed := "\n5 StopReplica, step 1 of 1: ClusterAction on Cluster, the cluster; until Kafka 4.0\n"
	assert.Contains(t, runWith("", "protocol", "--grants", "ClusterAction:Cluster").stdout, removed)
	expect(t, exitDone, "22 InitProducerId, step 3 of 4: IdempotentWrite on Cluster, the cluster; if the transactional id is null\n", "", "", "protocol", "--grants", "idempotent_write:CLUSTER")
	expect(t, exitDone, "no request checks IdempotentWrite on Topic\n", "", "", "protocol", "--grants", "IDEMPOTENT_WRITE:topic")
	expect(t, exitDone, "", "", "", "protocol", "--grants", "IDEMPOTENT_WRITE:topic", "-o", "json")
	expect(t, exitDone, `{"key":41,"name":"DescribeDelegationToken","number":2,"step":{"operation":"DESCRIBE_TOKENS","type":"USER","name":"the owner of each token",`+
		`"when":"the caller is not the owner, the requester or a renewer of the token","combine":"FALLBACK","fallbackOf":1,"perItem":true,"denied":{"scope":"LEFT_OUT"},"note":"The name is the owner's principal, as User:bob."}}`+"\n", "", "", "protocol", "--grants", "DescribeTokens:User", "-o", "json")
	for text, want := range map[string]string{
		"Read":         `portcullis: --grants "Read": expected operation:resource-type, such as Read:Topic`,
		"":             `portcullis: --grants "": expected operation:resource-type, such as Read:Topic`,
		"Any:Topic":    "portcullis: --grants: operation \"Any\": expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit",
		"Read:Any":     `portcullis: --grants: resourceType "Any": expected one of Topic, Group, Cluster, TransactionalId, DelegationToken, User`,
		"Read:Topic:x": `portcullis: --grants: resourceType "Topic:x": expected one of Topic, Group, Cluster, TransactionalId, DelegationToken, User`,
	} {
		t.Run(text, func(t *testing.T) { refuse(t, "", []string{"protocol", "--grants", text}, want) })
	}
}

// --grants lists every step of the table for its own operation and for All.
func TestProtocolGrantsAreTheTable(t *testing.T) {
	lines := 0
	for _, typ := range resource.Types() {
		got := runWith("", "protocol", "--grants", "All:"+typ.DisplayName())
		lines += strings.Count(got.stdout, "\n")
	}
	steps := 0
	for _, api := range ops.APIsIn(0) {
		for i, step := range api.Steps {
			steps++
			permission := ops.Permission{Operation: step.Operation, Type: step.Type}
			got := runWith("", "protocol", "--grants", step.Operation.DisplayName()+":"+step.Type.DisplayName())
			want := fmt.Sprintf("\n%d %v, step %d of %d: %v, %v", int(api.Key), api.Key, i+1, len(api.Steps), permission, step.Name)
			assert.Contains(t, "\n"+got.stdout, want, "%v", permission)
		}
	}
	assert.NotZero(t, steps)
	assert.Equal(t, steps, lines, "steps that All opens up")
}

// --grants lists the steps that ask for the operation, or for one that it implies.
func TestProtocolGrantsOfOnePermission(t *testing.T) {
	for permission, want := range map[string]string{
		"IdempotentWrite:Cluster": "InitProducerId 3 IdempotentWrite",
		"Write:TransactionalId": "Produce 1 Write; FindCoordinator 2 Describe; InitProducerId 1 Write; AddPartitionsToTxn 2 Write; " +
			"AddOffsetsToTxn 1 Write; EndTxn 1 Write; TxnOffsetCommit 1 Write; DescribeTransactions 1 Describe; ListTransactions 1 Describe",
		"Describe:User": "",
		"All:User":      "CreateDelegationToken 1 CreateTokens; DescribeDelegationToken 2 DescribeTokens",
	} {
		t.Run(permission, func(t *testing.T) {
			var steps []string
			for _, found := range stepLine.FindAllStringSubmatch(runWith("", "protocol", "--grants", permission).stdout, -1) {
				steps = append(steps, strings.Join(found[1:], " "))
			}
			assert.Equal(t, want, strings.Join(steps, "; "))
		})
	}
}

// stepLine has the name of the API, the number of the step and the operation.
var stepLine = regexp.MustCompile(`(?m)^\d+ (\w+), step (\d+) of \d+: (\w+) on`)
