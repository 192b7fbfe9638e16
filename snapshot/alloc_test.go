//go:build !race

package snapshot_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestCheckWithoutSessionDoesNotAllocate covers the subjects for which it does not.
func TestCheckWithoutSessionDoesNotAllocate(t *testing.T) {
	long := principal.User("CN=" + strings.Repeat("x", 240))
	store := newStore(t, snapshot.Config{AllowIfNoACL: true, SuperUsers: []principal.Principal{principal.User("root")}},
		acltest.Allow("User:alice", ops.Read, acltest.Topic("literal")), acltest.Deny(principal.Wildcard, ops.Write, acltest.Topics("p")), acltest.Allow(long.String(), ops.Read, acltest.Topic("literal")))
	for _, who := range []principal.Principal{alice.Principal, principal.User("root"), principal.User("nobody"), long} {
		t.Run(who.Name[:4], func(t *testing.T) {
			subject := snapshot.Subject{Principal: who, Host: alice.Host}
			for _, name := range []string{"literal", "prefixed", "none"} {
				for _, op := range []ops.Operation{ops.Read, ops.Write} {
					assert.Zero(t, testing.AllocsPerRun(100, func() { store.Check(subject, op, resource.Topic, name) }), "%v of %s", op, name)
				}
			}
		})
	}
}

// TestCheckDoesNotAllocate covers each way a check can end, in both semantics. The
// race detector allocates by itself, so the test is not built with it.
func TestCheckDoesNotAllocate(t *testing.T) {
	acls := []acl.Binding{
		acltest.Allow("User:alice", ops.Read, acltest.Topic("literal")), acltest.Allow("User:alice", ops.Read, acltest.Topics("prefix")),
		acltest.Deny(principal.Wildcard, ops.Write, acltest.Topic("*")), acltest.Allow("User:alice", ops.Delete, acltest.Topics("")),
		acltest.Allow("Group:ops", ops.Alter, acltest.Topics("prefix-")), acltest.Allow("User:alice", ops.Read, resource.LiteralPattern(resource.Group, "!x")),
		acltest.Allow("User:alice", ops.Read, resource.LiteralPattern(resource.Group, "!")), acltest.Allow("alice", ops.Read, acltest.Topic("malformed")),
	}
	for i := range 1000 {
		acls = append(acls, acltest.Allow(fmt.Sprint("User:", i%50), ops.Read, acltest.Topics(fmt.Sprint("prefix-", i))))
	}
	subject := alice
	subject.Groups = []principal.Principal{{Type: "Group", Name: "ops"}}
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact} {
		t.Run(fmt.Sprint(semantics), func(t *testing.T) {
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
		})
	}
}

// TestAllAllocatesLittle: to go through bindings takes no allocation for each.
func TestAllAllocatesLittle(t *testing.T) {
	const n = 10_000
	store := newStore(t, snapshot.Config{}, flat(n)...)
	found := 0
	allocations := testing.AllocsPerRun(3, func() {
		for range store.Load().All() {
			found++
		}
	})
	assert.LessOrEqual(t, allocations, float64(n/100), "%v allocations for %d bindings", allocations, found)
	assert.GreaterOrEqual(t, found, n, "%v allocations for %d bindings", allocations, found)
}

// TestDecisionFitsRegisters guards what the comment in Decision says.
func TestDecisionFitsRegisters(t *testing.T) {
	d := reflect.TypeFor[snapshot.Decision]()
	require.LessOrEqual(t, d.NumField(), 4, "a Decision has %d fields and %d bytes", d.NumField(), d.Size())
	assert.LessOrEqual(t, d.Size(), uintptr(24), "a Decision has %d fields and %d bytes", d.NumField(), d.Size())
}
