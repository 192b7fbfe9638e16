package acl_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

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
		template acl.Template
		args     acl.TemplateArgs
		want     string
	}{
		{acl.Producer, acl.TemplateArgs{Topics: both}, `
			CREATE LITERAL t1 TOPIC, CREATE LITERAL t2 TOPIC, DESCRIBE LITERAL t1 TOPIC, DESCRIBE LITERAL t2 TOPIC, WRITE LITERAL t1 TOPIC, WRITE LITERAL t2 TOPIC`},
		{acl.IdempotentProducer, acl.TemplateArgs{Topics: []string{"t"}, PatternType: resource.Prefixed}, `
			CREATE PREFIXED t TOPIC, DESCRIBE PREFIXED t TOPIC, IDEMPOTENT_WRITE LITERAL kafka-cluster CLUSTER, WRITE PREFIXED t TOPIC`},
		{acl.TransactionalProducer, acl.TemplateArgs{Topics: []string{"t"}, TransactionalIDs: []string{"x"}}, `
			CREATE LITERAL t TOPIC, DESCRIBE LITERAL t TOPIC, DESCRIBE LITERAL x TRANSACTIONAL_ID, WRITE LITERAL t TOPIC, WRITE LITERAL x TRANSACTIONAL_ID`},
		{acl.Consumer, acl.TemplateArgs{Topics: []string{"*"}, Groups: []string{"g"}}, `
			DESCRIBE LITERAL * TOPIC, READ LITERAL * TOPIC, READ LITERAL g GROUP`},
		{acl.ConnectWorker, acl.TemplateArgs{Topics: []string{"configs", "offsets", "status"}, Groups: []string{"workers"}}, `
			CREATE LITERAL kafka-cluster CLUSTER, READ LITERAL configs TOPIC, READ LITERAL offsets TOPIC, READ LITERAL status TOPIC,
			READ LITERAL workers GROUP, WRITE LITERAL configs TOPIC, WRITE LITERAL offsets TOPIC, WRITE LITERAL status TOPIC`},
		{acl.SourceConnector, acl.TemplateArgs{Topics: []string{"t"}}, `WRITE LITERAL t TOPIC`},
		{acl.SinkConnector, acl.TemplateArgs{Topics: []string{"t"}, Name: "s3", PatternType: resource.Prefixed}, `
			READ LITERAL connect-s3 GROUP, READ PREFIXED t TOPIC`},
		{acl.ConnectReporter, acl.TemplateArgs{Topics: []string{"errors"}}, `
			CREATE LITERAL errors TOPIC, DESCRIBE LITERAL errors TOPIC, WRITE LITERAL errors TOPIC`},
		{acl.StreamsApplication, acl.TemplateArgs{Topics: []string{"in"}, OutputTopics: []string{"out"}, Name: "app"}, `
			ALL PREFIXED app GROUP, ALL PREFIXED app TOPIC, DESCRIBE PREFIXED app TRANSACTIONAL_ID, READ LITERAL in TOPIC,
			WRITE LITERAL out TOPIC, WRITE PREFIXED app TRANSACTIONAL_ID`},
		{acl.StreamsApplication, acl.TemplateArgs{Topics: []string{"in"}, Name: "app"}, `
			ALL PREFIXED app GROUP, ALL PREFIXED app TOPIC, DESCRIBE PREFIXED app TRANSACTIONAL_ID, READ LITERAL in TOPIC, WRITE PREFIXED app TRANSACTIONAL_ID`},
		{acl.ShareConsumer, acl.TemplateArgs{Topics: []string{"t"}, Groups: []string{"g"}}, `
			DESCRIBE LITERAL t TOPIC, READ LITERAL t TOPIC, READ LITERAL g GROUP`},
		{acl.ExactlyOnceWorker, acl.TemplateArgs{Topics: []string{"configs"}, Groups: []string{"workers"}}, `
			CREATE LITERAL kafka-cluster CLUSTER, READ LITERAL configs TOPIC, WRITE LITERAL configs TOPIC, READ LITERAL workers GROUP,
			DESCRIBE LITERAL connect-cluster-workers TRANSACTIONAL_ID, WRITE LITERAL connect-cluster-workers TRANSACTIONAL_ID`},
		{acl.ExactlyOnceSource, acl.TemplateArgs{Topics: []string{"t"}, OutputTopics: []string{"offsets"}, TransactionalIDs: []string{"workers-s3-0"}}, `
			WRITE LITERAL t TOPIC, READ LITERAL offsets TOPIC, WRITE LITERAL offsets TOPIC,
			DESCRIBE LITERAL workers-s3-0 TRANSACTIONAL_ID, WRITE LITERAL workers-s3-0 TRANSACTIONAL_ID`},
	} {
		tt.args.Principals = []string{"User:a", "User:b", "User:a"}
		got, err := tt.template.Bindings(tt.args)
		var want []string
		for line := range strings.SplitSeq(tt.want, ",") {
			want = append(want, "User:a "+strings.TrimSpace(line), "User:b "+strings.TrimSpace(line))
		}
		slices.Sort(want)
		if err != nil || !slices.Equal(brief(got), want) {
			t.Errorf("%v: got %v, %v\nwant %v", tt.template, brief(got), err, want)
		}
		for _, b := range got {
			if err := b.ValidateStrict(); err != nil || b.Entry.Permission != acl.Allow || b.Entry.Host != "*" {
				t.Errorf("%v: made %v: %v", tt.template, b, err)
			}
		}
		if again, err := acl.ParseTemplate(tt.template.String()); again != tt.template || err != nil {
			t.Errorf("%v read back as %v: %v", tt.template, again, err)
		}
	}
	hosts := []string{"10.0.0.1", "::1"}
	list, err := acl.SourceConnector.Bindings(acl.TemplateArgs{Principals: []string{"User:a"}, Hosts: hosts, Topics: []string{"t"}})
	if err != nil || len(list) != 2 || list[0].Entry.Host != hosts[0] || list[1].Entry.Host != hosts[1] {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestTemplatesRefuse(t *testing.T) {
	who, one := []string{"User:a"}, []string{"x"}
	many := make([]string, acl.MaxTemplateBindings/3+1)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	for _, tt := range []struct {
		template acl.Template
		args     acl.TemplateArgs
		field    string
	}{
		{0, acl.TemplateArgs{Principals: who, Topics: one}, "template"},
		{99, acl.TemplateArgs{Principals: who, Topics: one}, "template"},
		{acl.Producer, acl.TemplateArgs{Topics: one}, "Principals"},
		{acl.Producer, acl.TemplateArgs{Principals: who}, "Topics"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: one, Groups: one}, "Groups"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: one, Name: "n"}, "Name"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: one, TransactionalIDs: one}, "TransactionalIDs"},
		{acl.TransactionalProducer, acl.TemplateArgs{Principals: who, Topics: one}, "TransactionalIDs"},
		{acl.Consumer, acl.TemplateArgs{Principals: who, Topics: one}, "Groups"},
		{acl.Consumer, acl.TemplateArgs{Principals: who, Topics: one, Groups: one, OutputTopics: one}, "OutputTopics"},
		{acl.SinkConnector, acl.TemplateArgs{Principals: who, Topics: one}, "Name"},
		{acl.Producer, acl.TemplateArgs{Principals: []string{"a"}, Topics: one}, "principal"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: []string{""}}, "name"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: one, Hosts: []string{""}}, "host"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: one, PatternType: resource.PatternMatch}, "patternType"},
		{acl.Producer, acl.TemplateArgs{Principals: who, Topics: many}, "args"},
	} {
		list, err := tt.template.Bindings(tt.args)
		var invalid *acl.InvalidError
		if list != nil || !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%v of %d topics: got %d bindings, %v; want an error for %s", tt.template, len(tt.args.Topics), len(list), err, tt.field)
		}
	}
	if got, err := acl.ParseTemplate("nobody"); got != 0 || err == nil {
		t.Errorf("got %v, %v", got, err)
	}
	if list, err := acl.Producer.Bindings(acl.TemplateArgs{Principals: who, Topics: many[:len(many)-1]}); err != nil || len(list) != 9_999 {
		t.Errorf("got %d bindings, %v", len(list), err)
	}
}

func ExampleTemplate_Bindings() {
	list, err := acl.Consumer.Bindings(acl.TemplateArgs{
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
