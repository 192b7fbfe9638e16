package suggest_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/audit/suggest"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func record(who, host string, op ops.Operation, t resource.Type, name string) audit.Record {
	p, err := principal.Parse(who)
	if err != nil {
		panic(err)
	}
	return audit.Record{
		Subject: snapshot.Subject{Principal: p, Host: netip.MustParseAddr(host)},
		Request: snapshot.Request{Operation: op, Type: t, Name: name}, Allowed: true,
	}
}

func collect(t testing.TB, records ...audit.Record) *suggest.Collector {
	t.Helper()
	c := new(suggest.Collector)
	for _, r := range records {
		require.NoError(t, c.Add(r))
	}
	return c
}

func texts(s suggest.Suggestion) (acls, unresolved []string) {
	for _, b := range s.ACLs {
		acls = append(acls, fmt.Sprintf("%s@%s %v %v %v:%s", b.Entry.Principal, b.Entry.Host, b.Entry.Operation, b.Pattern.Type, b.Pattern.PatternType, b.Pattern.Name))
	}
	for _, u := range s.Unresolved {
		unresolved = append(unresolved, fmt.Sprintf("%v %v %v %s %t: %s", u.Subject.Principal, u.Request.Operation, u.Request.Type, u.Request.Name, u.ByType, u.Reason))
	}
	return acls, unresolved
}

var trace = []audit.Record{
	record("User:a", "10.0.0.1", ops.Write, resource.Topic, "pay.eu"),
	record("User:a", "10.0.0.1", ops.Describe, resource.Topic, "pay.eu"),
	record("User:a", "10.0.0.1", ops.Write, resource.Topic, "pay.eu"),
	record("User:a", "10.0.0.2", ops.Describe, resource.Topic, "pay.us"),
	record("User:a", "10.0.0.1", ops.Create, resource.Topic, "pay.eu.x"),
	record("User:b", "::1", ops.Read, resource.Group, "*"),
	record("User:*", "::1", ops.Read, resource.Group, "g"),
	record("User:b", "::1", ops.Unknown, resource.Group, "g"),
	record("User:b", "::1", ops.Read, resource.Group, ""),
	{Subject: snapshot.Subject{Principal: principal.Principal{Type: "User:x", Name: "y"}, Host: netip.IPv6Loopback()}, Request: snapshot.Request{Operation: ops.Read, Type: resource.Group, Name: "g"}, Allowed: true},
	{Subject: snapshot.Subject{Host: netip.IPv6Loopback()}, Request: snapshot.Request{Operation: ops.Read, Type: resource.Group, Name: "g"}, Allowed: true},
	{Subject: snapshot.Subject{Principal: principal.User("root")}, Allowed: true, SuperUser: true},
	{Subject: snapshot.Subject{Principal: principal.User("c"), Host: netip.IPv6Loopback()}, Request: snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "denied"}},
}

func TestSuggest(t *testing.T) {
	byType := record("User:a", "10.0.0.1", ops.Write, resource.Topic, "")
	byType.ByType = true
	alone := record("User:a", "10.0.0.2", ops.Write, resource.Topic, "")
	alone.ByType = true
	unresolved := []string{
		": READ GROUP g false: the record has no principal",
		"User:* READ GROUP g false: an ACL for User:* would apply to everyone",
		"User:a WRITE TOPIC  true: it is about any resource of the type, and the trace does not show which",
		`User:b READ GROUP  false: no ACL can express it: invalid name: it is empty: expected a resource name, or "*" for all`,
		`User:b READ GROUP * false: an ACL on LITERAL "*" is on every resource of the type`,
		"User:b UNKNOWN GROUP g false: no ACL can express it: invalid operation: UNKNOWN is not known: expected an operation such as READ, or ALL",
		"User:x:y READ GROUP g false: an ACL would name another principal, because the type contains a colon",
	}
	for _, test := range []struct {
		name    string
		options suggest.Options
		acls    []string
		without string // the unresolved question that becomes resolved
	}{
		{"as it is", suggest.Options{}, []string{
			"User:a@10.0.0.1 WRITE TOPIC LITERAL:pay.eu", "User:a@10.0.0.1 CREATE TOPIC LITERAL:pay.eu.x", "User:a@10.0.0.2 DESCRIBE TOPIC LITERAL:pay.us",
		}, ""},
		{"with what was denied", suggest.Options{Denied: true}, []string{
			"User:c@0:0:0:0:0:0:0:1 READ TOPIC LITERAL:denied",
			"User:a@10.0.0.1 WRITE TOPIC LITERAL:pay.eu", "User:a@10.0.0.1 CREATE TOPIC LITERAL:pay.eu.x", "User:a@10.0.0.2 DESCRIBE TOPIC LITERAL:pay.us",
		}, ""},
		{"from any host", suggest.Options{AnyHost: true, Semantics: snapshot.KafkaExact}, []string{
			"User:a@* WRITE TOPIC LITERAL:pay.eu", "User:a@* CREATE TOPIC LITERAL:pay.eu.x", "User:a@* DESCRIBE TOPIC LITERAL:pay.us",
		}, "User:a WRITE TOPIC"},
		{"by prefix", suggest.Options{AnyHost: true, Prefixes: []resource.Pattern{
			resource.PrefixedPattern(resource.Topic, "pay."), resource.PrefixedPattern(resource.Topic, "pay.eu"), resource.PrefixedPattern(resource.Group, "pay"),
			resource.PrefixedPattern(resource.Group, "*"),
		}}, []string{
			"User:a@* DESCRIBE TOPIC PREFIXED:pay.", "User:a@* WRITE TOPIC PREFIXED:pay.eu", "User:a@* CREATE TOPIC PREFIXED:pay.eu", "User:b@* READ GROUP PREFIXED:*",
		}, "User:b READ GROUP *"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := collect(t, append(slices.Clone(trace), byType, alone)...)
			s, err := c.Suggest(test.options)
			require.NoError(t, err)
			acls, left := texts(s)
			assert.Equal(t, test.acls, acls)
			want := slices.DeleteFunc(slices.Clone(unresolved), func(s string) bool {
				return test.without != "" && strings.HasPrefix(s, test.without) || test.options.AnyHost && strings.HasPrefix(s, "User:a WRITE")
			})
			assert.Equal(t, want, left, "unresolved\n%s\nwant\n%s", strings.Join(left, "\n"), strings.Join(want, "\n"))
			if got, want := c.Counts(), (suggest.Counts{Allowed: 13, SuperUser: 1, Denied: 1}); got != want {
				t.Errorf("counts %+v, want %+v", got, want)
			}
		})
	}
}

func TestRedundantPrefixesGo(t *testing.T) {
	c := collect(t, record("User:a", "::1", ops.Read, resource.Topic, "a.b"), record("User:a", "::1", ops.Describe, resource.Topic, "a.b.c"))
	s, err := c.Suggest(suggest.Options{Prefixes: []resource.Pattern{resource.PrefixedPattern(resource.Topic, "a."), resource.PrefixedPattern(resource.Topic, "a.b.")}})
	acls, unresolved := texts(s)
	require.NoError(t, err)
	assert.Equal(t, "[User:a@0:0:0:0:0:0:0:1 READ TOPIC PREFIXED:a.]", fmt.Sprint(acls))
	assert.Nil(t, unresolved)
}

func TestSuggestRefusesPrefixes(t *testing.T) {
	for _, p := range []resource.Pattern{{}, acltest.Topic("a"), resource.PrefixedPattern(resource.Topic, ""), resource.PrefixedPattern(resource.Any, "a")} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			s, err := collect(t).Suggest(suggest.Options{Prefixes: []resource.Pattern{p}})
			require.Error(t, err)
			assert.Nil(t, s.ACLs)
		})
	}
}

// TestSuggestionIsLeast: the suggested set allows what the trace allowed, except what
// it reports as unresolved, and nothing that no record implies. None of its ACLs can be
// omitted, if the ACLs of a group do not cover its members, and those of an address not
// its zones.
func TestSuggestionIsLeast(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		src := gen.Rapid(rt)
		w := gen.World(src)
		semantics := snapshot.Documented
		if w.Exact {
			semantics = snapshot.KafkaExact
			if w.Networks {
				semantics = snapshot.KafkaExact44
			}
		}
		live := acltest.Store(t, snapshot.Config{Semantics: semantics, SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL}, w.ACLs...)
		c := new(suggest.Collector)
		var allowed []audit.Record
		for range src.IntN(12) {
			s, q := gen.Question(src, w.ACLs)
			r := audit.Record{Subject: snapshot.Subject{Principal: s.Principal, Groups: s.Groups, Host: s.Host}, Request: snapshot.Request{Operation: q.Operation, Type: q.Type, Name: q.Name}}
			d := live.Load().Check(r.Subject, q.Operation, q.Type, q.Name)
			if src.IntN(8) == 7 {
				r.ByType, r.Request.Name = true, ""
				d = live.Load().CheckAny(r.Subject, q.Operation, q.Type)
			}
			r.Allowed, r.SuperUser = d.Allowed(), d.Reason() == snapshot.SuperUser
			require.NoError(rt, c.Add(r))
			if r.Allowed && !r.SuperUser {
				allowed = append(allowed, r)
			}
		}
		s, err := c.Suggest(suggest.Options{Semantics: semantics})
		require.NoError(rt, err)
		store := acltest.Store(t, snapshot.Config{Semantics: semantics}, s.ACLs...)
		decide := func(n *snapshot.Snapshot, r audit.Record) bool {
			if r.ByType {
				return n.CheckAny(r.Subject, r.Request.Operation, r.Request.Type).Allowed()
			}
			return n.Check(r.Subject, r.Request.Operation, r.Request.Type, r.Request.Name).Allowed()
		}
		lost := func(n *snapshot.Snapshot, alone bool) (count int) {
			for _, r := range allowed {
				if alone && r.Subject.Host.Zone() != "" {
					return 1
				}
				isUnresolved := slices.ContainsFunc(s.Unresolved, func(u suggest.Unresolved) bool {
					return u.Request == r.Request && u.ByType == r.ByType && u.Subject.Principal == r.Subject.Principal && u.Subject.Host == r.Subject.Host.Unmap()
				})
				if alone {
					r.Subject.Groups = nil
				}
				if !isUnresolved && !decide(n, r) {
					count++
				}
			}
			return count
		}
		n := lost(store.Load(), false)
		require.LessOrEqual(rt, n, 0, "%d records are lost with %v of %v", n, s.ACLs, allowed)
		for _, b := range s.ACLs {
			rest := slices.DeleteFunc(slices.Clone(s.ACLs), func(o acl.Binding) bool { return o == b })
			require.NotEqual(rt, 0, lost(acltest.Store(t, snapshot.Config{Semantics: semantics}, rest...).Load(), true), "%v is not needed in %v", b, s.ACLs)
		}
		for range 20 {
			who, q := gen.Question(src, s.ACLs)
			r := audit.Record{Subject: snapshot.Subject{Principal: who.Principal, Groups: who.Groups, Host: who.Host}, Request: snapshot.Request{Operation: q.Operation, Type: q.Type, Name: q.Name}}
			implied := slices.ContainsFunc(allowed, func(a audit.Record) bool {
				principals := append(slices.Clone(r.Subject.Groups), r.Subject.Principal)
				return slices.Contains(principals, a.Subject.Principal) && sameHost(a.Subject.Host, r.Subject.Host) &&
					a.Request.Type == r.Request.Type && a.Request.Name == r.Request.Name && ops.AllowedBy(a.Request.Operation).Has(r.Request.Operation)
			})
			if decide(store.Load(), r) && !implied {
				rt.Fatalf("%+v is allowed by %v, and is not in %+v", r, s.ACLs, allowed)
			}
		}
	})
}

// sameHost reports whether an ACL for one host applies to the other: an ACL without a
// zone applies to every zone.
func sameHost(of, for_ netip.Addr) bool {
	return of.Unmap() == for_.Unmap() || of.Zone() == "" && of == for_.WithZone("")
}

func TestUnused(t *testing.T) {
	entry := func(who string, op ops.Operation, permission acl.PermissionType, p resource.Pattern) acl.Binding {
		return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: "*", Operation: op, Permission: permission}}
	}
	used := []acl.Binding{
		entry("User:a", ops.Read, acl.Allow, acltest.Topic("a")),
		entry("User:c", ops.All, acl.Deny, acltest.Topic("denied")),
		entry("User:p", ops.All, acl.Allow, acltest.Topic("by-type")),
		entry("User:*", ops.Write, acl.Allow, acltest.Topic("by-type-everyone")),
	}
	idle := []acl.Binding{
		entry("User:a", ops.Write, acl.Allow, acltest.Topic("a")),
		entry("User:p", ops.Read, acl.Allow, acltest.Topic("p")),
		entry("User:p", ops.Write, acl.Deny, acltest.Topic("p")),
		entry("User:q", ops.Write, acl.Allow, acltest.Topic("p")),
		entry("User:p", ops.Write, acl.Allow, resource.LiteralPattern(resource.TransactionalID, "p")),
	}
	slices.SortFunc(idle, acl.Binding.Compare)
	byType := record("User:p", "::1", ops.Write, resource.Topic, "")
	byType.ByType = true
	c := collect(t, record("User:a", "::1", ops.Describe, resource.Topic, "a"), byType,
		audit.Record{Subject: snapshot.Subject{Principal: principal.User("c"), Host: netip.IPv6Loopback()}, Request: snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "denied"}})
	store := acltest.Store(t, snapshot.Config{}, slices.Concat(used, idle)...)
	assert.Equal(t, idle, c.Unused(store.Load()))
}

func TestCollectorIsBounded(t *testing.T) {
	c := new(suggest.Collector)
	r := record("User:a", "::1", ops.Read, resource.Topic, "")
	for i := range suggest.MaxQuestions {
		r.Request.Name = fmt.Sprint(i)
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	r.Request.Name = "one more"
	assert.ErrorIs(t, c.Add(r), suggest.ErrTooMany, "one more")
	r.Request.Name = "0"
	err := c.Add(r)
	require.NoError(t, err, "one that is known")
	assert.Equal(t, suggest.MaxQuestions+1, c.Counts().Allowed, "one that is known")
}

func ExampleCollector() {
	const log = `Principal = User:alice is Allowed operation = DESCRIBE from host = 10.0.0.1 on resource = Topic:LITERAL:orders for request = Metadata with resourceRefCount = 1 based on rule DefaultAllow
Principal = User:alice is Allowed operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:orders for request = Fetch with resourceRefCount = 3 based on rule DefaultAllow
`
	c := new(suggest.Collector)
	for record, err := range audit.ReadTrace(strings.NewReader(log), "kafka-authorizer.log", audit.TraceKafka) {
		if err == nil {
			err = c.Add(record)
		}
		if err != nil {
			panic(err)
		}
	}
	s, err := c.Suggest(suggest.Options{})
	if err != nil {
		panic(err)
	}
	for _, b := range s.ACLs {
		fmt.Println(b)
	}
	// Output:
	// (pattern=ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL), entry=(principal=User:alice, host=10.0.0.1, operation=READ, permissionType=ALLOW))
}
