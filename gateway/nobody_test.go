package gateway

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// open are the requests that reach the cluster in part regardless of the client:
// Metadata, whose topics are removed, and requests without authorization.
var open = []ops.APIKey{3, 18, 60, 71, 72}

// TestNobodyReachesTheCluster sends every request in every version for a client without
// any permission. No name in it reaches the cluster; each answer has the error, and is
// readable for the client.
func TestNobodyReachesTheCluster(t *testing.T) {
	requests, answers := 0, 0
	for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
		g, client := halfGateway(t, endpoint)
		client.Subject.Principal = principal.User("nobody")
		served := 0
		for key := int16(0); key <= kmsg.MaxKey; key++ {
			for version := int16(0); kmsg.RequestForKey(key) != nil && version <= kmsg.RequestForKey(key).MaxVersion(); version++ {
				m := kmsg.RequestForKey(key)
				m.SetVersion(version)
				m.(message).Default()
				requests++
				frame := sampleFrame(m)
				plan, err := g.Conn(client).Request(frame)
				if known := g.Conn(client).serves(Header{Key: ops.APIKey(key), Version: version}); !known && key != 18 {
					if err == nil || plan != nil {
						t.Errorf("%v version %d is not served, but planned: %+v", ops.APIKey(key), version, plan)
					}
					continue
				}
				if err != nil {
					// kmsg cannot encode the body, or it is not a request for Kafka
					// either.
					if !slices.Contains([]ops.APIKey{3, 7, 20}, ops.APIKey(key)) {
						t.Errorf("%v version %d: %v", ops.APIKey(key), version, err)
					}
					continue
				}
				served++
				if len(plan.Forward()) > 0 {
					if !slices.Contains(open, ops.APIKey(key)) || bytes.Contains(plan.Forward()[0], []byte("sample")) {
						t.Errorf("%v version %d reaches the cluster: %x", ops.APIKey(key), version, plan.Forward())
					}
					continue
				}
				if plan.Silent {
					continue
				}
				answers++
				data, err := plan.Response()
				if err != nil {
					t.Errorf("%v version %d: %v", ops.APIKey(key), version, err)
					continue
				}
				resp := m.ResponseKind()
				if key == 18 && !g.Conn(client).serves(plan.Header) {
					resp.SetVersion(0)
				}
				if err := g.layouts.decodeResponse(plan.Header, data, resp); err != nil {
					t.Errorf("%v version %d: the answer %x: %v", ops.APIKey(key), version, data, err)
				}
				if !hasError(reflect.ValueOf(resp).Elem()) && !silentlyEmpty(ops.APIKey(key), version) {
					t.Errorf("%v version %d: the answer has no error: %+v", ops.APIKey(key), version, resp)
				}
			}
		}
		t.Logf("%v: %d served", endpoint, served)
	}
	t.Logf("%d requests, %d answers", requests, answers)
	if requests != 734 || answers != 395 {
		t.Error("expected 734 requests and 395 answers")
	}
}

// hasError reports whether a response says an error anywhere.
func hasError(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		if f := v.FieldByName("ErrorCode"); f.IsValid() && f.Int() != 0 {
			return true
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "UnknownTags" && hasError(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if hasError(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

// silentlyEmpty reports whether this version of the response has no error field, or is a
// list of what the client may see.
func silentlyEmpty(key ops.APIKey, version int16) bool {
	return key == 35 && version < 3 || key == 16 || key == 66
}

// TestDenialsAreTold: Denied has each denial that affects the client, with the ACL that
// decided, and no others.
func TestDenialsAreTold(t *testing.T) {
	g, client := halfGateway(t, ops.Broker)
	describe := func(m kmsg.Request) (told []string) {
		plan, err := g.Conn(client).Request(kmsg.NewRequestFormatter().AppendRequest(nil, m, 1)[4:])
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range plan.Denied {
			if d.Decision.Allowed() || d.Decision.Reason() != snapshot.DefaultDeny {
				t.Errorf("%+v", d)
			}
			told = append(told, d.Operation.String()+" "+d.Type.String()+" "+d.Name)
		}
		if plan.Checks == 0 {
			t.Error("no question was asked")
		}
		return told
	}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.SetVersion(8)
	commit.Group = "group-1"
	for _, name := range []string{"topic", "x", "y"} {
		commit.Topics = append(commit.Topics, kmsg.OffsetCommitRequestTopic{Topic: name})
	}
	other := *commit
	other.Group = "other"
	create := kmsg.NewPtrCreateTopicsRequest()
	create.SetVersion(7)
	create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "topic"}}
	producer := kmsg.NewPtrInitProducerIDRequest()
	producer.SetVersion(4)
	for _, tt := range []struct {
		m    kmsg.Request
		want []string
	}{
		{commit, []string{"READ TOPIC x", "READ TOPIC y"}},
		{&other, []string{"READ GROUP other"}},
		{create, nil}, // Create on the cluster is denied, without effect
		{producer, nil},
	} {
		if told := describe(tt.m); !slices.Equal(told, tt.want) {
			t.Errorf("%T: %v, expected %v", tt.m, told, tt.want)
		}
	}
	client.Subject.Principal = principal.User("nobody")
	if told, want := describe(producer), []string{"IDEMPOTENT_WRITE CLUSTER kafka-cluster", "WRITE TOPIC "}; !slices.Equal(told, want) {
		t.Errorf("%v, expected %v", told, want)
	}
}
