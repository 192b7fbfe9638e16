package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

const (
	allowA = `{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"10.0.0.1","operation":"READ","permission":"ALLOW"}` + "\n"

	needOperation = "expected one of All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, " +
		"IdempotentWrite, CreateTokens, DescribeTokens, TwoPhaseCommit"
	needType      = "expected one of Topic, Group, Cluster, TransactionalId, DelegationToken, User"
	needPrincipal = "expected Type:name, such as User:alice"
	needHost      = "expected an IP address, such as 10.0.0.1 or 2001:db8::1"
	needGroup     = "expected principals of the form Type:name, such as Group:developers"
	needQuotes    = "expected double quotes only around a whole field, and doubled inside it"
)

func askFile(t *testing.T, args ...string) []string {
	return append([]string{"check", "--acls", file(t, "acls.jsonl", allowA), "--questions", "-"}, args...)
}

func TestQuestionsOfBothFormats(t *testing.T) {
	const (
		allowed = "allowed: User:a from 10.0.0.1, Read on Topic a; reason: matching allow: (principal=User:a, host=10.0.0.1, operation=READ, permissionType=ALLOW)" +
			" on ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL)\n"
		grouped = "allowed: User:x with User:a, User:b from 10.0.0.1, Read on Topic a; reason: matching allow: (principal=User:a, host=10.0.0.1, operation=READ, permissionType=ALLOW)" +
			" on ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL)\n"
		denied = "denied: User:a from 127.0.0.1, Read on Topic a; reason: default deny: no ACL matches\n"
	)
	for _, questions := range []string{
		`{"principal":"User:a","host":"10.0.0.1","operation":"Read","resourceType":"Topic","name":"a"}` + "\n" +
			`{"name":"a","resourceType":"TOPIC","operation":"READ","groups":["User:a","User:b"],"host":"::ffff:10.0.0.1","principal":"User:x"}` + "\n\n" +
			`{"principal":"User:a","operation":"Read","resourceType":"Topic","name":"a","groups":[]}`,
		"principal,host,operation,resourceType,name,groups\nUser:a,10.0.0.1,Read,Topic,a,\n" +
			`"User:x",10.0.0.1,read,topic,a,"User:a; User:b;"` + "\nUser:a,,Read,Topic,a,\n",
		"groups,name,resourceType,operation,host,principal\n,a,Topic,Read,10.0.0.1,User:a\nUser:a;User:b,a,Topic,Read,10.0.0.1,User:x\n,a,Topic,Read,,User:a\n",
	} {
		for _, variant := range []string{questions, "\uFEFF" + questions, strings.ReplaceAll(questions, "\n", "\r\n")} {
			t.Run(fmt.Sprintf("%.20q, %d bytes", variant, len(variant)), func(t *testing.T) {
				expect(t, exitDenied, allowed+grouped+denied, "questions: 3, allowed: 2, denied: 1\n", variant, askFile(t)...)
			})
		}
		// The default host.
		expect(t, exitDone, allowed+grouped+allowed, "questions: 3, allowed: 3, denied: 0\n", questions, askFile(t, "--host", "10.0.0.1")...)
		assert.Equal(t, 3, strings.Count(runWith(questions, askFile(t, "-o", "json")...).stdout, `{"allowed":`), "answers in JSON")
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	const header = "principal,host,operation,resourceType,name,groups\nUser:a,,Read,Topic,a,\n"
	const good = `{"principal":"User:a","operation":"Read","resourceType":"Topic","name":"a"}`
	for _, test := range []struct {
		questions string
		want      []string
	}{
		{"", []string{"1:1: found no question, expected at least one"}},
		{"principal,operation,resourceType,name\n", []string{"1:1: found no question, expected at least one"}},
		{"principal,operation,type,name,name\nUser:a,Read,Topic,a\n", []string{
			`1:21: found the column "type", expected each of principal, operation, resourceType, name, host, groups at most once`,
			`1:31: found the column "name", expected each of principal, operation, resourceType, name, host, groups at most once`,
			"1:1: found a header without resourceType, expected a header such as principal,operation,resourceType,name,host,groups, or JSON lines"}},
		{"\"principal\n", []string{`1:12: found extraneous or missing " in quoted-field, ` + needQuotes}},
		{header + "alice,here,Reed,Queue,,staff\nUser:a,,Read,Topic,a\nUser:\"a,,Read,Topic,a,\nUser:b,,Any,Any,a,;Group:x;y\n", []string{
			`3:1: found principal "alice", ` + needPrincipal,
			`3:7: found host "here", ` + needHost,
			`3:12: found operation "Reed", ` + needOperation,
			`3:17: found resourceType "Queue", ` + needType,
			`3:23: found name "", expected the name of one resource`,
			`3:24: found groups "staff", ` + needGroup,
			"4:1: found 5 fields, expected 6 as in the header",
			`5:6: found bare " in non-quoted-field, ` + needQuotes,
			`6:9: found operation "Any", ` + needOperation,
			`6:13: found resourceType "Any", ` + needType,
			`6:19: found groups "y", ` + needGroup}},
		{header + "User:\xff,,Read,Topic,a,\n", []string{`3:1: found principal "User:\xff", expected valid UTF-8`}},
		{good + "\n{}\n" + strings.Replace(good, `"a"`, `"a","host":7`, 1) + "\n" + strings.Replace(good, "Topic", "topics", 1) + " x\n", []string{
			`2:2: found "}", expected the key "principal" or "operation" or "resourceType" or "name" or "host" or "groups"`,
			`3:83: found "7", expected a JSON string`,
			`4:57: found resourceType "topics", ` + needType,
			`4:78: found "x", expected nothing more on this line`}},
		{"\uFEFF" + strings.Replace(good, `"a"}`, `"a","groups":["Group:x","y",null]}`, 1) + "\n", []string{
			`1:99: found groups "y", ` + needGroup,
			`1:103: found "null", expected a JSON string`}},
		{strings.Replace(good, `"a"}`, `"a","groups":"Group:x"}`, 1), []string{`1:85: found "\"Group:x\"", expected a JSON array`}},
		{strings.Replace(good, `"a"}`, `"a","group":[]}`, 1), []string{`1:76: found the key "group", expected the key "host" or "groups" or a closing brace`}},
		{strings.Replace(good, `"User:a"`, `"User:\ud800"`, 1), []string{`1:20: found \ud800, expected both halves of the UTF-16 pair of a character`}},
		{good + "\n" + strings.Replace(good, "User:a", "User:\xfe", 1), []string{`2:20: found the byte "\xfe", expected valid UTF-8`}},
	} {
		t.Run(test.want[0], func(t *testing.T) {
			want := make([]string, len(test.want))
			for i, w := range test.want {
				want[i] = "standard input:" + w
			}
			refuse(t, test.questions, askFile(t), want...)
		})
	}
}

// Errors in the ACLs and in the questions are reported together.
func TestQuestionsAndACLsThatAreRefused(t *testing.T) {
	acls, questions := file(t, "acls", "?\n"), file(t, "questions", "{\n")
	refuse(t, "", []string{"check", "--acls", acls, "--format", "zookeeper", "--questions", questions},
		acls+`:1:2: found the end of the line, expected a node's path, a space and its document, such as /kafka-acl/Topic/orders {"version":1,"acls":[]}`,
		questions+`:1:2: found the end of the JSON text, expected the key "principal" or "operation" or "resourceType" or "name" or "host" or "groups"`)
}

func TestQuestionsWithTooManyErrors(t *testing.T) {
	for _, questions := range []string{
		strings.Repeat("{\n", lines.MaxErrors+5),
		"principal,operation,resourceType,name\n" + strings.Repeat("a\n", lines.MaxErrors+5),
	} {
		t.Run(fmt.Sprintf("%.9q", questions), func(t *testing.T) {
			got := runWith(questions, askFile(t)...)
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
			texts := strings.Split(strings.TrimSpace(got.stderr), "\n")
			require.Len(t, texts, lines.MaxErrors+1)
			assert.Contains(t, texts[lines.MaxErrors], ": more errors not shown")
		})
	}
}

func TestWarningsAreToldOnce(t *testing.T) {
	var questions strings.Builder
	questions.WriteString("principal,operation,resourceType,name\n")
	for i := range 5 {
		fmt.Fprintf(&questions, "User:a,Alter,Group,g%d\nUser:a,All,Topic,a\n", i)
	}
	got := runWith(questions.String(), askFile(t)...)
	const want = "standard input:2: warning: Kafka never asks for Alter on Group, only for Read, Delete, Describe, DescribeConfigs, AlterConfigs\n" +
		"standard input:3: warning: Kafka never asks for All on Topic, only for Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs\n" +
		"questions: 10, allowed: 0, denied: 10\n"
	assert.Equal(t, exitDenied, got.status)
	assert.Equal(t, want, got.stderr)
}
