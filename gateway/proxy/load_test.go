package proxy_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

const (
	loadClients = 100
	loadRecords = 30 // of each client
)

// Of 100 concurrent clients every second one is refused. All records of the others
// arrive, each once, and none of the refused ones does. When all clients are gone, so
// are their resources.
func TestLoad(t *testing.T) {
	before := runtime.NumGoroutine()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, "load"))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW WRITE TOPIC load", "admin ALLOW READ TOPIC load")})
	address := p.Addresses()[0]

	var clients sync.WaitGroup
	for i := range loadClients {
		user, want := "alice", error(nil)
		if i%2 == 1 {
			user, want = "bob", kerr.TopicAuthorizationFailed
		}
		clients.Go(func() {
			c := client(t, address, user, kgo.ProducerLinger(0), kgo.RetryTimeout(60*time.Second), kgo.RecordDeliveryTimeout(90*time.Second))
			defer c.Close()
			for n := range loadRecords {
				err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "load", Value: fmt.Appendf(nil, "%s %d %d", user, i, n)}).FirstErr()
				if !errors.Is(err, want) {
					t.Errorf("client %d, record %d: %v, want %v", i, n, err, want)
					return
				}
			}
		})
	}
	clients.Wait()

	// Read past the proxy, whatever there is.
	direct, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("load"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	const want = loadClients / 2 * loadRecords
	for ctx := soon(t); len(stored) < want && ctx.Err() == nil; {
		direct.PollFetches(ctx).EachRecord(func(r *kgo.Record) { stored[string(r.Value)]++ })
	}
	direct.Close()
	for value, times := range stored {
		if times != 1 || !strings.HasPrefix(value, "alice ") {
			t.Errorf("%q is stored %d times", value, times)
		}
	}
	if len(stored) != want {
		t.Errorf("%d records are stored, want %d", len(stored), want)
	}
	if found := p.log.With("level=WARN"); len(found) > 0 {
		t.Errorf("%d warnings, such as %q", len(found), found[0])
	}

	p.stop()
	cluster.Close()
	for deadline := time.Now().Add(60 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
