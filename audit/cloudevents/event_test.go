package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/audit/cloudevents"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const cluster = "crn:///kafka=c1"

// decisions sends events to h: an allow by an ACL, a denial of a hostile name, a
// by-type denial, and an allow for a super user.
func decisions(t *testing.T, h audit.Handler) {
	t.Helper()
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}})
	if err := store.Update(func(tx *snapshot.Tx) error {
		tx.Add(acl.Binding{Pattern: resource.PrefixedPattern(resource.Topic, "pay"), Entry: acl.Entry{Principal: "Group:ops", Host: "*", Operation: ops.AlterConfigs, Permission: acl.Allow}})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC) }
	auditor := audit.Auditor{Handler: h, Level: audit.LevelTrace, Now: now, Failed: func(_ *audit.Event, err error) { t.Error(err) }}
	session := auditor.Session(store, snapshot.Subject{
		Principal: principal.User("alice"), Groups: []principal.Principal{{Type: "Group", Name: "ops"}}, Host: netip.MustParseAddr("10.0.0.7"),
	})
	session.Check(audit.Call{API: 32, ClientID: "app", CorrelationID: 42}, ops.DescribeConfigs, resource.Topic, "payments")
	session.Check(audit.Call{API: 11}, ops.Read, resource.Group, "a/topic=b*\n")
	session.CheckAny(audit.Call{API: 22}, ops.Write, resource.Topic)
	auditor.Session(store, snapshot.Subject{Principal: principal.User("root"), Host: netip.IPv6Loopback()}).
		Check(audit.Call{API: 19}, ops.Create, resource.Cluster, resource.ClusterName)
}

func TestWriter(t *testing.T) {
	const want = `{"specversion":"1.0","id":"ID","source":"crn:///kafka=c1","type":"io.confluent.kafka.server/authorization","subject":"crn:///kafka=c1/topic=payments","datacontenttype":"application/json","time":"2026-01-02T03:04:05.006Z","data":{"serviceName":"crn:///kafka=c1","methodName":"kafka.DescribeConfigs","resourceName":"crn:///kafka=c1/topic=payments","authenticationInfo":{"principal":"User:alice"},"authorizationInfo":{"granted":true,"operation":"DescribeConfigs","resourceType":"Topic","resourceName":"payments","patternType":"LITERAL","aclAuthorization":{"permissionType":"ALLOW","host":"*","actingPrincipal":"Group:ops"},"assignedPrincipals":["Group:ops"]},"request":{"correlation_id":"42","client_id":"app"},"requestMetadata":{"client_address":"/10.0.0.7"}}}
{"specversion":"1.0","id":"ID","source":"crn:///kafka=c1","type":"io.confluent.kafka.server/authorization","subject":"crn:///kafka=c1/group=a%2Ftopic%3Db%2A%0A","datacontenttype":"application/json","time":"2026-01-02T03:04:05.006Z","data":{"serviceName":"crn:///kafka=c1","methodName":"kafka.JoinGroup","resourceName":"crn:///kafka=c1/group=a%2Ftopic%3Db%2A%0A","authenticationInfo":{"principal":"User:alice"},"authorizationInfo":{"granted":false,"operation":"Read","resourceType":"Group","resourceName":"a/topic=b*\n","patternType":"LITERAL","assignedPrincipals":["Group:ops"]},"request":{"correlation_id":"0"},"requestMetadata":{"client_address":"/10.0.0.7"}}}
{"specversion":"1.0","id":"ID","source":"crn:///kafka=c1","type":"io.confluent.kafka.server/authorization","subject":"crn:///kafka=c1/topic=*","datacontenttype":"application/json","time":"2026-01-02T03:04:05.006Z","data":{"serviceName":"crn:///kafka=c1","methodName":"kafka.InitProducerId","resourceName":"crn:///kafka=c1/topic=*","authenticationInfo":{"principal":"User:alice"},"authorizationInfo":{"granted":false,"operation":"Write","resourceType":"Topic","resourceName":"*","patternType":"ANY","assignedPrincipals":["Group:ops"]},"request":{"correlation_id":"0"},"requestMetadata":{"client_address":"/10.0.0.7"}}}
{"specversion":"1.0","id":"ID","source":"crn:///kafka=c1","type":"io.confluent.kafka.server/authorization","subject":"crn:///kafka=c1","datacontenttype":"application/json","time":"2026-01-02T03:04:05.006Z","data":{"serviceName":"crn:///kafka=c1","methodName":"kafka.CreateTopics","resourceName":"crn:///kafka=c1","authenticationInfo":{"principal":"User:root"},"authorizationInfo":{"granted":true,"operation":"Create","resourceType":"Cluster","resourceName":"kafka-cluster","patternType":"LITERAL","superUserAuthorization":true},"request":{"correlation_id":"0"},"requestMetadata":{"client_address":"/0:0:0:0:0:0:0:1"}}}
`
	var out bytes.Buffer
	decisions(t, cloudevents.NewWriter(&out, cluster))
	id := regexp.MustCompile(`"id":"[0-9a-f-]{36}"`)
	got := id.ReplaceAllString(out.String(), `"id":"ID"`)
	// The library writes the attributes in its own order.
	if sorted(t, got) != sorted(t, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	ids := map[string]bool{}
	for _, match := range id.FindAllString(out.String(), -1) {
		ids[match] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d ids of 4 events", len(ids))
	}
	// The library reads back valid events.
	for line := range strings.Lines(out.String()) {
		var c event.Event
		if err := json.Unmarshal([]byte(line), &c); err != nil || c.Validate() != nil || c.SpecVersion() != event.CloudEventsVersionV1 {
			t.Errorf("%s: %v, %v", line, err, c.Validate())
		}
	}
}

// sorted returns lines of JSON with their keys in order.
func sorted(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", out)
	}
	return b.String()
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		e      audit.Event
		source string
		want   string
	}{
		{audit.Event{}, "", "cloudevents: the source is empty: expected the name of the cluster, such as crn:///kafka=ID"},
		{audit.Event{Request: snapshot.Request{Name: "a\xff"}}, cluster, `cloudevents: "a\xff" is not valid UTF-8, and JSON cannot represent it`},
		{audit.Event{Subject: snapshot.Subject{Groups: []principal.Principal{{Type: "G", Name: "\xff"}}}}, cluster, `cloudevents: "G:\xff" is not valid UTF-8, and JSON cannot represent it`},
	} {
		if c, err := cloudevents.New(&test.e, test.source); err == nil || err.Error() != test.want || c.ID() != "" {
			t.Errorf("got %v, %v, want %s", c, err, test.want)
		}
	}
	if _, err := cloudevents.New(&audit.Event{}, "%"); err == nil {
		t.Error("a source that is not a URI is accepted")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWriterReportsErrors(t *testing.T) {
	if err := cloudevents.NewWriter(failingWriter{}, cluster).Handle(&audit.Event{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if err := cloudevents.NewWriter(failingWriter{}, "").Handle(&audit.Event{}); err == nil {
		t.Error("an empty source is accepted")
	}
}

// TestWriterEscapes: a client chooses names. The lines may be read on a terminal, so they have
// printable characters only, and JSON gives the name back as it is.
func TestWriterEscapes(t *testing.T) {
	const name = "\u009b31m\u202egnp.exe\u2066\ufeff\x7f\u0085\U000e0001"
	var out bytes.Buffer
	e := audit.Event{Request: snapshot.Request{Operation: ops.Read, Type: resource.Group, Name: name}, Call: audit.Call{ClientID: name}}
	if err := cloudevents.NewWriter(&out, cluster).Handle(&e); err != nil {
		t.Fatal(err)
	}
	for _, r := range strings.TrimSuffix(out.String(), "\n") {
		if !strconv.IsPrint(r) {
			t.Errorf("%U is not escaped", r)
		}
	}
	var line struct {
		Data struct {
			AuthorizationInfo struct{ ResourceName string }
			Request           struct {
				ClientID string `json:"client_id"`
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Data.AuthorizationInfo.ResourceName != name || line.Data.Request.ClientID != name {
		t.Errorf("%+v, %v", line, err)
	}
}
