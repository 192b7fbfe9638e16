package role_test

import (
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func caller(who string, groups ...string) role.Caller {
	s := subject(who, groups...)
	return role.Caller{Principal: s.Principal, Groups: s.Groups}
}

// customRoles are the predefined ones, and some that a company could have.
func customRoles(t *testing.T) *role.Table {
	t.Helper()
	grant := func(permission acl.PermissionType, host, kind string, operations ...string) role.Grant {
		return role.Grant{ResourceType: kind, Operations: operations, Permission: permission, Host: host}
	}
	table, err := role.NewTable(append(role.Predefined().Roles(),
		role.Role{Name: "NoWrite", Level: role.ResourceLevel, Grants: []role.Grant{grant(acl.Deny, "*", "Topic", "Write")}},
		role.Role{Name: "OfficeOwner", Level: role.ResourceLevel, Grants: []role.Grant{grant(acl.Allow, "10.0.0.0/8", "Topic", "All")}},
		role.Role{Name: "Reader", Level: role.ResourceLevel, Grants: []role.Grant{grant(acl.Allow, "*", "Topic", "Read")}},
		role.Role{Name: "Everything", Level: role.ResourceLevel, Grants: []role.Grant{grant(acl.Allow, "*", "All", "All")}},
		role.Role{Name: "Gate", Level: role.ResourceLevel, Grants: []role.Grant{grant(acl.Allow, "*", "Topic", "AlterAccess", "Describe")}},
	)...)
	require.NoError(t, err)
	return table
}

// TestWhoMayBind has a row for each way to get more than one holds.
func TestWhoMayBind(t *testing.T) {
	owner := bind("User:olga", "ResourceOwner", prefixed("Topic", "pay-"))
	admin := bind("Group:admins", "UserAdmin", role.Pattern{})
	for _, test := range []struct {
		name    string
		caller  role.Caller
		binding role.Binding
		others  []role.Binding
		acls    []acl.Binding
		allowed bool
		why     string
	}{
		{"an owner, within what is owned", caller("User:olga"), bind("User:a", "DeveloperRead", literal("Topic", "pay-in")), nil, nil, true, "AlterAccess on Topic"},
		{"an owner hands on", caller("User:olga"), bind("User:a", "ResourceOwner", prefixed("Topic", "pay-eu-")), nil, nil, true, ""},
		{"an owner, for all that is owned", caller("User:olga"), bind("User:a", "DeveloperWrite", prefixed("Topic", "pay-")), nil, nil, true, ""},
		{"a shorter prefix", caller("User:olga"), bind("User:a", "DeveloperRead", prefixed("Topic", "pay")), nil, nil, false, "AlterAccess on PREFIXED Topic \"pay\" is needed"},
		{"all names", caller("User:olga"), bind("User:a", "DeveloperRead", literal("Topic", "*")), nil, nil, false, ""},
		{"another name", caller("User:olga"), bind("User:a", "DeveloperRead", literal("Topic", "orders")), nil, nil, false, ""},
		{"another type", caller("User:olga"), bind("User:a", "DeveloperRead", prefixed("Group", "pay-")), nil, nil, false, ""},
		{"another cluster", caller("User:olga"), bind("User:a", "DeveloperRead", prefixed("Topic", "pay-"), "other"), nil, nil, false, ""},
		{"a role of the cluster", caller("User:olga"), bind("User:olga", "SystemAdmin", role.Pattern{}), nil, nil, false, "for a whole cluster"},
		{"a role that has all operations", caller("User:olga"), bind("User:olga", "Everything", prefixed("Topic", "pay-")), nil, nil, false, "nobody gives more than they hold"},
		{"more than is held", caller("User:gate"), bind("User:gate", "DeveloperRead", literal("Topic", "pay-in")), []role.Binding{bind("User:gate", "Gate", prefixed("Topic", "pay-"))}, nil, false, "Read on"},
		{"as much as is held", caller("User:gate"), bind("User:a", "Gate", literal("Topic", "pay-in")), []role.Binding{bind("User:gate", "Gate", prefixed("Topic", "pay-"))}, nil, true, ""},
		{"rights of two roles together", caller("User:gate"), bind("User:a", "DeveloperRead", literal("Topic", "pay-in")), []role.Binding{bind("User:gate", "Gate", prefixed("Topic", "pay-")), bind("User:gate", "Reader", literal("Topic", "pay-in"))}, nil, true, ""},
		{"rights of two patterns together", caller("User:gate"), bind("User:a", "DeveloperRead", prefixed("Topic", "pay-")), []role.Binding{bind("User:gate", "Gate", prefixed("Topic", "pay-")), bind("User:gate", "Reader", literal("Topic", "pay-in"))}, nil, false, ""},
		{"a DENY role against the holder", caller("User:olga"), bind("User:a", "DeveloperWrite", literal("Topic", "pay-in")), []role.Binding{bind("User:olga", "NoWrite", literal("Topic", "pay-in"))}, nil, false, "Write"},
		{"a DENY role against the holder for one name of many", caller("User:olga"), bind("User:a", "DeveloperWrite", prefixed("Topic", "pay-")), []role.Binding{bind("User:olga", "NoWrite", literal("Topic", "pay-in"))}, nil, false, "Write"},
		{"a DENY role elsewhere", caller("User:olga"), bind("User:a", "DeveloperWrite", literal("Topic", "pay-in")), []role.Binding{bind("User:olga", "NoWrite", literal("Topic", "pay-out"))}, nil, true, ""},
		{"a DENY ACL against the holder", caller("User:olga"), bind("User:a", "DeveloperWrite", prefixed("Topic", "pay-")), nil, []acl.Binding{acltest.Deny("User:olga", ops.Write, acltest.Topic("pay-in"))}, false, "Write"},
		{"a DENY ACL against everyone", caller("User:olga"), bind("User:a", "DeveloperWrite", literal("Topic", "pay-in")), nil, []acl.Binding{acltest.Deny("User:*", ops.All, acltest.Topics("p"))}, false, ""},
		{"a DENY ACL against what Kafka adds", caller("User:r"), bind("User:a", "Reader", literal("Topic", "t")), []role.Binding{bind("User:r", "Gate", literal("Topic", "t")), bind("User:r", "Reader", literal("Topic", "t"))},
			[]acl.Binding{acltest.Deny("User:r", ops.Describe, acltest.Topic("t"))}, false, ""},
		{"a DENY ACL against somebody else", caller("User:olga"), bind("User:a", "DeveloperWrite", literal("Topic", "pay-in")), nil, []acl.Binding{acltest.Deny("User:other", ops.Write, acltest.Topic("pay-in"))}, true, ""},
		{"an owner of an office", caller("User:office"), bind("User:a", "DeveloperRead", literal("Topic", "t")), []role.Binding{bind("User:office", "OfficeOwner", literal("Topic", "t"))}, nil, false, ""},
		{"a role that denies", caller("User:olga"), bind("User:a", "NoWrite", literal("Topic", "pay-in")), nil, nil, false, "denies, or is limited"},
		{"a role of one office", caller("User:olga"), bind("User:a", "OfficeOwner", literal("Topic", "pay-in")), nil, nil, false, "denies, or is limited"},
		{"a reader", caller("User:r"), bind("User:r", "DeveloperRead", literal("Topic", "pay-in")), []role.Binding{bind("User:r", "DeveloperRead", literal("Topic", "pay-in"))}, nil, false, ""},
		{"a stranger", caller("User:x"), bind("User:x", "DeveloperRead", literal("Topic", "pay-in")), nil, nil, false, ""},
		{"an admin by a group", caller("User:x", "Group:admins"), bind("User:x", "SystemAdmin", role.Pattern{}), nil, nil, true, "Alter on the SecurityMetadata"},
		{"an admin of another cluster", caller("User:x", "Group:admins"), bind("User:x", "SystemAdmin", role.Pattern{}, "other"), nil, nil, false, ""},
		{"a group in another case", caller("User:x", "Group:Admins"), bind("User:x", "SystemAdmin", role.Pattern{}), nil, nil, false, ""},
		{"a user of the name of the group", caller("User:admins"), bind("User:x", "SystemAdmin", role.Pattern{}), nil, nil, false, ""},
		{"who sees all", caller("User:s"), bind("User:s", "DeveloperRead", literal("Topic", "t")), []role.Binding{bind("User:s", "SecurityAdmin", role.Pattern{})}, nil, false, ""},
		{"a system admin", caller("User:s"), bind("User:s", "NoWrite", literal("Topic", "t")), []role.Binding{bind("User:s", "SystemAdmin", role.Pattern{})}, nil, true, ""},
		{"an admin binds what is not valid", caller("User:x", "Group:admins"), bind("User:*", "SystemAdmin", role.Pattern{}), nil, nil, false, "bound to everyone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &role.Authority{Table: customRoles(t), Bindings: slices.Values(append([]role.Binding{owner, admin}, test.others...)),
				ACLs: func(kafka string) iter.Seq[acl.Binding] {
					if kafka != cluster {
						return slices.Values([]acl.Binding{})
					}
					return slices.Values(test.acls)
				}}
			v := a.MayBind(test.caller, test.binding)
			assert.Equal(t, test.allowed, v.Allowed(), v)
			assert.Contains(t, v.String(), test.why)
			test.caller.SuperUser = true
			assert.Equal(t, a.Table.Validate(test.binding) == nil, a.MayBind(test.caller, test.binding).Allowed(), "a super user may make each valid binding")
		})
	}
}

// TestWhoMayUnbind takes roles away. To take a DENY away is to give.
func TestWhoMayUnbind(t *testing.T) {
	bindings := slices.Values([]role.Binding{bind("User:olga", "Gate", prefixed("Topic", "pay-")), bind("User:root", "SystemAdmin", role.Pattern{})})
	a := &role.Authority{Table: customRoles(t), Bindings: bindings}
	everything := bind("User:a", "Everything", literal("Topic", "pay-in"))
	assert.True(t, a.MayUnbind(caller("User:olga"), everything).Allowed(), "more than she holds")
	assert.False(t, a.MayBind(caller("User:olga"), everything).Allowed())
	assert.False(t, a.MayUnbind(caller("User:olga"), bind("User:a", "NoWrite", literal("Topic", "pay-in"))).Allowed())
	assert.False(t, a.MayUnbind(caller("User:olga"), bind("User:root", "SystemAdmin", role.Pattern{})).Allowed())
	assert.False(t, a.MayUnbind(caller("User:olga"), bind("User:a", "Everything", literal("Topic", "orders"))).Allowed())
	assert.True(t, a.MayUnbind(caller("User:root"), bind("User:a", "NoWrite", literal("Topic", "pay-in"))).Allowed())
}

// TestWhoMaySee shows bindings.
func TestWhoMaySee(t *testing.T) {
	list := []role.Binding{bind("User:olga", "ResourceOwner", prefixed("Topic", "pay-")), bind("User:s", "SecurityAdmin", role.Pattern{}), bind("Group:admins", "UserAdmin", role.Pattern{}), bind("User:r", "DeveloperRead", literal("Topic", "pay-in"))}
	a := &role.Authority{Table: customRoles(t), Bindings: slices.Values(list)}
	require.False(t, a.MaySee(caller("User:s"), bind("User:s", "Nobody", role.Pattern{})).Allowed())
	for _, test := range []struct {
		caller role.Caller
		sees   []bool
	}{
		{caller("User:olga"), []bool{true, false, false, true}},
		{caller("User:s"), []bool{true, true, true, true}},
		{caller("User:x", "Group:admins"), []bool{true, true, true, true}},
		{caller("User:r"), []bool{false, false, false, true}},
		{caller("User:x"), []bool{false, false, false, false}},
		{role.Caller{}, []bool{false, false, false, false}},
	} {
		for i, b := range list {
			assert.Equal(t, test.sees[i], a.MaySee(test.caller, b).Allowed(), "%v sees %v", test.caller.Principal, b)
		}
	}
}

// TestNobodyGivesMoreThanTheyHold draws bindings and ACLs. Whatever somebody who is no admin
// may bind, the new principal may do nothing that its giver may not.
func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 2))
	given, questions := 0, 0
	for given < 500 {
		table := drawTable(t, r)
		bindings := make([]role.Binding, 0, 8)
		for range 2 + r.IntN(6) {
			bindings = append(bindings, drawBinding(r, table))
		}
		acls := slices.DeleteFunc(drawACLs(r, r.IntN(3)), func(b acl.Binding) bool { return b.Entry.Permission == acl.Allow })
		a := &role.Authority{Table: table, Bindings: slices.Values(bindings), ACLs: func(string) iter.Seq[acl.Binding] { return slices.Values(acls) }}
		giver := subject("User:alice", "Group:devs")
		c := role.Caller{Principal: giver.Principal, Groups: giver.Groups}
		before := storeOf(t, snapshot.Config{}, policyOf(t, table, bindings...), acls...).Session(giver)
		for range 20 {
			b := drawBinding(r, table)
			b.Principal = principal.User("new")
			v := a.MayBind(c, b)
			if !v.Allowed() || b.Scope != (role.Scope{Kafka: cluster}) || v.String() == "Alter on the SecurityMetadata" {
				continue
			}
			given++
			// The ACLs that deny everyone deny the new principal as well; others do not.
			after := storeOf(t, snapshot.Config{}, policyOf(t, table, b), acls...).Session(subject("User:new"))
			for kind := range typeNames {
				for _, name := range drawnAsked {
					for op := range operationNames {
						questions++
						require.False(t, after.Check(op, kind, name).Allowed() && !before.Check(op, kind, name).Allowed(),
							"%v on %v %q: given by %v, who may not\nbinding: %v\nheld: %v\nACLs: %v", op, kind, name, v, b, bindings, acls)
					}
				}
			}
		}
	}
	t.Logf("%d bindings given, %d questions", given, questions)
}
