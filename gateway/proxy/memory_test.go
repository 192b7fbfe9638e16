package proxy_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

const mebibyte = 1 << 20

// produceFrame is a request to produce, of about so many bytes, with its length.
func produceFrame(bytes int) []byte {
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks = 9, -1
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "x"
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = make([]byte, bytes)
	topic.Partitions = append(topic.Partitions, partition)
	r.Topics = append(r.Topics, topic)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, r, 7)
}

// TestFramesWaitForRoom: while large requests use all room for large requests, another
// one waits until it is free; small requests and logins do not wait.
func TestFramesWaitForRoom(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t), Limits: relay.Limits{
		FrameBytes: mebibyte, FramesBytes: 64*mebibyte/35 + 1, Frame: 60 * time.Second,
	}})
	address := p.Addresses()[0]
	slow, waits := dial(t, address), dial(t, address)
	slow.login("bob", passwords["bob"])
	waits.login("bob", passwords["bob"])
	frame := produceFrame(900 << 10)
	slow.write(frame[:5])
	eventually(t, "the first frame has room", func() bool { return p.FramesHeld() > 0 })
	held := p.FramesHeld()
	go func() { _, _ = waits.Write(frame) }()

	other := dial(t, address)
	other.login("admin", passwords["admin"])
	for range 20 {
		other.works()
	}
	assert.Equal(t, held, p.FramesHeld(), "the second frame is read before there is room")
	require.Empty(t, p.log.With("msg=denied"))

	slow.write(frame[5:])
	for _, w := range []*wire{slow, waits} {
		_, err := gateway.ReadFrame(w, mebibyte)
		require.NoError(t, err)
	}
	eventually(t, "all room is given back", func() bool { return p.FramesHeld() == 0 })
}

// TestStalledFramesHoldUpNobody: clients that say how long a frame is, and send no more of
// it, take no room from small frames, neither before their login nor after it.
func TestStalledFramesHoldUpNobody(t *testing.T) {
	for _, tt := range []struct {
		name string
		user string // that stalls; none before login
		size uint32
	}{
		{"logins of 512 KiB", "", 512 << 10},
		{"logins of 1 KiB", "", 1 << 10},
		{"requests of 64 KiB", "bob", 64 << 10},
		{"requests of 1 KiB", "bob", 1 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, upstream(t), proxy.Config{Store: store(t), Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 8 * mebibyte}})
			address := p.Addresses()[0]
			logged := dial(t, address)
			logged.login("admin", passwords["admin"])
			for range 100 {
				w := dial(t, address)
				if tt.user != "" {
					w.login(tt.user, passwords[tt.user])
				}
				w.write(binary.BigEndian.AppendUint32(nil, tt.size))
			}
			other := dial(t, address)
			for _, w := range []*wire{logged, other} {
				_ = w.SetDeadline(time.Now().Add(5 * time.Second))
			}
			logged.works()
			other.login("admin", passwords["admin"])
			other.works()
		})
	}
}

// TestOnePrincipalDoesNotTakeAllRoom: requests of one principal that have not come to their
// end, or that wait behind a long poll, leave room for those of others.
func TestOnePrincipalDoesNotTakeAllRoom(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(w *wire)
		bytes int // of what others send
	}{
		{"stalled frames", func(w *wire) { w.write(binary.BigEndian.AppendUint32(nil, mebibyte)) }, 500 << 10},
		{"behind a long poll", func(w *wire) {
			poll := kmsg.NewPtrListGroupsRequest()
			w.send(poll, 4)
			for range 20 {
				w.write(produceFrame(15 << 10))
			}
		}, 15 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "x"))
			goOn := make(chan struct{})
			t.Cleanup(func() { close(goOn) })
			cluster.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				cluster.SleepControl(func() { <-goOn })
				return nil, nil, false
			})
			p := start(t, cluster, proxy.Config{Store: store(t, "bob ALLOW DESCRIBE GROUP g"), Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 4 * mebibyte, Drain: 100 * time.Millisecond}})
			for range 30 {
				w := dial(t, p.Addresses()[0])
				w.login("bob", passwords["bob"])
				tt.write(w)
			}
			eventually(t, "no more frames have room", func() bool {
				before := p.FramesHeld()
				time.Sleep(100 * time.Millisecond)
				return before > 0 && p.FramesHeld() == before
			})
			other := dial(t, p.Addresses()[0])
			other.login("alice", passwords["alice"])
			_ = other.SetDeadline(time.Now().Add(5 * time.Second))
			for range 5 {
				other.write(produceFrame(tt.bytes))
				_, err := gateway.ReadFrame(other, mebibyte)
				require.NoError(t, err)
			}
			p.stop()
			assert.Zero(t, p.FramesHeld())
		})
	}
}

// TestRequestsAtTheBrokerHoldNoRoom: a request that was sent on and waits for its answer
// keeps no other from being read.
func TestRequestsAtTheBrokerHoldNoRoom(t *testing.T) {
	const polls = 400
	cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "x"))
	goOn := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(letGo)
	var began atomic.Int32
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		began.Add(1)
		cluster.SleepControl(func() { <-goOn })
		return r.ResponseKind(), nil, true
	})
	p := start(t, cluster, proxy.Config{Store: store(t)})
	poll := kmsg.NewPtrFetchRequest()
	poll.MaxWaitMillis, poll.SessionEpoch = 1<<30, -1
	poll.Topics = []kmsg.FetchRequestTopic{{Topic: "x", Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	var waiting []*wire
	for range polls {
		w := dial(t, p.Addresses()[0])
		w.login("admin", passwords["admin"])
		w.send(poll, 11)
		waiting = append(waiting, w)
	}
	eventually(t, "the polls wait", func() bool { return began.Load() == polls && p.FramesHeld() == 0 })
	letGo()
	for _, w := range waiting {
		_, err := gateway.ReadFrame(w, mebibyte)
		require.NoError(t, err)
	}
	assert.Zero(t, p.FramesHeld())
}

// TestRoomBehindLongPolls: what the clients of a principal send behind a long poll takes half
// of its room at the most, so that others, also of the same principal, can send requests of
// the same size; it is read once the poll is over.
func TestRoomBehindLongPolls(t *testing.T) {
	const room = 64*mebibyte/35 + 1
	for _, tt := range []struct {
		name         string
		bytes, times int   // of the requests behind the poll
		most         int64 // half of the room of a principal for requests of that size
	}{
		{"large requests", 200 << 10, 4, mebibyte * 2 / 7},
		{"a request larger than half", 900 << 10, 1, 4 << 10},
		{"small requests", 15 << 10, 12, room * 3 / 16 / 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := upstream(t, kfake.NumBrokers(1))
			goOn := make(chan struct{})
			letGo := sync.OnceFunc(func() { close(goOn) })
			t.Cleanup(letGo)
			const polls = 3
			var began atomic.Int32
			cluster.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				began.Add(1)
				cluster.SleepControl(func() { <-goOn })
				return nil, nil, false
			})
			p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: room, Frame: 10 * time.Second}})
			frame := produceFrame(tt.bytes)
			var parked []*wire
			for range polls {
				w := dial(t, p.Addresses()[0])
				w.login("admin", passwords["admin"])
				w.send(kmsg.NewPtrListGroupsRequest(), 4)
				parked = append(parked, w)
			}
			eventually(t, "the polls wait", func() bool { return began.Load() == polls })
			for _, w := range parked {
				go func() {
					for range tt.times {
						_, _ = w.Write(frame)
					}
				}()
			}
			for _, user := range []string{"bob", "admin"} {
				other := dial(t, p.Addresses()[0])
				other.login(user, passwords[user])
				for range 20 {
					assert.LessOrEqual(t, p.FramesHeld(), tt.most+polls*1000)
					other.write(frame)
					_, err := gateway.ReadFrame(other, mebibyte)
					require.NoError(t, err, user)
				}
			}
			letGo()
			for _, w := range parked {
				for range 1 + tt.times {
					_, err := gateway.ReadFrame(w, mebibyte)
					require.NoError(t, err)
				}
			}
			eventually(t, "all room is given back", func() bool { return p.FramesHeld() == 0 })
		})
	}
}

// TestFramesWaitNoLongerThanTheLimit: a connection whose request finds no room is closed.
func TestFramesWaitNoLongerThanTheLimit(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t), Limits: relay.Limits{
		FrameBytes: mebibyte, FramesBytes: 64*mebibyte/35 + 1, Frame: time.Second,
	}})
	slow, waits := dial(t, p.Addresses()[0]), dial(t, p.Addresses()[0])
	slow.login("bob", passwords["bob"])
	waits.login("bob", passwords["bob"])
	frame := produceFrame(900 << 10)
	stop := make(chan struct{})
	defer close(stop)
	slow.write(frame[:5])
	eventually(t, "the first frame has room", func() bool { return p.FramesHeld() > 0 })
	waits.write(frame[:5])
	p.log.WaitFor(t, 1, "reason=")
	eventually(t, "all room is given back", func() bool { return p.FramesHeld() == 0 })
}

// TestRoomIsGivenBack when requests are sent on, refused or malformed, and when their
// connection ends before they are answered.
func TestRoomIsGivenBack(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC x")})
	for _, user := range []string{"alice", "bob", "admin"} {
		w := dial(t, p.Addresses()[0])
		w.login(user, passwords[user])
		for range 5 {
			w.write(produceFrame(200 << 10))
		}
		for range 5 {
			_, err := gateway.ReadFrame(w, mebibyte)
			require.NoError(t, err)
		}
		w.write(produceFrame(200 << 10))
		w.write(binary.BigEndian.AppendUint32(nil, 100<<20)) // of which nothing comes
		w.Close()
	}
	malformed := dial(t, p.Addresses()[0])
	malformed.login("bob", passwords["bob"])
	malformed.writeFrame(make([]byte, 100<<10))
	malformed.closed("a request that is malformed")
	eventually(t, "all room is given back", func() bool { return p.FramesHeld() == 0 })
}

// TestConnectionsOfAnAddress: an address has no more connections than its limit, however
// many the proxy may have, and gets one for each that ends.
func TestConnectionsOfAnAddress(t *testing.T) {
	registry := prometheus.NewRegistry()
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{Store: store(t), Metrics: registry, Limits: relay.Limits{AddressConnections: 2}})
	address := p.Addresses()[0]
	first, second := dial(t, address), dial(t, address)
	first.login("admin", passwords["admin"])
	second.login("admin", passwords["admin"])
	first.works() // it is allowed something, and keeps its place
	second.works()
	dial(t, address).closed("two connections of the address")
	second.works()
	first.Close()
	eventually(t, "the first has ended", func() bool { n, _ := p.Strangers(); return n == 1 })
	third := dial(t, address)
	third.login("admin", passwords["admin"])
	third.works()
	turnedAway(t, registry, "address", 1)
}

// TestLoginsOfAnAddress: an address has no more connections that are not logged in than its
// limit; those that are logged in do not count.
func TestLoginsOfAnAddress(t *testing.T) {
	registry := prometheus.NewRegistry()
	p := start(t, upstream(t), proxy.Config{Store: store(t), Metrics: registry, Limits: relay.Limits{AddressLogins: 2}})
	address := p.Addresses()[0]
	for range 4 {
		w := dial(t, address)
		w.login("admin", passwords["admin"])
		w.works()
	}
	stranger, _ := dial(t, address), dial(t, address)
	eventually(t, "both are counted", func() bool { _, n := p.Strangers(); return n == 2 })
	dial(t, address).closed("two connections that are not logged in")
	stranger.Close()
	eventually(t, "one has ended", func() bool { _, n := p.Strangers(); return n == 1 })
	w := dial(t, address)
	w.login("admin", passwords["admin"])
	w.works()
	turnedAway(t, registry, "logins", 1)
}

// TestNetworksCountAsOneAddress: a client with an IPv6 /64 network gets no more
// connections by using another of its addresses for each.
func TestNetworksCountAsOneAddress(t *testing.T) {
	for _, tt := range []struct {
		name, first, second string
		same                bool
	}{
		{"IPv4", "192.0.2.1", "192.0.2.1", true},
		{"two of IPv4", "192.0.2.1", "192.0.2.2", false},
		{"IPv4, mapped", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two of IPv4, both mapped", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{"IPv6 of one network", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"IPv6 of two networks", "2001:db8::1", "2001:db8:0:1::1", false},
		{"zones", "fe80::1%eth0", "fe80::2%eth1", true},
	} {
		for limit, limits := range map[string]relay.Limits{
			"address": {AddressConnections: 3, AddressLogins: 100},
			"logins":  {AddressConnections: 100, AddressLogins: 3},
		} {
			t.Run(tt.name+", "+limit, func(t *testing.T) {
				p, err := proxy.Listen(t.Context(), proxy.Config{
					Upstream: relay.Upstream{Brokers: upstream(t).ListenAddrs()}, Store: store(t),
					Listeners: []proxy.Listener{plainListener()}, Limits: limits,
				})
				require.NoError(t, err)
				defer p.Close()
				from := func(host string, port uint16) net.Addr {
					return textAddr(netip.AddrPortFrom(netip.MustParseAddr(host), port).String())
				}
				for port := range uint16(3) {
					require.Empty(t, p.Arrive(from(tt.first, 1000+port)))
				}
				want := ""
				if tt.same {
					want = limit
				}
				assert.Equal(t, want, p.Arrive(from(tt.second, 2000)))
			})
		}
	}
}

// textAddr is an address by its text: a net.TCPAddr shows one that is mapped as one of IPv4.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

func turnedAway(t *testing.T, registry *prometheus.Registry, limit string, want int) {
	t.Helper()
	var expected strings.Builder
	expected.WriteString("# HELP portcullis_connections_turned_away_total Connections beyond a limit: of all connections, of those of an address, or of those of an address that are not logged in.\n# TYPE portcullis_connections_turned_away_total counter\n")
	for _, l := range []string{"address", "connections", "logins"} {
		n := 0
		if l == limit {
			n = want
		}
		expected.WriteString("portcullis_connections_turned_away_total{limit=\"" + l + "\"} " + string(rune('0'+n)) + "\n")
	}
	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(expected.String()), "portcullis_connections_turned_away_total"))
}

// TestLogBeforeLogin: text from a client that is not logged in is cut and escaped in
// the log, in one line.
func TestLogBeforeLogin(t *testing.T) {
	for name, message := range map[string]string{
		"control characters": "n,,n==" + strings.Repeat("\x01", 500_000) + ",r=x",
		"direction":          "n,,n=a=\u202e" + strings.Repeat("\u009b", 1000) + ",r=x",
		"long":               "n,,n==" + strings.Repeat("x", 500_000) + ",r=x",
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, upstream(t), proxy.Config{Store: store(t)})
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.ScramSHA256, 1)
			w.token(message)
			p.log.WaitFor(t, 1, "login failed")
			lines := p.log.With("login failed")
			require.Len(t, lines, 1)
			assert.Less(t, len(lines[0]), 20_000)
			for _, r := range "\x01\u202e\u009b" {
				assert.NotContains(t, lines[0], string(r))
			}
		})
	}
}

// TestRequestsBeforeLogin: a client cannot keep the proxy busy with requests that are
// not a login.
func TestRequestsBeforeLogin(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	t.Run("ApiVersions", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		for range 24 {
			w.ask(kmsg.NewPtrApiVersionsRequest(), 3)
		}
		_ = w.SetDeadline(time.Now().Add(10 * time.Second))
		w.closed("24 requests")
		p.log.WaitFor(t, 1, "not logged in within 24 requests")
	})
	t.Run("handshakes", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		require.Zero(t, w.handshake(proxy.ScramSHA256, 1).ErrorCode)
		assert.Equal(t, kerr.IllegalSaslState.Code, w.handshake(proxy.ScramSHA256, 1).ErrorCode)
		w.closed("the second handshake")
		w = dial(t, p.Addresses()[0])
		require.Zero(t, w.handshake(proxy.ScramSHA256, 1).ErrorCode)
		require.Zero(t, w.token("n,,n=alice,r=abc").ErrorCode)
		assert.Equal(t, kerr.IllegalSaslState.Code, w.handshake(proxy.Plain, 1).ErrorCode, "behind the first message of a login")
		w.closed("the second handshake")
		p.log.WaitFor(t, 2, "login failed", "SaslHandshake while a login is under way")
	})
}

// What a request that was sent on keeps until its answer comes counts: a request of a few
// kilobytes keeps many times its size, on every connection.
func TestLongPollsHaveRoom(t *testing.T) {
	const clients, topics = 300, 1_900
	c := newLargeCluster(t, 1, 1)
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW READ TOPIC a"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 16 * mebibyte},
	})
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.SessionEpoch = 12, -1
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = 600_000, 1, 1<<20
	for i := range topics {
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = "a"
		if i == 0 {
			partition := kmsg.NewFetchRequestTopicPartition()
			partition.PartitionMaxBytes = 1 << 20
			topic.Partitions = append(topic.Partitions, partition)
		}
		request.Topics = append(request.Topics, topic)
	}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, request, 7)
	request = nil
	var all []*wire
	for range clients {
		w := dial(t, p.Addresses()[0])
		w.login("bob", passwords["bob"])
		m := kmsg.NewPtrMetadataRequest() // so that there is a connection to the broker
		m.Topics = []kmsg.MetadataRequestTopic{}
		w.ask(m, 12)
		all = append(all, w)
	}
	runtime.GC()
	before := heap()
	for _, w := range all {
		w.write(frame)
	}
	time.Sleep(5 * time.Second)
	runtime.GC()
	kept := int64(heap()-before) / mebibyte
	t.Logf("%d requests of %d bytes: %d MiB are kept, %d bytes have room", clients, len(frame), kept, p.FramesHeld())
	assert.Less(t, kept, int64(32))
}
