package proxy_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// Whatever names a client uses, each refused name is one line that says so, and the
// client cannot forge a line.
func TestAuditLine(t *testing.T) {
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "alice DENY READ GROUP readers", "alice ALLOW ALL GROUP readers"),
	})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])

	forged := "g\nlevel=INFO msg=denied principal=User:admin name=\"x"
	for _, group := range []string{"readers", forged, strings.Repeat("g", 5000)} {
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.ProtocolType = group, "consumer"
		w.ask(join, 5)
	}
	lines := p.log.WaitFor(t, 3, "msg=denied", "request=JoinGroup")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{
		`principal=User:alice host=127.0.0.1 operation=READ resourceType=GROUP name=readers request=JoinGroup clientId=wire reason="matching deny" acl=`,
		`name="g\\nlevel=INFO msg=denied principal=User:admin name=\"x" request=JoinGroup clientId=wire reason="default deny" generation=1`,
		`name=` + strings.Repeat("g", 4096) + "… request=",
	} {
		if !strings.Contains(lines[i], want) || strings.Count(lines[i], "\n") != 1 {
			t.Errorf("line %d is\n%swant\n%s", i, lines[i], want)
		}
	}

	// Of a thousand topics there are a thousand lines.
	w.ask(metadataOf(hidden(1000)...), 9)
	if lines = p.log.WaitFor(t, 1000, "msg=denied", "request=Metadata"); len(lines) != 1000 {
		t.Errorf("%d lines", len(lines))
	}
	for i, line := range lines {
		if want := fmt.Sprintf(" name=hidden-%d ", i); !strings.Contains(line, want) {
			t.Fatalf("line %d is %q, want %s", i, line, want)
		}
	}
	// Entries that are left out of a list are not denials.
	w.works()
	if lines := p.log.With("msg=denied", "request=Metadata"); len(lines) != 1000 {
		t.Errorf("%d lines", len(lines))
	}
}

// hidden returns n names.
func hidden(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("hidden-", i))
	}
	return names
}

// metadataOf asks for topics by name.
func metadataOf(names ...string) *kmsg.MetadataRequest {
	m := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		m.Topics = append(m.Topics, topic)
	}
	return m
}

// Other refused names cannot hide a name: the names after them are events too.
func TestDecoysHideNoNameFromTheAuditLog(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	m := kmsg.NewPtrDeleteTopicsRequest()
	m.TopicNames = append(hidden(500), "payroll-2026")
	w.ask(m, 4)
	require.Len(t, p.log.WaitFor(t, 1, "msg=denied", "name=payroll-2026"), 1)
}

// events is a handler that keeps what it is given.
type events struct {
	mu   sync.Mutex
	list []audit.Event
	err  error
}

func (e *events) Handle(event *audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, *event)
	return e.err
}

// Events beyond the limit are dropped; a counter and a log line report the number.
func TestAuditEventsBeyondTheLimitAreCounted(t *testing.T) {
	registry, taken := prometheus.NewPedanticRegistry(), &events{}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Audit: taken, Metrics: registry, AuditEvents: 10})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	w.ask(metadataOf(hidden(1000)...), 9)
	lines := p.log.WaitFor(t, 1, "audit events dropped")
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "level=WARN")
	require.Contains(t, lines[0], "count=995 limit=10 beyondShare=995")
	p.stop()
	require.Len(t, taken.list, 5, "half of the room, of which no part is another's")
	for i, e := range taken.list {
		require.Equal(t, fmt.Sprint("hidden-", i), e.Request.Name)
		require.Equal(t, "User:bob", e.Subject.Principal.String())
		require.Equal(t, ops.APIKey(3), e.Call.API)
		require.False(t, e.Time.IsZero())
	}
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP portcullis_audit_events_total Events that were handed to the audit log: refused names, and allowed ones if they are recorded.
# TYPE portcullis_audit_events_total counter
portcullis_audit_events_total 5
# HELP portcullis_audit_events_lost_total Events that are not in the audit log: there were more than its limit a second (limit) or than the share of one client (share), or it could not be written (handler).
# TYPE portcullis_audit_events_lost_total counter
portcullis_audit_events_lost_total{reason="handler"} 0
portcullis_audit_events_lost_total{reason="limit"} 0
portcullis_audit_events_lost_total{reason="share"} 995
`), "portcullis_audit_events_total", "portcullis_audit_events_lost_total"))
}

// TestNobodyTakesAllAuditEvents: a client with more refusals than fit in a second does
// not push out those of another client, however many connections it uses.
func TestNobodyTakesAllAuditEvents(t *testing.T) {
	taken := &events{}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Audit: taken, AuditEvents: 4000})
	var noisy []*wire
	for range 4 {
		w := dial(t, p.Addresses()[0])
		w.login("bob", passwords["bob"])
		noisy = append(noisy, w)
	}
	other := dial(t, p.Addresses()[0])
	other.login("alice", passwords["alice"])
	const rounds = 10
	for range rounds {
		for _, w := range noisy {
			w.ask(metadataOf(hidden(2000)...), 9)
		}
		other.ask(metadataOf(hidden(20)...), 9)
	}
	p.stop()
	of := map[string]int{}
	for _, e := range taken.list {
		of[e.Subject.Principal.String()]++
	}
	assert.Equal(t, 20*rounds, of["User:alice"])
	assert.Greater(t, of["User:bob"], 1000)
}

// TestSharesOfAuditEvents: of a second's room each client has a share, however many there
// are, and they never have more than all of it.
func TestSharesOfAuditEvents(t *testing.T) {
	for _, tt := range []struct{ limit, noisy, first, next int }{
		{10_000, 1, 3857, 1933},
		{10_000, 13, 3857, 9}, // the room that all share is used up
		{10_000, 200, 3857, 9},
		{10_000, 1000, 3857, 0},
		{10, 1, 5, 3},
		{1, 1, 1, 0},
	} {
		t.Run(fmt.Sprint(tt.noisy, " of ", tt.limit), func(t *testing.T) {
			second := proxy.NewAuditSecond(tt.limit)
			all := 0
			for i := range tt.noisy {
				got := 0
				for range 100 { // a hundred requests
					got += second.Take(fmt.Sprint("noisy ", i), 1000)
				}
				if all += got; i == 0 {
					assert.Equal(t, tt.first, got)
				}
			}
			got := second.Take("other", 1000) + second.Take("other", 1000)
			assert.GreaterOrEqual(t, got, tt.next)
			assert.LessOrEqual(t, all+got, tt.limit)
		})
	}
}

// Lost events are reported before the proxy has stopped.
func TestAuditEventsLostAtTheEndAreTold(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t), Audit: &events{err: errors.New("the disk is full")}})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	w.ask(metadataOf("a", "b"), 9)
	p.stop()
	lines := p.log.With("audit events not recorded")
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], `level=ERROR`)
	require.Contains(t, lines[0], `count=2 reason="the disk is full"`)
}

// suggest can read the proxy's log, whatever names clients use.
func TestAuditEventsCanBeReadBack(t *testing.T) {
	names := []string{"orders", "x\nlevel=INFO msg=denied principal=User:admin\x1b[2J\u202e\u2028\u0085\U000e0001", "a,b", "a b", `q"x`}
	for format, writer := range map[audit.TraceFormat]func(*bytes.Buffer) audit.Handler{
		audit.TraceJSON:    func(b *bytes.Buffer) audit.Handler { return audit.NewJSONWriter(b) },
		audit.TraceEscaped: func(b *bytes.Buffer) audit.Handler { return audit.NewLineWriter(b, audit.Kafka42) },
	} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			var log bytes.Buffer
			p := start(t, upstream(t), proxy.Config{Store: store(t), Audit: writer(&log)})
			w := dial(t, p.Addresses()[0])
			w.login("bob", passwords["bob"])
			m := kmsg.NewPtrDeleteTopicsRequest()
			m.TopicNames, m.Version = names, 4
			w.write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(names[1])).AppendRequest(nil, m, 7))
			w.receive(m)
			producer := kmsg.NewPtrInitProducerIDRequest()
			w.ask(producer, 4)
			p.stop()
			for _, r := range log.String() {
				require.True(t, r == '\n' || unicode.IsPrint(r), "%q", r)
			}
			var read []string
			for record, err := range audit.ReadTrace(&log, "log", format) {
				require.NoError(t, err)
				require.False(t, record.Allowed)
				require.Equal(t, "User:bob", record.Subject.Principal.String())
				read = append(read, record.Request.Name)
			}
			require.Equal(t, append(slices.Clone(names), "kafka-cluster", ""), read)
		})
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
	p.log.WaitFor(t, 1, "login failed")
	p.log.WaitFor(t, 1, "msg=denied")
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

	// A failed second registration leaves nothing registered.
	fresh := prometheus.NewRegistry()
	fresh.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "portcullis_connections"}))
	if _, err := proxy.Listen(t.Context(), proxy.Config{
		Upstream: relay.Upstream{Brokers: upstream(t).ListenAddrs()}, Store: store(t), Listeners: []proxy.Listener{plainListener()}, Metrics: fresh,
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
	// The brokers' own node ids are outside of the ports that are opened at the start.
	_, err := proxy.Listen(t.Context(), proxy.Config{Upstream: relay.Upstream{Brokers: cluster.ListenAddrs()}, Store: store(t), Listeners: []proxy.Listener{l}})
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
		shown = append(shown, hostport.Join(b.Host, b.Port))
	}
	for _, b := range describe.Brokers {
		shown = append(shown, hostport.Join(b.Host, b.Port))
	}
	for _, c := range coordinators.Coordinators {
		shown = append(shown, hostport.Join(c.Host, c.Port))
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
	lines := p.log.WaitFor(t, 20, "msg=denied")
	if len(lines) != 20 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if strings.Count(line, "principal=") != 1 {
			t.Fatalf("%q", line)
		}
	}
}

// A refusal is logged once, even if the client or the upstream is gone.
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
	p.log.WaitFor(t, 1, "connection closed")
	if lines := p.log.With("msg=denied"); len(lines) != 1 {
		t.Errorf("a refusal, and a client that hangs up: %d lines", len(lines))
	}
	close(goOn)

	cluster.Close()
	w = dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.write(frame)
	w.closed("no upstream")
	p.log.WaitFor(t, 2, "connection closed")
	if lines := p.log.With("msg=denied"); len(lines) != 2 {
		t.Errorf("a refusal without an upstream: %d lines", len(lines)-1)
	}
}
