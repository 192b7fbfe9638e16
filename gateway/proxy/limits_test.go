package proxy_test

import (
	"context"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

func TestLimits(t *testing.T) {
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{Store: store(t), Limits: relay.Limits{
		Connections: 2, Login: 1 * time.Second, Idle: 2 * time.Second,
	}})
	address := p.Addresses()[0]
	other := dial(t, address)
	other.login("admin", passwords["admin"])
	other.works() // it is allowed something, and keeps its place
	talker := dial(t, address)
	talker.login("admin", passwords["admin"])
	talker.works()
	third := dial(t, address)
	third.closed("two connections")
	other.Close()
	eventually(t, "one has ended", func() bool { n, _ := p.Strangers(); return n == 1 })

	since := time.Now()
	silent := dial(t, address)
	silent.closed("the time to log in")
	if d := time.Since(since); d < time.Second {
		t.Errorf("closed after %v", d)
	}
	for range 6 { // is not idle for as long as this takes
		talker.works()
		time.Sleep(500 * time.Millisecond)
	}
	since = time.Now()
	talker.closed("the time to be idle")
	if d := time.Since(since); d < time.Second {
		t.Errorf("closed after %v", d)
	}
	for _, words := range []string{"turned away", "not logged in within 1s", "reason=idle"} {
		if len(p.log.With(words)) == 0 {
			t.Errorf("%q is not logged", words)
		}
	}
}

// Requests in progress when the proxy stops are answered; later ones are not.
func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	cluster := upstream(t)
	began, goOn := make(chan struct{}), make(chan struct{})
	cluster.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(began)
		<-goOn
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Drain: 60 * time.Second}})
	w := dial(t, p.Addresses()[0])
	w.login("admin", passwords["admin"])
	request := kmsg.NewPtrListGroupsRequest()
	w.send(request, 4)
	<-began
	stopped := make(chan struct{})
	go func() { defer close(stopped); p.stop() }()
	for { // until no connection is accepted any more
		c, err := net.Dial("tcp", p.Addresses()[0])
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	if r := w.receive(request).(*kmsg.ListGroupsResponse); r.ErrorCode != 0 {
		t.Errorf("%+v", r)
	}
	w.closed("the stop")
	<-stopped
}

// Requests that take longer than the proxy may take to stop are cut off.
func TestStopCutsOff(t *testing.T) {
	cluster := upstream(t)
	began, goOn := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(goOn) })
	cluster.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(began)
		<-goOn
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Drain: 100 * time.Millisecond}})
	w := dial(t, p.Addresses()[0])
	w.login("admin", passwords["admin"])
	w.send(kmsg.NewPtrListGroupsRequest(), 4)
	<-began
	p.stop()
	if rest, err := io.ReadAll(w); err == nil && len(rest) > 0 {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	if len(p.log.With("cut off")) == 0 {
		t.Error("it is not logged that connections are cut off")
	}
}

// A client that does not read its responses delays nobody else, and the proxy holds at
// most Pipelined of its requests.
func TestSlowReader(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(100, "orders"))
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Pipelined: 4, Frame: 2 * time.Second}})
	slow := dial(t, p.Addresses()[0])
	slow.login("admin", passwords["admin"])
	request := kmsg.NewRequestFormatter().AppendRequest(nil, func() kmsg.Request { r := kmsg.NewPtrMetadataRequest(); r.Version = 12; return r }(), 1)
	written := make(chan error, 1)
	go func() {
		for {
			if _, err := slow.Write(request); err != nil {
				written <- err
				return
			}
		}
	}()
	other := dial(t, p.Addresses()[0])
	other.login("admin", passwords["admin"])
	for done := false; !done; {
		select {
		case <-written: // the proxy has closed the connection
			done = true
		default:
			other.works()
		}
	}
	other.works()
}

func TestConfigRefused(t *testing.T) {
	good := func() proxy.Config {
		return proxy.Config{
			Upstream: relay.Upstream{Brokers: []string{"127.0.0.1:1"}}, Store: store(t),
			Listeners: []proxy.Listener{plainListener()},
		}
	}
	for want, change := range map[string]func(*proxy.Config){
		"Store is nil":                func(c *proxy.Config) { c.Store = nil },
		"Upstream.Brokers is empty":   func(c *proxy.Config) { c.Upstream.Brokers = nil },
		"expected host:port":          func(c *proxy.Config) { c.Upstream.Brokers = []string{"kafka"} },
		"Listeners is empty":          func(c *proxy.Config) { c.Listeners = nil },
		`protocol "": expected`:       func(c *proxy.Config) { c.Listeners[0].Protocol = "" },
		"TLS is missing":              func(c *proxy.Config) { c.Listeners[0].Protocol = ops.SASLSSL },
		"SASL is set":                 func(c *proxy.Config) { c.Listeners[0].Protocol = ops.Plaintext },
		"SASL is missing":             func(c *proxy.Config) { c.Listeners[0].SASL = nil },
		"advertised host is empty":    func(c *proxy.Config) { c.Listeners[0].Address = ":9092" },
		"expected a port":             func(c *proxy.Config) { c.Listeners[0].Address = "127.0.0.1:x" },
		"first node is -1":            func(c *proxy.Config) { c.Listeners[0].FirstNode = -1 },
		"Limits.Pipelined is -1":      func(c *proxy.Config) { c.Limits.Pipelined = -1 },
		"Limits.Drain is -1s":         func(c *proxy.Config) { c.Limits.Drain = -time.Second },
		"SASL has no mechanism":       func(c *proxy.Config) { c.Listeners[0].SASL.Mechanisms = nil },
		"SASL has no users":           func(c *proxy.Config) { c.Listeners[0].SASL.Users = nil },
		"LOGIN: unknown mechanism":    func(c *proxy.Config) { c.Listeners[0].SASL.Mechanisms = []string{"LOGIN"} },
		"OAUTHBEARER: expected OAuth": func(c *proxy.Config) { c.Listeners[0].SASL.Mechanisms = []string{proxy.OAuthBearer} },
		"GSSAPI: expected Kerberos":   func(c *proxy.Config) { c.Listeners[0].SASL.Mechanisms = []string{proxy.GSSAPI} },
		"user alice: expected a name": func(c *proxy.Config) { c.Listeners[0].SASL.Users = map[string]string{"alice": ""} },
		"upstream: ":                  func(*proxy.Config) {}, // nobody listens there
	} {
		config := good()
		change(&config)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		p, err := proxy.Listen(ctx, config)
		cancel()
		if err == nil || p != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// The proxy's own answers to a client that does not read them are limited by size and
// not only by number.
func TestAnswersThatAreNotReadAreBounded(t *testing.T) {
	open := proxy.Listener{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{open}})
	w := dial(t, p.Addresses()[0])
	if err := w.Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil { // so that the kernel holds few
		t.Fatal(err)
	}
	produce := kmsg.NewPtrProduceRequest()
	produce.Version, produce.Acks = 9, -1
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = "x", make([]kmsg.ProduceRequestTopicPartition, 40_000)
	for i := range topic.Partitions {
		topic.Partitions[i].Partition = int32(i)
		topic.Partitions[i].Records = make([]byte, 10)
	}
	produce.Topics = append(produce.Topics, topic)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, produce, 1)
	const sent = 12
	go func() {
		for range sent {
			if _, err := w.Write(frame); err != nil {
				return
			}
		}
	}()
	p.log.WaitFor(t, 1, "msg=denied")
	time.Sleep(2 * time.Second) // in which all of them would be decided
	held := len(p.log.With("msg=denied"))
	for range sent {
		if answer, err := gateway.ReadFrame(w, math.MaxInt32); err != nil || len(answer) < 1<<20 {
			t.Fatalf("%d bytes, %v", len(answer), err)
		}
	}
	if lines := p.log.With("msg=denied"); held > sent/2 || len(lines) != sent {
		t.Errorf("of %d requests, %d are decided before an answer is read, and %d after", sent, held, len(lines))
	}
}

// An answer does not wait for the next one.
func TestAnswerIsNotWithheld(t *testing.T) {
	for _, user := range []string{"admin", "alice"} { // one whose answers are relayed as they come, and one whose are not
		cluster := upstream(t, kfake.SeedTopics(1, "orders"))
		goOn := make(chan struct{})
		cluster.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.SleepControl(func() { <-goOn })
			return nil, nil, false
		})
		p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW DESCRIBE GROUP g")})
		w := dial(t, p.Addresses()[0])
		w.login(user, passwords[user])
		metadata, groups := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrListGroupsRequest()
		metadata.Version, groups.Version = 12, 4
		f := kmsg.NewRequestFormatter()
		w.write(append(f.AppendRequest(nil, metadata, 7), f.AppendRequest(nil, groups, 7)...))
		_ = w.SetDeadline(time.Now().Add(15 * time.Second))
		_, err := gateway.ReadFrame(w, 1<<20)
		close(goOn)
		if err != nil {
			t.Errorf("%s: the first answer: %v", user, err)
		}
		w.receive(groups)
	}
}
