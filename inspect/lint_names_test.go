package inspect_test

import (
	"net/netip"
	"slices"
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

// lintOne returns the findings with a code about one ACL.
func lintOne(t *testing.T, b acl.Binding, code inspect.Code) []inspect.Finding {
	t.Helper()
	n := shaped(t, snapshot.Config{}, func(int) acl.Binding { return b }, 1, none)
	return slices.DeleteFunc(must(inspect.Lint(n, inspect.LintOptions{})), func(f inspect.Finding) bool { return f.Code != code })
}

// TestMeantPrefix: lint and explain propose the pattern that was meant. Of two readings it is
// the one that opens less.
func TestMeantPrefix(t *testing.T) {
	const unknown = `name each TOPIC, or use PREFIXED with the text that the names begin with, or LITERAL "*"`
	for name, want := range map[string]string{
		"syslog*": `use PREFIXED "syslog"`, "t-.*": `use PREFIXED "t-"`, "t-.+": `use PREFIXED "t-"`, "logs.*": `use PREFIXED "logs."`,
		"^logs.*$": `use PREFIXED "logs"`, `logs\..*`: `use PREFIXED "logs."`, `logs\.*`: `use PREFIXED "logs."`, "^logs$": unknown,
		"a*b": unknown, "a|b": unknown, "a.*|b.*": unknown, ".*": unknown, "^.*$": unknown, "a,b*": unknown,
		"a,b": "write an ACL for each of the names",
	} {
		t.Run(name, func(t *testing.T) {
			found := lintOne(t, acltest.AllowFrom("User:a", "*", ops.Read, acltest.Topic(name)), inspect.CodeNamePattern)
			require.Len(t, found, 1)
			assert.Equal(t, want, found[0].Fix)
		})
	}
}

func TestMeantHost(t *testing.T) {
	const unknown = `write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or "*"`
	for host, want := range map[string]string{
		"10.*": `write "10.0.0.0/8"`, "10.1.*.*": `write "10.1.0.0/16"`, "10.1.2.*": `write "10.1.2.0/24"`, "10.0.0.0/255.0.0.0": `write "10.0.0.0/8"`,
		"10.0.0.1:9092": `write "10.0.0.1"`, "[2001:db8::1]:9092": `write "2001:db8:0:0:0:0:0:1"`, "/10.0.0.1": `write "10.0.0.1"`,
		"10.1.2.3.*": unknown, "300.*": unknown, "a.*": unknown, "*.1": unknown, ".*": unknown, "broker1.example.com": unknown,
	} {
		t.Run(host, func(t *testing.T) {
			found := lintOne(t, acltest.AllowFrom("User:a", host, ops.Read, acltest.Topic("x")), inspect.CodeDeadHost)
			require.Len(t, found, 1)
			assert.Equal(t, want, found[0].Fix)
		})
	}
}

// A DENY with a mistake protects nothing, and is more dangerous than an ALLOW.
func TestLevels(t *testing.T) {
	codes := inspect.Codes()
	assert.Len(t, codes, 27, "each code has a level")
	for i, code := range codes {
		assert.NotEmpty(t, code.Summary(), code)
		assert.NotEmpty(t, code.Level().String(), code)
		assert.NotContains(t, codes[:i], code)
		if i > 0 {
			assert.LessOrEqual(t, code.Level(), codes[i-1].Level(), code)
		}
	}
	assert.Empty(t, inspect.Code("x").Level().String())
	assert.Empty(t, inspect.Code("x").Summary())
	for _, b := range []acl.Binding{
		acltest.AllowFrom("User:a", "*", ops.Read, acltest.Topic("t*")),
		acltest.DenyFrom("User:a", "*", ops.Read, acltest.Topic("t*")),
	} {
		found := lintOne(t, b, inspect.CodeNamePattern)
		require.Len(t, found, 1)
		assert.Equal(t, b.Entry.Permission == acl.Deny, found[0].Level == inspect.LevelError)
	}
}

// TestOrderOfFindings: the most dangerous first, whichever ACL they are about.
func TestOrderOfFindings(t *testing.T) {
	acls := []acl.Binding{
		acltest.AllowFrom("User:*", "*", ops.Write, acltest.Topic("z")), acltest.AllowFrom("User:a", "*", ops.Read, acltest.Topic("z")),
		acltest.AllowFrom("User:a", "*", ops.Describe, acltest.Topic("z")), acltest.AllowFrom("User:a", "*", ops.Read, acltest.Topic("b*")),
		acltest.AllowFrom("User:a", "*", ops.Read, acltest.Topic("a*")),
		acltest.DenyFrom("User:a", "*", ops.Read, acltest.Topic("c*")),
	}
	super := snapshot.Config{SuperUsers: []principal.Principal{principal.User("b,User:c")}}
	n := shaped(t, super, func(i int) acl.Binding { return acls[i] }, len(acls), none)
	var got []string
	for _, f := range must(inspect.Lint(n, inspect.LintOptions{})) {
		got = append(got, f.Level.String()+" "+string(f.Code)+" "+f.SuperUser+f.Binding.Pattern.Name)
	}
	assert.Equal(t, []string{
		"error everyone z", "error name-pattern c*", "warning name-pattern a*", "warning name-pattern b*", "warning super-user-list User:b,User:c", "note idle c*", "note redundant z",
	}, got)
}

// Explain proposes the PREFIXED form of a pattern inside a name.
func TestNearMissOfAPattern(t *testing.T) {
	for _, test := range []struct{ pattern, asked, want resource.Pattern }{
		{acltest.Topic("syslog*"), acltest.Topic("syslog-a"), acltest.Topics("syslog")},
		{acltest.Topics("t-*"), acltest.Topic("t-1"), acltest.Topics("t-")},
		{acltest.Topic("orders."), acltest.Topic("orders.eu"), acltest.Topics("orders.")},
		{acltest.Topic("orders"), acltest.Topic("orders.eu"), acltest.Topic("orders.eu")},
		{acltest.Topic("syslog*"), acltest.Topic("other"), acltest.Topic("other")},
		{acltest.Topic("t1,t2"), acltest.Topic("t2"), acltest.Topic("t2")},
		{resource.LiteralPattern(resource.Group, "g-*"), resource.LiteralPattern(resource.Group, "g-1"), resource.PrefixedPattern(resource.Group, "g-")},
	} {
		t.Run(test.pattern.Name+" "+test.asked.Name, func(t *testing.T) {
			for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact44} {
				b := acltest.AllowFrom("User:a", "*", ops.Read, test.pattern)
				n := shaped(t, snapshot.Config{Semantics: semantics}, func(int) acl.Binding { return b }, 1, none)
				who := snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("10.0.0.1")}
				x := inspect.Explain(n, who, snapshot.Request{Operation: ops.Read, Type: test.asked.Type, Name: test.asked.Name}, 0)
				require.Len(t, x.NearMisses, 1)
				assert.Equal(t, test.want, x.NearMisses[0].Fixed.Pattern)
			}
		})
	}
}
