package snapshot

import (
	"fmt"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestHistoryIsFull fills both limits of a history exactly, after more transactions
// than it holds: each is remembered, and what lies between two snapshots is found
// in both directions, without a look at the rest.
func TestHistoryIsFull(t *testing.T) {
	const each, transactions = historyChanges / historySteps, historySteps + 100
	store := NewStore(Config{})
	var first, last *Snapshot
	for i := range transactions {
		if err := store.Update(func(tx *Tx) error {
			for k := range each {
				b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, fmt.Sprint(k)),
					Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}}
				_ = tx.Remove(b) || tx.Add(b)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if last = store.Load(); i+1 == transactions-historySteps {
			first = last
		}
	}
	if h := last.history; h.changes != historyChanges || h.oldest != first.generation+1 {
		t.Errorf("remembers %d changes from generation %d on", h.changes, h.oldest)
	}
	for _, pair := range [][2]*Snapshot{{first, last}, {last, first}, {last, last}} {
		want := historyChanges
		if pair[0] == pair[1] {
			want = 0
		}
		changes, forward, ok := remembered(pair[0], pair[1])
		if !ok || len(changes) != want || forward != (pair[0] != last || want == 0) {
			t.Errorf("from %d to %d: %d changes, forward %t, %t", pair[0].generation, pair[1].generation, len(changes), forward, ok)
		}
	}
	if _, ok := first.history.between(first.generation-1, last.generation); ok {
		t.Error("remembers more than it may")
	}
}
