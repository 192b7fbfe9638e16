package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

const docs = "../../docs/"

// The output for the whole table is the page and the JSON file of the documentation.
func TestProtocol(t *testing.T) {
	page := readAll(t, docs+"protocol.md")
	_, sections, ok := strings.Cut(page, "\n## 0 Produce")
	if !ok {
		t.Fatal("the page has no section of Produce")
	}
	expect(t, exitDone, "## 0 Produce"+sections, "", "", "protocol")
	expect(t, exitDone, readAll(t, docs+"protocol.json"), "", "", "protocol", "-o", "json")
}

func TestProtocolOfOneAPI(t *testing.T) {
	page := strings.TrimSuffix(readAll(t, docs+"protocol.md"), "\n")
	var rows []json.RawMessage
	if err := json.Unmarshal([]byte(readAll(t, docs+"protocol.json")), &rows); err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(page, "\n## ")[1:]
	if len(sections) != len(rows) || len(rows) != 93 {
		t.Fatalf("%d sections, %d rows, want 93", len(sections), len(rows))
	}
	for i, section := range sections {
		title, _, _ := strings.Cut(section, "\n")
		key, name, _ := strings.Cut(title, " ")
		want := "## " + strings.TrimSuffix(section, "\n") + "\n"
		for _, arg := range []string{key, name, strings.ToUpper(name)} {
			expect(t, exitDone, want, "", "", "protocol", arg)
		}
		var row, got any
		if err := json.Unmarshal(rows[i], &row); err != nil {
			t.Fatal(err)
		}
		out := runWith("", "protocol", name, "--output", "json")
		if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || out.status != exitDone || out.stderr != "" {
			t.Errorf("%s: %v, %+v", name, err, out)
			continue
		}
		a, _ := json.Marshal(row)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Errorf("%s\n%s\nwant\n%s", name, b, a)
		}
	}
	for _, arg := range []string{"", "93", "-1", "65536", "+1x", "elephant", "\x1b[2J"} {
		got := runWith("", "protocol", "--", arg)
		if got.status != exitError || got.stdout != "" || !strings.HasPrefix(got.stderr, "portcullis: unknown API ") || strings.Contains(got.stderr, "\x1b") {
			t.Errorf("%q: %+v", arg, got)
		}
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
	if got := runWith("", "protocol", "--grants", "Delete:Topic"); !strings.Contains(got.stdout, fallback) {
		t.Errorf("Delete opens up %s", got.stdout)
	}
	removed := "\n5 StopReplica, step 1 of 1: ClusterAction on Cluster, the cluster; until Kafka 4.0\n"
	if got := runWith("", "protocol", "--grants", "ClusterAction:Cluster"); !strings.Contains(got.stdout, removed) {
		t.Errorf("ClusterAction opens up %s", got.stdout)
	}
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
		refuse(t, "", []string{"protocol", "--grants", text}, want)
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
	for _, api := range ops.APIs() {
		for i, step := range api.Steps {
			steps++
			permission := ops.Permission{Operation: step.Operation, Type: step.Type}
			got := runWith("", "protocol", "--grants", step.Operation.DisplayName()+":"+step.Type.DisplayName())
			want := fmt.Sprintf("\n%d %v, step %d of %d: %v, %v", int(api.Key), api.Key, i+1, len(api.Steps), permission, step.Name)
			if !strings.Contains("\n"+got.stdout, want) {
				t.Errorf("%v opens up\n%s\nwant%s", permission, got.stdout, want)
			}
		}
	}
	if lines != steps || steps == 0 {
		t.Errorf("All opens up %d steps of %d", lines, steps)
	}
}
