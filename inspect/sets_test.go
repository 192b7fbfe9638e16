package inspect_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestSetsAreCanonical: equal sets have the same text, whatever ACLs they come from.
func TestSetsAreCanonical(t *testing.T) {
	read := func(host string, p resource.Pattern) acl.Binding { return allow("User:a", host, ops.Create, p) }
	tests := []struct {
		acls []acl.Binding
		want string
	}{
		{[]acl.Binding{read("*", topic("*"))}, `CREATE on TOPIC all names from *`},
		{[]acl.Binding{read("*", prefix(""))}, `CREATE on TOPIC all names from *`},
		{[]acl.Binding{read("*", prefix("a")), read("*", topic("ab")), read("*", prefix("a"))}, `CREATE on TOPIC prefix "a" from *`},
		{[]acl.Binding{read("*", topic("a")), read("*", topic("b"))}, `CREATE on TOPIC "a"; "b" from *`},
		{[]acl.Binding{read("*", topic("*")), deny("User:a", "*", ops.Create, prefix("a")), deny("User:*", "*", ops.All, topic("b"))},
			`CREATE on TOPIC all names except prefix "a", "b" from *`},
		{[]acl.Binding{read("0.0.0.0/1", topic("a")), read("128.0.0.0/1", topic("a"))}, `CREATE on TOPIC "a" from 0.0.0.0/0`},
		{[]acl.Binding{read("0.0.0.0/0", topic("a")), read("::/0", topic("a"))}, `CREATE on TOPIC "a" from *`},
		{[]acl.Binding{read("::ffff:10.0.0.1", topic("a")), read("10.0.0.1/32", topic("a"))}, `CREATE on TOPIC "a" from 10.0.0.1`},
		{[]acl.Binding{read("fe80::1", topic("a")), deny("User:a", "fe80::1%eth0", ops.Create, topic("a"))},
			`CREATE on TOPIC "a" from fe80::1`},
		{[]acl.Binding{read("*", topic("a")), deny("User:a", "10.0.0.0/8", ops.Create, topic("a")), deny("User:a", "::1", ops.Create, topic("a"))},
			`CREATE on TOPIC "a" from * except 10.0.0.0/8, ::1`},
		{[]acl.Binding{read("*", topic("a\n"))}, `CREATE on TOPIC "a\n" from *`},
	}
	for _, tt := range tests {
		n := shaped(t, snapshot.Config{}, func(i int) acl.Binding { return tt.acls[i] }, len(tt.acls), none)
		access, err := inspect.WhatCan(n, snapshot.Subject{Principal: principal.User("a")})
		if err != nil || len(access) != 1 || access[0].String() != tt.want {
			t.Errorf("%v: got %v, %v, want %s", tt.acls, access, err, tt.want)
		}
	}
	var names inspect.NameSet
	var hosts inspect.HostSet
	if got := fmt.Sprint(names, hosts); got != "no name no host" {
		t.Errorf("empty sets are %s", got)
	}
}

// TestZeroValuesHoldNothing: a set that was not filled allows nothing.
func TestZeroValuesHoldNothing(t *testing.T) {
	if (inspect.NameSet{}).Contains("") || (inspect.HostSet{}).Contains(netip.MustParseAddr("::1")) {
		t.Error("an empty set holds something")
	}
	if inspect.Everywhere.Contains(netip.Addr{}) {
		t.Error("no address is somewhere")
	}
	if !(inspect.NameRange{}).Contains("") || (inspect.NameRange{}).Contains("a") || !inspect.AllNames.Contains("") {
		t.Error("the zero Names is not the empty name alone")
	}
	if got := inspect.Field(99).String(); got != "Field(99)" {
		t.Errorf("got %s", got)
	}
	if x := (inspect.Explanation{}); x.Decision.Allowed() {
		t.Error("the zero Explanation allows")
	}
	zero := new(snapshot.Snapshot)
	alice := snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("::1")}
	r := snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "a"}
	if access, err := inspect.WhatCan(zero, alice); len(access) > 0 || err != nil {
		t.Errorf("the zero Snapshot allows %v, %v", access, err)
	}
	if grantees := must(inspect.WhoCan(zero, r, nil)); len(grantees) > 0 {
		t.Errorf("the zero Snapshot allows %v", grantees)
	}
	if findings := must(inspect.Lint(zero, inspect.LintOptions{})); len(findings) > 0 {
		t.Errorf("the zero Snapshot has %v", findings)
	}
	if changes, err := inspect.Diff(zero, zero, nil); len(changes) > 0 || err != nil {
		t.Errorf("the zero Snapshot differs from itself: %v, %v", changes, err)
	}
}

// TestWhatIsNoQuestion asks invalid questions, which no check allows, not even for
// super users.
func TestWhatIsNoQuestion(t *testing.T) {
	n := shaped(t, snapshot.Config{SuperUsers: []principal.Principal{principal.User("a")}}, func(int) acl.Binding { return allow("User:*", "*", ops.All, topic("*")) }, 1, none)
	for _, r := range []snapshot.Request{
		{Operation: -1, Type: resource.Topic, Name: "a"}, {Operation: 16, Type: resource.Topic, Name: "a"},
		{Operation: ops.Read, Type: resource.Any, Name: "a"}, {Operation: ops.Read, Type: 8, Name: "a"},
	} {
		if got := must(inspect.WhoCan(n, r, nil)); got != nil {
			t.Errorf("%v is granted to %v", r, got)
		}
		x := inspect.Explain(n, snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("::1")}, r, 0)
		if x.Decision.Allowed() || len(x.Matches)+len(x.NearMisses) > 0 {
			t.Errorf("%v is %v", r, x)
		}
	}
	if got, err := inspect.WhatCan(n, snapshot.Subject{Groups: []principal.Principal{principal.User("a")}}); got != nil || err != nil {
		t.Errorf("nobody may do %v, %v", got, err)
	}
}

// TestExplainIsBounded: entries beyond the limit are omitted and counted.
func TestExplainIsBounded(t *testing.T) {
	n := shaped(t, snapshot.Config{}, func(i int) acl.Binding {
		return allow(fmt.Sprintf("User:%d", i/2), "*", ops.Read, prefix("topic"[:i%6]))
	}, 60, none)
	who := snapshot.Subject{Principal: principal.User("7"), Groups: []principal.Principal{principal.User("8")}, Host: netip.MustParseAddr("10.0.0.1")}
	r := snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "topic"}
	all := inspect.Explain(n, who, r, 0)
	few := inspect.Explain(n, who, r, 3)
	if len(all.Matches) != 4 || len(all.NearMisses) != 56 || all.MoreMatches != 0 || all.MoreNearMisses != 0 {
		t.Errorf("%d matches and %d near misses", len(all.Matches), len(all.NearMisses))
	}
	if len(few.Matches) != 3 || len(few.NearMisses) != 3 || few.MoreMatches != 1 || few.MoreNearMisses != 53 {
		t.Errorf("%d matches and %d more, %d near misses and %d more", len(few.Matches), few.MoreMatches, len(few.NearMisses), few.MoreNearMisses)
	}
	want := "(pattern=ResourcePattern(resourceType=TOPIC, name=, patternType=PREFIXED), entry=(principal=User:0, host=*, operation=READ, permissionType=ALLOW))"
	if got := few.NearMisses[0].Binding.String(); got != want {
		t.Errorf("the first near miss is %s", got)
	}
	if got := few.NearMisses[0].String(); got != few.NearMisses[0].Binding.String()+" would match with principal User:7" {
		t.Errorf("got %s", got)
	}
}

// TestMendsOfUnusualQuestions: a question that no ACL can express exactly gets a fix
// that covers it.
func TestMendsOfUnusualQuestions(t *testing.T) {
	acls := []acl.Binding{allow("User:*", "*", ops.Read, topic("a")), allow("User:b", "*", ops.All, topic("a"))}
	n := shaped(t, snapshot.Config{}, func(i int) acl.Binding { return acls[i] }, len(acls), none)
	who := snapshot.Subject{Principal: principal.Principal{Type: "User:x", Name: "y"}, Host: netip.MustParseAddr("10.0.0.1")}
	x := inspect.Explain(n, who, snapshot.Request{Operation: ops.Unknown, Type: resource.Topic, Name: "a"}, 0)
	if len(x.NearMisses) != 2 || x.NearMisses[0].Fixed.Entry.Operation != ops.All || x.NearMisses[1].Fixed.Entry.Principal != principal.Wildcard {
		t.Errorf("got %v", x.NearMisses)
	}
}

// TestTooManyCellsAreRefused has a principal whose ACLs are on many patterns and from
// as many hosts. For one address there is an answer.
func TestTooManyCellsAreRefused(t *testing.T) {
	const many = 8200 // squared is more than inspect.MaxCells
	shape := func(i int) acl.Binding {
		return allow("User:a", fmt.Sprintf("10.0.%d.%d", i/256, i%256), ops.Read, topic(fmt.Sprint("t", i)))
	}
	n := shaped(t, snapshot.Config{}, shape, many, none)
	who := snapshot.Subject{Principal: principal.User("a")}
	var limit *inspect.LimitError
	if access, err := inspect.WhatCan(n, who); access != nil || !errors.As(err, &limit) || limit.Patterns != many || limit.Hosts < many {
		t.Errorf("got %d and %v", len(access), err)
	}
	const want = `the ACLs of "User:a" on resource type TOPIC are too large to analyse: 8200 patterns × 8204 address ranges exceeds 4000000 cells: query one client address, or use networks instead of addresses`
	if limit != nil && limit.Error() != want {
		t.Errorf("got %s", limit)
	}
	who.Host = netip.MustParseAddr("10.0.1.7")
	if access, err := inspect.WhatCan(n, who); err != nil || fmt.Sprint(access) != `[READ, DESCRIBE on TOPIC "t263" from 10.0.1.7]` {
		t.Errorf("got %v and %v", access, err)
	}
	everyone := shaped(t, snapshot.Config{}, func(i int) acl.Binding {
		b := shape(i)
		b.Entry.Principal = principal.Wildcard
		return b
	}, many, none)
	nothing := shaped(t, snapshot.Config{}, shape, 0, none)
	for _, n := range []*snapshot.Snapshot{n, everyone} {
		for _, pair := range [][2]*snapshot.Snapshot{{n, nothing}, {nothing, n}} {
			if changes, err := inspect.Diff(pair[0], pair[1], nil); changes != nil || !errors.As(err, &limit) {
				t.Errorf("got %d and %v", len(changes), err)
			}
		}
	}
	if limit != nil && len(limit.Principals) > 0 || limit.Error()[:20] != "the ACLs of everyone" {
		t.Errorf("got %v", limit)
	}
}

// TestProgress: a Progress is called for every principal, including the last one.
func TestProgress(t *testing.T) {
	n := shaped(t, snapshot.Config{}, func(i int) acl.Binding { return allow(fmt.Sprint("User:", i), "*", ops.Read, topic("a")) }, 700, none)
	var told []int
	last := 0
	progress := func(done, total int) {
		told = append(told, done)
		if last = total; done > total {
			t.Errorf("%d of %d", done, total)
		}
	}
	must(inspect.WhoCan(n, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "a"}, progress))
	if fmt.Sprint(told, last) != "[256 512 700] 700" {
		t.Errorf("got %v of %d", told, last)
	}
	told = nil
	if _, err := inspect.Diff(n, n, progress); err != nil || len(told) == 0 || told[len(told)-1] != last {
		t.Errorf("got %v of %d, %v", told, last, err)
	}
}
