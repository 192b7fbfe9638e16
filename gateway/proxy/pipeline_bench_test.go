package proxy_test

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// BenchmarkPipelined is what a producer gets through the proxy that has five batches
// under way, as Java's has by default: next to the broker, and far away from it.
func BenchmarkPipelined(b *testing.B) {
	for _, way := range []time.Duration{0, time.Millisecond} {
		for _, inFlight := range []int{1, 5} {
			b.Run(fmt.Sprintf("roundTrip=%v/inFlight=%d", 2*way, inFlight), func(b *testing.B) {
				cluster := upstream(b, kfake.NumBrokers(1), kfake.SeedTopics(1, "bench"), kfake.BlackholeProduce(), farAway(way))
				p := start(b, cluster, proxy.Config{Store: store(b, "alice ALLOW WRITE TOPIC bench"), Logger: slog.New(slog.DiscardHandler)})
				w := dial(b, p.Addresses()[0])
				w.login("alice", passwords["alice"])
				_ = w.SetDeadline(time.Time{})
				produce := kmsg.NewPtrProduceRequest()
				produce.Version, produce.Acks = 9, -1
				produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "bench", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, benchBatch)}}}}
				frame := kmsg.NewRequestFormatter().AppendRequest(nil, produce, 1)
				sent := 0
				for b.Loop() {
					for ; sent < inFlight; sent++ {
						w.write(frame)
					}
					if _, err := gateway.ReadFrame(w, 1<<20); err != nil {
						b.Fatal(err)
					}
					sent--
				}
			})
		}
	}
}

// BenchmarkSilent is what a producer gets through the proxy that asks for no answers (acks=0),
// up to when the broker is done with the last batch.
func BenchmarkSilent(b *testing.B) {
	for _, way := range []time.Duration{0, time.Millisecond} {
		b.Run(fmt.Sprintf("roundTrip=%v", 2*way), func(b *testing.B) {
			cluster := upstream(b, kfake.NumBrokers(1), kfake.SeedTopics(1, "bench"), kfake.BlackholeProduce(), farAway(way))
			p := start(b, cluster, proxy.Config{Store: store(b, "alice ALLOW WRITE TOPIC bench"), Logger: slog.New(slog.DiscardHandler)})
			w := dial(b, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			_ = w.SetDeadline(time.Time{})
			produce := kmsg.NewPtrProduceRequest()
			produce.Version = 9
			produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "bench", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, benchBatch)}}}}
			silent := kmsg.NewRequestFormatter().AppendRequest(nil, produce, 1)
			produce.Acks = -1
			last := kmsg.NewRequestFormatter().AppendRequest(nil, produce, 1)
			for range b.N {
				w.write(silent)
			}
			w.write(last)
			if _, err := gateway.ReadFrame(w, 1<<20); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// farAway makes what goes to a broker and what comes from it take some time.
func farAway(way time.Duration) kfake.Opt {
	return listenBehind(func(l net.Listener) net.Listener { return farListener{l, way} })
}

type farListener struct {
	net.Listener
	way time.Duration
}

func (l farListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || l.way == 0 {
		return c, err
	}
	near, far := net.Pipe()
	go l.carry(near, c)
	go l.carry(c, near)
	return far, nil
}

// carry carries bytes, each for as long as the way takes.
func (l farListener) carry(to, from net.Conn) {
	type parcel struct {
		data []byte
		due  time.Time
	}
	way := make(chan parcel, 1024)
	go func() {
		defer close(way)
		for {
			data := make([]byte, 64<<10)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			way <- parcel{data[:n], time.Now().Add(l.way)}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	for range way {
	}
}
