package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// read returns the records and the errors of a text.
func read(text string, format audit.TraceFormat) (records []audit.Record, problems []string) {
	for r, err := range audit.ReadTrace(strings.NewReader(text), "log", format) {
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		r.Form = "" // TestAuthorizersOfEveryRelease
		records = append(records, r)
	}
	return records, problems
}

// recordOf returns the record that a log of the event can contain.
func recordOf(e *audit.Event, withGroups bool) audit.Record {
	r := audit.Record{Subject: e.Subject, Request: e.Request, ByType: e.ByType, Allowed: e.Decision.Allowed(), SuperUser: e.Decision.Reason() == snapshot.SuperUser, Line: 1}
	if !withGroups {
		r.Subject.Groups = nil
	}
	return r
}

// hostileText draws text that tries to look like something else.
func hostileText(t *rapid.T) string {
	pieces := []string{"a", " ", `"`, `\`, "\n", "\r", "=", "Principal = ", " is Allowed operation = ", " is Denied operation = ", " from host = ", " on resource = ",
		" for request = ", " with resourceRefCount = ", " based on rule ", "SuperUser", "based on rule", " for request", ", host=", "resourceName=", "(kafka.authorizer.logger)", "))", "])",
		"\u2028", "\u202e", "é", "\x1b[2J", "\x00", "\xff", "*", "LITERAL:", "hardcode", `\x20`}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 5).Draw(t, "text"), "")
}

// TestLinesComeBack: whatever names a client chooses, its event is one line without
// characters that control a terminal, and the line reads back as the event.
func TestLinesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		who := principal.User(hostileText(rt))
		name := hostileText(rt)
		rule := acltest.Allow(gen.Pick(gen.Rapid(rt), []string{principal.Wildcard, who.String()}), ops.Read, resource.PrefixedPattern(resource.Group, name))
		store := snapshot.NewStore(snapshot.Config{AllowIfNoACL: rapid.Bool().Draw(rt, "open"), SuperUsers: []principal.Principal{principal.User("a")}})
		_ = store.Update(func(tx *snapshot.Tx) error { tx.Add(rule); return nil }) // refused if it is not UTF-8
		var r recorder
		subject := snapshot.Subject{Principal: who, Host: netip.MustParseAddr("fe80::1%eth0")}
		session := (&audit.Auditor{Handler: &r, Level: audit.LevelTrace}).Session(store, subject)
		call := audit.Call{API: 1, References: rapid.IntRange(0, 2).Draw(rt, "references")}
		session.Check(call, gen.Pick(gen.Rapid(rt), []ops.Operation{ops.Read, ops.Write}), resource.Group, name+hostileText(rt))
		session.CheckAny(call, ops.Read, resource.Group)
		for i := range r.events {
			e := &r.events[i]
			line := string(audit.AppendLine(nil, e, audit.LineStyle(rapid.IntRange(0, 1).Draw(rt, "style"))))
			require.False(rt, strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u202e' }), "not escaped: %q", line)
			require.True(rt, utf8.ValidString(line), "not escaped: %q", line)
			records, problems := read(line+"\n", audit.TraceEscaped)
			valid := utf8.ValidString(e.Subject.Principal.Name + e.Request.Name)
			if !valid {
				require.Len(rt, problems, 1, "%q is read as %+v", line, records)
				continue
			}
			want := recordOf(e, false)
			require.Empty(rt, problems, "%s\nis read as %+v, %q\nwant %+v", line, records, problems, want)
			require.Len(rt, records, 1, "%s\nis read as %+v, %q\nwant %+v", line, records, problems, want)
			require.Equal(rt, want, records[0], "%s\nis read as %+v, %q\nwant %+v", line, records, problems, want)
			// If the format is unknown, the line is refused or means the same.
			if records, _ := read(line, audit.TraceAuto); len(records) == 1 && call.References > 0 && !reflect.DeepEqual(records[0], recordOf(e, false)) {
				rt.Fatalf("%s\nis taken for %+v", line, records[0])
			}
			text, err := audit.AppendJSON(nil, e)
			require.NoError(rt, err)
			records, problems = read(string(text), audit.TraceAuto)
			require.Empty(rt, problems, "%s\nis read as %+v, %q", text, records, problems)
			require.Equal(rt, []audit.Record{recordOf(e, true)}, records, "%s\nis read as %+v, %q", text, records, problems)
			text, err = audit.AppendOCSF(nil, e)
			require.NoError(rt, err)
			records, problems = read(string(text), audit.TraceAuto)
			want = recordOf(e, true)
			want.Subject.Host = want.Subject.Host.WithZone("") // which the schema does not have
			require.Empty(rt, problems, "%s\nis read as %+v, %q", text, records, problems)
			require.Equal(rt, []audit.Record{want}, records, "%s\nis read as %+v, %q", text, records, problems)

			// Kafka's own line means the same, is refused, or is split into several
			// lines.
			exact := string(audit.AppendExactLine(nil, e, audit.Kafka40))
			if records, _ := read(exact, audit.TraceKafka); !strings.ContainsAny(exact, "\r\n") && !e.ByType && len(records) == 1 &&
				call.References > 0 && !strings.HasSuffix(exact, " ") && !reflect.DeepEqual(records[0], recordOf(e, false)) {
				rt.Fatalf("%q\nis read as %+v", exact, records[0])
			}
		}
	})
}

// Text that forms a separator of the line only together with the adjacent text.
func TestTextAtTheEdgesComesBack(t *testing.T) {
	for _, name := range []string{"", " ", "x for request =", " for request", "x with resourceRefCount =", "is Allowed operation = x", "from host = x", "on resource =",
		"for request = x", "based on rule", "x based on rule", "based on rule x", "Principal = ", "Principal =", `"`, `"x"`, "=", "a = b", ", host=", "a\\b"} {
		t.Run(name, func(t *testing.T) {
			e := audit.Event{Subject: snapshot.Subject{Principal: principal.User(name), Host: alice.Host}, Request: snapshot.Request{Operation: ops.Read, Type: resource.Group, Name: name}}
			line := string(audit.AppendLine(nil, &e, audit.Kafka42))
			records, problems := read(line, audit.TraceEscaped)
			assert.Empty(t, problems, "%s\nis read as %+v, %q", line, records, problems)
			assert.Equal(t, []audit.Record{recordOf(&e, false)}, records, "%s\nis read as %+v, %q", line, records, problems)
		})
	}
}

func TestReadTraceKeepsGroups(t *testing.T) {
	e := events(t)[0]
	text, err := audit.AppendJSON(nil, &e)
	require.NoError(t, err)
	records, problems := read("\uFEFF\n"+string(text)+"\n\n", audit.TraceAuto)
	want := recordOf(&e, true)
	want.Line = 2
	assert.Empty(t, problems)
	assert.Equal(t, []audit.Record{want}, records)
}

func TestReadTraceOfKafka(t *testing.T) {
	const log = "[2026-01-02 03:04:05,678] INFO Principal = User:CN=a, O=b is Denied operation = READ from host = 0:0:0:0:0:0:0:1 on resource = Group:LITERAL:\"g\" for request = Fetch with resourceRefCount = 1 based on rule MatchingAcl(acl=StandardAcl(resourceType=GROUP, resourceName=*, patternType=LITERAL, principal=User:*, host=*, operation=ALL, permissionType=DENY)) (kafka.authorizer.logger)\n" +
		"Principal = User:p is Allowed operation = WRITE from host = 10.0.0.1 on resource = Topic:LITERAL:hardcode for request = InitProducerId with resourceRefCount = 0 based on rule MatchingAcl(acl=StandardAcl[resourceType=TOPIC, resourceName=h, patternType=PREFIXED, principal=User:p, host=*, operation=WRITE, permissionType=ALLOW])\r\n" +
		"Principal = User:p is Allowed operation = WRITE from host = 10.0.0.1 on resource = Topic:LITERAL:hardcode for request = Produce with resourceRefCount = 2 based on rule SuperUser\n"
	records, problems := read(log, audit.TraceKafka)
	p := snapshot.Subject{Principal: principal.User("p"), Host: netip.MustParseAddr("10.0.0.1")}
	want := []audit.Record{
		{Subject: snapshot.Subject{Principal: principal.User("CN=a, O=b"), Host: netip.IPv6Loopback()}, Request: snapshot.Request{Operation: ops.Read, Type: resource.Group, Name: `"g"`}, Line: 1},
		{Subject: p, Request: snapshot.Request{Operation: ops.Write, Type: resource.Topic}, ByType: true, Allowed: true, Line: 2},
		{Subject: p, Request: snapshot.Request{Operation: ops.Write, Type: resource.Topic, Name: "hardcode"}, Allowed: true, SuperUser: true, Line: 3},
	}
	assert.Empty(t, problems)
	assert.Equal(t, want, records)
}

func TestReadTraceRefuses(t *testing.T) {
	const (
		line  = "Principal = User:a is Allowed operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:t for request = Fetch with resourceRefCount = 1 based on rule DefaultAllow"
		ocsf  = `{"class_uid":6003,"status":"Success","status_detail":"super user","actor":{"user":{"uid":"User:a"}},"src_endpoint":{"ip":"10.0.0.1"},"resources":[{"name":"t","type":"TOPIC"}],"unmapped":{"operation":"READ"}}`
		event = `{"specversion":"1.0","type":"x","data":{"authenticationInfo":{"principal":"User:a"},"authorizationInfo":{"operation":"Read","granted":true,"resourceType":"Topic","resourceName":"t","patternType":"LITERAL"},"requestMetadata":{"client_address":"/10.0.0.1"}}}`
		json  = `{"principal":"User:a","host":"10.0.0.1","operation":"READ","resourceType":"TOPIC","name":"t"`
	)
	replace := func(old, new string) string { return strings.Replace(line, old, new, 1) }
	const ambiguous = `expected it only once: Kafka prints names unescaped, so this line is ambiguous`
	for _, test := range []struct {
		text   string
		format audit.TraceFormat
		want   string
	}{
		{"hello", 0, `log:1:1: found the line "hello", expected a line of Kafka's audit log, such as Principal = User:alice is Allowed`},
		{"x" + line, 0, `log:1:1: found the line "xPrincipal = User:a is Allowed operation = READ from host = 10.0"…`},
		{"\n" + replace(" for request =", " for"), 0, `log:2:83: found the text "Topic:LITERAL:t for Fetch with`},
		{replace(":t ", ":t for request = x "), 0, `log:1:114: found " for request = " again, ` + ambiguous},
		{replace("User:a", "User:a is Denied operation = READ"), 0, `log:1:19: found " is Denied operation = " again, ` + ambiguous},
		{replace("User:a", "alice"), 0, `log:1:13: found principal "alice", expected Type:name`},
		{replace("READ", "REED"), 0, `log:1:43: found operation "REED", expected a Kafka operation, such as READ`},
		{replace("10.0.0.1", "here"), 0, `log:1:60: found host "here", expected an IP address`},
		{replace("Topic:LITERAL:t", "Topic"), 0, `log:1:83: found resource "Topic", expected a resource such as Topic:LITERAL:orders`},
		{replace("Topic:", "Queue:"), 0, `log:1:83: found resource type "Queue", expected a Kafka resource type`},
		{replace("LITERAL", "PREFIXED"), 0, `log:1:89: found pattern type "PREFIXED", expected LITERAL: a check is about one resource`},
		{replace("LITERAL:t", "ANY:*"), audit.TraceKafka, `log:1:89: found pattern type "ANY"`},
		{replace("Count = 1", "Count = -1"), 0, `log:1:143: found count "-1", expected the number of references`},
		{replace("DefaultAllow", "DefaultDeny"), 0, `log:1:159: found rule "DefaultDeny", expected a rule that agrees with the verdict`},
		{replace("DefaultAllow", "MatchingAcl(acl=StandardAcl(x]"), 0, `log:1:159: found rule "MatchingAcl(acl=StandardAcl(x]"`},
		{replace("DefaultAllow", "SuperUser(acl=StandardAcl(x))"), 0, `log:1:159: found rule`},
		{replace(":t ", `:"t" `), 0, `log:1:97: found text "\"t\"", expected text that does not begin with a quotation mark, or an explicit trace format (Kafka does not quote)`},
		{replace(":t ", `:"t `), audit.TraceEscaped, `log:1:97: found text "\"t", expected valid UTF-8, quoted as in Go`},
		{replace(":t ", ":\xff "), 0, `log:1:97: found the byte "\xff", expected valid UTF-8`},
		{json, 0, `log:1:93: found the end of the JSON text, expected`},
		{json + `}x`, 0, `log:1:94: found "x"`},
		{json + `,"name":"u"}`, 0, `log:1:94: found the key "name", expected the key "groups"`},
		{json + `,"byType":true}`, 0, `log:1:90: found a name, expected "", because "byType" is true`},
		{json + `,"allowed":"yes"}`, 0, `log:1:104: found "\"yes\"", expected true or false`},
		{json + `,"allowed":`, 0, `log:1:104: found the end of the JSON text, expected true or false`},
		{json + `,"reason":"because"}`, 0, `log:1:103: found reason "because", expected one of super user`},
		{json + `,"groups":["a"]}`, 0, `log:1:104: found group "a", expected Type:name`},
		{json + `,"acl":{"a":[1,2`, 0, `log:1:109: found the end of the JSON text, expected a JSON value`},
		{`{"principal":1}`, 0, `log:1:14: found "1", expected a JSON string`},
		{`{}`, audit.TraceKafka, `log:1:1: found the line "{}"`},
		{strings.Replace(ocsf, `"Success"`, `"Maybe"`, 1), 0, `log:1:28: found status "Maybe", expected Failure or Success`},
		{strings.Replace(ocsf, `{"name":"t","type":"TOPIC"}`, ``, 1), 0, `log:1:1: found 0 resources, expected one resource`},
		{strings.Replace(ocsf, `{"name":"t","type":"TOPIC"}`, `{"name":"t","type":"TOPIC"},{"name":"u","type":"TOPIC"}`, 1), 0, `log:1:1: found 2 resources, expected one resource`},
		{strings.Replace(ocsf, `"READ"`, `"READ","by_type":true`, 1), 0, `log:1:155: found a name, expected ""`},
		{strings.Replace(ocsf, `"ip":`, `"name":`, 1), 0, `log:1:117: found the key "name", expected the key "ip"`},
		{strings.Replace(ocsf, `,"unmapped":{"operation":"READ"}`, ``, 1), 0, `log:1:175: found `},
		{strings.Replace(event, `"LITERAL"`, `"PREFIXED"`, 1), 0, `log:1:196: found pattern type "PREFIXED", expected LITERAL or ANY`},
		{strings.Replace(event, `"LITERAL"`, `"ANY"`, 1), 0, `log:1:178: found a name, expected "*"`},
		{strings.Replace(event, `"/10`, `"//10`, 1), 0, `log:1:243: found host "/10.0.0.1", expected an IP address`},
		{strings.Replace(event, `,"granted":true`, ``, 1), 0, `log:1:190: found `},
	} {
		t.Run(test.text, func(t *testing.T) {
			records, problems := read(test.text, test.format)
			require.Len(t, problems, 1, "%s\ngot  %q, %+v\nwant %s", test.text, problems, records, test.want)
			assert.True(t, strings.HasPrefix(problems[0], test.want), "%s\ngot  %q, %+v\nwant %s", test.text, problems, records, test.want)
			assert.Empty(t, records, "%s\ngot  %q, %+v\nwant %s", test.text, problems, records, test.want)
		})
	}
	records, problems := read(json+`,"acl":{"a":[1,{"b":null}]},"generation":1,"allowed":false}`, 0)
	require.Len(t, records, 1, "keys that are not looked at")
	assert.False(t, records[0].Allowed, "keys that are not looked at: %+v, %q", records, problems)
	assert.Nil(t, problems, "keys that are not looked at")
}

// One invalid line does not hide the others, and the number of errors is limited.
func TestReadTraceGoesOn(t *testing.T) {
	good := "Principal = User:a is Denied operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:t for request = Fetch with resourceRefCount = 1 based on rule DefaultDeny\n"
	records, problems := read("?\n"+good+strings.Repeat("?\n", 2)+good, 0)
	require.Len(t, records, 2)
	assert.Equal(t, 5, records[1].Line)
	assert.Len(t, problems, 3)
	_, problems = read(strings.Repeat("Principal = x is y\n", lines.MaxErrors+5), 0)
	assert.Len(t, problems, lines.MaxErrors, "%d errors, want %d", len(problems), lines.MaxErrors)
	_, problems = read(strings.Repeat("?\n", lines.MaxErrors+5), 0)
	assert.Len(t, problems, lines.MaxErrors+5, "lines without a decision are no errors")
	for range audit.ReadTrace(strings.NewReader(good+good), "log", 0) {
		break
	}
	broken := errors.New("broken pipe")
	for _, format := range []audit.TraceFormat{audit.TraceAuto, audit.TraceKafka} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			var errs []error
			for _, err := range audit.ReadTrace(iotest.ErrReader(broken), "log", format) {
				errs = append(errs, err)
			}
			require.Len(t, errs, 1)
			assert.ErrorIs(t, errs[0], broken)
		})
	}
}

func TestParseTraceFormat(t *testing.T) {
	for s, want := range map[string]audit.TraceFormat{"auto": audit.TraceAuto, "JSON": audit.TraceJSON, "Kafka": audit.TraceKafka, "escaped": audit.TraceEscaped,
		"ocsf": audit.TraceOCSF, "CloudEvents": audit.TraceCloudEvents} {
		t.Run(s, func(t *testing.T) {
			got, err := audit.ParseTraceFormat(s)
			assert.Equal(t, want, got)
			assert.NoError(t, err)
		})
	}
	got, err := audit.ParseTraceFormat("xml")
	assert.Equal(t, audit.TraceFormat(0), got)
	assert.EqualError(t, err, `unknown format "xml": expected auto, json, kafka, escaped, ocsf or cloudevents`)
}

// FuzzReadTrace: no text panics, accepted records can be written and read back
// unchanged, and the number of records and errors equals that of the lines.
func FuzzReadTrace(f *testing.F) {
	var seeds bytes.Buffer
	for _, e := range events(f) {
		for style := range audit.LineStyle(2) {
			f.Add(string(audit.AppendLine(nil, &e, style)), byte(audit.TraceEscaped))
			f.Add(string(audit.AppendExactLine(nil, &e, style)), byte(audit.TraceKafka))
		}
		text, err := audit.AppendJSON(nil, &e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), byte(audit.TraceAuto))
		fmt.Fprintf(&seeds, "%s\n", text)
		if text, err = audit.AppendOCSF(nil, &e); err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), byte(audit.TraceOCSF))
	}
	f.Add(seeds.String(), byte(audit.TraceJSON))
	for _, release := range releaseLines {
		for _, wrap := range wrappings {
			f.Add("ready for\n"+wrap(release.line)+"\n", byte(audit.TraceAuto))
		}
	}
	f.Fuzz(func(t *testing.T, text string, format byte) {
		records, problems := read(text, audit.TraceFormat(format%6))
		n := 0
		for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
			if strings.Trim(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), " \t") != "" {
				n++
			}
		}
		if len(records)+len(problems) != n && n < lines.MaxErrors {
			t.Fatalf("%d records and %d errors of %d lines", len(records), len(problems), n)
		}
		for _, r := range records {
			if !utf8.ValidString(r.Request.Name) || r.ByType && r.Request.Name != "" || slices.ContainsFunc(r.Subject.Groups, func(p principal.Principal) bool { return strings.Contains(p.Type, ":") }) {
				t.Fatalf("%+v", r)
			}
			// A record contains only the verdict: the zero Decision denies by default.
			e := audit.Event{Subject: r.Subject, Request: r.Request, ByType: r.ByType}
			line := string(audit.AppendLine(nil, &e, audit.Kafka42))
			again, problems := read(line, audit.TraceEscaped)
			want := recordOf(&e, false)
			if len(problems) > 0 || !reflect.DeepEqual(again, []audit.Record{want}) {
				t.Fatalf("%+v is written as %q and read as %+v, %q", r, line, again, problems)
			}
		}
	})
}
