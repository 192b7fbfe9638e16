//go:build !race

package snapshot_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestCheckDoesNotAllocate covers each way a check can end, in both semantics. The
// race detector allocates by itself, so the test is not built with it.
func TestCheckDoesNotAllocate(t *testing.T) {
	acls := []acl.Binding{
		allow("User:alice", ops.Read, topic("literal")), allow("User:alice", ops.Read, topics("prefix")),
		deny(principal.Wildcard, ops.Write, topic("*")), allow("User:alice", ops.Delete, topics("")),
		allow("Group:ops", ops.Alter, topics("prefix-")), allow("User:alice", ops.Read, resource.LiteralPattern(resource.Group, "!x")),
		allow("User:alice", ops.Read, resource.LiteralPattern(resource.Group, "!")), allow("alice", ops.Read, topic("malformed")),
	}
	for i := range 1000 {
		acls = append(acls, allow(fmt.Sprint("User:", i%50), ops.Read, topics(fmt.Sprint("prefix-", i))))
	}
	subject := alice
	subject.Groups = []principal.Principal{{Type: "Group", Name: "ops"}}
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact} {
		store := newStore(t, snapshot.Config{Semantics: semantics, AllowIfNoACL: true}, acls...)
		session := store.Session(subject)
		requests := []snapshot.Request{
			{ops.Read, resource.Topic, "literal"}, {ops.Describe, resource.Topic, "prefix-1234"}, {ops.Write, resource.Topic, "prefix-1"},
			{ops.Create, resource.Topic, "none"}, {ops.Create, resource.User, "uncovered"}, {ops.Delete, resource.Topic, "*"},
			{ops.Alter, resource.Topic, "prefix-"}, {ops.Read, resource.Group, "!x"}, {ops.Read, resource.Group, "!y"},
			{ops.Read, resource.Topic, "malformed"}, {}, {ops.Read, 99, ""},
		}
		decisions := make([]snapshot.Decision, 0, len(requests))
		for _, r := range requests {
			if n := testing.AllocsPerRun(100, func() { session.Check(r.Operation, r.Type, r.Name) }); n != 0 {
				t.Errorf("Check of %v in %v: %v allocations", r, semantics, n)
			}
		}
		if n := testing.AllocsPerRun(100, func() { decisions = session.CheckBatch(decisions[:0], requests) }); n != 0 {
			t.Errorf("CheckBatch in %v: %v allocations", semantics, n)
		}
		d := session.Check(ops.Read, resource.Topic, "literal")
		if n := testing.AllocsPerRun(100, func() { d.Binding() }); n != 0 {
			t.Errorf("Binding: %v allocations", n)
		}
	}
}

// TestAllAllocatesLittle: to go through bindings takes no allocation for each.
func TestAllAllocatesLittle(t *testing.T) {
	const n = 10_000
	store := newStore(t, snapshot.Config{}, flat(n)...)
	found := 0
	if allocations := testing.AllocsPerRun(3, func() {
		for range store.Load().All() {
			found++
		}
	}); allocations > n/100 || found < n {
		t.Errorf("%v allocations for %d bindings", allocations, found)
	}
}

// TestDecisionFitsRegisters guards what the comment in Decision says.
func TestDecisionFitsRegisters(t *testing.T) {
	d := reflect.TypeFor[snapshot.Decision]()
	if d.NumField() > 4 || d.Size() > 24 {
		t.Errorf("a Decision has %d fields and %d bytes", d.NumField(), d.Size())
	}
}
