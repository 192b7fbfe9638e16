package proxy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// soon bounds a test's waiting.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestProduceAndConsume(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(3, "orders", "secret"))
	p := start(t, cluster, proxy.Config{Store: store(t,
		"alice ALLOW WRITE TOPIC orders", "bob ALLOW READ TOPIC orders", "bob ALLOW READ GROUP readers", "bob ALLOW WRITE TOPIC other")})
	address := p.Addresses()[0]

	alice := client(t, address, "alice")
	for range 10 {
		if err := alice.ProduceSync(soon(t), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := alice.ProduceSync(soon(t), &kgo.Record{Topic: "secret", Value: []byte("two")}).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("alice wrote to secret: %v", err)
	}

	bob := client(t, address, "bob", kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	got := 0
	for ctx := soon(t); got < 10; {
		fetches := bob.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		got += fetches.NumRecords()
	}
	if err := bob.CommitUncommittedOffsets(soon(t)); err != nil {
		t.Error(err)
	}

	topics, err := kadm.NewClient(bob).ListTopics(soon(t))
	if err != nil || len(topics) != 1 || !topics.Has("orders") {
		t.Errorf("bob sees %v, %v", topics.Names(), err)
	}
	if err := bob.ProduceSync(soon(t), &kgo.Record{Topic: "orders", Value: []byte("three")}).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("bob wrote to orders: %v", err)
	}
	if found := p.log.With("msg=denied", "principal=User:alice", "request=Metadata", "operation=DESCRIBE", "resourceType=TOPIC", "name=secret"); len(found) == 0 {
		t.Error("no audit line for alice's look at secret")
	}
	if found := p.log.With("msg=denied", "principal=User:bob", "request=Produce", "operation=WRITE", "resourceType=TOPIC", "name=orders"); len(found) != 1 {
		t.Errorf("audit lines for bob's write to orders: %q", found)
	}
	if found := p.log.With("level=WARN"); len(found) > 0 {
		t.Errorf("warnings: %q", found)
	}
}
