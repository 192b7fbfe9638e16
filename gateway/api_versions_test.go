package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func newGateway(t *testing.T, config gateway.Config) *gateway.Gateway {
	t.Helper()
	if config.Store == nil {
		config.Store = snapshot.NewStore(snapshot.Config{})
	}
	if config.Cluster == nil {
		config.Cluster = noTopics{}
	}
	g, err := gateway.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// noTopics is a cluster without topics, which serves every version.
type noTopics struct{ gateway.NoCluster }

func (noTopics) Provides() gateway.Facts          { return gateway.AllFacts }
func (noTopics) Topics() ([]string, uint64, bool) { return nil, 0, true }
func (noTopics) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, nil, ops.None
}

// frameOf is a request as it is handed to a connection.
func frameOf(m kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, m, 9)[4:]
}

// replyOf is the response of a cluster to frameOf.
func replyOf(r kmsg.Response) []byte { return gateway.Header{CorrelationID: 9}.Response(r) }

// TestApiVersionsOfAnUnknownVersion is answered in version 0, whether it is kmsg or the
// protocol table that does not know the version.
func TestApiVersionsOfAnUnknownVersion(t *testing.T) {
	conn := newGateway(t, gateway.Config{}).Conn(gateway.Client{})
	for _, frame := range [][]byte{
		{0, 18, 0, 6, 0, 0, 0, 9, 0, 1, 'c', 0, 2, 'a', 2, 'b', 0},
		{0, 18, 0, 99, 0, 0, 0, 9},
		{0, 18, 0xff, 0xff, 0, 0, 0, 9},
	} {
		plan, err := conn.Request(frame)
		if err != nil || len(plan.Forward()) != 0 || plan.Close {
			t.Fatalf("%x: %+v, %v", frame, plan, err)
		}
		answer, err := plan.Response()
		var r kmsg.ApiVersionsResponse
		if err != nil || r.ReadFrom(answer[4:]) != nil {
			t.Fatalf("%x: answer %x, %v", frame, answer, err)
		}
		want := kmsg.ApiVersionsResponseApiKey{ApiKey: 18, MinVersion: 0, MaxVersion: 5}
		if r.ErrorCode != 35 || len(r.ApiKeys) != 1 || r.ApiKeys[0].ApiKey != want.ApiKey || r.ApiKeys[0].MaxVersion != want.MaxVersion {
			t.Errorf("%x: answer %+v, expected error 35 and the versions 0 to 5", frame, r)
		}
	}
}

// versionsRequest asks for the versions as a client that says what it is.
func versionsRequest(version int16) *kmsg.ApiVersionsRequest {
	m := kmsg.NewPtrApiVersionsRequest()
	m.SetVersion(version)
	m.ClientSoftwareName, m.ClientSoftwareVersion = "client", "1.2.3-RC1"
	return m
}

// TestVersionsAreTrimmed offers more than any cluster has, and compares the answer with
// the protocol table.
func TestVersionsAreTrimmed(t *testing.T) {
	for _, tt := range []struct {
		name     string
		endpoint ops.Endpoint
		acls     gateway.ACLHandling
		own      bool // the gateway answers the ACL requests, whatever the cluster has
	}{
		{"broker", 0, gateway.ServeACLs, true},
		{"controller", ops.Controller, gateway.ShowACLs, true},
		{"forwarding", ops.Broker, gateway.ForwardACLs, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := newGateway(t, gateway.Config{Endpoint: tt.endpoint, ACLs: tt.acls}).Conn(gateway.Client{})
			for version := range int16(5) {
				m := versionsRequest(version)
				plan, err := conn.Request(frameOf(m))
				if err != nil || len(plan.Forward()) != 1 {
					t.Fatalf("%+v, %v", plan, err)
				}
				answer, err := plan.Response(replyOf(everything(version)))
				if err != nil {
					t.Fatal(err)
				}
				r := &kmsg.ApiVersionsResponse{Version: version}
				if err := r.ReadFrom(answer[4:]); err != nil {
					t.Fatal(err)
				}
				compareVersions(t, r, max(tt.endpoint, ops.Broker), tt.own)
			}
		})
	}
}

// everything offers every key up to 200 but those of the ACL requests, in every version.
func everything(version int16) *kmsg.ApiVersionsResponse {
	r := &kmsg.ApiVersionsResponse{Version: version}
	for key := range int16(200) {
		if key < 29 || key > 31 {
			r.ApiKeys = append(r.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: 100})
		}
	}
	return r
}

func compareVersions(t *testing.T, r *kmsg.ApiVersionsResponse, at ops.Endpoint, own bool) {
	t.Helper()
	shown := map[ops.APIKey]kmsg.ApiVersionsResponseApiKey{}
	for i, k := range r.ApiKeys {
		if i > 0 && k.ApiKey <= r.ApiKeys[i-1].ApiKey {
			t.Errorf("key %d after %d", k.ApiKey, r.ApiKeys[i-1].ApiKey)
		}
		shown[ops.APIKey(k.ApiKey)] = k
	}
	for key := range ops.APIKey(200) {
		api, known := ops.Lookup(key)
		served := false
		for _, e := range api.Listeners {
			served = served || e == at
		}
		k, ok := shown[key]
		want := known && served && (own || key < 29 || key > 31)
		if ok != want {
			t.Errorf("%v is shown: %t, expected %t", key, ok, want)
		}
		if !ok {
			continue
		}
		least := api.MinVersion
		if key == 0 {
			least = 0 // for clients that look for it
		}
		if most := min(api.MaxVersion, kmsg.RequestForKey(int16(key)).MaxVersion()); k.MinVersion != least || k.MaxVersion != most {
			t.Errorf("%v: versions %d to %d, expected %d to %d", key, k.MinVersion, k.MaxVersion, least, most)
		}
	}
}

// TestVersionRefusalOfTheCluster passes on the answer of a cluster that is older than
// the request: the answer has version 0.
func TestVersionRefusalOfTheCluster(t *testing.T) {
	m := versionsRequest(4)
	plan, err := newGateway(t, gateway.Config{}).Conn(gateway.Client{}).Request(frameOf(m))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := plan.Response([]byte{0, 0, 0, 9, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3})
	if err != nil {
		t.Fatal(err)
	}
	var r kmsg.ApiVersionsResponse
	if err := r.ReadFrom(answer[4:]); err != nil || r.ErrorCode != 35 || len(r.ApiKeys) != 1 || r.ApiKeys[0].MaxVersion != 3 {
		t.Errorf("answer %x: %+v, %v", answer, r, err)
	}
}

// TestTwoPhaseCommitIsNotServed fails when kmsg has the field that asks for a two-phase
// transaction. Then the gateway can read the field, and serve the version.
func TestTwoPhaseCommitIsNotServed(t *testing.T) {
	require.Less(t, kmsg.NewPtrInitProducerIDRequest().MaxVersion(), int16(6), "read Enable2PC and serve the version")
}

// TestExpectedBroker: a client says both which cluster and which broker it expects, or
// neither. The cluster is not told: it would compare them with another broker than the one
// that the client knows.
func TestExpectedBroker(t *testing.T) {
	id, none := "abc", (*string)(nil)
	for _, tt := range []struct {
		version int16
		cluster *string
		node    int32
		refused bool
	}{
		{5, &id, 1, false}, {5, none, -1, false}, {5, &id, -2, false}, {5, new(""), 0, false},
		{5, &id, -1, true}, {5, none, 1, true}, {5, none, -2, true}, {5, new(""), -1, true},
		{4, &id, -1, false}, {3, none, 1, false}, // which these versions do not have
	} {
		t.Run(fmt.Sprint(tt.version, " ", tt.cluster != nil, " ", tt.node), func(t *testing.T) {
			m := versionsRequest(tt.version)
			m.ClusterID, m.NodeID = tt.cluster, tt.node
			plan := decide(t, newGateway(t, gateway.Config{}).Conn(gateway.Client{}), m)
			if tt.refused {
				data, err := plan.Response()
				require.NoError(t, err)
				r := m.ResponseKind().(*kmsg.ApiVersionsResponse)
				require.NoError(t, r.ReadFrom(data[4:]))
				assert.EqualValues(t, ops.InvalidRequest, r.ErrorCode)
				assert.Empty(t, r.ApiKeys)
				return
			}
			forwarded := sent[*kmsg.ApiVersionsRequest](t, plan)
			require.Len(t, forwarded, 1)
			assert.Nil(t, forwarded[0].ClusterID)
			assert.EqualValues(t, -1, forwarded[0].NodeID)
			assert.Equal(t, m.ClientSoftwareVersion, forwarded[0].ClientSoftwareVersion)
		})
	}
}
