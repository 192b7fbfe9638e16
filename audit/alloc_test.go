//go:build !race

package audit_test

import (
	"io"
	"testing"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestUntoldChecksDoNotAllocate: a decision that no one receives allocates nothing. The
// race detector itself allocates, so it excludes this test.
func TestUntoldChecksDoNotAllocate(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	for name, auditor := range map[string]*audit.Auditor{
		"nobody":  nil,
		"denials": {Handler: audit.NewLineWriter(io.Discard, audit.Kafka42)},
		"hits":    {Hits: new(audit.Hits)},
		"shadow":  {Shadow: &audit.Shadow{Candidate: store}},
	} {
		session := auditor.Session(store, alice)
		if n := testing.AllocsPerRun(100, func() { session.Check(audit.Call{}, ops.Read, resource.Topic, "a") }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
