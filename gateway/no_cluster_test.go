package gateway

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// fullCluster knows every id, and that every topic exists.
type fullCluster struct{}

func (fullCluster) Provides() Facts                   { return AllFacts }
func (fullCluster) TopicName([16]byte) (string, bool) { return "sample", true }
func (fullCluster) FindTopics([][16]byte)             {}
func (fullCluster) LearnTopic([16]byte, string)       {}
func (fullCluster) MissingTopics([]string) ([]string, bool) {
	return nil, true
}
func (fullCluster) Topics() ([]string, uint64, bool) { return []string{"sample"}, 1, true }
func (fullCluster) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, []string{"sample"}, ops.None
}

// fill gives every field of a message a value: texts are sample, lists have one entry, and
// numbers are 1.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "Version", "UnknownTags", "ThrottleMillis", "ErrorCode":
			default:
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("sample")
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(1)
	}
}

// offered returns the versions of each API that a client is offered if the cluster has them all.
func offered(t *testing.T, c *Conn) map[ops.APIKey]versionRange {
	t.Helper()
	m := kmsg.NewPtrApiVersionsRequest()
	m.SetVersion(3)
	m.ClientSoftwareName, m.ClientSoftwareVersion = "test", "1"
	plan, err := c.Request(sampleFrame(m))
	require.NoError(t, err)
	require.Len(t, plan.Forward(), 1)
	reply := m.ResponseKind().(*kmsg.ApiVersionsResponse)
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		reply.ApiKeys = append(reply.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: 99})
	}
	data, err := plan.Response((&Header{Key: ops.APIVersionsKey, Version: 3, CorrelationID: plan.Header.CorrelationID}).Response(reply))
	require.NoError(t, err)
	shown := m.ResponseKind().(*kmsg.ApiVersionsResponse)
	require.NoError(t, c.gateway.layouts.decodeResponse(plan.Header, data, shown))
	found := map[ops.APIKey]versionRange{}
	for _, k := range shown.ApiKeys {
		found[ops.APIKey(k.ApiKey)] = versionRange{k.MinVersion, k.MaxVersion}
	}
	return found
}

// asks returns what becomes of a request: what is sent to the cluster, or what is answered.
func asks(c *Conn, frame []byte) string {
	plan, err := c.Request(frame)
	if err != nil {
		return fmt.Sprint("error: ", err)
	}
	if sent := plan.Forward(); len(sent) > 0 {
		return fmt.Sprintf("sent: %x", sent)
	}
	answer, err := plan.Response()
	return fmt.Sprintf("answered: %x, %v", answer, err)
}

// TestWithoutAClusterNothingIsOfferedThatFails goes through all APIs and versions, for users with
// all rights and with some. What a gateway without a Cluster offers has the same result as with a
// Cluster that knows everything. What it does not offer, it refuses, and with the Cluster it is
// offered.
func TestWithoutAClusterNothingIsOfferedThatFails(t *testing.T) {
	pairs, kept, differ := 0, 0, map[ops.APIKey]bool{}
	for name, bindings := range budgetStores {
		for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
			store := storeOf(t, bindings)
			connect := func(cluster Cluster) *Conn {
				g, err := New(Config{Store: store, Cluster: cluster, Endpoint: endpoint, ACLs: ForwardACLs})
				require.NoError(t, err)
				return g.Conn(Client{Subject: budgetSubject})
			}
			full, none, empty := connect(fullCluster{}), connect(nil), connect(NoCluster{})
			all, some := offered(t, full), offered(t, none)
			assert.Equal(t, some, offered(t, empty), "no Cluster, and one that knows nothing")
			for key, versions := range all {
				for version := max(versions.min, full.gateway.versions[key].min); version <= versions.max; version++ {
					pairs++
					m := kmsg.RequestForKey(int16(key))
					fill(reflect.ValueOf(m).Elem())
					m.SetVersion(version)
					frame := sampleFrame(m)
					with := asks(connect(fullCluster{}), frame)
					if r, ok := some[key]; ok && version <= r.max {
						kept++
						assert.Equal(t, with, asks(connect(nil), frame), "%v version %d, %s", key, version, name)
						assert.Equal(t, with, asks(connect(NoCluster{}), frame), "%v version %d, %s", key, version, name)
						continue
					}
					differ[key] = true
					plan, err := none.Request(frame)
					assert.ErrorIs(t, err, errUnknown, "%v version %d", key, version)
					assert.Nil(t, plan)
				}
			}
		}
	}
	t.Logf("%d pairs, %d of them without a Cluster", pairs, kept)
	assert.Len(t, differ, 11, "%v", differ)
	assert.Greater(t, kept, 500)
}

// TestWhatAClusterProvides: each fact brings back the versions that need it, and no others.
func TestWhatAClusterProvides(t *testing.T) {
	for _, tt := range []struct {
		facts Facts
		want  map[ops.APIKey]int16 // the newest version, or -1
	}{
		{0, map[ops.APIKey]int16{ops.ProduceKey: 12, ops.FetchKey: 12, ops.MetadataKey: 11, ops.ShareFetchKey: -1, ops.ConsumerGroupHeartbeatKey: 0, ops.StreamsGroupHeartbeatKey: -1}},
		{TopicNames, map[ops.APIKey]int16{ops.ProduceKey: 13, ops.FetchKey: 18, ops.MetadataKey: 13, ops.ShareFetchKey: 2, ops.ConsumerGroupHeartbeatKey: 0, ops.StreamsGroupHeartbeatKey: -1}},
		{TopicLists, map[ops.APIKey]int16{ops.ProduceKey: 12, ops.ConsumerGroupHeartbeatKey: 1, ops.StreamsGroupHeartbeatKey: -1}},
		{StreamsTopologies, map[ops.APIKey]int16{ops.ProduceKey: 12, ops.ConsumerGroupHeartbeatKey: 0, ops.StreamsGroupHeartbeatKey: 1}},
	} {
		t.Run(fmt.Sprint(tt.facts), func(t *testing.T) {
			g, err := New(Config{Store: new(snapshot.Store), Cluster: facts{NoCluster{}, tt.facts}})
			require.NoError(t, err)
			shown := offered(t, g.Conn(Client{Subject: budgetSubject}))
			for key, want := range tt.want {
				got, ok := shown[key]
				if !ok {
					got.max = -1
				}
				assert.Equal(t, want, got.max, "%v", key)
			}
		})
	}
}

// facts is a cluster that says what it provides.
type facts struct {
	NoCluster
	provides Facts
}

func (f facts) Provides() Facts { return f.provides }

// TestAddressesThatFail: in every response with addresses, an error of Config.Address, and a port
// that no address has, are errors, and no address of the cluster is shown.
func TestAddressesThatFail(t *testing.T) {
	responses := 0
	for key := range apis {
		a := apis[key].addresses
		if a == nil {
			continue
		}
		for name, address := range map[string]func(Broker) (Broker, error){
			"an error":   func(Broker) (Broker, error) { return Broker{NodeID: 1, Host: "x", Port: 1}, errNowhere },
			"a port":     func(b Broker) (Broker, error) { b.Port = 70_000; return b, nil },
			"below zero": func(b Broker) (Broker, error) { b.Port = -1; return b, nil },
		} {
			responses++
			g, err := New(Config{Store: new(snapshot.Store), Address: address})
			require.NoError(t, err)
			r := kmsg.ResponseForKey(int16(key))
			fill(reflect.ValueOf(r).Elem())
			changed, err := a.replace(g, r)
			assert.Error(t, err, "%v, %s", ops.APIKey(key), name)
			assert.False(t, changed)
		}
	}
	assert.Greater(t, responses, 20)
}

// budgetSubject is the user that the budgetStores are about.
var budgetSubject = snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("127.0.0.1")}
