package audit_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// changer changes the ACLs with each event, as another program may at any time.
type changer struct {
	recorder
	change func()
}

func (c *changer) Handle(e *audit.Event) error {
	c.change()
	return c.recorder.Handle(e)
}

func TestCheckBatch(t *testing.T) {
	requests := []snapshot.Request{
		{Operation: ops.Read, Type: resource.Topic, Name: "a"},
		{Operation: ops.Read, Type: resource.Topic, Name: "b"},
		{Operation: ops.Read, Type: resource.Topic, Name: "a"},
	}
	allowed := func(list []snapshot.Decision) (verdicts []bool) {
		for _, d := range list {
			verdicts = append(verdicts, d.Allowed())
		}
		return verdicts
	}

	t.Run("one snapshot", func(t *testing.T) {
		store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
		r := &changer{change: func() { update(t, store, func(tx *snapshot.Tx) { tx.Replace(slices.Values([]acl.Binding{})) }) }}
		session := (&audit.Auditor{Handler: r, Level: slog.LevelDebug}).Session(store, alice)
		got := session.CheckBatch([]snapshot.Decision{{}}, audit.Call{API: ops.FetchKey}, requests)
		assert.Equal(t, []bool{false, true, false, true}, allowed(got), "the first was there before")
		var names []string
		for _, e := range r.events {
			assert.Equal(t, ops.FetchKey, e.Call.API)
			names = append(names, e.Request.Name)
		}
		assert.Equal(t, []string{"a", "b", "a"}, names)
		assert.Equal(t, []bool{false, false, false}, allowed(session.CheckBatch(nil, audit.Call{}, requests)))
	})
	t.Run("not recorded", func(t *testing.T) {
		store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
		session := (&audit.Auditor{Handler: &recorder{err: errors.New("full")}, Level: slog.LevelDebug}).Session(store, alice)
		assert.Equal(t, []bool{false, false, false}, allowed(session.CheckBatch(nil, audit.Call{}, requests)))
	})
	t.Run("nobody is told", func(t *testing.T) {
		store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
		session := (*audit.Auditor)(nil).Session(store, alice)
		assert.Equal(t, []bool{true, false, true}, allowed(session.CheckBatch(nil, audit.Call{}, requests)))
	})
	t.Run("zero", func(t *testing.T) {
		var session audit.Session
		assert.Equal(t, []bool{false, false, false}, allowed(session.CheckBatch(nil, audit.Call{}, requests)))
	})
}
