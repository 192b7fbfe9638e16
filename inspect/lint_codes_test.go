package inspect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestLintCodes has for each code a set of ACLs whose first one has the finding, and
// similar ACLs without it.
func TestLintCodes(t *testing.T) {
	cluster := resource.LiteralPattern(resource.Cluster, resource.ClusterName)
	a := func(op ops.Operation, p resource.Pattern) acl.Binding { return acltest.AllowFrom("User:a", "*", op, p) }
	super := snapshot.Config{SuperUsers: []principal.Principal{principal.User("a")}}
	exact, exact4 := snapshot.Config{Semantics: snapshot.KafkaExact}, snapshot.Config{Semantics: snapshot.KafkaExact44}
	tests := []struct {
		code   inspect.Code
		config snapshot.Config
		acls   []acl.Binding
		others int
		found  bool
	}{
		{inspect.CodeShadowed, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x")), acltest.DenyFrom("User:*", "*", ops.All, acltest.Topics(""))}, 1, true},
		{inspect.CodeShadowed, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x")), acltest.DenyFrom("User:*", "*", ops.Read, acltest.Topics(""))}, 0, false}, // Describe remains
		{inspect.CodeShadowed, snapshot.Config{}, []acl.Binding{a(ops.Create, acltest.Topic("x")), acltest.DenyFrom("User:a", "0.0.0.0/0", ops.Create, acltest.Topic("*")), acltest.DenyFrom("User:a", "::/0", ops.Create, acltest.Topic("*"))}, 2, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x")), a(ops.All, acltest.Topics("x"))}, 1, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Describe, acltest.Topic("x")), a(ops.Write, acltest.Topic("x"))}, 1, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Write, acltest.Topic("x")), a(ops.Describe, acltest.Topic("x"))}, 0, false},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.1.0.0/16", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:*", "10.0.0.0/8", ops.Read, acltest.Topic("x"))}, 1, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/31", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:a", "10.0.0.0", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:a", "10.0.0.1", ops.Read, acltest.Topic("x"))}, 2, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/30", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:a", "10.0.0.0", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:a", "10.0.0.1", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x")), a(ops.Read, acltest.Topics("x")), acltest.DenyFrom("User:a", "*", ops.Describe, acltest.Topic("x"))}, 2, true},
		{inspect.CodeRedundant, snapshot.Config{AllowIfNoACL: true}, []acl.Binding{acltest.AllowFrom("User:*", "*", ops.All, acltest.Topic("x"))}, 0, true},
		{inspect.CodeRedundant, snapshot.Config{AllowIfNoACL: true}, []acl.Binding{acltest.AllowFrom("User:*", "*", ops.All, acltest.Topics("x")), a(ops.Read, acltest.Topic("xy"))}, 0, false},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "*", ops.Read, acltest.Topic("x")), acltest.DenyFrom("User:*", "*", ops.All, acltest.Topic("*")), a(ops.Read, acltest.Topic("x"))}, 1, true},
		{inspect.CodeIdle, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "*", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:b", "*", ops.Read, acltest.Topic("y"))}, 0, true},
		{inspect.CodeIdle, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "*", ops.Read, acltest.Topic("x")), acltest.AllowFrom("User:b", "*", ops.Read, acltest.Topic("x"))}, 0, false}, // b may have group a
		{inspect.CodeSuperUser, super, []acl.Binding{a(ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeSuperUser, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "10.0.0.0/33", ops.Read, acltest.Topic("x")), a(ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeUnreadableHost, exact, []acl.Binding{acltest.DenyFrom("User:a", "fe80::1%eth0/64", ops.Read, acltest.Topic("x")), a(ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/33", ops.Read, acltest.Topic("x"))}, 0, false}, // dead-host
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "010.0.0.0/8", ops.Read, acltest.Topic("x")), a(ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/33", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "localhost", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "::1", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeDeadHost, exact, []acl.Binding{acltest.AllowFrom("User:a", "::1", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadHost, exact, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadOperation, snapshot.Config{}, []acl.Binding{a(ops.ClusterAction, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadOperation, snapshot.Config{}, []acl.Binding{a(ops.Alter, resource.LiteralPattern(resource.Group, "g"))}, 0, false}, // it grants Describe
		{inspect.CodeDeadOperation, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "*", ops.Alter, resource.LiteralPattern(resource.Group, "g"))}, 0, true},
		{inspect.CodeNoPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("alice", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeNoPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom(":", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeNoPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:", "*", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodePrefixedStar, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("*"))}, 0, true},
		{inspect.CodePrefixedStar, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("*"))}, 0, false},
		{inspect.CodeEmptyName, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics(""))}, 0, true},
		{inspect.CodeEmptyName, exact4, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, ""))}, 0, true},
		{inspect.CodeEmptyName, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("*"))}, 0, false},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadHost, exact4, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/255.0.0.0", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "10.0.0.0/255.0.0.0", ops.Read, acltest.Topic("x")), a(ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("Group:*", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:'*'", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:*", "*", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:app-*", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:CN=*.example.com,O=Acme", "*", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodePrincipalList, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a,User:b", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodePrincipalList, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:CN=a,O=b", "*", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("*"))}, 0, false},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("*"))}, 0, false}, // prefixed-star
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("t-*"))}, 0, true},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("t-[ab]"))}, 0, true},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("t1,t2"))}, 0, true},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "relation-81-*"))}, 0, true},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "$Default"))}, 0, false},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "what?"))}, 0, false},
		{inspect.CodeNamePattern, snapshot.Config{}, []acl.Binding{a(ops.Alter, resource.LiteralPattern(resource.Cluster, "kafka*"))}, 0, false},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("a b"))}, 0, true},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic(strings.Repeat("a", 250)))}, 0, true},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics(strings.Repeat("a", 250)))}, 0, true},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics(strings.Repeat("a", 249)))}, 0, false},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic(".."))}, 0, true},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics(".."))}, 0, false},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics(""))}, 0, false},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("*"))}, 0, false},
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("t*"))}, 0, false}, // name-pattern
		{inspect.CodeNoTopic, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "a b"))}, 0, false},
		{inspect.CodeUnprintable, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "a\nb"))}, 0, true},
		{inspect.CodeUnprintable, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.PrefixedPattern(resource.Group, "a\u202eb"))}, 0, true},
		{inspect.CodeUnprintable, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a\x1b", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeUnprintable, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:Jürgen", "*", ops.Read, resource.LiteralPattern(resource.Group, "größe 😀"))}, 0, false},
		{inspect.CodeClusterName, snapshot.Config{}, []acl.Binding{a(ops.Alter, resource.LiteralPattern(resource.Cluster, "cluster"))}, 0, true},
		{inspect.CodeClusterName, snapshot.Config{}, []acl.Binding{a(ops.Alter, resource.PrefixedPattern(resource.Cluster, "kafka"))}, 0, true},
		{inspect.CodeClusterName, snapshot.Config{}, []acl.Binding{a(ops.Alter, cluster)}, 0, false},
		{inspect.CodePrincipalType, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("user:a", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodePrincipalType, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("foo")), acltest.AllowFrom("User:b", "*", ops.Write, acltest.Topic("foobar-secret"))}, 1, true},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("foo")), acltest.AllowFrom("User:b", "*", ops.Write, acltest.Topic("foo.bar"))}, 0, false},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("foo-")), acltest.AllowFrom("User:b", "*", ops.Write, acltest.Topic("foo-secret"))}, 0, false},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topics("foo")), a(ops.Write, acltest.Topic("foobar"))}, 0, false},
		{inspect.CodeEveryone, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:*", "10.0.0.1", ops.Write, acltest.Topic("x"))}, 0, true},
		{inspect.CodeEveryone, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:*", "*", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeClusterAll, snapshot.Config{}, []acl.Binding{a(ops.All, cluster)}, 0, true},
		{inspect.CodeClusterAll, snapshot.Config{}, []acl.Binding{a(ops.Alter, cluster)}, 0, false},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "0.0.0.0/32", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeDeadHost, exact4, []acl.Binding{acltest.AllowFrom("User:a", "0.0.0.0/31", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeDeadHost, exact4, []acl.Binding{acltest.AllowFrom("User:a", "fe80::1%eth0/64", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, false}, // from-4.4
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "::1", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{acltest.DenyFrom("User:a", "10.0.0.0/33", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeFrom44, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeFrom44, exact, []acl.Binding{acltest.DenyFrom("User:a", "010.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeFrom44, exact, []acl.Binding{acltest.AllowFrom("User:a", "fe80::1%eth0/64", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeFrom44, exact4, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeFrom44, exact, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/33", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeFrom44, exact, []acl.Binding{acltest.AllowFrom("User:a", "::ffff:10.0.0.0/104", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeFrom44, exact, []acl.Binding{acltest.AllowFrom("User:a", "0.0.0.0/32", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeFrom44, exact, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.1", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeNoClient, exact4, []acl.Binding{acltest.AllowFrom("User:a", "224.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeNoClient, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "0.0.0.0", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeNoClient, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "ff02::1", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeNoClient, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "0.0.0.0/0", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeNoClient, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("User:a", "192.0.0.0/2", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeNoClient, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeHostText, exact4, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.1/8", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeHostText, exact4, []acl.Binding{acltest.AllowFrom("User:a", "10.0.0.0/8", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeHostText, exact4, []acl.Binding{acltest.AllowFrom("User:a", "::1", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeSideEffect, snapshot.Config{}, []acl.Binding{a(ops.AlterConfigs, resource.LiteralPattern(resource.Group, "g"))}, 0, true},
		{inspect.CodeSideEffect, exact4, []acl.Binding{a(ops.All, resource.LiteralPattern(resource.Group, "g"))}, 0, true},
		{inspect.CodeSideEffect, exact, []acl.Binding{a(ops.AlterConfigs, resource.LiteralPattern(resource.Group, "g"))}, 0, false},
		{inspect.CodeSideEffect, super, []acl.Binding{a(ops.AlterConfigs, resource.LiteralPattern(resource.Group, "g"))}, 0, false},
		{inspect.CodeSideEffect, exact4, []acl.Binding{a(ops.AlterConfigs, acltest.Topic("g"))}, 0, false},
		{inspect.CodeSideEffect, exact4, []acl.Binding{a(ops.DescribeConfigs, resource.LiteralPattern(resource.Group, "g"))}, 0, false},
		{inspect.CodeSideEffect, exact4, []acl.Binding{acltest.DenyFrom("User:a", "*", ops.AlterConfigs, resource.LiteralPattern(resource.Group, "g"))}, 0, false},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{a(ops.Read, acltest.Topic("*"))}, 0, false},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "*"))}, 0, true},
		{inspect.CodeNoAnswer, exact, []acl.Binding{acltest.AllowFrom("alice", "*", ops.Read, acltest.Topic("x"))}, 0, true},
		{inspect.CodeNoAnswer, snapshot.Config{}, []acl.Binding{acltest.AllowFrom("alice", "*", ops.Read, acltest.Topic("x"))}, 0, false},
		{inspect.CodeNoAnswer, exact, []acl.Binding{a(ops.Read, acltest.Topic("!x")), a(ops.Read, acltest.Topic("!y"))}, 0, true},
		{inspect.CodeNoAnswer, exact, []acl.Binding{a(ops.Read, acltest.Topic("x")), a(ops.Read, acltest.Topic("!y"))}, 0, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			n := shaped(t, tt.config, func(i int) acl.Binding { return tt.acls[i] }, len(tt.acls), none)
			found := false
			for _, f := range must(inspect.Lint(n, inspect.LintOptions{})) {
				assert.NotEqual(t, "", f.Reason, "%v has no text", f)
				assert.NotEqual(t, "", f.Fix, "%v has no text", f)
				if f.Binding == tt.acls[0] && f.Code == tt.code {
					found = true
					assert.Len(t, f.Others, tt.others, "%s of %v: others %v, want %d", tt.code, tt.acls, f.Others, tt.others)
				}
			}
			assert.Equal(t, tt.found, found, "%s of %v by %+v", tt.code, tt.acls, tt.config)
		})
	}
}

func TestLintKnowsPrincipalTypes(t *testing.T) {
	n := shaped(t, snapshot.Config{}, func(int) acl.Binding { return acltest.AllowFrom("Group:ops", "*", ops.Read, acltest.Topic("x")) }, 1, none)
	assert.Empty(t, must(inspect.Lint(n, inspect.LintOptions{PrincipalTypes: []string{"User", "Group"}})))
	steps := 0
	findings := must(inspect.Lint(n, inspect.LintOptions{Progress: func(done, total int) {
		steps++
		assert.Equal(t, 1, done, "%d of %d", done, total)
		assert.Equal(t, 1, total, "%d of %d", done, total)
	}}))
	require.Len(t, findings, 1, "got %v after %d steps", findings, steps)
	assert.Equal(t, inspect.CodePrincipalType, findings[0].Code, "got %v after %d steps", findings, steps)
	assert.Equal(t, 1, steps, "got %v after %d steps", findings, steps)
}

// TestSemanticsAgainstModel compares CodeSemantics with the model, for each ACL of
// generated worlds alone.
func TestSemanticsAgainstModel(t *testing.T) {
	const worlds = 800
	differ, start := 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		b := gen.Binding(src)
		w := refmodel.World{ACLs: []acl.Binding{b}}
		found := must(inspect.Lint(snapshotOf(t, w), inspect.LintOptions{}))
		from44 := hasCode(found, inspect.CodeFrom44)
		said := hasCode(found, inspect.CodeSemantics) || from44 && !isLinkAllow(b)
		w.Exact = true
		require.Equal(t, from44, hasCode(must(inspect.Lint(snapshotOf(t, w), inspect.LintOptions{})), inspect.CodeFrom44), "both are before 4.4")
		isLinkAllow := isLinkAllow(b)
		if !acl.ParseHost(b.Entry.Host).FailsClosed() {
			b.Entry.Permission = acl.Allow // an ALLOW may imply an operation
		}
		if ops.DeniedBy(w.ACLs[0].Entry.Operation)&ops.Supported(b.Pattern.Type) == 0 && w.ACLs[0].Entry.Permission == acl.Deny {
			continue // it supports no operation, but an ALLOW may imply one
		}
		differs, starts := false, false
		for _, host := range hostsOf(w.ACLs) {
			if host.Zone() != "" && !host.IsLinkLocalUnicast() {
				continue // only link-local addresses have zones
			}
			for _, name := range namesOf(w.ACLs, b.Pattern.Type) {
				if strings.HasPrefix(name, "*") && b.Pattern.IsWildcard() && b.Pattern.Type != resource.Group {
					continue // no topic and no user has such a name
				}
				differs = differs || matchesIn(b, snapshot.Documented, host, name) != matchesIn(b, snapshot.KafkaExact, host, name)
				starts = starts || matchesIn(b, snapshot.KafkaExact44, host, name) != matchesIn(b, snapshot.KafkaExact, host, name)
			}
		}
		require.Equal(t, differs, said, "seed %d: %v: differs %t, want %t", seed, b, said, differs)
		if !isLinkAllow { // the brokers with its interface are not known
			require.Equal(t, starts, from44, "seed %d: %v: starts to match %t, want %t", seed, b, from44, starts)
		}
		differ += oneIf(differs)
		start += oneIf(starts)
	}
	assert.GreaterOrEqual(t, differ, worlds/20, "%d of %d ACLs differ", differ, worlds)
	assert.GreaterOrEqual(t, start, worlds/40, "%d of %d ACLs start to match", start, worlds)
}

func hasCode(findings []inspect.Finding, code inspect.Code) bool {
	return slices.ContainsFunc(findings, func(f inspect.Finding) bool { return f.Code == code })
}

// isLinkAllow reports whether b allows something at brokers with an interface only.
func isLinkAllow(b acl.Binding) bool {
	return b.Entry.Permission == acl.Allow && acl.ParseHost(b.Entry.Host).IsLinkNetwork()
}

// TestLintRecommendsHosts: a finding about a host says what to write instead.
func TestLintRecommendsHosts(t *testing.T) {
	for host, want := range map[string]string{
		"010.0.0.5/08":          `write "10.0.0.0/8"`,
		"[2001:DB8::1]/+32":     `write "2001:db8::/32"`,
		"::ffff:10.0.0.0/104":   `write "10.0.0.0/8"`,
		"10.0.0.7/255.255.0.0":  `write "10.0.0.0/16"`,
		"10.0.0.7/255.0.255.0":  `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`,
		"10.0.0.0/33":           `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`,
		"::1":                   `write "0:0:0:0:0:0:0:1", as Java prints it`,
		"::ffff:10.0.0.1":       `write "10.0.0.1", as Java prints it`,
		"::ffff:0:0/90":         `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`,
		"fe80::1%eth0/64":       `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`,
		"10.0.0.0/255.0.0.0/8":  `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`,
		"machine.example.com":   `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`,
		"0:0:0:0:0:0:0:1/00128": `write "::1/128"`,
	} {
		t.Run(host, func(t *testing.T) {
			for _, permission := range []acl.PermissionType{acl.Allow, acl.Deny} {
				b := acltest.AllowFrom("User:a", host, ops.Read, acltest.Topic("x"))
				b.Entry.Permission = permission
				n := shaped(t, snapshot.Config{}, func(int) acl.Binding { return b }, 1, none)
				found := must(inspect.Lint(n, inspect.LintOptions{}))
				assert.True(t, slices.ContainsFunc(found, func(f inspect.Finding) bool { return f.Fix == want }), "%v: %+v", permission, found)
			}
		})
	}
}

// matchesIn reports whether an ALLOW matches some operation that the type supports, for
// its own principal.
func matchesIn(b acl.Binding, semantics snapshot.Semantics, host netip.Addr, name string) bool {
	s := refmodel.Subject{Principal: fresh, Host: host}
	if p, err := principal.Parse(b.Entry.Principal); err == nil && b.Entry.Principal != principal.Wildcard {
		s.Principal = p
	}
	for op := range ops.Supported(b.Pattern.Type).All() {
		if len(explained(refmodel.World{ACLs: []acl.Binding{b}}, semantics, s, refmodel.Request{Operation: op, Type: b.Pattern.Type, Name: name})) > 0 {
			return true
		}
	}
	return false
}
