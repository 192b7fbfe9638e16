package inspect_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// onOneTopic returns ALLOWs for different principals and DENYs for everyone from
// different addresses, all on one topic. So the access of each principal differs from
// that of others.
func onOneTopic(n int) *snapshot.Snapshot {
	store := snapshot.NewStore(snapshot.Config{})
	err := store.Update(func(tx *snapshot.Tx) error {
		for i := range n {
			b := acltest.AllowFrom(fmt.Sprint("User:u", i), fmt.Sprintf("10.%d.%d.1", i>>8, i&255), ops.Read, resource.LiteralPattern(resource.Topic, "t"))
			if i%2 == 1 {
				b.Entry.Permission, b.Entry.Principal = acl.Deny, principal.Wildcard
			}
			tx.Add(b)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return store.Load()
}

// TestAnswersAreBounded has 10,000 ACLs that overlap in every way. Each answer that
// would take their product is an error. The error says how to ask for less, and the
// work up to it is bounded.
func TestAnswersAreBounded(t *testing.T) {
	const many = 10_000
	one := nested(many, func(int) string { return "User:one" })
	all := nested(many, func(int) string { return principal.Wildcard })
	each := nested(many, func(i int) string { return []string{principal.Wildcard, fmt.Sprint("User:u", i)}[i/2%2] })
	topic := onOneTopic(many)
	empty := snapshot.NewStore(snapshot.Config{}).Load()
	read := snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "t"}
	lint := func(n *snapshot.Snapshot) error { _, err := inspect.Lint(n, inspect.LintOptions{}); return err }
	diff := func(n *snapshot.Snapshot) error { _, err := inspect.Diff(empty, n, nil); return err }
	whoCan := func(n *snapshot.Snapshot) error { _, err := inspect.WhoCan(n, read, nil); return err }
	for _, test := range []struct {
		name   string
		ask    func(*snapshot.Snapshot) error
		acls   *snapshot.Snapshot
		narrow string
	}{
		{"lint of one principal", lint, one, "lint fewer ACLs"},
		{"lint of everyone", lint, all, "lint fewer ACLs"},
		{"lint of each", lint, each, "lint fewer ACLs"},
		{"lint of one topic", lint, topic, "lint fewer ACLs"},
		{"diff of one topic", diff, topic, "compare fewer ACLs"},
		{"who can on one topic", whoCan, topic, "what one principal can do"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var limit *inspect.WorkError
			err := test.ask(test.acls)
			require.ErrorAs(t, err, &limit)
			assert.Equal(t, inspect.Work(many), limit.Work)
			assert.ErrorContains(t, err, test.narrow)
		})
	}
	t.Run("what one can", func(t *testing.T) {
		var limit *inspect.LimitError
		_, err := inspect.WhatCan(one, snapshot.Subject{Principal: principal.User("one")})
		require.ErrorAs(t, err, &limit)
		assert.Equal(t, inspect.MaxCells(many), limit.Limit)
		assert.ErrorContains(t, err, "query one client address")
	})
	for name, acls := range map[string]*snapshot.Snapshot{"diff of one principal": one, "diff of each": each} {
		t.Run(name, func(t *testing.T) {
			var limit *inspect.LimitError
			require.ErrorAs(t, diff(acls), &limit)
		})
	}
}

// TestNestedPrefixesAreAnswered has as many nested prefixes of as many principals as
// the commands can answer.
func TestNestedPrefixesAreAnswered(t *testing.T) {
	n := nested(1000, func(i int) string { return fmt.Sprint("User:u", i) })
	findings, err := inspect.Lint(n, inspect.LintOptions{})
	require.NoError(t, err)
	assert.NotEmpty(t, findings)
	grantees, err := inspect.WhoCan(n, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: fmt.Sprintf("%0.1000d", 0)}, nil)
	require.NoError(t, err)
	assert.Empty(t, grantees)
	changes, err := inspect.Diff(snapshot.NewStore(snapshot.Config{}).Load(), n, nil)
	require.NoError(t, err)
	assert.Len(t, changes, 500)
}
