package acl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// storable are ACLs that Kafka 4.4 does not create and that an earlier release could store.
//
// Source: Kafka 4.2 is the first that refuses a principal without a colon, 4.4 an empty host
// and a host with a slash that is no network. PREFIXED "" came in through AclControlManager
// before it checked names.
var storable = []acl.Binding{
	binding(resource.LiteralPattern(resource.Topic, "orders"), "test", "*", ops.Read),
	binding(resource.LiteralPattern(resource.Topic, "orders"), "", "*", ops.Read),
	binding(resource.LiteralPattern(resource.Topic, "t"), "User:a", "10.0.0.0/255.0.0.0", ops.Read),
	binding(resource.LiteralPattern(resource.Topic, "t"), "User:a", "", ops.Read),
	binding(resource.PrefixedPattern(resource.Group, ""), "User:a", "*", ops.Read),
}

// TestAStoredACLIsNotANewOne: each format reads what a release could store, and writes it
// again. Only creation refuses it.
func TestAStoredACLIsNotANewOne(t *testing.T) {
	for _, b := range storable {
		t.Run(fmt.Sprint(b), func(t *testing.T) {
			for _, err := range []error{b.Validate(), b.ValidateNew(0), b.ValidateStrict(0)} {
				var invalid *acl.InvalidError
				require.ErrorAs(t, err, &invalid)
			}
			for _, format := range formats {
				if format == acl.FormatZooKeeper && b.Pattern.Name == "" {
					continue // no node has an empty name
				}
				var text strings.Builder
				require.NoError(t, acl.Write(&text, format, slices.Values([]acl.Binding{one, b})))
				got, err := acl.Read(strings.NewReader(text.String()), "", format)
				require.NoError(t, err)
				assert.ElementsMatch(t, []acl.Binding{one, b}, got)
			}
			own, err := b.MarshalJSON()
			require.NoError(t, err)
			var back acl.Binding
			require.NoError(t, back.UnmarshalJSON(own))
			assert.Equal(t, b, back)
		})
	}
}

// TestReadKeepsUnknownWordsApart: ACLs with words of another release are errors that have the
// ACL, and all others of the file are read.
func TestReadKeepsUnknownWordsApart(t *testing.T) {
	const heading = "Current ACLs for resource `ResourcePattern(resourceType=%s, name=foo, patternType=%s)`:\n"
	entry := func(op, permission string) string {
		return "\t(principal=User:a, host=*, operation=" + op + ", permissionType=" + permission + ")\n"
	}
	apart := func(change func(b *acl.Binding)) acl.Binding {
		b := topic("foo", "User:a")
		change(&b)
		return b
	}
	ofType := apart(func(b *acl.Binding) { b.Pattern.Type = resource.Unknown })
	ofOperation := apart(func(b *acl.Binding) { b.Entry.Operation = ops.Unknown })
	node := func(typ, operation string) string {
		return "/kafka-acl/" + typ + `/foo {"version":1,"acls":[{"principal":"User:a","permissionType":"Allow","operation":"` + operation + `","host":"*"}]}` + "\n"
	}
	for _, test := range []struct {
		name, text string
		format     acl.Format
		unknown    []acl.Binding
		errors     string
	}{
		{"operation", fmt.Sprintf(heading, "TOPIC", "LITERAL") + entry("LEAP", "ALLOW"), acl.FormatText, []acl.Binding{ofOperation}, `dump.txt:5:39: found operation "LEAP", ` + someOperation},
		{"what an old kafka-acls prints", fmt.Sprintf(heading, "UNKNOWN", "UNKNOWN") + entry("UNKNOWN", "UNKNOWN"), acl.FormatText, []acl.Binding{{
			Pattern: resource.Pattern{Name: "foo"}, Entry: acl.Entry{Principal: "User:a", Host: "*"}}}, `dump.txt:5:1: found resource type "UNKNOWN", ` + someType},
		{"type of two", fmt.Sprintf(heading, "SUBJECT", "LITERAL") + entry("READ", "ALLOW") + entry("READ", "ALLOW"), acl.FormatText, []acl.Binding{ofType, ofType},
			`dump.txt:5:1: found resource type "SUBJECT", ` + someType + "\n" + `dump.txt:6:1: found resource type "SUBJECT", ` + someType},
		{"type of none", fmt.Sprintf(heading, "SUBJECT", "LITERAL"), acl.FormatText, nil, ""},
		{"type, before 2.4", "Current ACLs for resource `Subject:foo`: \n \tUser:a has Allow permission for operations: Read from hosts: * \n", acl.FormatText, []acl.Binding{ofType},
			`dump.txt:5:1: found resource type "Subject", ` + someType},
		{"JSON", strings.NewReplacer("TOPIC", "SUBJECT", "alice", "a").Replace(oneJSON), acl.FormatJSON, []acl.Binding{ofType}, `dump.txt:2:17: found resource type "SUBJECT", ` + someType},
		{"ZooKeeper", node("Subject", "Read") + node("Topic", "Leap"), acl.FormatZooKeeper, []acl.Binding{ofType, ofOperation},
			`dump.txt:2:12: found resource type "Subject", expected the node of a resource type, one of Topic, Group, Cluster, TransactionalId, DelegationToken, User, and a name below it` + "\n" +
				`dump.txt:3:102: found operation "Leap", ` + someOperation},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := map[acl.Format]string{acl.FormatText: oneText, acl.FormatJSON: oneJSON, acl.FormatZooKeeper: oneZooKeeper}[test.format]
			got, err := acl.Read(strings.NewReader(before+test.text), "dump.txt", test.format)
			assert.Equal(t, []acl.Binding{one}, got)
			if test.errors == "" {
				require.NoError(t, err)
				return
			}
			var list acl.ParseErrors
			require.ErrorAs(t, err, &list)
			assert.EqualError(t, err, test.errors)
			var unknown []acl.Binding
			for _, e := range list {
				require.NotNil(t, e.Unknown)
				unknown = append(unknown, *e.Unknown)
			}
			assert.Equal(t, test.unknown, unknown)
		})
	}
	t.Run("with another error nothing is read", func(t *testing.T) {
		got, err := acl.Read(strings.NewReader(oneJSON+strings.Replace(oneJSON, "READ", "LEAP", 1)+"{}\n"+oneJSON), "", acl.FormatJSON)
		assert.Nil(t, got)
		var list acl.ParseErrors
		require.ErrorAs(t, err, &list)
		require.Len(t, list, 2)
		assert.Nil(t, list[1].Unknown)
	})
	t.Run("more than are told", func(t *testing.T) {
		got, err := acl.Read(strings.NewReader(strings.Repeat(strings.Replace(oneJSON, "READ", "LEAP", 1), 10_001)), "", acl.FormatJSON)
		assert.Nil(t, got)
		var list acl.ParseErrors
		require.ErrorAs(t, err, &list)
		assert.Nil(t, list[len(list)-1].Unknown)
	})
}

// TestConsumerGroupIsGroup: Kafka 0.9 had another name for a group.
func TestConsumerGroupIsGroup(t *testing.T) {
	want := binding(resource.LiteralPattern(resource.Group, "g"), "User:a", "*", ops.Read)
	read(t, "Current ACLs for resource `ConsumerGroup:g`: \n \tUser:a has Allow permission for operations: Read from hosts: * \n", acl.FormatText, want)
	read(t, `/kafka-acl/ConsumerGroup/g {"version":1,"acls":[{"principal":"User:a","permissionType":"Allow","operation":"Read","host":"*"}]}`, acl.FormatZooKeeper, want)
}
