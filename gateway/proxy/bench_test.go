package proxy_test

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
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
	benchRecord  = 1 << 10  // bytes of a record
	benchBatch   = 16 << 10 // bytes of a batch: batch.size of Java's producer
	benchRecords = 15       // that a batch holds

	// maxOverhead is how many percent more time authorization may take. It is judged of
	// minRounds or more.
	maxOverhead = 5
	minRounds   = 2_000
)

// bencher writes records through one proxy.
type bencher struct {
	tb      testing.TB
	clients []*kgo.Client
	record  []byte // that no compression makes smaller
}

func newBencher(tb testing.TB, address string) *bencher {
	b := &bencher{tb: tb, record: make([]byte, benchRecord)}
	rand.NewChaCha8([32]byte{}).Read(b.record)
	for range benchClients {
		b.clients = append(b.clients, client(tb, address, "alice", kgo.ManualFlushing(), kgo.DefaultProduceTopic("bench"),
			kgo.ProducerBatchMaxBytes(benchBatch), kgo.ProducerBatchCompression(kgo.NoCompression())))
	}
	for range 100 {
		b.throughput() // so that all connections are there
	}
	return b
}

// latency returns the time until a record is acknowledged.
func (b *bencher) latency() time.Duration {
	began := time.Now()
	b.write(b.clients[0], 1)
	b.flush(b.clients[0])
	return time.Since(began)
}

// throughput returns the time until the batches that all clients write at once are
// acknowledged.
func (b *bencher) throughput() time.Duration {
	for _, c := range b.clients {
		b.write(c, benchRecords)
	}
	began := time.Now()
	var group sync.WaitGroup
	for _, c := range b.clients {
		group.Go(func() { b.flush(c) })
	}
	group.Wait()
	return time.Since(began)
}

// write makes records that are sent once the client flushes.
func (b *bencher) write(c *kgo.Client, records int) {
	for range records {
		c.Produce(b.tb.Context(), &kgo.Record{Value: b.record}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.tb.Error(err)
			}
		})
	}
}

func (b *bencher) flush(c *kgo.Client) {
	if err := c.Flush(b.tb.Context()); err != nil {
		b.tb.Error(err)
	}
}

// BenchmarkAuthorization compares the proxy with itself without authorization: see the
// package documentation for how to run it.
//
// All write in one process to one broker, and take turns after every record or batch:
// whatever else the machine does falls on all of them, and the median of the quotients of
// neighbours is sure to a few tenths of a percent where seconds of one against seconds of
// the other differ by more than there is to measure.
func BenchmarkAuthorization(b *testing.B) {
	acls := []string{"alice ALLOW WRITE TOPIC bench…"}
	for i := range 10_000 {
		acls = append(acls, fmt.Sprintf("user%d ALLOW READ TOPIC topic.%d.…", i, i))
	}
	everything := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("alice")}})
	replace(b, everything) // Listen expects a store that is loaded
	for _, measure := range []struct {
		name string
		of   func(*bencher) time.Duration
	}{{"latency", (*bencher).latency}, {"throughput", (*bencher).throughput}} {
		b.Run(measure.name, func(b *testing.B) {
			cluster := upstream(b, kfake.NumBrokers(1), kfake.SeedTopics(8, "bench"), kfake.BlackholeProduce())
			on := start(b, cluster, proxy.Config{Store: store(b, acls...), Logger: slog.New(slog.DiscardHandler)})
			sides := []*side{{name: "on", through: newBencher(b, on.Addresses()[0])}}
			for _, off := range []*side{
				{name: "off", switchOff: (*proxy.Proxy).Unauthorized},
				{name: "bytes", switchOff: (*proxy.Proxy).PassThrough},
				{name: "unchecked", switchOff: func(*proxy.Proxy) {}},
			} {
				p := start(b, cluster, proxy.Config{Store: everything, Logger: slog.New(slog.DiscardHandler)})
				off.switchOff(p.Proxy)
				off.through = newBencher(b, p.Addresses()[0])
				sides = append(sides, off)
			}
			r := rand.New(rand.NewPCG(1, 2)) // in a fixed order it matters who is behind whom
			for b.Loop() {
				for _, i := range r.Perm(len(sides)) {
					sides[i].times = append(sides[i].times, float64(measure.of(sides[i].through)))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(sides[0].times), "ns-on")
			for _, off := range sides[1:] {
				off.judge(b, sides[0])
			}
		})
	}
}

// side is one of the proxies that are compared.
type side struct {
	name      string
	switchOff func(*proxy.Proxy)
	through   *bencher
	times     []float64 // of its turns, in nanoseconds
}

// judge reports how much more time the turns of on took than those of s beside them: the
// median, with the bounds that hold it in 19 of 20 runs. It fails if that is too much.
func (s *side) judge(b *testing.B, on *side) {
	over := make([]float64, len(on.times))
	for i := range over {
		over[i] = 100 * (on.times[i]/s.times[i] - 1)
	}
	slices.Sort(over)
	n := float64(len(over))
	spread := 1.96 * math.Sqrt(n) / 2 // of the rank of the median, which is binomial
	at := func(rank float64) float64 { return over[min(max(int(rank), 0), len(over)-1)] }
	middle := at(n / 2)
	b.ReportMetric(median(s.times), "ns-"+s.name)
	b.ReportMetric(middle, "%-over-"+s.name)
	if len(over) < minRounds {
		return
	}
	b.Logf("%.1f %% more time than %s (%.1f to %.1f), of %d rounds", middle, s.name, at(n/2-spread), at(n/2+spread), len(over))
	if middle > maxOverhead {
		b.Errorf("that is too much: %v %% are allowed", maxOverhead)
	}
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }
