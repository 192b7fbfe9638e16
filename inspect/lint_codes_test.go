package inspect_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func topic(name string) resource.Pattern  { return resource.LiteralPattern(resource.Topic, name) }
func prefix(name string) resource.Pattern { return resource.PrefixedPattern(resource.Topic, name) }

func deny(who, host string, op ops.Operation, p resource.Pattern) acl.Binding {
	b := allow(who, host, op, p)
	b.Entry.Permission = acl.Deny
	return b
}

// TestLintCodes has for each code a set of ACLs whose first one has the finding, and
// similar ACLs without it.
func TestLintCodes(t *testing.T) {
	cluster := resource.LiteralPattern(resource.Cluster, resource.ClusterName)
	a := func(op ops.Operation, p resource.Pattern) acl.Binding { return allow("User:a", "*", op, p) }
	super := snapshot.Config{SuperUsers: []principal.Principal{principal.User("a")}}
	exact := snapshot.Config{Semantics: snapshot.KafkaExact}
	tests := []struct {
		code   inspect.Code
		config snapshot.Config
		acls   []acl.Binding
		others int
		found  bool
	}{
		{inspect.CodeShadowed, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("x")), deny("User:*", "*", ops.All, prefix(""))}, 1, true},
		{inspect.CodeShadowed, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("x")), deny("User:*", "*", ops.Read, prefix(""))}, 0, false}, // Describe remains
		{inspect.CodeShadowed, snapshot.Config{}, []acl.Binding{a(ops.Create, topic("x")), deny("User:a", "0.0.0.0/0", ops.Create, topic("*")), deny("User:a", "::/0", ops.Create, topic("*"))}, 2, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("x")), a(ops.All, prefix("x"))}, 1, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Describe, topic("x")), a(ops.Write, topic("x"))}, 1, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Write, topic("x")), a(ops.Describe, topic("x"))}, 0, false},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{allow("User:a", "10.1.0.0/16", ops.Read, topic("x")), allow("User:*", "10.0.0.0/8", ops.Read, topic("x"))}, 1, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{allow("User:a", "10.0.0.0/31", ops.Read, topic("x")), allow("User:a", "10.0.0.0", ops.Read, topic("x")), allow("User:a", "10.0.0.1", ops.Read, topic("x"))}, 2, true},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{allow("User:a", "10.0.0.0/30", ops.Read, topic("x")), allow("User:a", "10.0.0.0", ops.Read, topic("x")), allow("User:a", "10.0.0.1", ops.Read, topic("x"))}, 0, false},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("x")), a(ops.Read, prefix("x")), deny("User:a", "*", ops.Describe, topic("x"))}, 2, true},
		{inspect.CodeRedundant, snapshot.Config{AllowIfNoACL: true}, []acl.Binding{allow("User:*", "*", ops.All, topic("x"))}, 0, true},
		{inspect.CodeRedundant, snapshot.Config{AllowIfNoACL: true}, []acl.Binding{allow("User:*", "*", ops.All, prefix("x")), a(ops.Read, topic("xy"))}, 0, false},
		{inspect.CodeRedundant, snapshot.Config{}, []acl.Binding{deny("User:a", "*", ops.Read, topic("x")), deny("User:*", "*", ops.All, topic("*")), a(ops.Read, topic("x"))}, 1, true},
		{inspect.CodeIdle, snapshot.Config{}, []acl.Binding{deny("User:a", "*", ops.Read, topic("x")), allow("User:b", "*", ops.Read, topic("y"))}, 0, true},
		{inspect.CodeIdle, snapshot.Config{}, []acl.Binding{deny("User:a", "*", ops.Read, topic("x")), allow("User:b", "*", ops.Read, topic("x"))}, 0, false}, // b may have group a
		{inspect.CodeSuperUser, super, []acl.Binding{a(ops.Read, topic("x"))}, 0, true},
		{inspect.CodeSuperUser, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("x"))}, 0, false},
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{deny("User:a", "10.0.0.0/33", ops.Read, topic("x")), a(ops.Read, topic("x"))}, 0, true},
		{inspect.CodeUnreadableHost, exact, []acl.Binding{deny("User:a", "fe80::1%eth0/64", ops.Read, topic("x")), a(ops.Read, topic("x"))}, 0, true},
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{allow("User:a", "10.0.0.0/33", ops.Read, topic("x"))}, 0, false}, // dead-host
		{inspect.CodeUnreadableHost, snapshot.Config{}, []acl.Binding{deny("User:a", "010.0.0.0/8", ops.Read, topic("x")), a(ops.Read, topic("x"))}, 0, false},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{allow("User:a", "10.0.0.0/33", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{allow("User:a", "localhost", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeDeadHost, snapshot.Config{}, []acl.Binding{allow("User:a", "::1", ops.Read, topic("x"))}, 0, false},
		{inspect.CodeDeadHost, exact, []acl.Binding{allow("User:a", "::1", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeDeadHost, exact, []acl.Binding{allow("User:a", "10.0.0.0/8", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeDeadOperation, snapshot.Config{}, []acl.Binding{a(ops.ClusterAction, topic("x"))}, 0, true},
		{inspect.CodeDeadOperation, snapshot.Config{}, []acl.Binding{a(ops.Alter, resource.LiteralPattern(resource.Group, "g"))}, 0, false}, // it grants Describe
		{inspect.CodeDeadOperation, snapshot.Config{}, []acl.Binding{deny("User:a", "*", ops.Alter, resource.LiteralPattern(resource.Group, "g"))}, 0, true},
		{inspect.CodeNoPrincipal, snapshot.Config{}, []acl.Binding{allow("alice", "*", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeNoPrincipal, snapshot.Config{}, []acl.Binding{allow(":", "*", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeNoPrincipal, snapshot.Config{}, []acl.Binding{allow("User:", "*", ops.Read, topic("x"))}, 0, false},
		{inspect.CodePrefixedStar, snapshot.Config{}, []acl.Binding{a(ops.Read, prefix("*"))}, 0, true},
		{inspect.CodePrefixedStar, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("*"))}, 0, false},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{allow("Group:*", "*", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{allow("User:'*'", "*", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeStarPrincipal, snapshot.Config{}, []acl.Binding{allow("User:*", "*", ops.Read, topic("x"))}, 0, false},
		{inspect.CodePrincipalType, snapshot.Config{}, []acl.Binding{allow("user:a", "*", ops.Read, topic("x"))}, 0, true},
		{inspect.CodePrincipalType, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("x"))}, 0, false},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, prefix("foo")), allow("User:b", "*", ops.Write, topic("foobar-secret"))}, 1, true},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, prefix("foo")), allow("User:b", "*", ops.Write, topic("foo.bar"))}, 0, false},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, prefix("foo-")), allow("User:b", "*", ops.Write, topic("foo-secret"))}, 0, false},
		{inspect.CodePrefixOpens, snapshot.Config{}, []acl.Binding{a(ops.Read, prefix("foo")), a(ops.Write, topic("foobar"))}, 0, false},
		{inspect.CodeEveryone, snapshot.Config{}, []acl.Binding{allow("User:*", "10.0.0.1", ops.Write, topic("x"))}, 0, true},
		{inspect.CodeEveryone, snapshot.Config{}, []acl.Binding{allow("User:*", "*", ops.Read, topic("x"))}, 0, false},
		{inspect.CodeClusterAll, snapshot.Config{}, []acl.Binding{a(ops.All, cluster)}, 0, true},
		{inspect.CodeClusterAll, snapshot.Config{}, []acl.Binding{a(ops.Alter, cluster)}, 0, false},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{allow("User:a", "10.0.0.0/8", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{a(ops.Read, topic("*"))}, 0, false},
		{inspect.CodeSemantics, snapshot.Config{}, []acl.Binding{a(ops.Read, resource.LiteralPattern(resource.Group, "*"))}, 0, true},
		{inspect.CodeNoAnswer, exact, []acl.Binding{allow("alice", "*", ops.Read, topic("x"))}, 0, true},
		{inspect.CodeNoAnswer, snapshot.Config{}, []acl.Binding{allow("alice", "*", ops.Read, topic("x"))}, 0, false},
		{inspect.CodeNoAnswer, exact, []acl.Binding{a(ops.Read, topic("!x")), a(ops.Read, topic("!y"))}, 0, true},
		{inspect.CodeNoAnswer, exact, []acl.Binding{a(ops.Read, topic("x")), a(ops.Read, topic("!y"))}, 0, false},
	}
	for _, tt := range tests {
		n := shaped(t, tt.config, func(i int) acl.Binding { return tt.acls[i] }, len(tt.acls), none)
		found := false
		for _, f := range must(inspect.Lint(n, inspect.LintOptions{})) {
			if f.Reason == "" || f.Fix == "" {
				t.Errorf("%v has no text", f)
			}
			if f.Binding == tt.acls[0] && f.Code == tt.code {
				found = true
				if len(f.Others) != tt.others {
					t.Errorf("%s of %v: others %v, want %d", tt.code, tt.acls, f.Others, tt.others)
				}
			}
		}
		if found != tt.found {
			t.Errorf("%s of %v by %+v: %t, want %t: %v", tt.code, tt.acls, tt.config, found, tt.found, must(inspect.Lint(n, inspect.LintOptions{})))
		}
	}
}

func TestLintKnowsPrincipalTypes(t *testing.T) {
	n := shaped(t, snapshot.Config{}, func(int) acl.Binding { return allow("Group:ops", "*", ops.Read, topic("x")) }, 1, none)
	if findings := must(inspect.Lint(n, inspect.LintOptions{PrincipalTypes: []string{"User", "Group"}})); len(findings) != 0 {
		t.Errorf("got %v", findings)
	}
	steps := 0
	findings := must(inspect.Lint(n, inspect.LintOptions{Progress: func(done, total int) {
		steps++
		if done != 1 || total != 1 {
			t.Errorf("%d of %d", done, total)
		}
	}}))
	if len(findings) != 1 || findings[0].Code != inspect.CodePrincipalType || steps != 1 {
		t.Errorf("got %v after %d steps", findings, steps)
	}
}

// TestSemanticsAgainstModel compares CodeSemantics with the model, for each ACL of
// generated worlds alone.
func TestSemanticsAgainstModel(t *testing.T) {
	const worlds = 400
	differ := 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		b := gen.Binding(src)
		w := refmodel.World{ACLs: []acl.Binding{b}}
		said := slices.ContainsFunc(must(inspect.Lint(snapshotOf(t, w), inspect.LintOptions{})), func(f inspect.Finding) bool { return f.Code == inspect.CodeSemantics })
		if !acl.ParseHost(b.Entry.Host).FailsClosed() {
			b.Entry.Permission = acl.Allow // an ALLOW may imply an operation
		}
		if ops.DeniedBy(w.ACLs[0].Entry.Operation)&ops.Supported(b.Pattern.Type) == 0 && w.ACLs[0].Entry.Permission == acl.Deny {
			continue // it supports no operation, but an ALLOW may imply one
		}
		differs := false
		for _, host := range hostsOf(w.ACLs) {
			if host.Zone() != "" && !host.IsLinkLocalUnicast() {
				continue // only link-local addresses have zones
			}
			for _, name := range namesOf(w.ACLs, b.Pattern.Type) {
				if strings.HasPrefix(name, "*") && b.Pattern.IsWildcard() && b.Pattern.Type != resource.Group {
					continue // no topic and no user has such a name
				}
				differs = differs || matchesIn(b, snapshot.Documented, host, name) != matchesIn(b, snapshot.KafkaExact, host, name)
			}
		}
		if said != differs {
			t.Fatalf("seed %d: %v: differs %t, want %t", seed, b, said, differs)
		}
		differ += oneIf(differs)
	}
	if differ < worlds/20 {
		t.Errorf("%d of %d ACLs differ", differ, worlds)
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
