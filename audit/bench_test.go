package audit_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// BenchmarkCheck compares a check that is not reported with that of package snapshot,
// and then adds each receiver of events. In the last three, every decision is reported.
func BenchmarkCheck(b *testing.B) {
	var acls []acl.Binding
	names := make([]string, 4096)
	for i := range names {
		names[i] = fmt.Sprint("foo-bar35_resource-", i)
		acls = append(acls, acltest.Allow("User:alice", ops.Read, acltest.Topic(names[i])))
	}
	store := acltest.Store(b, snapshot.Config{}, acls...)
	plain := store.Session(alice)
	b.Run("snapshot", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			sink = plain.Check(ops.Read, resource.Topic, names[i%len(names)])
		}
	})
	queue := newQueue(b, handlerFunc(func(*audit.Event) error { return nil }), 1024, audit.DropWhenFull, nil)
	for _, bench := range []struct {
		name    string
		auditor *audit.Auditor
	}{
		{"nobody", nil},
		{"denials", &audit.Auditor{Handler: audit.NewLineWriter(io.Discard, audit.Kafka42)}},
		{"hits", &audit.Auditor{Hits: new(audit.Hits)}},
		{"shadow", &audit.Auditor{Shadow: &audit.Shadow{Candidate: store}}},
		{"queue", &audit.Auditor{Level: slog.LevelDebug, Handler: queue}},
		{"line", &audit.Auditor{Level: slog.LevelDebug, Handler: audit.NewLineWriter(io.Discard, audit.Kafka42)}},
		{"json", &audit.Auditor{Level: slog.LevelDebug, Handler: audit.NewJSONWriter(io.Discard)}},
	} {
		session := bench.auditor.Session(store, alice)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sink = session.Check(audit.Call{}, ops.Read, resource.Topic, names[i%len(names)])
			}
		})
	}
}

var sink snapshot.Decision
