package role_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// TestAccess has questions about connectors of one Connect cluster.
func TestAccess(t *testing.T) {
	custom := role.Role{Name: "Custom", Level: role.ResourceLevel, Grants: []role.Grant{
		{ResourceType: "Connector", Operations: []string{"Delete"}, Permission: acl.Deny, Host: acl.WildcardHost},
		{ResourceType: "Connector", Operations: []string{"ReadStatus"}, Permission: acl.Allow, Host: "10.0.0.0/8"},
		{ResourceType: "Connector", Operations: []string{"ReadConfig"}, Permission: acl.Deny, Host: "10.0.0.1"},
		{ResourceType: "Topic", Operations: []string{"Create"}, Permission: acl.Allow, Host: acl.WildcardHost},
	}}
	whole := role.Role{Name: "Whole", Level: role.ResourceLevel, Grants: []role.Grant{{ResourceType: role.All, Operations: []string{role.All}, Permission: acl.Allow, Host: acl.WildcardHost}}}
	own := role.Role{Name: "Own", Level: role.ClusterLevel, Grants: []role.Grant{
		{ResourceType: "Connector", Operations: []string{"Create"}, Permission: acl.Allow, Host: acl.WildcardHost,
			Patterns: []role.Pattern{{ResourceType: "Connector", Name: "own-", PatternType: resource.Prefixed}}},
	}}
	table, err := role.NewTable(append(role.Predefined().Roles(), custom, own, whole)...)
	require.NoError(t, err)
	registry := &role.Registry{}
	require.NoError(t, registry.Add("prod", role.Scope{Kafka: "k", Connect: "c"}))
	bind := func(who principal.Principal, name string, scope role.Scope, resourceType, pattern string, kind resource.PatternType) role.Binding {
		b := role.Binding{Principal: who, Role: name, Scope: scope}
		if resourceType != "" {
			b.Pattern = role.Pattern{ResourceType: resourceType, Name: pattern, PatternType: kind}
		}
		return b
	}
	named, ids, other, kafka := role.Scope{Name: "prod"}, role.Scope{Kafka: "k", Connect: "c"}, role.Scope{Kafka: "k", Connect: "d"}, role.Scope{Kafka: "k"}
	devs := principal.Principal{Type: "Group", Name: "devs"}
	bindings := []role.Binding{
		bind(principal.User("owner"), "ResourceOwner", named, "Connector", "pay-", resource.Prefixed),
		bind(principal.User("owner"), "ResourceOwner", ids, "Topic", "t", resource.Literal),
		bind(devs, "Custom", ids, "Connector", "pay-1", resource.Literal),
		bind(principal.User("all"), "ResourceOwner", ids, "Connector", "*", resource.Literal),
		bind(principal.User("admin"), "SystemAdmin", ids, "", "", 0),
		bind(principal.User("self"), "Own", ids, "", "", 0),
		bind(principal.User("far"), "SystemAdmin", other, "", "", 0),
		bind(principal.User("kafka"), "SystemAdmin", kafka, "", "", 0),
		bind(principal.User("topics"), "ResourceOwner", ids, "Topic", "t", resource.Literal),
		bind(principal.User("topics"), "Whole", ids, "Topic", "t", resource.Literal),
	}
	access, err := role.NewAccess(table, registry, named, slices.Values(bindings))
	require.NoError(t, err)
	assert.Equal(t, 8, access.Len())
	near, farther := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1")
	for _, row := range []struct {
		who       string
		group     bool
		host      netip.Addr
		operation string
		name      string
		want      bool
		anywhere  bool // on some connector
	}{
		{"owner", false, near, "Delete", "pay-1", true, true},
		{"owner", false, near, "Delete", "pay", false, true},
		{"owner", false, near, "Delete", "*", false, true},
		{"owner", false, near, "Other", "pay-1", false, false},
		{"owner", true, near, "Delete", "pay-1", false, true}, // the group denies
		{"owner", true, near, "Delete", "pay-2", true, true},
		{"owner", true, near, "ReadConfig", "pay-1", false, true},
		{"owner", true, farther, "ReadConfig", "pay-1", true, true},
		{"nobody", true, near, "ReadStatus", "pay-1", true, true},
		{"nobody", true, farther, "ReadStatus", "pay-1", false, false},
		{"nobody", false, near, "ReadStatus", "pay-1", false, false},
		{"all", false, near, "Delete", "x", true, true},
		{"admin", false, near, "Anything", "x", true, true},
		{"self", false, near, "Create", "own-1", true, true},
		{"self", false, near, "Create", "x", false, true},
		{"far", false, near, "Delete", "x", false, false},
		{"kafka", false, near, "Delete", "x", false, false},
		{"topics", false, near, "Create", "t", false, false},
	} {
		t.Run(row.who+" "+row.operation+" "+row.name, func(t *testing.T) {
			c := role.Caller{Principal: principal.Principal{Type: "User", Name: row.who, TokenAuthenticated: true}}
			if row.group {
				c.Groups = []principal.Principal{devs}
			}
			v := access.Check(c, row.host, row.operation, "Connector", row.name)
			assert.Equal(t, row.want, v.Allowed(), "%v", v)
			assert.NotEmpty(t, v.String())
			assert.Equal(t, row.anywhere, access.CheckAny(c, row.host, row.operation, "Connector").Allowed())
		})
	}
	assert.True(t, access.CheckAny(role.Caller{Principal: principal.User("owner")}, near, role.All, "Connector").Allowed())
	assert.False(t, access.CheckAny(role.Caller{Principal: principal.User("topics")}, near, role.All, "Connector").Allowed())
	assert.True(t, access.Check(role.Caller{Principal: principal.User("x"), SuperUser: true}, near, "Delete", "Connector", "x").Allowed())
	assert.False(t, access.Check(role.Caller{Principal: principal.User("owner")}, netip.Addr{}, "Delete", "Connector", "pay-1").Allowed())
	assert.False(t, access.Check(role.Caller{Principal: principal.User("owner"), Groups: []principal.Principal{devs}}, netip.MustParseAddr("::ffff:10.0.0.1"), "ReadConfig", "Connector", "pay-1").Allowed())
	for _, empty := range []*role.Access{nil, {}} {
		assert.False(t, empty.Check(role.Caller{Principal: principal.User("x"), SuperUser: true}, near, "Delete", "Connector", "x").Allowed())
		assert.Zero(t, empty.Len())
	}
	assert.False(t, access.Check(role.Caller{SuperUser: true}, near, "Delete", "Connector", "x").Allowed())

	for name, scope := range map[string]role.Scope{"Kafka cluster": kafka, "unknown name": {Name: "none"}, "zero": {}} {
		_, err := role.NewAccess(table, registry, scope, slices.Values(bindings))
		assert.Error(t, err, name)
	}
	_, err = role.NewAccess(table, registry, ids, slices.Values([]role.Binding{{}}))
	require.Error(t, err)
}
