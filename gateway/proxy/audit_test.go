package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// waitFor waits for lines of the log: an answer may be there before its line.
func (l *logbook) waitFor(t *testing.T, count int, words ...string) []string {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		if found := l.with(words...); len(found) >= count || time.Now().After(deadline) {
			return found
		}
	}
}

// Whatever a client calls things, each refusal is one line that says so, and no line
// is the client's.
func TestAuditLine(t *testing.T) {
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "alice DENY READ GROUP readers", "alice ALLOW ALL GROUP readers"),
	})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])

	forged := "g\nlevel=INFO msg=denied principal=User:admin name=\"x"
	for _, group := range []string{"readers", forged, strings.Repeat("g", 1000)} {
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.ProtocolType = group, "consumer"
		w.ask(join, 5)
	}
	lines := p.log.waitFor(t, 3, "msg=denied", "request=JoinGroup")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{
		`principal=User:alice request=JoinGroup version=5 clientId=wire operation=READ resource=Group name=readers count=1 rule="matching deny" generation=1 acl=`,
		`name="\"g\\nlevel=INFO msg=denied principal=User:admin name=\\\"x\"" count=1 rule="default deny"`,
		`name=` + strings.Repeat("g", 249) + "… count=1",
	} {
		if !strings.Contains(lines[i], want) || strings.Count(lines[i], "\n") != 1 {
			t.Errorf("line %d is\n%swant\n%s", i, lines[i], want)
		}
	}

	// Of a thousand topics there is one line.
	metadata := kmsg.NewPtrMetadataRequest()
	for i := range 1000 {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(fmt.Sprintf("hidden-%d", i))
		metadata.Topics = append(metadata.Topics, topic)
	}
	w.ask(metadata, 9)
	lines = p.log.waitFor(t, 1, "msg=denied", "request=Metadata")
	if len(lines) != 1 || !strings.Contains(lines[0], `name=hidden-0,hidden-1,`) || !strings.Contains(lines[0], "count=1000 ") {
		t.Errorf("%q", lines)
	}
	// What is left out of a list is no refusal.
	w.works()
	if lines := p.log.with("msg=denied", "request=Metadata"); len(lines) != 1 {
		t.Errorf("%q", lines)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{Store: store(t, "alice ALLOW READ TOPIC orders"), Metrics: registry})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.works()
	for _, name := range []string{"orders", "secret"} {
		metadata := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		metadata.Topics = append(metadata.Topics, topic)
		w.ask(metadata, 9)
	}
	bad := dial(t, p.Addresses()[0])
	bad.login("alice", "wrong")
	bad.closed("a failed login")
	p.log.waitFor(t, 1, "login failed")
	p.log.waitFor(t, 1, "msg=denied")
	want := `
# HELP portcullis_acls ACLs in force.
# TYPE portcullis_acls gauge
portcullis_acls 1
# HELP portcullis_acl_generation Generation of the ACLs in force.
# TYPE portcullis_acl_generation gauge
portcullis_acl_generation 1
# HELP portcullis_denials_total Resources refused with an error.
# TYPE portcullis_denials_total counter
portcullis_denials_total{api="Metadata",resource="topic"} 1
# HELP portcullis_failed_logins_total Connections that ended because the client could not be identified.
# TYPE portcullis_failed_logins_total counter
portcullis_failed_logins_total 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "portcullis_acls", "portcullis_acl_generation",
		"portcullis_denials_total", "portcullis_failed_logins_total"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == "Metadata" {
					got[f.GetName()] = m.GetCounter().GetValue()
				}
			}
			if h := m.GetHistogram(); h != nil {
				got[f.GetName()] = float64(h.GetSampleCount())
			}
		}
	}
	for name, want := range map[string]float64{"portcullis_requests_total": 3, "portcullis_requests_allowed_total": 2, "portcullis_decision_seconds": 3} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}

	// What is registered twice leaves nothing behind.
	fresh := prometheus.NewRegistry()
	fresh.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "portcullis_connections"}))
	if _, err := proxy.Listen(t.Context(), proxy.Config{
		Upstream: proxy.Upstream{Brokers: upstream(t).ListenAddrs()}, Store: store(t), Listeners: []proxy.Listener{plainListener()}, Metrics: fresh,
	}); err == nil {
		t.Error("a name that is taken is registered")
	}
	if families, err := fresh.Gather(); err != nil || len(families) != 1 {
		t.Errorf("%v, %v", families, err)
	}
}

// Clients are shown ports of the proxy only. A broker without one is not shown.
func TestNoAddressOfABroker(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "orders"))
	l := plainListener()
	l.FirstNode = 1 // so that broker 0 has no port
	brokers := map[string]bool{}
	for _, address := range cluster.ListenAddrs() {
		brokers[address] = true
	}
	// The brokers' own ports are outside of what is opened at the start.
	_, err := proxy.Listen(t.Context(), proxy.Config{Upstream: proxy.Upstream{Brokers: cluster.ListenAddrs()}, Store: store(t), Listeners: []proxy.Listener{l}})
	if err == nil || !strings.Contains(err.Error(), "its id is not from 1 to 128") {
		t.Errorf("%v", err)
	}

	p := start(t, cluster, proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.login("admin", passwords["admin"])
	metadata := w.ask(kmsg.NewPtrMetadataRequest(), 12).(*kmsg.MetadataResponse)
	describe := w.ask(kmsg.NewPtrDescribeClusterRequest(), 1).(*kmsg.DescribeClusterResponse)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{"a", "b", "c"}
	coordinators := w.ask(find, 4).(*kmsg.FindCoordinatorResponse)
	var shown []string
	for _, b := range metadata.Brokers {
		shown = append(shown, proxy.HostPort(b.Host, b.Port))
	}
	for _, b := range describe.Brokers {
		shown = append(shown, proxy.HostPort(b.Host, b.Port))
	}
	for _, c := range coordinators.Coordinators {
		shown = append(shown, proxy.HostPort(c.Host, c.Port))
	}
	if len(shown) != 9 {
		t.Errorf("%q", shown)
	}
	for _, address := range shown {
		if brokers[address] {
			t.Errorf("%s is a broker's", address)
		}
	}
}

// Who logs in again, even while an answer is under way, is named once in each line.
func TestAuditLineAfterLoginsAgain(t *testing.T) {
	l := plainListener()
	l.SASL.MaxSession = time.Hour
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders", "mine")), proxy.Config{
		Store: store(t, "alice ALLOW DESCRIBE TOPIC mine"), Listeners: []proxy.Listener{l},
	})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	metadata, handshake, token := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	for _, name := range []string{"orders", "mine"} {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		metadata.Topics = append(metadata.Topics, topic)
	}
	handshake.Mechanism, token.SASLAuthBytes = proxy.Plain, []byte("\x00alice\x00"+passwords["alice"])
	for range 20 {
		w.send(metadata, 9)
		w.send(handshake, 1)
		w.send(token, 2)
		w.receive(metadata)
		w.receive(handshake)
		w.receive(token)
	}
	lines := p.log.waitFor(t, 20, "msg=denied")
	if len(lines) != 20 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if strings.Count(line, "principal=") != 1 {
			t.Fatalf("%q", line)
		}
	}
}

// What was refused is in the log once, even if nobody is there any more to be told, or
// the upstream is not.
func TestAuditLineWithoutAnswer(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "orders", "mine"))
	began, goOn := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	cluster.ControlKey(int16(kmsg.DescribeConfigs), func(kmsg.Request) (kmsg.Response, error, bool) {
		begin()
		<-goOn
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW DESCRIBE_CONFIGS TOPIC mine")})
	describe := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range []string{"mine", "orders"} {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, name
		describe.Resources = append(describe.Resources, r)
	}
	describe.Version = 4
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, describe, 7)
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.write(frame)
	<-began
	w.Close()
	p.log.waitFor(t, 1, "connection closed")
	if lines := p.log.with("msg=denied"); len(lines) != 1 {
		t.Errorf("a refusal, and a client that hangs up: %d lines", len(lines))
	}
	close(goOn)

	cluster.Close()
	w = dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.write(frame)
	w.closed("no upstream")
	p.log.waitFor(t, 2, "connection closed")
	if lines := p.log.with("msg=denied"); len(lines) != 2 {
		t.Errorf("a refusal without an upstream: %d lines", len(lines)-1)
	}
}
