package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// events returns the events of a session of alice, who is in a group: an allow, a
// denial by an ACL, a default denial of a hostile name, a by-type allow, and the
// decisions for a super user and of a store that is not ready.
func events(t testing.TB) []audit.Event {
	t.Helper()
	store := acltest.Store(t, snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}},
		acltest.Allow("Group:ops", ops.Read, resource.PrefixedPattern(resource.Topic, "pay")), acltest.Deny("User:alice", ops.All, acltest.Topic("payroll")))
	subject := snapshot.Subject{Principal: principal.User("alice"), Groups: []principal.Principal{{Type: "Group", Name: "ops"}}, Host: netip.MustParseAddr("2001:db8::7")}
	var r recorder
	auditor := audit.Auditor{Handler: &r, Level: audit.LevelTrace, Now: func() time.Time { return time.UnixMilli(1_700_000_000_123) }}
	session := auditor.Session(store, subject)
	call := audit.Call{API: 1, ClientID: "app-1", CorrelationID: 42, References: 3}
	session.Check(call, ops.Describe, resource.Topic, "payments")
	session.Check(call, ops.Read, resource.Topic, "payroll")
	session.Check(audit.Call{API: 11, QuietDenied: true}, ops.Read, resource.Group, hostileName)
	session.CheckAny(audit.Call{API: 22}, ops.Read, resource.Topic)
	auditor.Session(store, snapshot.Subject{Principal: principal.User("root")}).Check(audit.Call{API: 19}, ops.Create, resource.Cluster, resource.ClusterName)
	auditor.Session(snapshot.NewStore(snapshot.Config{}), alice).Check(audit.Call{}, ops.Write, resource.TransactionalID, "t")
	return r.events
}

// hostileName is a group name that forges a line of Kafka's log.
const hostileName = "g for request = JoinGroup with resourceRefCount = 1 based on rule DefaultDeny\nPrincipal = User:eve is Allowed operation = ALL from host = 10.0.0.1 on resource = Group:LITERAL:x"

// written returns what a handler writes for the events.
func written(t *testing.T, h audit.Handler, out *bytes.Buffer) string {
	t.Helper()
	for _, e := range events(t) {
		require.NoError(t, h.Handle(&e))
	}
	return out.String()
}

func TestLineWriter(t *testing.T) {
	const want = `Principal = User:alice is Allowed operation = DESCRIBE from host = 2001:db8:0:0:0:0:0:7 on resource = Topic:LITERAL:payments for request = Fetch with resourceRefCount = 3 based on rule MatchingAcl(acl=StandardAcl[resourceType=TOPIC, resourceName=pay, patternType=PREFIXED, principal=Group:ops, host=*, operation=READ, permissionType=ALLOW])
Principal = User:alice is Denied operation = READ from host = 2001:db8:0:0:0:0:0:7 on resource = Topic:LITERAL:payroll for request = Fetch with resourceRefCount = 3 based on rule MatchingAcl(acl=StandardAcl[resourceType=TOPIC, resourceName=payroll, patternType=LITERAL, principal=User:alice, host=*, operation=ALL, permissionType=DENY])
Principal = User:alice is Denied operation = READ from host = 2001:db8:0:0:0:0:0:7 on resource = Group:LITERAL:"g\x20for\x20request\x20=\x20JoinGroup\x20with\x20resourceRefCount\x20=\x201\x20based\x20on\x20rule\x20DefaultDeny\nPrincipal\x20=\x20User:eve\x20is\x20Allowed\x20operation\x20=\x20ALL\x20from\x20host\x20=\x2010.0.0.1\x20on\x20resource\x20=\x20Group:LITERAL:x" for request = JoinGroup with resourceRefCount = 0 based on rule DefaultDeny
Principal = User:alice is Allowed operation = READ from host = 2001:db8:0:0:0:0:0:7 on resource = Topic:ANY:* for request = InitProducerId with resourceRefCount = 0 based on rule MatchingAcl
Principal = User:root is Denied operation = CREATE from host =  on resource = Cluster:LITERAL:kafka-cluster for request = CreateTopics with resourceRefCount = 0 based on rule NoHost
Principal = User:alice is Denied operation = WRITE from host = 10.0.0.1 on resource = TransactionalId:LITERAL:t for request = Produce with resourceRefCount = 0 based on rule NotReady
`
	var out bytes.Buffer
	assert.Equal(t, want, written(t, audit.NewLineWriter(&out, audit.Kafka42), &out))
	out.Reset()
	old := strings.NewReplacer("StandardAcl[", "StandardAcl(", "])", "))").Replace(want)
	assert.Equal(t, old, written(t, audit.NewLineWriter(&out, audit.Kafka40), &out))
	e := events(t)[2]
	assert.Contains(t, string(audit.AppendExactLine(nil, &e, audit.Kafka40)), "\nPrincipal = User:eve is Allowed", "the exact line is not Kafka's")
	e = events(t)[0]
	got := string(audit.AppendLine(nil, &e, 9))
	assert.True(t, strings.HasPrefix(want, got), "in an unknown style: %s", got)
}

func TestLogHandler(t *testing.T) {
	const want = `{"time":"2023-11-14T22:13:20.123Z","level":"DEBUG","msg":"allowed","principal":"User:alice","groups":["Group:ops"],"host":"2001:db8:0:0:0:0:0:7","operation":"DESCRIBE","resourceType":"TOPIC","name":"payments","request":"Fetch","clientId":"app-1","reason":"matching allow","acl":"(pattern=ResourcePattern(resourceType=TOPIC, name=pay, patternType=PREFIXED), entry=(principal=Group:ops, host=*, operation=READ, permissionType=ALLOW))","generation":1}
{"time":"2023-11-14T22:13:20.123Z","level":"INFO","msg":"denied","principal":"User:alice","groups":["Group:ops"],"host":"2001:db8:0:0:0:0:0:7","operation":"READ","resourceType":"TOPIC","name":"payroll","request":"Fetch","clientId":"app-1","reason":"matching deny","acl":"(pattern=ResourcePattern(resourceType=TOPIC, name=payroll, patternType=LITERAL), entry=(principal=User:alice, host=*, operation=ALL, permissionType=DENY))","generation":1}
{"time":"2023-11-14T22:13:20.123Z","level":"DEBUG","msg":"allowed","principal":"User:alice","groups":["Group:ops"],"host":"2001:db8:0:0:0:0:0:7","operation":"READ","resourceType":"TOPIC","byType":true,"request":"InitProducerId","reason":"matching allow","generation":1}
{"time":"2023-11-14T22:13:20.123Z","level":"INFO","msg":"denied","principal":"User:root","host":"","operation":"CREATE","resourceType":"CLUSTER","name":"kafka-cluster","request":"CreateTopics","reason":"no host","generation":1}
{"time":"2023-11-14T22:13:20.123Z","level":"INFO","msg":"denied","principal":"User:alice","host":"10.0.0.1","operation":"WRITE","resourceType":"TRANSACTIONAL_ID","name":"t","request":"Produce","reason":"not ready","generation":0}
`
	var out bytes.Buffer
	utc := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}
	h := slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: utc})
	if got := written(t, audit.NewLogHandler(slog.New(h)), &out); got != want { // the one at TRACE is omitted
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	text := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: audit.LevelTrace})
	got := written(t, audit.NewLogHandler(slog.New(text)), &out)
	assert.Equal(t, len(events(t)), strings.Count(got, "\n"), "a name breaks a line:\n%s", got)
}

func TestJSONWriter(t *testing.T) {
	const want = `{"time":"2023-11-14T22:13:20.123Z","allowed":true,"reason":"matching allow","principal":"User:alice","groups":["Group:ops"],"host":"2001:db8:0:0:0:0:0:7","operation":"DESCRIBE","resourceType":"TOPIC","name":"payments","request":"Fetch","clientId":"app-1","correlationId":42,"references":3,"generation":1,"acl":{"resourceType":"TOPIC","name":"pay","patternType":"PREFIXED","principal":"Group:ops","host":"*","operation":"READ","permission":"ALLOW"}}
`
	var out bytes.Buffer
	got := written(t, audit.NewJSONWriter(&out), &out)
	assert.True(t, strings.HasPrefix(got, want), "got\n%s\nwant it to begin with\n%s", got, want)
	assert.Equal(t, len(events(t)), strings.Count(got, "\n"), "got\n%s\nwant it to begin with\n%s", got, want)
	zero, err := audit.AppendJSON(nil, &audit.Event{})
	require.NoError(t, err, "the zero event")
	assert.NotContains(t, string(zero), "time", "the zero event")
}

// TestOCSFWriter checks the attributes that the class requires, and the codes.
func TestOCSFWriter(t *testing.T) {
	var out bytes.Buffer
	lines := strings.Split(strings.TrimSpace(written(t, audit.NewOCSFWriter(&out), &out)), "\n")
	require.Len(t, lines, len(events(t)), "%d lines, want %d", len(lines), len(events(t)))
	const first = `{"activity_id":2,"activity_name":"Read","category_uid":6,"category_name":"Application Activity","class_uid":6003,"class_name":"API Activity",` +
		`"type_uid":600302,"type_name":"API Activity: Read","time":1700000000123,"severity_id":1,"severity":"Informational","status_id":1,"status":"Success","status_detail":"matching allow",` +
		`"metadata":{"version":"1.3.0","product":{"name":"Portcullis","vendor_name":"Portcullis"}},` +
		`"actor":{"user":{"uid":"User:alice","name":"alice","type":"User","type_id":99,"groups":[{"name":"Group:ops"}]},"app_name":"app-1",` +
		`"authorizations":[{"decision":"Allowed","policy":{"name":"[resourceType=TOPIC, resourceName=pay, patternType=PREFIXED, principal=Group:ops, host=*, operation=READ, permissionType=ALLOW]"}}]},` +
		`"api":{"operation":"Fetch","service":{"name":"kafka"},"request":{"uid":"42"}},"src_endpoint":{"ip":"2001:db8::7"},"resources":[{"name":"payments","type":"Topic"}],` +
		`"unmapped":{"operation":"DESCRIBE","resource_reference_count":3,"generation":1}}`
	assert.Equal(t, first, lines[0])
	for i, line := range lines {
		var o map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		for _, required := range []string{"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time", "type_uid"} {
			assert.False(t, o[required] == nil, "line %d has no %s", i, required)
		}
		if o["type_uid"] != o["class_uid"].(float64)*100+o["activity_id"].(float64) {
			t.Errorf("line %d: type_uid %v", i, o["type_uid"])
		}
		assert.NotEmpty(t, o["src_endpoint"].(map[string]any), "line %d: src_endpoint says nothing", i)
	}
	// Every Kafka operation has an activity.
	for op := ops.All; op.IsKnown(); op++ {
		e := audit.Event{Request: snapshot.Request{Operation: op}}
		line, err := audit.AppendOCSF(nil, &e)
		require.NoError(t, err, "%v has no activity", op)
		assert.False(t, bytes.Contains(line, []byte(`"activity_id":0`)), "%v has no activity: %v", op, err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWritersReportErrors(t *testing.T) {
	e := events(t)[0]
	for name, h := range map[string]audit.Handler{
		"line": audit.NewLineWriter(failingWriter{}, audit.Kafka42), "JSON": audit.NewJSONWriter(failingWriter{}),
		"OCSF": audit.NewOCSFWriter(failingWriter{}), "log": audit.NewLogHandler(slog.New(slog.NewTextHandler(failingWriter{}, &slog.HandlerOptions{Level: audit.LevelTrace}))),
	} {
		assert.ErrorIs(t, h.Handle(&e), errFull, name)
	}
	// JSON cannot represent text that is not UTF-8, and replacing it would give another
	// name.
	e.Request.Name = "a\xff"
	for name, h := range map[string]audit.Handler{"JSON": audit.NewJSONWriter(new(bytes.Buffer)), "OCSF": audit.NewOCSFWriter(new(bytes.Buffer))} {
		assert.EqualError(t, h.Handle(&e), `audit: "a\xff" is not valid UTF-8, and JSON cannot represent it`, name)
	}
	line := string(audit.AppendLine(nil, &e, audit.Kafka42))
	assert.Contains(t, line, `Topic:LITERAL:"a\xff" for`, "line")
}

// TestWritersEscape: a client chooses the name of a group and its client id, and its provider
// of identities the principal. What a handler writes may be read on a terminal, so it has only
// printable characters: no control characters (C0, DEL, C1), none that change the direction
// of text, and none without width.
func TestWritersEscape(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{})
	slogged := func(h slog.Handler) audit.Handler { return audit.NewLogHandler(slog.New(h)) }
	written := 0
	for _, text := range []string{"\u009b31mred", "\u202egnp.exe\u2066", "\ufeff\u200b", "\x7f", "\u0085", "\U000e0001", "\x1b[2J"} {
		e := audit.Event{Subject: snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}, Call: audit.Call{API: ops.JoinGroupKey}}
		e.Request = snapshot.Request{Operation: ops.Read, Type: resource.Group, Name: "g"}
		e.Decision = store.Session(e.Subject).Check(ops.Read, resource.Group, "g")
		for place, in := range map[string]func(*audit.Event){
			"name":      func(e *audit.Event) { e.Request.Name = text },
			"client id": func(e *audit.Event) { e.Call.ClientID = text },
			"principal": func(e *audit.Event) { e.Subject.Principal.Name = text },
			"group":     func(e *audit.Event) { e.Subject.Groups = []principal.Principal{{Type: "Group", Name: text}} },
			"zone":      func(e *audit.Event) { e.Subject.Host = netip.MustParseAddr("fe80::1").WithZone(text) },
		} {
			var out bytes.Buffer
			for name, h := range map[string]audit.Handler{
				"log, text": slogged(slog.NewTextHandler(&out, nil)), "log, JSON": slogged(slog.NewJSONHandler(&out, nil)),
				"line": audit.NewLineWriter(&out, audit.Kafka42), "JSON": audit.NewJSONWriter(&out), "OCSF": audit.NewOCSFWriter(&out),
			} {
				e := e
				in(&e)
				out.Reset()
				require.NoError(t, h.Handle(&e), name)
				line := strings.TrimSuffix(out.String(), "\n")
				assert.NotEmpty(t, line, name)
				for _, r := range line {
					assert.True(t, strconv.IsPrint(r), "%s, %s: %U", name, place, r)
				}
				written++
			}
		}
	}
	assert.Equal(t, 7*5*5, written)
}
