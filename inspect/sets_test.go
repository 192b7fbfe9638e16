package inspect_test

import (
	"fmt"
	"net/netip"
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

// TestSetsAreCanonical: equal sets have the same text, whatever ACLs they come from.
func TestSetsAreCanonical(t *testing.T) {
	read := func(host string, p resource.Pattern) acl.Binding {
		return acltest.AllowFrom("User:a", host, ops.Create, p)
	}
	tests := []struct {
		acls []acl.Binding
		want string
	}{
		{[]acl.Binding{read("*", acltest.Topic("*"))}, `CREATE on TOPIC all names from *`},
		{[]acl.Binding{read("*", acltest.Topics(""))}, `CREATE on TOPIC all names from *`},
		{[]acl.Binding{read("*", acltest.Topics("a")), read("*", acltest.Topic("ab")), read("*", acltest.Topics("a"))}, `CREATE on TOPIC prefix "a" from *`},
		{[]acl.Binding{read("*", acltest.Topic("a")), read("*", acltest.Topic("b"))}, `CREATE on TOPIC "a"; "b" from *`},
		{[]acl.Binding{read("*", acltest.Topic("*")), acltest.DenyFrom("User:a", "*", ops.Create, acltest.Topics("a")), acltest.DenyFrom("User:*", "*", ops.All, acltest.Topic("b"))},
			`CREATE on TOPIC all names except prefix "a", "b" from *`},
		{[]acl.Binding{read("0.0.0.0/1", acltest.Topic("a")), read("128.0.0.0/1", acltest.Topic("a"))}, `CREATE on TOPIC "a" from 0.0.0.0/0`},
		{[]acl.Binding{read("0.0.0.0/0", acltest.Topic("a")), read("::/0", acltest.Topic("a"))}, `CREATE on TOPIC "a" from *`},
		{[]acl.Binding{read("::ffff:10.0.0.1", acltest.Topic("a")), read("10.0.0.1/32", acltest.Topic("a"))}, `CREATE on TOPIC "a" from 10.0.0.1`},
		{[]acl.Binding{read("fe80::1", acltest.Topic("a")), acltest.DenyFrom("User:a", "fe80::1%eth0", ops.Create, acltest.Topic("a"))},
			`CREATE on TOPIC "a" from fe80::1`},
		{[]acl.Binding{read("*", acltest.Topic("a")), acltest.DenyFrom("User:a", "10.0.0.0/8", ops.Create, acltest.Topic("a")), acltest.DenyFrom("User:a", "::1", ops.Create, acltest.Topic("a"))},
			`CREATE on TOPIC "a" from * except 10.0.0.0/8, ::1`},
		{[]acl.Binding{read("*", acltest.Topic("a\n"))}, `CREATE on TOPIC "a\n" from *`},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.acls), func(t *testing.T) {
			n := shaped(t, snapshot.Config{}, func(i int) acl.Binding { return tt.acls[i] }, len(tt.acls), none)
			access, err := inspect.WhatCan(n, snapshot.Subject{Principal: principal.User("a")})
			require.NoError(t, err)
			require.Len(t, access, 1)
			assert.Equal(t, tt.want, access[0].String())
		})
	}
	var names inspect.NameSet
	var hosts inspect.HostSet
	got := fmt.Sprint(names, hosts)
	assert.Equal(t, "no name no host", got, "empty sets are %s", got)
}

// TestZeroValuesHoldNothing: a set that was not filled allows nothing.
func TestZeroValuesHoldNothing(t *testing.T) {
	assert.False(t, (inspect.NameSet{}).Contains(""), "an empty set holds something")
	assert.False(t, (inspect.HostSet{}).Contains(netip.MustParseAddr("::1")), "an empty set holds something")
	assert.False(t, inspect.Everywhere.Contains(netip.Addr{}), "no address is somewhere")
	assert.True(t, (inspect.NameRange{}).Contains(""), "the zero Names is not the empty name alone")
	assert.False(t, (inspect.NameRange{}).Contains("a"), "the zero Names is not the empty name alone")
	assert.True(t, inspect.AllNames.Contains(""), "the zero Names is not the empty name alone")
	assert.Equal(t, "Field(99)", inspect.Field(99).String())
	x := (inspect.Explanation{})
	assert.False(t, x.Decision.Allowed(), "the zero Explanation allows")
	zero := new(snapshot.Snapshot)
	alice := snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("::1")}
	r := snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "a"}
	access, err := inspect.WhatCan(zero, alice)
	assert.Empty(t, access, "the zero Snapshot allows %v, %v", access, err)
	assert.NoError(t, err, "the zero Snapshot allows %v, %v", access, err)
	grantees := must(inspect.WhoCan(zero, r, nil))
	assert.Empty(t, grantees, "the zero Snapshot allows %v", grantees)
	findings := must(inspect.Lint(zero, inspect.LintOptions{}))
	assert.Empty(t, findings, "the zero Snapshot has %v", findings)
	changes, err := inspect.Diff(zero, zero, nil)
	assert.Empty(t, changes, "the zero Snapshot differs from itself")
	assert.NoError(t, err, "the zero Snapshot differs from itself")
}

// TestWhatIsNoQuestion asks invalid questions, which no check allows, not even for
// super users.
func TestWhatIsNoQuestion(t *testing.T) {
	n := shaped(t, snapshot.Config{SuperUsers: []principal.Principal{principal.User("a")}}, func(int) acl.Binding { return acltest.AllowFrom("User:*", "*", ops.All, acltest.Topic("*")) }, 1, none)
	for _, r := range []snapshot.Request{
		{Operation: -1, Type: resource.Topic, Name: "a"}, {Operation: 16, Type: resource.Topic, Name: "a"},
		{Operation: ops.Read, Type: resource.Any, Name: "a"}, {Operation: ops.Read, Type: 8, Name: "a"},
	} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			got := must(inspect.WhoCan(n, r, nil))
			assert.Nil(t, got, "%v is granted to %v", r, got)
			x := inspect.Explain(n, snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("::1")}, r, 0)
			assert.False(t, x.Decision.Allowed(), "%v is %v", r, x)
			assert.LessOrEqual(t, len(x.Matches)+len(x.NearMisses), 0, "%v is %v", r, x)
		})
	}
	got, err := inspect.WhatCan(n, snapshot.Subject{Groups: []principal.Principal{principal.User("a")}})
	assert.Nil(t, got, "nobody may do %v, %v", got, err)
	assert.NoError(t, err, "nobody may do %v, %v", got, err)
}

// TestExplainIsBounded: entries beyond the limit are omitted and counted.
func TestExplainIsBounded(t *testing.T) {
	n := shaped(t, snapshot.Config{}, func(i int) acl.Binding {
		return acltest.AllowFrom(fmt.Sprintf("User:%d", i/2), "*", ops.Read, acltest.Topics("topic"[:i%6]))
	}, 60, none)
	who := snapshot.Subject{Principal: principal.User("7"), Groups: []principal.Principal{principal.User("8")}, Host: netip.MustParseAddr("10.0.0.1")}
	r := snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "topic"}
	all := inspect.Explain(n, who, r, 0)
	few := inspect.Explain(n, who, r, 3)
	require.Len(t, all.Matches, 4, "%d matches and %d near misses", len(all.Matches), len(all.NearMisses))
	require.Len(t, all.NearMisses, 56, "%d matches and %d near misses", len(all.Matches), len(all.NearMisses))
	assert.Equal(t, 0, all.MoreMatches, "%d matches and %d near misses", len(all.Matches), len(all.NearMisses))
	assert.Equal(t, 0, all.MoreNearMisses, "%d matches and %d near misses", len(all.Matches), len(all.NearMisses))
	require.Len(t, few.Matches, 3, "%d matches and %d more, %d near misses and %d more", len(few.Matches), few.MoreMatches, len(few.NearMisses), few.MoreNearMisses)
	require.Len(t, few.NearMisses, 3, "%d matches and %d more, %d near misses and %d more", len(few.Matches), few.MoreMatches, len(few.NearMisses), few.MoreNearMisses)
	assert.Equal(t, 1, few.MoreMatches, "%d matches and %d more, %d near misses and %d more", len(few.Matches), few.MoreMatches, len(few.NearMisses), few.MoreNearMisses)
	assert.Equal(t, 53, few.MoreNearMisses, "%d matches and %d more, %d near misses and %d more", len(few.Matches), few.MoreMatches, len(few.NearMisses), few.MoreNearMisses)
	want := "(pattern=ResourcePattern(resourceType=TOPIC, name=, patternType=PREFIXED), entry=(principal=User:0, host=*, operation=READ, permissionType=ALLOW))"
	got := few.NearMisses[0].Binding.String()
	assert.Equal(t, want, got, "the first near miss is %s", got)
	assert.Equal(t, few.NearMisses[0].Binding.String()+" would match with principal User:7", few.NearMisses[0].String())
}

// TestMendsOfUnusualQuestions: a question that no ACL can express exactly gets a fix
// that covers it.
func TestMendsOfUnusualQuestions(t *testing.T) {
	acls := []acl.Binding{acltest.AllowFrom("User:*", "*", ops.Read, acltest.Topic("a")), acltest.AllowFrom("User:b", "*", ops.All, acltest.Topic("a"))}
	n := shaped(t, snapshot.Config{}, func(i int) acl.Binding { return acls[i] }, len(acls), none)
	who := snapshot.Subject{Principal: principal.Principal{Type: "User:x", Name: "y"}, Host: netip.MustParseAddr("10.0.0.1")}
	x := inspect.Explain(n, who, snapshot.Request{Operation: ops.Unknown, Type: resource.Topic, Name: "a"}, 0)
	require.Len(t, x.NearMisses, 2)
	assert.Equal(t, ops.All, x.NearMisses[0].Fixed.Entry.Operation)
	assert.Equal(t, principal.Wildcard, x.NearMisses[1].Fixed.Entry.Principal)
}

// TestTooManyCellsAreRefused has a principal whose ACLs are on many patterns and from
// as many hosts. For one address there is an answer.
func TestTooManyCellsAreRefused(t *testing.T) {
	const many = 8200 // squared is more than inspect.MaxCells
	shape := func(i int) acl.Binding {
		return acltest.AllowFrom("User:a", fmt.Sprintf("10.0.%d.%d", i/256, i%256), ops.Read, acltest.Topic(fmt.Sprint("t", i)))
	}
	n := shaped(t, snapshot.Config{}, shape, many, none)
	who := snapshot.Subject{Principal: principal.User("a")}
	var limit *inspect.LimitError
	access, err := inspect.WhatCan(n, who)
	assert.Nil(t, access)
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, many, limit.Patterns)
	assert.GreaterOrEqual(t, limit.Hosts, many)
	const want = `the ACLs of "User:a" on resource type TOPIC are too large to analyse: 8200 patterns × 8204 address ranges exceeds 4000000 cells: query one client address, or use networks instead of addresses`
	if limit != nil && limit.Error() != want {
		t.Errorf("got %s", limit)
	}
	who.Host = netip.MustParseAddr("10.0.1.7")
	access, err = inspect.WhatCan(n, who)
	require.NoError(t, err)
	assert.Equal(t, `[READ, DESCRIBE on TOPIC "t263" from 10.0.1.7]`, fmt.Sprint(access))
	everyone := shaped(t, snapshot.Config{}, func(i int) acl.Binding {
		b := shape(i)
		b.Entry.Principal = principal.Wildcard
		return b
	}, many, none)
	nothing := shaped(t, snapshot.Config{}, shape, 0, none)
	for _, n := range []*snapshot.Snapshot{n, everyone} {
		for _, pair := range [][2]*snapshot.Snapshot{{n, nothing}, {nothing, n}} {
			changes, err := inspect.Diff(pair[0], pair[1], nil)
			assert.Nil(t, changes)
			assert.ErrorAs(t, err, &limit)
		}
	}
	assert.False(t, limit != nil && len(limit.Principals) > 0, "got %v", limit)
	assert.Equal(t, "the ACLs of everyone", limit.Error()[:20])
}

// TestProgress: a Progress is called for every principal, including the last one.
func TestProgress(t *testing.T) {
	n := shaped(t, snapshot.Config{}, func(i int) acl.Binding {
		return acltest.AllowFrom(fmt.Sprint("User:", i), "*", ops.Read, acltest.Topic("a"))
	}, 700, none)
	var told []int
	last := 0
	progress := func(done, total int) {
		told = append(told, done)
		last = total
		assert.LessOrEqual(t, done, total, "%d of %d", done, total)
	}
	must(inspect.WhoCan(n, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "a"}, progress))
	assert.Equal(t, "[256 512 700] 700", fmt.Sprint(told, last), "got %v of %d", told, last)
	told = nil
	_, err := inspect.Diff(n, n, progress)
	require.NoError(t, err, "got %v of %d, %v", told, last, err)
	require.NotEmpty(t, told, "got %v of %d, %v", told, last, err)
	assert.Equal(t, last, told[len(told)-1], "got %v of %d, %v", told, last, err)
}
