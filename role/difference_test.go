package role_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/role"
)

// TestGainedAndLost says a difference of ACLs in terms of roles.
func TestGainedAndLost(t *testing.T) {
	owner := bind("Group:payments", "ResourceOwner", prefixed("Topic", "payments."))
	reader := bind("Group:payments", "DeveloperRead", prefixed("Topic", "payments."))
	writer := bind("User:b", "DeveloperWrite", literal("Topic", "t"))
	admin := bind("User:c", "SystemAdmin", role.Pattern{})
	everywhere := bind("User:c", "DeveloperRead", literal("Topic", "*"))
	other := acltest.Deny("User:d", ops.Read, acltest.Topic("t"))
	for name, test := range map[string]struct {
		before, after []role.Binding
		extra         []acl.Binding // of the cluster
		gained, lost  []role.Binding
	}{
		"nothing":              {nil, nil, nil, nil, nil},
		"a role":               {nil, []role.Binding{owner}, nil, []role.Binding{owner}, nil},
		"the same":             {[]role.Binding{owner}, []role.Binding{owner}, nil, nil, nil},
		"a part of it":         {[]role.Binding{reader}, []role.Binding{owner}, nil, []role.Binding{owner}, nil},
		"a role is gone":       {[]role.Binding{owner, writer}, []role.Binding{writer}, nil, nil, []role.Binding{owner}},
		"a part of it stays":   {[]role.Binding{owner}, []role.Binding{reader}, nil, nil, []role.Binding{owner}},
		"one for another":      {[]role.Binding{writer}, []role.Binding{reader}, nil, []role.Binding{reader}, []role.Binding{writer}},
		"a cluster":            {[]role.Binding{admin}, nil, nil, nil, []role.Binding{admin}},
		"a cluster and a type": {[]role.Binding{admin, everywhere}, nil, nil, nil, []role.Binding{everywhere, admin}},
		"an ACL of no role":    {nil, nil, []acl.Binding{other, {}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := map[acl.Binding]bool{}
			for a := range policyOf(t, role.Predefined(), test.before...).ACLs() {
				before[a] = true
			}
			for _, a := range test.extra {
				before[a] = true
			}
			policy := policyOf(t, role.Predefined(), test.after...)
			assert.Equal(t, test.gained, policy.Gained(before))
			assert.Equal(t, test.lost, policy.Lost(before))
		})
	}
}
