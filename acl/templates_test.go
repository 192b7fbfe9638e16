package acl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
)

// brief prints what a template allows, without the parts that are the same in all
// lines.
func brief(list []acl.Binding) []string {
	var lines []string
	for _, b := range list {
		lines = append(lines, fmt.Sprintf("%s %v %v %s %v", b.Entry.Principal, b.Entry.Operation, b.Pattern.PatternType, b.Pattern.Name, b.Pattern.Type))
	}
	slices.Sort(lines)
	return lines
}

func TestTemplates(t *testing.T) {
	both := []string{"t1", "t2"}
	for _, tt := range []struct {
		template string
		args     acl.TemplateArgs
		want     string
	}{
		{"PRODUCER", acl.TemplateArgs{Topics: both}, `
			CREATE LITERAL t1 TOPIC, CREATE LITERAL t2 TOPIC, DESCRIBE LITERAL t1 TOPIC, DESCRIBE LITERAL t2 TOPIC, WRITE LITERAL t1 TOPIC, WRITE LITERAL t2 TOPIC`},
		{"IDEMPOTENT_PRODUCER", acl.TemplateArgs{Topics: []string{"t"}, PatternType: resource.Prefixed}, `
			CREATE PREFIXED t TOPIC, DESCRIBE PREFIXED t TOPIC, IDEMPOTENT_WRITE LITERAL kafka-cluster CLUSTER, WRITE PREFIXED t TOPIC`},
		{"TRANSACTIONAL_PRODUCER", acl.TemplateArgs{Topics: []string{"t"}, TransactionalIDs: []string{"x"}}, `
			CREATE LITERAL t TOPIC, DESCRIBE LITERAL t TOPIC, DESCRIBE LITERAL x TRANSACTIONAL_ID, WRITE LITERAL t TOPIC, WRITE LITERAL x TRANSACTIONAL_ID`},
		{"CONSUMER", acl.TemplateArgs{Topics: []string{"*"}, Groups: []string{"g"}}, `
			DESCRIBE LITERAL * TOPIC, READ LITERAL * TOPIC, READ LITERAL g GROUP`},
		{"CONNECT_WORKER", acl.TemplateArgs{Topics: []string{"configs", "offsets", "status"}, Groups: []string{"workers"}}, `
			CREATE LITERAL kafka-cluster CLUSTER, READ LITERAL configs TOPIC, READ LITERAL offsets TOPIC, READ LITERAL status TOPIC,
			READ LITERAL workers GROUP, WRITE LITERAL configs TOPIC, WRITE LITERAL offsets TOPIC, WRITE LITERAL status TOPIC`},
		{"SOURCE_CONNECTOR", acl.TemplateArgs{Topics: []string{"t"}}, `WRITE LITERAL t TOPIC`},
		{"SINK_CONNECTOR", acl.TemplateArgs{Topics: []string{"t"}, Name: "s3", PatternType: resource.Prefixed}, `
			READ LITERAL connect-s3 GROUP, READ PREFIXED t TOPIC`},
		{"CONNECT_REPORTER", acl.TemplateArgs{Topics: []string{"errors"}}, `
			CREATE LITERAL errors TOPIC, DESCRIBE LITERAL errors TOPIC, WRITE LITERAL errors TOPIC`},
		{"STREAMS_APPLICATION", acl.TemplateArgs{Topics: []string{"in"}, OutputTopics: []string{"out"}, Name: "app"}, `
			ALL PREFIXED app GROUP, ALL PREFIXED app TOPIC, DESCRIBE PREFIXED app TRANSACTIONAL_ID, READ LITERAL in TOPIC,
			WRITE LITERAL out TOPIC, WRITE PREFIXED app TRANSACTIONAL_ID`},
		{"STREAMS_APPLICATION", acl.TemplateArgs{Topics: []string{"in"}, Name: "app"}, `
			ALL PREFIXED app GROUP, ALL PREFIXED app TOPIC, DESCRIBE PREFIXED app TRANSACTIONAL_ID, READ LITERAL in TOPIC, WRITE PREFIXED app TRANSACTIONAL_ID`},
		{"SHARE_CONSUMER", acl.TemplateArgs{Topics: []string{"t"}, Groups: []string{"g"}}, `
			DESCRIBE LITERAL t TOPIC, READ LITERAL t TOPIC, READ LITERAL g GROUP`},
		{"EXACTLY_ONCE_WORKER", acl.TemplateArgs{Topics: []string{"configs"}, Groups: []string{"workers"}}, `
			CREATE LITERAL kafka-cluster CLUSTER, READ LITERAL configs TOPIC, WRITE LITERAL configs TOPIC, READ LITERAL workers GROUP,
			DESCRIBE LITERAL connect-cluster-workers TRANSACTIONAL_ID, WRITE LITERAL connect-cluster-workers TRANSACTIONAL_ID`},
		{"EXACTLY_ONCE_SOURCE", acl.TemplateArgs{Topics: []string{"t"}, OutputTopics: []string{"offsets"}, TransactionalIDs: []string{"workers-s3-0"}}, `
			WRITE LITERAL t TOPIC, READ LITERAL offsets TOPIC, WRITE LITERAL offsets TOPIC,
			DESCRIBE LITERAL workers-s3-0 TRANSACTIONAL_ID, WRITE LITERAL workers-s3-0 TRANSACTIONAL_ID`},
	} {
		tt.args.Principals = []string{"User:a", "User:b", "User:a"}
		got, err := acl.TemplateBindings(tt.template, tt.args)
		var want []string
		for line := range strings.SplitSeq(tt.want, ",") {
			want = append(want, "User:a "+strings.TrimSpace(line), "User:b "+strings.TrimSpace(line))
		}
		slices.Sort(want)
		require.NoError(t, err, tt.template)
		assert.Equal(t, want, brief(got), tt.template)
		for _, b := range got {
			err := b.ValidateStrict(0)
			require.NoError(t, err, "%v: made %v: %v", tt.template, b, err)
			assert.Equal(t, acl.Allow, b.Entry.Permission, "%v: made %v: %v", tt.template, b, err)
			assert.Equal(t, "*", b.Entry.Host, "%v: made %v: %v", tt.template, b, err)
		}
	}
	hosts := []string{"10.0.0.1", "::1"}
	list, err := acl.TemplateBindings("SOURCE_CONNECTOR", acl.TemplateArgs{Principals: []string{"User:a"}, Hosts: hosts, Topics: []string{"t"}})
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, hosts[0], list[0].Entry.Host)
	assert.Equal(t, hosts[1], list[1].Entry.Host)
}

func TestTemplatesRefuse(t *testing.T) {
	who, one := []string{"User:a"}, []string{"x"}
	many := make([]string, 10_000/3+1)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	for _, tt := range []struct {
		template string
		args     acl.TemplateArgs
		field    string
	}{
		{"", acl.TemplateArgs{Principals: who, Topics: one}, "template"},
		{"producer", acl.TemplateArgs{Principals: who, Topics: one}, "template"},
		{"PRODUCER", acl.TemplateArgs{Topics: one}, "Principals"},
		{"PRODUCER", acl.TemplateArgs{Principals: who}, "Topics"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: one, Groups: one}, "Groups"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: one, Name: "n"}, "Name"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: one, TransactionalIDs: one}, "TransactionalIDs"},
		{"TRANSACTIONAL_PRODUCER", acl.TemplateArgs{Principals: who, Topics: one}, "TransactionalIDs"},
		{"CONSUMER", acl.TemplateArgs{Principals: who, Topics: one}, "Groups"},
		{"CONSUMER", acl.TemplateArgs{Principals: who, Topics: one, Groups: one, OutputTopics: one}, "OutputTopics"},
		{"SINK_CONNECTOR", acl.TemplateArgs{Principals: who, Topics: one}, "Name"},
		{"PRODUCER", acl.TemplateArgs{Principals: []string{"a"}, Topics: one}, "principal"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: []string{""}}, "name"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: one, Hosts: []string{""}}, "host"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: one, PatternType: resource.PatternMatch}, "patternType"},
		{"PRODUCER", acl.TemplateArgs{Principals: who, Topics: many}, "args"},
	} {
		t.Run(fmt.Sprint(tt.template), func(t *testing.T) {
			list, err := acl.TemplateBindings(tt.template, tt.args)
			var invalid *acl.InvalidError
			assert.Nil(t, list, "%v of %d topics: got %d bindings, %v; want an error for %s", tt.template, len(tt.args.Topics), len(list), err, tt.field)
			require.ErrorAs(t, err, &invalid, "%v of %d topics: got %d bindings, %v; want an error for %s", tt.template, len(tt.args.Topics), len(list), err, tt.field)
			assert.Equal(t, tt.field, invalid.Field, "%v of %d topics: got %d bindings, %v; want an error for %s", tt.template, len(tt.args.Topics), len(list), err, tt.field)
		})
	}
	list, err := acl.TemplateBindings("PRODUCER", acl.TemplateArgs{Principals: who, Topics: many[:len(many)-1]})
	assert.NoError(t, err, "got %d bindings, %v", len(list), err)
	assert.Len(t, list, 9_999, "got %d bindings, %v", len(list), err)
}

func ExampleTemplateBindings() {
	list, err := acl.TemplateBindings("CONSUMER", acl.TemplateArgs{
		Principals: []string{"User:bob"}, Topics: []string{"Test-topic"}, Groups: []string{"Group-1"},
	})
	if err != nil {
		panic(err)
	}
	for _, b := range list {
		fmt.Println(b.Entry.Principal, b.Entry.Operation.DisplayName(), b.Pattern.Type.DisplayName(), b.Pattern.Name)
	}
	// Output:
	// User:bob Read Topic Test-topic
	// User:bob Describe Topic Test-topic
	// User:bob Read Group Group-1
}
