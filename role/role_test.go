package role_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const cluster = "abc123"

func literal(t, name string) role.Pattern {
	return role.Pattern{ResourceType: t, Name: name, PatternType: resource.Literal}
}

func prefixed(t, name string) role.Pattern {
	return role.Pattern{ResourceType: t, Name: name, PatternType: resource.Prefixed}
}

// bind returns a binding in the scope of the cluster, or of another Kafka cluster.
func bind(who, name string, p role.Pattern, in ...string) role.Binding {
	b := role.Binding{Role: name, Scope: role.Scope{Kafka: cluster}, Pattern: p}
	b.Principal.Type, b.Principal.Name, _ = strings.Cut(who, ":")
	if len(in) > 0 {
		b.Scope.Kafka = in[0]
	}
	return b
}

// storeOf returns a store with the ACLs of bindings and others.
func storeOf(t testing.TB, config snapshot.Config, policy *role.Policy, acls ...acl.Binding) *snapshot.Store {
	t.Helper()
	return acltest.Store(t, config, append(slices.Collect(policy.ACLs()), acls...)...)
}

func policyOf(t testing.TB, table *role.Table, bindings ...role.Binding) *role.Policy {
	t.Helper()
	p := role.NewPolicy(cluster, table, nil)
	_, err := p.Apply(bindings, nil)
	require.NoError(t, err)
	return p
}

func subject(who string, groups ...string) snapshot.Subject {
	s := snapshot.Subject{Host: netip.MustParseAddr("10.0.0.1")}
	s.Principal, _ = principal.Parse(who)
	for _, g := range groups {
		group, _ := principal.Parse(g)
		s.Groups = append(s.Groups, group)
	}
	return s
}

// TestDecisions is what a metadata service answers, and what must never be answered.
func TestDecisions(t *testing.T) {
	alice, bob := "User:alice", "User:bob"
	for _, test := range []struct {
		name     string
		binding  role.Binding
		acl      acl.Binding
		who      snapshot.Subject
		op       ops.Operation
		resource resource.Type
		on       string
		allowed  bool
	}{
		{"a role at the cluster", bind(alice, "SystemAdmin", role.Pattern{}), acl.Binding{}, subject(alice), ops.Write, resource.Topic, "orders", true},
		{"a DENY ACL wins over it", bind(alice, "SystemAdmin", role.Pattern{}), acltest.Deny(alice, ops.Write, acltest.Topic("orders")), subject(alice), ops.Write, resource.Topic, "orders", false},
		{"of another cluster", bind(alice, "SystemAdmin", role.Pattern{}, "other"), acl.Binding{}, subject(alice), ops.Write, resource.Topic, "orders", false},
		{"a group", bind("Group:devs", "DeveloperRead", literal("Topic", "orders")), acl.Binding{}, subject(bob, "Group:devs"), ops.Read, resource.Topic, "orders", true},
		{"a group in another case", bind("Group:devs", "DeveloperRead", literal("Topic", "orders")), acl.Binding{}, subject(bob, "Group:Devs"), ops.Read, resource.Topic, "orders", false},
		{"a DENY ACL for the user wins over the group", bind("Group:devs", "DeveloperRead", literal("Topic", "orders")), acltest.Deny(bob, ops.Read, acltest.Topic("orders")), subject(bob, "Group:devs"), ops.Read, resource.Topic, "orders", false},
		{"a user of the name of a group", bind("Group:devs", "DeveloperRead", literal("Topic", "orders")), acl.Binding{}, subject("User:devs"), ops.Read, resource.Topic, "orders", false},
		{"a prefix", bind(alice, "DeveloperRead", prefixed("Topic", "shire-")), acl.Binding{}, subject(alice), ops.Read, resource.Topic, "shire-parties", true},
		{"shorter than the prefix", bind(alice, "DeveloperRead", prefixed("Topic", "shire-")), acl.Binding{}, subject(alice), ops.Read, resource.Topic, "shire", false},
		{"all names", bind(alice, "DeveloperRead", literal("Topic", "*")), acl.Binding{}, subject(alice), ops.Read, resource.Topic, "orders", true},
		{"DeveloperRead has no DescribeConfigs", bind(alice, "DeveloperRead", literal("Topic", "orders")), acl.Binding{}, subject(alice), ops.DescribeConfigs, resource.Topic, "orders", false},
		{"DeveloperWrite has nothing on groups", bind(alice, "DeveloperWrite", literal("Group", "g")), acl.Binding{}, subject(alice), ops.Read, resource.Group, "g", false},
		{"DeveloperWrite is idempotent on the cluster", bind(alice, "DeveloperWrite", literal("Cluster", "kafka-cluster")), acl.Binding{}, subject(alice), ops.IdempotentWrite, resource.Cluster, "kafka-cluster", true},
		{"SecurityAdmin reads no data", bind(alice, "SecurityAdmin", role.Pattern{}), acl.Binding{}, subject(alice), ops.Describe, resource.Topic, "orders", false},
		{"UserAdmin reads no data", bind(alice, "UserAdmin", role.Pattern{}), acl.Binding{}, subject(alice), ops.Alter, resource.Cluster, "kafka-cluster", false},
		{"a Subject is no topic", bind(alice, "DeveloperRead", literal("Subject", "orders")), acl.Binding{}, subject(alice), ops.Read, resource.Topic, "orders", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var acls []acl.Binding
			if test.acl != (acl.Binding{}) {
				acls = append(acls, test.acl)
			}
			policy := policyOf(t, role.Predefined(), test.binding)
			session := storeOf(t, snapshot.Config{}, policy, acls...).Session(test.who)
			d := session.Check(test.op, test.resource, test.on)
			require.Equal(t, test.allowed, d.Allowed(), d)
			if test.allowed {
				by, _ := d.Binding()
				assert.Equal(t, []role.Binding{test.binding}, policy.Sources(by))
			}
		})
	}
	t.Run("a component under the cluster", func(t *testing.T) {
		b := bind(alice, "SystemAdmin", role.Pattern{})
		b.Scope.Connect = "connect-1"
		assert.Empty(t, slices.Collect(policyOf(t, role.Predefined(), b).ACLs()))
	})
	t.Run("any topic", func(t *testing.T) {
		session := storeOf(t, snapshot.Config{}, policyOf(t, role.Predefined(), bind(alice, "DeveloperWrite", prefixed("Topic", "a")))).Session(subject(alice))
		assert.True(t, session.CheckAny(ops.Write, resource.Topic).Allowed())
	})
	t.Run("any topic, all of them denied", func(t *testing.T) {
		deny := acltest.Deny(alice, ops.Write, resource.Pattern{Type: resource.Topic, PatternType: resource.Prefixed, Name: "a"})
		session := storeOf(t, snapshot.Config{}, policyOf(t, role.Predefined(), bind(alice, "DeveloperWrite", prefixed("Topic", "a"))), deny).Session(subject(alice))
		assert.False(t, session.CheckAny(ops.Write, resource.Topic).Allowed())
	})
	t.Run("a role is an ACL for the default", func(t *testing.T) {
		session := storeOf(t, snapshot.Config{AllowIfNoACL: true}, policyOf(t, role.Predefined(), bind(alice, "DeveloperRead", literal("Topic", "orders")))).Session(subject(bob))
		assert.False(t, session.Check(ops.Read, resource.Topic, "orders").Allowed())
		assert.True(t, session.Check(ops.Read, resource.Topic, "other").Allowed())
	})
	t.Run("super users come first", func(t *testing.T) {
		config := snapshot.Config{SuperUsers: []principal.Principal{principal.User("alice")}}
		session := storeOf(t, config, policyOf(t, role.Predefined()), acltest.Deny("User:*", ops.All, acltest.Topic("orders"))).Session(subject(alice))
		assert.True(t, session.Check(ops.Read, resource.Topic, "orders").Allowed())
	})
}

// TestZeroValues grants nothing, and refuses.
func TestZeroValues(t *testing.T) {
	var table role.Table
	require.Error(t, table.Validate(role.Binding{}))
	require.Error(t, role.Predefined().Validate(role.Binding{}))
	require.Error(t, new(role.Role).Validate())
	require.Error(t, role.Scope{}.Validate())
	_, err := role.NewTable(role.Role{})
	require.Error(t, err)
	_, err = role.NewTable(role.Role{Name: "r", Level: role.ClusterLevel, Grants: []role.Grant{{}}})
	require.Error(t, err)
	_, err = role.NewTable(role.Role{Name: "r", Level: role.ClusterLevel, Grants: []role.Grant{{ResourceType: "Topic", Operations: []string{"Read"}, Host: "*"}}})
	require.ErrorContains(t, err, "expected ALLOW or DENY")
	assert.False(t, role.Verdict{}.Allowed())
	authority := &role.Authority{Table: role.Predefined(), Bindings: slices.Values([]role.Binding{})}
	assert.False(t, authority.MayBind(role.Caller{}, bind("User:a", "SystemAdmin", role.Pattern{})).Allowed())
	assert.False(t, authority.MayBind(role.Caller{SuperUser: true}, bind("User:a", "SystemAdmin", role.Pattern{})).Allowed(), "a caller without a name")
	p := role.NewPolicy("", role.Predefined(), nil)
	_, err = p.Apply([]role.Binding{bind("User:a", "SystemAdmin", role.Pattern{})}, nil)
	require.NoError(t, err)
	assert.Zero(t, p.Len())
}

// TestRefusedBindings says what is wrong and what is expected, and changes nothing.
func TestRefusedBindings(t *testing.T) {
	at := func(b role.Binding, change func(*role.Binding)) role.Binding { change(&b); return b }
	good := bind("User:alice", "DeveloperRead", literal("Topic", "orders"))
	for _, test := range []struct {
		name, want string
		binding    role.Binding
	}{
		{"everyone", "a role cannot be bound to everyone", bind("User:*", "SystemAdmin", role.Pattern{})},
		{"another type of principal", "expected a principal of the type User or Group", bind("user:alice", "SystemAdmin", role.Pattern{})},
		{"no name", "expected the name of the principal", bind("User:", "SystemAdmin", role.Pattern{})},
		{"an unknown role", "no role has this name: the table has DeveloperManage, DeveloperRead", bind("User:alice", "developerread", literal("Topic", "orders"))},
		{"a resource for a cluster role", "expected no resource", bind("User:alice", "SystemAdmin", literal("Topic", "orders"))},
		{"no resource for a resource role", "the role is for resources", bind("User:alice", "DeveloperRead", role.Pattern{})},
		{"a type that the role does not know", "the role is not for a KsqlCluster: expected Cluster, Connector, FlinkApplication", bind("User:alice", "DeveloperRead", literal("KsqlCluster", "ksql-cluster"))},
		{"a type in lower case", "found the resource type topic, expected Topic", bind("User:alice", "DeveloperRead", literal("topic", "orders"))},
		{"the type All", `found the resource type "All"`, bind("User:alice", "DeveloperRead", literal("All", "orders"))},
		{"an empty name", "expected the name of a Topic", bind("User:alice", "DeveloperRead", literal("Topic", ""))},
		{"no pattern type", "expected LITERAL or PREFIXED", bind("User:alice", "DeveloperRead", role.Pattern{ResourceType: "Topic", Name: "orders"})},
		{"a prefix of the cluster", "expected LITERAL kafka-cluster", bind("User:alice", "DeveloperRead", prefixed("Cluster", "kafka-cluster"))},
		{"a star as a prefix", "for all names use LITERAL", bind("User:alice", "DeveloperRead", prefixed("Topic", "*"))},
		{"no scope", "expected a scope", at(good, func(b *role.Binding) { b.Scope = role.Scope{} })},
		{"a name and ids", "expected one of both", at(good, func(b *role.Binding) { b.Scope.Name = "prod" })},
		{"a name that is not registered", "no cluster prod is registered", at(good, func(b *role.Binding) { b.Scope = role.Scope{Name: "prod"} })},
		{"a component alone", "expected the id of the Kafka cluster", at(good, func(b *role.Binding) { b.Scope = role.Scope{Connect: "c"} })},
		{"ids with a space", "found the id", at(good, func(b *role.Binding) { b.Scope.Kafka = "a b" })},
		{"a name with a space", "found the cluster name", at(good, func(b *role.Binding) { b.Scope = role.Scope{Name: "a b"} })},
		{"a Flink environment alone", "without the id of its CMF", at(good, func(b *role.Binding) { b.Scope.FlinkEnvironment = "e" })},
		{"two components", "no more than one component", at(good, func(b *role.Binding) { b.Scope.Connect, b.Scope.KSQL = "c", "k" })},
		{"a control character", `"User:a\x1b[31m"`, bind("User:a\x1b[31m", "Nobody", role.Pattern{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := role.NewPolicy(cluster, role.Predefined(), nil)
			_, err := p.Apply([]role.Binding{good, test.binding}, nil)
			require.ErrorContains(t, err, test.want)
			assert.Zero(t, p.Len(), "half of it was applied")
			assert.Empty(t, slices.Collect(p.ACLs()))
		})
	}
}

// TestPredefined is what the published tables say.
func TestPredefined(t *testing.T) {
	var names []string
	for _, r := range role.Predefined().Roles() {
		names = append(names, r.Name)
		assert.NotEmpty(t, r.Source, r.Name)
	}
	assert.Equal(t, []string{"DeveloperManage", "DeveloperRead", "DeveloperWrite", "ResourceOwner", "SecurityAdmin", "SystemAdmin", "UserAdmin"}, names)
	acls := func(b role.Binding) (list []string) {
		for a := range policyOf(t, role.Predefined(), b).ACLs() {
			list = append(list, fmt.Sprintf("%v %v %v %v", a.Entry.Permission, a.Entry.Operation, a.Pattern.Type, a.Pattern.Name))
		}
		slices.Sort(list)
		return list
	}
	owner := bind("User:ConnectAdmin", "ResourceOwner", literal("Topic", "connect-statuses"))
	assert.Equal(t, []string{
		"ALLOW ALTER TOPIC connect-statuses", "ALLOW ALTER_CONFIGS TOPIC connect-statuses", "ALLOW CREATE TOPIC connect-statuses", "ALLOW DELETE TOPIC connect-statuses",
		"ALLOW DESCRIBE TOPIC connect-statuses", "ALLOW DESCRIBE_CONFIGS TOPIC connect-statuses", "ALLOW READ TOPIC connect-statuses", "ALLOW WRITE TOPIC connect-statuses",
	}, acls(owner))
	assert.Equal(t, []string{"ALLOW ALL CLUSTER kafka-cluster", "ALLOW ALL DELEGATION_TOKEN *", "ALLOW ALL GROUP *", "ALLOW ALL TOPIC *", "ALLOW ALL TRANSACTIONAL_ID *", "ALLOW ALL USER *"},
		acls(bind("User:root", "SystemAdmin", role.Pattern{})))
	assert.Empty(t, acls(bind("User:u", "UserAdmin", role.Pattern{})))
	assert.Empty(t, role.Predefined().Implied(), "the predefined roles list what Kafka implies")
	for a := range policyOf(t, role.Predefined(), owner).ACLs() {
		assert.NoError(t, a.ValidateStrict(0))
	}
}

// TestTableText reads what it writes, and refuses what could be misread.
func TestTableText(t *testing.T) {
	roles := append(role.Predefined().Roles(), role.Role{Name: "auditors", Level: role.ClusterLevel, Grants: []role.Grant{
		{ResourceType: "Topic", Operations: []string{"Read"}, Permission: acl.Deny, Host: "10.0.0.0/8", Patterns: []role.Pattern{prefixed("Topic", "secret-")}},
		{ResourceType: "Topic", Operations: []string{"Alter"}, Permission: acl.Allow, Host: "*"},
	}})
	table, err := role.NewTable(roles...)
	require.NoError(t, err)
	var text bytes.Buffer
	_, err = table.WriteTo(&text)
	require.NoError(t, err)
	again, err := role.ParseTable(&text)
	require.NoError(t, err)
	assert.Equal(t, table.Roles(), again.Roles())
	assert.Equal(t, []role.Implied{{Role: "auditors", ResourceType: "Topic", From: ops.Alter, To: ops.Describe}}, table.Implied())

	for text, want := range map[string]string{
		``:                 "expected a JSON array of roles",
		`{}`:               "expected a JSON array of roles",
		`[] []`:            "expected nothing after",
		`[{"name":"a"}]`:   "role a: found the level",
		`[{"name":"a b"}]`: "found the role name",
		`[{"name":"a","accessPolicy":{"scopeType":"Cluster","allowedOperations":[],"conditions":[]}}]`:                                        "unknown field",
		`[{"name":"a","accessPolicy":{"scopeType":"Cluster"}},{"name":"a","accessPolicy":{"scopeType":"Cluster"}}]`:                           "role a is given twice",
		`[{"name":"a","accessPolicy":{"scopeType":"Cluster","allowedOperations":[{"resourceType":"Topic","operations":[" Read"]}]}}]`:         "role a, grant 1: found the operation",
		`[{"name":"a","accessPolicy":{"scopeType":"Cluster","allowedOperations":[{"resourceType":"Topic","operations":[],"host":"ten/8"}]}}]`: "found the host",
	} {
		_, err := role.ParseTable(strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
	_, err = role.ParseTable(strings.NewReader(strings.Repeat(" ", role.MaxTableBytes+1)))
	assert.ErrorContains(t, err, "no more than")
}

// TestRolesThatAreRefused are not complete, or say two things.
func TestRolesThatAreRefused(t *testing.T) {
	grant := role.Grant{ResourceType: "Topic", Operations: []string{"Read"}, Permission: acl.Allow, Host: "*"}
	with := func(change func(*role.Grant)) role.Grant { g := grant; change(&g); return g }
	for _, test := range []struct {
		level role.Level
		grant role.Grant
		want  string
	}{
		{role.ClusterLevel, with(func(g *role.Grant) { g.ResourceType = "" }), "found the resource type"},
		{role.ClusterLevel, with(func(g *role.Grant) { g.Operations = []string{"Read\n"} }), `found the operation "Read\n"`},
		{role.ClusterLevel, with(func(g *role.Grant) { g.Host = "" }), "found the host"},
		{role.ClusterLevel, with(func(g *role.Grant) { g.Patterns = []role.Pattern{literal("Group", "g")} }), "found a pattern of the type"},
		{role.ClusterLevel, with(func(g *role.Grant) { g.Patterns = []role.Pattern{literal("Topic", "")} }), "expected the name of a Topic"},
		{role.ResourceLevel, with(func(g *role.Grant) { g.Patterns = []role.Pattern{literal("Topic", "t")} }), "whose bindings have the patterns"},
		{"cluster", grant, "found the level"},
	} {
		_, err := role.NewTable(role.Role{Name: "r", Level: test.level, Grants: []role.Grant{test.grant}})
		assert.ErrorContains(t, err, test.want)
	}
	var none *role.Table
	assert.Empty(t, none.Roles())
	assert.Empty(t, none.Implied())
	require.ErrorContains(t, none.Validate(bind("User:a", "r", role.Pattern{})), "the table has no roles")
	r, ok := role.Predefined().Role("DeveloperRead")
	require.True(t, ok)
	r.Grants[0].Operations = append(r.Grants[0].Operations[:0], "All")
	again, _ := role.Predefined().Role("DeveloperRead")
	assert.NotEqual(t, r, again, "the caller's copy")
	_, ok = role.Predefined().Role("Nobody")
	assert.False(t, ok)
	empty, err := role.NewTable(role.Role{Name: "Empty", Level: role.ResourceLevel})
	require.NoError(t, err)
	require.ErrorContains(t, empty.Validate(bind("User:a", "Empty", literal("Topic", "t"))), "the role has no rights")
}

// TestRegistry gives names to scopes.
func TestRegistry(t *testing.T) {
	var r role.Registry
	require.NoError(t, r.Add("prod", role.Scope{Kafka: cluster}))
	require.ErrorContains(t, r.Add("prod", role.Scope{Kafka: "other"}), "is registered already")
	require.ErrorContains(t, r.Add("main", role.Scope{Kafka: cluster}), "registered already, as prod")
	require.ErrorContains(t, r.Add("a b", role.Scope{Kafka: "x"}), "without spaces")
	require.ErrorContains(t, r.Add("alias", role.Scope{Name: "prod"}), "expected the ids")
	p := role.NewPolicy(cluster, role.Predefined(), &r)
	b := bind("User:alice", "SystemAdmin", role.Pattern{})
	b.Scope = role.Scope{Name: "prod"}
	change, err := p.Apply([]role.Binding{b}, nil)
	require.NoError(t, err)
	assert.Len(t, change.Add, 6)
	b.Scope = role.Scope{Kafka: cluster}
	change, err = p.Apply([]role.Binding{b}, nil)
	require.NoError(t, err)
	assert.Equal(t, role.Change{}, change, "it is the same binding")
	b.Scope = role.Scope{Name: "prod"}
	change, err = p.Apply(nil, []role.Binding{b})
	require.NoError(t, err)
	assert.Len(t, change.Remove, 6)
	assert.Zero(t, p.Len())
}

// What random bindings and ACLs are drawn from.
var (
	drawnPrincipals = []string{"User:alice", "User:bob", "Group:devs", "Group:ops"}
	drawnNames      = []string{"a", "ab", "abc", "b", "*"}
	drawnAsked      = []string{"a", "ab", "abc", "abcd", "b", "c", "kafka-cluster"}
	drawnTypes      = []string{"Topic", "Group", "TransactionalId", "Cluster", "Subject"}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// drawTable returns the predefined roles and some of random grants, with DENY and patterns.
func drawTable(t testing.TB, r *rand.Rand) *role.Table {
	t.Helper()
	roles := role.Predefined().Roles()
	operations := []string{"Read", "Write", "Describe", "Alter", "Delete", "AlterConfigs", "DescribeConfigs", "DescribeAccess", "AlterAccess", "All", "Create"}
	for i := range 4 {
		drawn := role.Role{Name: fmt.Sprintf("custom-%d", i), Level: []role.Level{role.ClusterLevel, role.ResourceLevel}[i%2]}
		for range 1 + r.IntN(3) {
			g := role.Grant{ResourceType: pick(r, append([]string{"All"}, drawnTypes...)), Permission: acl.Allow, Host: "*"}
			if r.IntN(4) == 0 {
				g.Permission = acl.Deny
			}
			for range 1 + r.IntN(3) {
				g.Operations = append(g.Operations, pick(r, operations))
			}
			if drawn.Level == role.ClusterLevel && g.ResourceType != "All" && r.IntN(2) == 0 {
				g.Patterns = []role.Pattern{drawPattern(r, g.ResourceType)}
			}
			drawn.Grants = append(drawn.Grants, g)
		}
		roles = append(roles, drawn)
	}
	table, err := role.NewTable(roles...)
	require.NoError(t, err)
	return table
}

func drawPattern(r *rand.Rand, kind string) role.Pattern {
	if kind == "Cluster" {
		return literal(kind, "kafka-cluster")
	}
	p := literal(kind, pick(r, drawnNames))
	if r.IntN(2) == 0 && p.Name != "*" {
		p.PatternType = resource.Prefixed
	}
	return p
}

// drawBinding returns a valid binding.
func drawBinding(r *rand.Rand, table *role.Table) role.Binding {
	for {
		drawn := pick(r, table.Roles())
		b := bind(pick(r, drawnPrincipals), drawn.Name, role.Pattern{}, pick(r, []string{cluster, cluster, cluster, "other"}))
		if drawn.Level == role.ResourceLevel {
			b.Pattern = drawPattern(r, pick(r, drawnTypes))
		}
		if r.IntN(10) == 0 {
			b.Scope.Connect = "connect"
		}
		if table.Validate(b) == nil {
			return b
		}
	}
}

func drawACLs(r *rand.Rand, n int) (list []acl.Binding) {
	for range n {
		b := acl.Binding{
			Pattern: resource.Pattern{Type: pick(r, []resource.Type{resource.Topic, resource.Group}), Name: pick(r, drawnNames), PatternType: resource.Literal},
			Entry: acl.Entry{Principal: pick(r, append([]string{"User:*"}, drawnPrincipals...)), Host: "*", Operation: pick(r, []ops.Operation{ops.Read, ops.Write, ops.Describe, ops.All}),
				Permission: pick(r, []acl.PermissionType{acl.Allow, acl.Deny})},
		}
		if b.Pattern.Name != "*" && r.IntN(2) == 0 {
			b.Pattern.PatternType = resource.Prefixed
		}
		list = append(list, b)
	}
	return list
}

// clusterACLs returns ACLs as those of the cluster, and one that is in the way in another.
func clusterACLs(acls []acl.Binding) (list []role.ClusterACL) {
	for _, a := range acls {
		list = append(list, role.ClusterACL{Scope: role.Scope{Kafka: cluster}, ACL: a})
		a.Entry.Permission = acl.Allow + acl.Deny - a.Entry.Permission
		list = append(list, role.ClusterACL{Scope: role.Scope{Kafka: "other"}, ACL: a})
	}
	return list
}

// TestAgainstPlain compares the compiled roles, in a store, with reading all bindings for each
// question.
func TestAgainstPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 0))
	questions, allowed, enough := 0, 0, 1_000_000
	if testing.Short() {
		enough = 50_000
	}
	for world := 0; questions < enough; world++ {
		table := drawTable(t, r)
		judge := &plain{roles: map[string]role.Role{}, open: r.IntN(4) == 0, acls: drawACLs(r, r.IntN(4))}
		for _, drawn := range table.Roles() {
			judge.roles[drawn.Name] = drawn
		}
		config := snapshot.Config{AllowIfNoACL: judge.open}
		if r.IntN(8) == 0 {
			judge.supers, config.SuperUsers = []string{"Group:ops"}, []principal.Principal{{Type: "Group", Name: "ops"}}
		}
		policy := role.NewPolicy(cluster, table, nil)
		for range r.IntN(8) {
			judge.bindings = append(judge.bindings, drawBinding(r, table))
		}
		_, err := policy.Apply(judge.bindings, nil)
		require.NoError(t, err)
		acls := judge.acls
		if world%2 == 0 { // as centralized ACLs
			_, err := policy.ApplyACLs(clusterACLs(judge.acls), nil)
			require.NoError(t, err)
			acls = nil
		}
		store := storeOf(t, config, policy, acls...)
		for _, principals := range [][]string{{"User:alice"}, {"User:bob", "Group:devs"}, {"User:alice", "Group:devs", "Group:ops"}, {"User:carol"}} {
			session := store.Session(subject(principals[0], principals[1:]...))
			for kind := range typeNames {
				for _, name := range drawnAsked {
					for op := range operationNames {
						questions++
						want := judge.allowed(cluster, principals, op, kind, name)
						d := session.Check(op, kind, name)
						if want {
							allowed++
						}
						if d.Allowed() != want {
							require.Failf(t, "differs", "world %d: %v may %v on %v %q: plain %t, %v\nbindings: %v\nACLs: %v", world, principals, op, kind, name, want, d, judge.bindings, judge.acls)
						}
						if by, ok := d.Binding(); ok && !slices.Contains(judge.acls, by) {
							require.NotEmpty(t, policy.Sources(by), "no binding is named for %v", d)
						}
					}
				}
			}
		}
	}
	t.Logf("%d verdicts, %d of them allowed", questions, allowed)
	assert.Greater(t, allowed, questions/20)
}

// TestApply changes bindings at random: what it returns leads to the ACLs that the bindings
// stand for.
func TestApply(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 1))
	for range 200 {
		table := drawTable(t, r)
		policy, now, held := role.NewPolicy(cluster, table, nil), map[acl.Binding]bool{}, map[role.Binding]bool{}
		for range 20 {
			var add, remove []role.Binding
			for range r.IntN(4) {
				add = append(add, drawBinding(r, table))
			}
			for b := range held {
				if r.IntN(3) == 0 {
					remove = append(remove, b)
					if r.IntN(4) == 0 {
						add = append(add, b) // it is there afterwards
					}
				}
			}
			change, err := policy.Apply(add, remove)
			require.NoError(t, err)
			for _, b := range remove {
				delete(held, b)
			}
			for _, b := range add {
				if b.Scope == (role.Scope{Kafka: cluster}) {
					held[b] = true
				}
			}
			for _, a := range change.Remove {
				require.NotContains(t, change.Add, a)
				require.True(t, now[a])
				delete(now, a)
			}
			for _, a := range change.Add {
				require.False(t, now[a])
				now[a] = true
			}
			bindings := make([]role.Binding, 0, len(held))
			for b := range held {
				bindings = append(bindings, b)
			}
			fresh := policyOf(t, table, bindings...)
			require.Equal(t, slices.SortedFunc(slices.Values(bindings), role.Binding.Compare), slices.SortedFunc(policy.Bindings(), role.Binding.Compare))
			require.Equal(t, len(held), policy.Len())
			want := slices.SortedFunc(fresh.ACLs(), acl.Binding.Compare)
			require.Equal(t, want, slices.SortedFunc(policy.ACLs(), acl.Binding.Compare))
			require.Len(t, now, len(want))
			for _, a := range want {
				require.True(t, now[a])
				require.Equal(t, fresh.Sources(a), policy.Sources(a))
			}
		}
	}
}

// TestPolicies compares the policies of all clusters with those of each.
func TestPolicies(t *testing.T) {
	var list []role.Binding
	for i := range 200 {
		list = append(list, bind(fmt.Sprintf("User:u%d", i%7), []string{"DeveloperRead", "ResourceOwner"}[i%2], prefixed("Topic", fmt.Sprintf("team-%d-", i/3)), fmt.Sprintf("cluster-%d", i%3)))
	}
	component := list[0]
	component.Scope.Connect = "connect"
	component.Pattern.ResourceType = "Connector"
	list = append(list, component)
	policies, err := role.Policies(role.Predefined(), nil, list)
	require.NoError(t, err)
	require.Len(t, policies, 3)
	for cluster, got := range policies {
		want := role.NewPolicy(cluster, role.Predefined(), nil)
		_, err := want.Apply(list, nil)
		require.NoError(t, err)
		assert.Equal(t, slices.SortedFunc(want.ACLs(), acl.Binding.Compare), slices.SortedFunc(got.ACLs(), acl.Binding.Compare), cluster)
		assert.Equal(t, want.Len(), got.Len(), cluster)
		assert.Equal(t, cluster, got.Cluster())
	}
	list[5].Role = "NoSuchRole"
	policies, err = role.Policies(role.Predefined(), nil, list)
	require.ErrorContains(t, err, "NoSuchRole")
	assert.Nil(t, policies)
}

// TestBudget compiles the bindings of twenty clusters, and publishes the change of one.
func TestBudget(t *testing.T) {
	const clusters, each = 20, 5000
	names := []string{"DeveloperRead", "DeveloperWrite", "ResourceOwner", "DeveloperManage"}
	bindings := make([][]role.Binding, clusters)
	for c := range bindings {
		for i := range each {
			bindings[c] = append(bindings[c], bind(fmt.Sprintf("User:u%d", i%500), names[i%4], prefixed("Topic", fmt.Sprintf("team-%d-", i/4)), fmt.Sprintf("cluster-%d", c)))
		}
	}
	var policies []*role.Policy
	compile := func() (took time.Duration, bytes uint64) {
		policies = nil
		before := heap()
		began := time.Now()
		for c := range bindings {
			p := role.NewPolicy(fmt.Sprintf("cluster-%d", c), role.Predefined(), nil)
			_, err := p.Apply(bindings[c], nil)
			require.NoError(t, err)
			policies = append(policies, p)
		}
		return time.Since(began), heap() - before
	}
	took, bytes := compile()
	for range 3 {
		again, _ := compile()
		took = min(took, again)
	}
	t.Logf("%d bindings of %d clusters compiled in %v, %d bytes each", clusters*each, clusters, took, bytes/(clusters*each))
	assert.Less(t, took, 5*budgetOfAll, "five times the budget, for a busy machine")

	store := storeOf(t, snapshot.Config{}, policies[0])
	b := bind("User:new", "DeveloperRead", prefixed("Topic", "team-1-"), "cluster-0")
	publish := func(add, remove []role.Binding) time.Duration {
		began := time.Now()
		change, err := policies[0].Apply(add, remove)
		require.NoError(t, err)
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			for _, a := range change.Remove {
				tx.Remove(a)
			}
			for _, a := range change.Add {
				tx.Add(a)
			}
			return nil
		}))
		return time.Since(began)
	}
	best := time.Hour
	for range 200 {
		best = min(best, publish([]role.Binding{b}, nil))
		require.True(t, store.Check(subject("User:new"), ops.Read, resource.Topic, "team-1-x").Allowed())
		best = min(best, publish(nil, []role.Binding{b}))
		require.False(t, store.Check(subject("User:new"), ops.Read, resource.Topic, "team-1-x").Allowed())
	}
	t.Logf("one binding of %d changed and published in %v", each, best)
	assert.Less(t, best, budgetOfOne)
}

// The budgets: all bindings of all clusters, and the change of one.
const (
	budgetOfAll = time.Second
	budgetOfOne = time.Millisecond
)

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzTable reads any text as a table: it is read again as it is written, or refused.
func FuzzTable(f *testing.F) {
	var text bytes.Buffer
	_, err := role.Predefined().WriteTo(&text)
	require.NoError(f, err)
	f.Add(text.Bytes())
	f.Add([]byte(`[{"name":"a","accessPolicy":{"scopeType":"Cluster","allowedOperations":[{"resourceType":"Topic","operations":["Read"],"permission":"DENY","host":"::1","patterns":[{"resourceType":"Topic","name":"a","patternType":"PREFIXED"}]}]}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := role.ParseTable(bytes.NewReader(text))
		if err != nil {
			return
		}
		var written bytes.Buffer
		_, err = table.WriteTo(&written)
		require.NoError(t, err)
		again, err := role.ParseTable(&written)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(table.Roles()), fmt.Sprint(again.Roles()))
	})
}
