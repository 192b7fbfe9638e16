package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Lines of each authorizer. The DEBUG lines are between the decisions of the old ones.
//
// Source: logAuditMessage and its neighbours in Kafka's SimpleAclAuthorizer (0.9.0, 2.0) and
// AclAuthorizer (2.4), StandardAuthorizerData (3.2, 4.2). cmd/portcullis/testdata/authorizerlogs
// has lines of running brokers.
var releaseLines = []struct{ form, line string }{
	{audit.FormSimple09, "Principal = User:app is Allowed Operation = Read from host = 192.0.2.7 on resource = ConsumerGroup:g:1"},
	{audit.FormSimple09, "Principal = User:app is Allowed Operation = Read from host = 192.0.2.7 on resource = Group:g:1"},
	{audit.FormSimple20, "Principal = User:app is Allowed Operation = Read from host = 192.0.2.7 on resource = Group:LITERAL:g:1"},
	{audit.FormACL, "Principal = User:app is Allowed Operation = Read from host = 192.0.2.7 on resource = Group:LITERAL:g:1 for request = Fetch with resourceRefCount = 1"},
	{audit.FormStandard, "Principal = User:app is Allowed operation = READ from host = 192.0.2.7 on resource = Group:LITERAL:g:1 for request = Fetch with resourceRefCount = 1 based on rule DefaultAllow"},
	{audit.FormStandard32, "Principal = User:app is Allowed operation = READ from host = 192.0.2.7 on resource = Group:LITERAL:g:1 for request = Fetch with resourceRefCount = 1 based on rule MatchingAcl(acl=StandardAcl(resourceType=GROUP, resourceName=*, patternType=LITERAL, principal=User:*, host=*, operation=ALL, permissionType=ALLOW))"},
	{audit.FormStandard42, "Principal = User:app is Allowed operation = READ from host = 192.0.2.7 on resource = Group:LITERAL:g:1 for request = Fetch with resourceRefCount = 1 based on rule MatchingAcl(acl=StandardAcl[resourceType=GROUP, resourceName=*, patternType=LITERAL, principal=User:*, host=*, operation=ALL, permissionType=ALLOW])"},
}

// wrappings are what is put around a line.
var wrappings = map[string]func(line string) string{
	"nothing": func(line string) string { return line },
	"log4j": func(line string) string {
		return "[2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger)"
	},
	"kubectl --prefix": func(line string) string {
		return "[pod/kafka-0/kafka] [2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger)"
	},
	"kubectl timestamps": func(line string) string { return "2023-01-01T00:00:00.000000000Z " + line },
	"CRI": func(line string) string {
		return "2023-01-01T00:00:00.000000000Z stdout F [2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger)"
	},
	"docker compose": func(line string) string {
		return "kafka-1  | [2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger)"
	},
	"Strimzi": func(line string) string {
		return "2023-01-01 00:00:00,000 INFO " + line + " (kafka.authorizer.logger) [data-plane-kafka-request-handler-3]"
	},
	"a line number": func(line string) string {
		return "[2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger:76)"
	},
	"journald": func(line string) string {
		return "Jan  1 00:00:00 broker-0 kafka-server-start.sh[812]: [2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger)"
	},
	"syslog": func(line string) string {
		return "<134>1 2023-01-01T00:00:00.000Z broker-0 kafka 812 - - [2023-01-01 00:00:00,000] INFO " + line + " (kafka.authorizer.logger)"
	},
	"journalctl -o json": func(line string) string {
		return `{"__CURSOR":"s=1","PRIORITY":"6","MESSAGE":` + strconv.Quote("INFO "+line+" (kafka.authorizer.logger)") + `}`
	},
	"colours": func(line string) string {
		return "\x1b[32m[2023-01-01 00:00:00,000] INFO\x1b[0m \x1b[1m" + line + " (kafka.authorizer.logger)\x1b[0m"
	},
	"colours of docker": func(line string) string {
		text, _ := json.Marshal("\x1b[32mINFO " + line + " (kafka.authorizer.logger)\x1b[0m\r\n")
		return `{"log":` + string(text) + `,"stream":"stdout"}`
	},
	"CSV": func(line string) string { return `2023-01-01T00:00:00Z,"kafka-0","` + line + `",6` },
	"logfmt": func(line string) string {
		return `level=info logger=kafka.authorizer.logger msg="` + line + `" pod=kafka-0`
	},
	"CSV of log4j": func(line string) string {
		return `2023-01-01,"[2023-01-01 00:00:00,000] INFO ` + line + ` (kafka.authorizer.logger)"`
	},
	"JSON on many lines": func(line string) string { return `    "message": ` + strconv.Quote("INFO "+line+"\n") + `,` },
	"JSON in JSON": func(line string) string {
		return `{"log":` + strconv.Quote(`{"message":"`+line+`","level":"INFO"}`) + `}`
	},
	"an array of texts in JSON": func(line string) string { return `  ` + strconv.Quote(line) },
	"a text directly before":    func(line string) string { return "authorizer:" + line },
	"a tab":                     func(line string) string { return "kafka.authorizer.logger\t" + line },
	"docker": func(line string) string {
		return `{"log":` + strconv.Quote("[2023-01-01 00:00:00,000] INFO "+line+" (kafka.authorizer.logger)\n") + `,"stream":"stdout","time":"2023-01-01T00:00:00Z"}`
	},
	"JSON layout": func(line string) string {
		return `{"level":"INFO","loggerName":"kafka.authorizer.logger","message":` + strconv.Quote(line) + `}`
	},
	"nested": func(line string) string {
		return `{"jsonPayload":{"message":` + strconv.Quote(line) + `},"labels":["a"]}`
	},
}

func TestAuthorizersOfEveryRelease(t *testing.T) {
	for how, wrap := range wrappings {
		for _, test := range releaseLines {
			t.Run(how+" "+test.form, func(t *testing.T) {
				text := wrap(`ready for`) + "\n" + wrap(test.line) + "\n" + wrap(strings.Replace(strings.Replace(test.line, "Allowed", "Denied", 1), "DefaultAllow", "DefaultDeny", 1)) + "\n"
				var records []audit.Record
				skipped := 0
				for r, err := range audit.ReadTrace(strings.NewReader(text), "log", audit.TraceAuto) {
					if none, ok := errors.AsType[*audit.NoDecisionError](err); ok {
						assert.Equal(t, 1, none.Err.Line)
						skipped++
						continue
					}
					require.NoError(t, err)
					records = append(records, r)
				}
				require.Len(t, records, 2)
				assert.Equal(t, 1, skipped)
				for i, r := range records {
					assert.Equal(t, test.form, r.Form)
					assert.Equal(t, "User:app", r.Subject.Principal.String())
					assert.Equal(t, "192.0.2.7", r.Subject.Host.String())
					assert.Equal(t, ops.Read, r.Request.Operation)
					assert.Equal(t, resource.Group, r.Request.Type)
					assert.Equal(t, "g:1", r.Request.Name)
					assert.Equal(t, i == 0, r.Allowed)
					assert.False(t, r.ByType || r.SuperUser)
					assert.Equal(t, 2+i, r.Line)
				}
			})
		}
	}
}

// TestSuperUsersOfOldLogs: AclAuthorizer says in a line of its own who is a super user.
func TestSuperUsersOfOldLogs(t *testing.T) {
	const says = "[2023-01-01 00:00:00,000] DEBUG principal = User:app is a super user, allowing operation without checking acls. (kafka.authorizer.logger)\n"
	for _, line := range releaseLines[:4] {
		records, problems := read(says+line.line+"\n"+strings.Replace(line.line, "app", "bob", 1)+"\n", audit.TraceKafka)
		require.Len(t, records, 2)
		assert.Len(t, problems, 1)
		assert.True(t, records[0].SuperUser)
		assert.False(t, records[1].SuperUser)
	}
}

// TestLinesThatAreCut: a name with a line break, or one that looks like the end of a line, does
// not pass for another name without a trace.
func TestLinesThatAreCut(t *testing.T) {
	const (
		whole = "Principal = User:a is Allowed Operation = Read from host = 10.0.0.1 on resource = Group:LITERAL:x for request = Fetch with resourceRefCount = 1"
		cut   = "Principal = User:a is Allowed Operation = Read from host = 10.0.0.1 on resource = Group:LITERAL:x"
		mixed = `expected one kind: if the release changed, divide the log there; otherwise the line is cut`
	)
	for _, test := range []struct{ text, want string }{
		{whole + "\n" + cut, `log:2:1: found a line without " for request = " in a log that has the other kind too, ` + mixed},
		{cut + "\n" + whole, `log:2:1: found a line with " for request = " in a log that has the other kind too, ` + mixed},
		{"Principal = User:a is Allo", `log:1:13: found the text "User:a is Allo"`},
		{strings.Replace(whole, "User:a", "User:a is Denied operation = ", 1), `log:1:166: found the text "1", expected " based on rule " after it`},
		{strings.Replace(whole, "LITERAL:", "", 1), `log:1:83: found resource "Group:x"`},
		{`a,"Principal = User:CN=a\,O=b is Allowed Oper"`, "log:1:3: found quoted text with quotation marks or backslashes, or without an end, expected the text alone, such as the column of the message, or one JSON object on a line"},
		{`a,"Principal = User:""a"" is Allowed Oper"`, "log:1:3: found quoted text with quotation marks"},
		{`a,"` + whole, "log:1:3: found quoted text with quotation marks"},
		{`'` + whole + `'`, `log:1:2: found a decision after '\'', expected it at the beginning of a line, or after a space`},
		// A line without a request ends with the name, so that what follows it may be taken for a part of it.
		{strings.Replace(cut, "Group:LITERAL:x", "Topic:x [thread-1]", 1), `log:1:89: found topic "x [thread-1]", expected the end of the line after the name`},
		{strings.Replace(cut, "Group:LITERAL:x", `Topic:LITERAL:x"`, 1), `log:1:97: found topic "x\"", expected the end of the line after the name`},
		{`{"log":"Principal = User:a is Allowed Oper`, "log:1:1: found a JSON object that is cut or invalid, expected one whole object on a line"},
		{`{"a":"` + whole + `","b":"` + cut + `"}`, "log:1:1: found more than one text in the object that looks like a decision, expected one"},
		{`{"log":"` + strings.Replace(whole, ":x", `:x\ud800`, 1) + `"}`, "log:1:1: found an escape that is half of a character, expected whole characters"},
		{`{"log":"` + strings.Replace(whole, "User:a", `alice`, 1) + `"}`, `log:1:1: found principal "alice", expected Type:name`},
	} {
		t.Run(test.text, func(t *testing.T) {
			_, problems := read(test.text, audit.TraceKafka)
			require.Len(t, problems, 1)
			assert.True(t, strings.HasPrefix(problems[0], test.want), "got  %s\nwant %s", problems[0], test.want)
		})
	}
}

// TestNamesWithWhatIsAroundLines: what is cut off at the end of a line stays if it is a part of a name.
func TestNamesWithWhatIsAroundLines(t *testing.T) {
	const line = "Principal = User:a is Allowed Operation = Read from host = 10.0.0.1 on resource = Group:LITERAL:"
	for text, want := range map[string]string{
		line + "x\x1b[0m":                    "x\x1b[0m", // there is no colour before it
		"\x1b[32m" + line + "x\x1b[0m y":     "x\x1b[0m y",
		"\x1b[32m" + line + "x\x1b[0m\x1b[m": "x",
		line + `"x"`:                         `"x"`,
		`a "b" c ` + line + `x"`:             `x"`,
		line + "x (kafka.authorizer.logger) y (kafka.authorizer.logger)": "x (kafka.authorizer.logger) y",
		line + "x (kafka.authorizer.logger) y":                           "x (kafka.authorizer.logger) y",
		`  "m": "` + line + `a\\b\u00e4",`:                               `a\bä`,
	} {
		records, problems := read(text, audit.TraceKafka)
		require.Empty(t, problems, text)
		require.Len(t, records, 1)
		assert.Equal(t, want, records[0].Request.Name)
	}
	records, problems := read("noPrincipal = User:a is Allowed Operation = Read", audit.TraceKafka)
	assert.Empty(t, records)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0], "found the line", "another word is no decision")
}

// ExampleNoDecisionError shows how to skip the lines of other loggers.
func ExampleNoDecisionError() {
	const log = "[2023-01-01 00:00:00,000] INFO started (kafka.server.KafkaServer)\n" +
		"[2023-01-01 00:00:00,000] INFO Principal = User:a is Denied Operation = Read from host = 10.0.0.1 on resource = Topic:t (kafka.authorizer.logger)\n"
	skipped := 0
	for r, err := range audit.ReadTrace(strings.NewReader(log), "kafka-authorizer.log", audit.TraceKafka) {
		var none *audit.NoDecisionError
		var wrong *acl.ParseError
		switch {
		case errors.As(err, &none):
			skipped++
		case errors.As(err, &wrong):
			fmt.Println(wrong)
		default:
			fmt.Println(r.Form, r.Subject.Principal, r.Request.Name)
		}
	}
	fmt.Println("skipped:", skipped)
	// Output:
	// SimpleAclAuthorizer (Kafka 0.9 to 1.1) User:a t
	// skipped: 1
}
