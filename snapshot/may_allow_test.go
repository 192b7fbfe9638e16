package snapshot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func TestMayAllow(t *testing.T) {
	const user = "User:alice"
	mine := acltest.Topic("mine")
	elsewhere := acltest.Allow(user, ops.Read, mine)
	elsewhere.Entry.Host = "10.9.9.9"
	for _, tt := range []struct {
		name   string
		config snapshot.Config
		acls   []acl.Binding
		want   bool
	}{
		{name: "no ACL"},
		{name: "only DENY", acls: []acl.Binding{acltest.Deny(user, ops.All, acltest.Topic("*"))}},
		{name: "implied", acls: []acl.Binding{acltest.Allow(user, ops.Read, mine)}, want: true},
		{name: "implied, and the operation that implies it is denied", acls: []acl.Binding{
			acltest.Allow(user, ops.Read, mine), acltest.Deny(user, ops.Read, acltest.Topic("*"))}, want: true},
		{name: "everyone", acls: []acl.Binding{acltest.Allow(principal.Wildcard, ops.All, mine)}, want: true},
		{name: "not implied", acls: []acl.Binding{acltest.Allow(user, ops.DescribeConfigs, mine)}},
		{name: "another user", acls: []acl.Binding{acltest.Allow("User:bob", ops.All, mine)}},
		{name: "another host", acls: []acl.Binding{elsewhere}},
		{name: "another type", acls: []acl.Binding{acltest.Allow(user, ops.All, resource.LiteralPattern(resource.Group, "g"))}},
		{name: "super user", config: snapshot.Config{SuperUsers: []principal.Principal{alice.Principal}}, want: true},
		{name: "allowed by default", config: snapshot.Config{AllowIfNoACL: true}, want: true},
		{name: "not ready", config: snapshot.Config{AwaitInitialLoad: true}, acls: []acl.Binding{acltest.Allow(user, ops.All, mine)}},
	} {
		for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
			t.Run(tt.name+", "+semantics.String(), func(t *testing.T) {
				tt.config.Semantics = semantics
				view := newStore(t, tt.config, tt.acls...).Session(alice).View()
				assert.Equal(t, tt.want, view.MayAllow(ops.Describe, resource.Topic))
				if view.Allowed(ops.Describe, resource.Topic, "mine") {
					assert.True(t, tt.want, "it is allowed")
				}
			})
		}
	}
	assert.False(t, new(snapshot.View).MayAllow(ops.Describe, resource.Topic), "zero")
}
