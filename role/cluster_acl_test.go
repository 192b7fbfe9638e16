package role_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestApplyACLs changes bindings and ACLs at random. What it returns leads to the union of the
// ACLs, also where a binding stands for one of them.
func TestApplyACLs(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 4))
	shared := 0
	for range 200 {
		table := drawTable(t, r)
		policy, now := role.NewPolicy(cluster, table, nil), map[acl.Binding]bool{}
		bindings, acls := map[role.Binding]bool{}, map[acl.Binding]bool{}
		follow := func(change role.Change, err error) {
			require.NoError(t, err)
			for _, a := range change.Remove {
				require.True(t, now[a])
				delete(now, a)
			}
			for _, a := range change.Add {
				require.False(t, now[a])
				now[a] = true
			}
		}
		for range 20 {
			b := drawBinding(r, table)
			b.Scope = role.Scope{Kafka: cluster}
			if r.IntN(2) == 0 {
				follow(policy.Apply([]role.Binding{b}, nil))
				bindings[b] = true
			} else {
				follow(policy.Apply(nil, []role.Binding{b}))
				delete(bindings, b)
			}
			list := drawACLs(r, 1)
			if held := slices.Collect(policy.ACLs()); len(held) > 0 && r.IntN(2) == 0 {
				list = []acl.Binding{held[r.IntN(len(held))]} // one that a binding may stand for
			}
			if r.IntN(2) == 0 {
				follow(policy.ApplyACLs(clusterACLs(list), nil))
				acls[list[0]] = true
			} else {
				follow(policy.ApplyACLs(nil, clusterACLs(list)))
				delete(acls, list[0])
			}
			want := map[acl.Binding]bool{}
			for b := range bindings {
				for a := range policyOf(t, table, b).ACLs() {
					want[a] = true
					if acls[a] {
						shared++
					}
				}
			}
			for a := range acls {
				want[a] = true
				for _, b := range policy.Sources(a) {
					require.True(t, bindings[b])
				}
			}
			require.Equal(t, want, now)
			require.Len(t, slices.Collect(policy.ACLs()), len(want))
		}
	}
	assert.Greater(t, shared, 100)
}

// TestCentralizedDeny is a DENY of a file of roles: it wins over a role.
func TestCentralizedDeny(t *testing.T) {
	d := &role.Document{
		Clusters: []role.Cluster{{Name: "prod", Scope: role.Scope{Kafka: cluster}}, {Name: "connect", Scope: role.Scope{Kafka: cluster, Connect: "c"}}},
		Bindings: []role.Binding{bind("User:alice", "SystemAdmin", role.Pattern{})},
		ACLs:     []role.ClusterACL{{Scope: role.Scope{Name: "prod"}, ACL: acltest.Deny("User:alice", ops.Write, acltest.Topic("orders"))}},
	}
	for _, name := range []string{"prod", cluster} {
		policy, err := d.Policy(name)
		require.NoError(t, err)
		session := storeOf(t, snapshot.Config{}, policy).Session(subject("User:alice"))
		assert.False(t, session.Check(ops.Write, resource.Topic, "orders").Allowed())
		assert.True(t, session.Check(ops.Read, resource.Topic, "orders").Allowed())
	}
	_, err := d.Policy("connect")
	require.EqualError(t, err, `cluster "connect": expected the id or the name of a Kafka cluster`)

	for name, test := range map[string]struct {
		bad  role.ClusterACL
		want string
	}{
		"no scope":    {role.ClusterACL{ACL: d.ACLs[0].ACL}, "expected a scope"},
		"a component": {role.ClusterACL{Scope: role.Scope{Name: "connect"}, ACL: d.ACLs[0].ACL}, "expected a Kafka cluster: other components have no ACLs"},
		"unknown":     {role.ClusterACL{Scope: role.Scope{Name: "test"}, ACL: d.ACLs[0].ACL}, "no cluster test is registered"},
		"zero":        {role.ClusterACL{Scope: role.Scope{Name: "prod"}}, "invalid resourceType"},
		"long":        {role.ClusterACL{Scope: role.Scope{Name: "prod"}, ACL: acltest.Deny("User:"+strings.Repeat("a", 40000), ops.Write, acltest.Topic("orders"))}, "32767"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&role.Document{Clusters: d.Clusters, ACLs: []role.ClusterACL{test.bad}}).Text()
			require.ErrorContains(t, err, test.want)
			policy, err := d.Policy("prod")
			require.NoError(t, err)
			before := len(slices.Collect(policy.ACLs()))
			_, err = policy.ApplyACLs([]role.ClusterACL{{Scope: role.Scope{Kafka: cluster}, ACL: acltest.Deny("User:bob", ops.Write, acltest.Topic("a"))}, test.bad}, nil)
			require.Error(t, err)
			_, err = policy.ApplyACLs(nil, []role.ClusterACL{test.bad})
			require.Error(t, err)
			assert.Len(t, slices.Collect(policy.ACLs()), before, "nothing has changed")
		})
	}
}
