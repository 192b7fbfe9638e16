package role_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/role"
)

// TestSpelling: a role with the name of a type or an operation of Kafka in another spelling would
// give or deny nothing there, without a word. It is refused, and the message has the right one.
func TestSpelling(t *testing.T) {
	grant := func(kind, operation string, permission string) string {
		return fmt.Sprintf(`[{"name":"a","accessPolicy":{"scopeType":"Cluster","allowedOperations":[{"resourceType":%q,"operations":[%q],"permission":%q}]}}]`, kind, operation, permission)
	}
	for _, test := range []struct{ kind, operation, permission, want string }{
		{"Topic", "READ", "DENY", "found the operation READ, expected Read"},
		{"Topic", "describe_configs", "ALLOW", "found the operation describe_configs, expected DescribeConfigs"},
		{"Topic", "ALL", "DENY", "found the operation ALL, expected All"},
		{"Topic", "Any", "DENY", "found the operation Any, expected All"},
		{"All", "read", "DENY", "found the operation read, expected Read"},
		{"TOPIC", "Read", "DENY", "found the resource type TOPIC, expected Topic"},
		{"topic", "Read", "ALLOW", "found the resource type topic, expected Topic"},
		{"TRANSACTIONAL_ID", "Read", "DENY", "found the resource type TRANSACTIONAL_ID, expected TransactionalId"},
		{"ANY", "Read", "DENY", "found the resource type ANY, expected All"},
		{"all", "Read", "DENY", "found the resource type all, expected All"},
		{"Topic", "Raed", "DENY", "found a DENY of Raed on a Topic, which denies nothing"},
		{"Topic", "AlterAccess", "DENY", ""},
		{"Topic", "Raed", "ALLOW", ""},
		{"Subject", "ReadCompatibility", "ALLOW", ""},
		{"KsqlCluster", "Contribute", "DENY", ""},
		{"All", "All", "DENY", ""},
		{"Topic", "Read", "DENY", ""},
	} {
		t.Run(test.permission+" "+test.operation+" on "+test.kind, func(t *testing.T) {
			_, err := role.ParseTable(strings.NewReader(grant(test.kind, test.operation, test.permission)))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
	everything, err := role.NewTable(role.Role{Name: "Everything", Level: role.ResourceLevel, Grants: []role.Grant{{ResourceType: role.All, Operations: []string{role.All}, Permission: acl.Allow, Host: "*"}}})
	require.NoError(t, err)
	require.ErrorContains(t, everything.Validate(bind("User:a", "Everything", literal("topic", "t"))), "found the resource type topic, expected Topic")
	require.NoError(t, everything.Validate(bind("User:a", "Everything", literal("Subject", "t"))))
}

// TestBindingsToNobody: principals that look like everyone are nobody, and names that no broker takes
// would stop all later changes.
func TestBindingsToNobody(t *testing.T) {
	for _, who := range []string{"User:*", "Group:*", `User:"*"`, "Group:'*'"} {
		require.ErrorContains(t, role.Predefined().Validate(bind(who, "SystemAdmin", role.Pattern{})), "a role cannot be bound to everyone", who)
	}
	require.NoError(t, role.Predefined().Validate(bind("Group:*admins", "SystemAdmin", role.Pattern{})))
	long := strings.Repeat("x", 32_001)
	for _, b := range []role.Binding{bind("User:"+long, "DeveloperRead", literal("Topic", "t")), bind("User:a", "DeveloperRead", literal("Topic", long))} {
		err := role.Predefined().Validate(b)
		require.Error(t, err)
		assert.Contains(t, err.Error()[len(err.Error())-100:], "more than 32000 bytes")
	}
	require.NoError(t, role.Predefined().Validate(bind("User:"+long[1:], "DeveloperRead", literal("Topic", long[1:]))))
}

// TestNamesAsIDs: a binding by an id that is the name of another cluster would hold nowhere, and a
// DENY with it.
func TestNamesAsIDs(t *testing.T) {
	read := func(clusters, bindings, acls string) error {
		_, err := role.ParseDocument([]byte(`{"format":"portcullis-roles-1","clusters":[` + clusters + `],"bindings":[` + bindings + `],"acls":[` + acls + `]}`))
		return err
	}
	const prod = `{"clusterName":"prod","clusters":{"kafka-cluster":"abc123"}}`
	binding := func(scope string) string {
		return `{"principal":"User:a","role":"SystemAdmin","scope":` + scope + `}`
	}
	deny := `{"scope":{"clusters":{"kafka-cluster":"prod"}},"acl":{"resourceType":"TOPIC","name":"t","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"DENY"}}`
	const want = "found the id prod, which is the name of the cluster with the id abc123"
	require.ErrorContains(t, read(prod, binding(`{"clusters":{"kafka-cluster":"prod"}}`), ""), want)
	require.ErrorContains(t, read(prod, binding(`{"clusters":{"kafka-cluster":"prod","connect-cluster":"c"}}`), ""), want)
	require.ErrorContains(t, read(prod, "", deny), want)
	require.NoError(t, read(prod, binding(`{"clusterName":"prod"}`)+","+binding(`{"clusters":{"kafka-cluster":"abc123"}}`), ""))
	require.NoError(t, read(`{"clusterName":"abc123","clusters":{"kafka-cluster":"abc123"}}`, binding(`{"clusters":{"kafka-cluster":"abc123"}}`), ""), "the same cluster")
	require.ErrorContains(t, read(prod+`,{"clusterName":"abc123","clusters":{"kafka-cluster":"x"}}`, "", ""), "cluster abc123: its name is the id of the cluster prod")
	require.ErrorContains(t, read(prod+`,{"clusterName":"test","clusters":{"kafka-cluster":"prod"}}`, "", ""), "cluster test: "+want)
}

// TestManyRolesOfOneRight: the time to add a binding does not grow with those that stand for the
// same ACL, nor an error with the roles.
func TestManyRolesOfOneRight(t *testing.T) {
	const n = 120_000 // of which each was compared with all before it: 9 s
	roles := make([]role.Role, n)
	bindings := make([]role.Binding, n)
	for i := range roles {
		name := fmt.Sprintf("r%d", i)
		roles[i] = role.Role{Name: name, Level: role.ClusterLevel, Grants: []role.Grant{{ResourceType: "Topic", Operations: []string{"Read", "Read"}, Permission: acl.Allow, Host: "*"}}}
		bindings[i] = bind("User:a", name, role.Pattern{})
	}
	table, err := role.NewTable(roles...)
	require.NoError(t, err)
	p := role.NewPolicy(cluster, table, nil)
	began := time.Now()
	_, err = p.Apply(bindings, nil)
	require.NoError(t, err)
	assert.Less(t, time.Since(began), 5*time.Second)
	for a := range p.ACLs() {
		assert.Len(t, p.Sources(a), n, "each once")
	}
	err = table.Validate(bind("User:a", "nobody", role.Pattern{}))
	require.True(t, strings.Contains(err.Error(), "and 119970 more"), "%.500s", err)
	assert.LessOrEqual(t, len(err.Error()), 1000)
}
