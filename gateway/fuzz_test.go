package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// tinyCluster knows one topic by id.
type tinyCluster struct{}

func (tinyCluster) Provides() Facts                      { return AllFacts }
func (tinyCluster) TopicName(id [16]byte) (string, bool) { return "topic", id[0] < 128 }
func (tinyCluster) FindTopics([][16]byte)                {}
func (tinyCluster) LearnTopic([16]byte, string)          {}
func (tinyCluster) Topics() ([]string, uint64, bool)     { return []string{"topic", "secret"}, 1, true }
func (tinyCluster) MissingTopics(names []string) (missing []string, certain bool) {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "topic" }), true
}
func (tinyCluster) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, nil, ops.None
}

// halfGateway returns a gateway in front of an endpoint whose client may do everything
// with what is called "topic", "a", "group-1" or "sample", describes the cluster, and
// may do nothing else.
func halfGateway(t testing.TB, endpoint ops.Endpoint) (*Gateway, Client) {
	t.Helper()
	store := snapshot.NewStore(snapshot.Config{})
	err := store.Update(func(tx *snapshot.Tx) error {
		for _, kind := range []resource.Type{resource.Topic, resource.Group, resource.TransactionalID} {
			for _, name := range []string{"topic", "a", "group-1", "sample"} {
				tx.Add(acl.Binding{
					Pattern: resource.Pattern{Type: kind, PatternType: resource.Literal, Name: name},
					Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.All, Permission: acl.Allow},
				})
			}
		}
		for _, op := range []ops.Operation{ops.Describe, ops.ClusterAction, ops.Alter} {
			tx.Add(acl.Binding{
				Pattern: resource.Pattern{Type: resource.Cluster, PatternType: resource.Literal, Name: resource.ClusterName},
				Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: op, Permission: acl.Allow},
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{
		Store: store, Cluster: tinyCluster{}, Endpoint: endpoint,
		Address: func(b Broker) (Broker, error) { b.Port++; return b, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return g, Client{Subject: snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("127.0.0.1")}}
}

// sampleFrame returns a request of a version in which every list has an entry.
func sampleFrame(m kmsg.Request) []byte {
	sample(reflect.ValueOf(m).Elem())
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("c")).AppendRequest(nil, m, 5)[4:]
}

// FuzzRequest reads any bytes as the frames of a connection. Nothing panics, and every
// forwarded request passes unchanged if it is decided again, so nothing refused is left
// in it.
func FuzzRequest(f *testing.F) {
	for key := int16(0); key <= kmsg.MaxKey+1; key++ {
		m := kmsg.RequestForKey(key)
		if m == nil {
			continue
		}
		for version := range m.MaxVersion() + 1 {
			m := kmsg.RequestForKey(key)
			m.SetVersion(version)
			m.(message).Default()
			f.Add(AppendFrame(nil, sampleFrame(m)))
		}
	}
	var conns []*Conn
	for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
		g, client := halfGateway(f, endpoint)
		conns = append(conns, g.Conn(client))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bytes.NewReader(stream)
		for {
			frame, err := ReadFrame(in, 1<<16)
			if err != nil {
				return
			}
			for _, c := range conns {
				request(t, c, frame)
			}
		}
	})
}

// request hands a frame to a connection and checks what is to be sent on.
func request(t *testing.T, c *Conn, frame []byte) *Plan {
	plan, err := c.Request(frame)
	if c.spare != nil && !reflect.ValueOf(*c.spare).IsZero() {
		t.Fatalf("the next request begins with %+v", c.spare)
	}
	if r := c.produce; r != nil {
		if !reflect.DeepEqual(*r, kmsg.ProduceRequest{Topics: r.Topics[:0]}) { // nil after a null list
			t.Fatalf("the next request begins as %+v", r)
		}
		for _, topic := range r.Topics[:cap(r.Topics)] {
			if !reflect.ValueOf(topic).IsZero() {
				t.Fatalf("it holds %+v", topic)
			}
		}
	}
	if err != nil {
		if plan != nil || !isFrameError(err) {
			t.Fatalf("%v beside %v", err, plan)
		}
		return nil
	}
	for _, sent := range plan.Forward() {
		again, err := c.Request(sent)
		if err != nil {
			t.Fatalf("%v version %d: what is sent on is refused: %v\n%x\n%x", plan.Header.Key, plan.Header.Version, err, frame, sent)
		}
		if len(again.Forward()) != 1 || !bytes.Equal(again.Forward()[0], sent) || len(again.Denied) != 0 {
			t.Fatalf("%v version %d: what is sent on is not what passes\n%x\n%x\n%x, denied %v", plan.Header.Key, plan.Header.Version, frame, sent, again.Forward(), again.Denied)
		}
	}
	if len(plan.Forward()) == 0 && !plan.Silent {
		if answer, err := plan.Response(); err != nil || len(answer) < 4 {
			t.Fatalf("%v version %d: answer %x, %v", plan.Header.Key, plan.Header.Version, answer, err)
		}
	}
	return plan
}

func isFrameError(err error) bool {
	_, ok := errors.AsType[*FrameError](err)
	return ok
}

// FuzzResponse reads any bytes as the response of the cluster to a request.
func FuzzResponse(f *testing.F) {
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		m := kmsg.RequestForKey(key)
		if m == nil {
			continue
		}
		for version := range m.MaxVersion() + 1 {
			m := kmsg.RequestForKey(key)
			m.SetVersion(version)
			m.(message).Default()
			frame := sampleFrame(m)
			resp := m.ResponseKind()
			sample(reflect.ValueOf(resp).Elem())
			f.Add(frame, Header{CorrelationID: 5}.Response(resp))
		}
	}
	var conns []*Conn
	for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
		g, client := halfGateway(f, endpoint)
		conns = append(conns, g.Conn(client))
	}
	f.Fuzz(func(t *testing.T, frame, reply []byte) {
		for _, c := range conns {
			plan, err := c.Request(frame)
			if err != nil || len(plan.Forward()) == 0 || plan.Silent {
				continue
			}
			replies := make([][]byte, len(plan.Forward()))
			for i := range replies {
				replies[i] = reply
			}
			answer, err := plan.Response(replies...)
			if err != nil {
				if answer != nil || !isFrameError(err) {
					t.Fatalf("%v beside %x", err, answer)
				}
				continue
			}
			if len(answer) < 4 || int32(binary.BigEndian.Uint32(answer)) != plan.Header.CorrelationID {
				t.Fatalf("%v version %d: answer %x", plan.Header.Key, plan.Header.Version, answer)
			}
		}
	})
}
