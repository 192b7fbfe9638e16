package proxy_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	benchClients = 4
	benchSync    = 50    // records of a round that are written one after the other
	benchAsync   = 2_000 // records of a client in a round that are written as fast as it goes
)

// bencher writes records of 1 KiB.
type bencher struct {
	tb      testing.TB
	clients []*kgo.Client
}

func newBencher(tb testing.TB, address string) *bencher {
	b := &bencher{tb: tb}
	for range benchClients {
		b.clients = append(b.clients, client(tb, address, "alice", kgo.ProducerLinger(0), kgo.DefaultProduceTopic("bench")))
	}
	b.throughput() // so that all connections are there
	return b
}

func record() *kgo.Record { return &kgo.Record{Value: bytes.Repeat([]byte("x"), 1024)} }

// latency returns the median time until a record is acknowledged.
func (b *bencher) latency() time.Duration {
	times := make([]time.Duration, benchSync)
	for i := range times {
		began := time.Now()
		if err := b.clients[0].ProduceSync(b.tb.Context(), record()).FirstErr(); err != nil {
			b.tb.Error(err)
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// throughput returns the time per record when all clients write as many as they can.
func (b *bencher) throughput() time.Duration {
	began := time.Now()
	var group sync.WaitGroup
	for _, c := range b.clients {
		group.Go(func() {
			for range benchAsync {
				c.Produce(b.tb.Context(), record(), func(_ *kgo.Record, err error) {
					if err != nil {
						b.tb.Error(err)
					}
				})
			}
			if err := c.Flush(b.tb.Context()); err != nil {
				b.tb.Error(err)
			}
		})
	}
	group.Wait()
	return time.Since(began) / (benchClients * benchAsync)
}

// BenchmarkAuthorization compares the proxy with itself without authorization, in turn,
// round by round, so that what else the machine does falls on all. Each time is the
// median of the rounds, each overhead that of the quotients of neighbours.
//
// Authorization is off in two ways. Without checks, as for a super user, the proxy does
// all else that it does. Without the gateway, it hands bytes on and knows of no request
// what it is: less than any proxy can do that shows its own addresses, since newer
// versions of Produce and Fetch answer with addresses too.
func BenchmarkAuthorization(b *testing.B) {
	acls := []string{"alice ALLOW WRITE TOPIC bench…"}
	for i := range 10_000 {
		acls = append(acls, fmt.Sprintf("user%d ALLOW READ TOPIC topic.%d.…", i, i))
	}
	cluster := upstream(b, kfake.NumBrokers(1), kfake.SeedTopics(8, "bench"), kfake.BlackholeProduce())
	proxies := []*running{
		start(b, cluster, proxy.Config{Store: store(b, acls...)}),
		start(b, cluster, proxy.Config{Store: snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("alice")}})}),
		start(b, cluster, proxy.Config{Store: snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("alice")}})}),
	}
	proxies[2].PassThrough()
	var benchers []*bencher
	for _, p := range proxies {
		benchers = append(benchers, newBencher(b, p.Addresses()[0]))
	}
	names := []string{"on", "unchecked", "bytes"}

	for name, measure := range map[string]func(*bencher) time.Duration{"latency": (*bencher).latency, "throughput": (*bencher).throughput} {
		b.Run(name, func(b *testing.B) {
			times, quotients := make([][]float64, len(benchers)), make([][]float64, len(benchers))
			for round := 0; b.Loop(); round++ {
				var now [3]float64
				for i := range benchers { // each is first in its turn
					i = (i + round) % len(benchers)
					now[i] = float64(measure(benchers[i]))
				}
				for i := range benchers {
					times[i] = append(times[i], now[i])
					quotients[i] = append(quotients[i], now[0]/now[i])
				}
			}
			for i, name := range names {
				b.ReportMetric(median(times[i]), name+"-ns/record")
				if i > 0 {
					b.ReportMetric(100*(median(quotients[i])-1), "over-"+name+"-%")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
