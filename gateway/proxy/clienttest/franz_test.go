package clienttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// franzLimit is how long a client of franz-go may take.
const franzLimit = 20 * time.Second

// franzRows are clients of franz-go.
var franzRows = []row{
	{
		name: "franz-go producer", function: franzProduce, topics: []string{"f-$=0"},
		rights: []string{"Write on Topic f-$"}, want: "produced",
	},
	{
		name: "franz-go consumer", function: franzConsume,
		rights: []string{readIn, "Read on Group g-$"}, want: "read [v0 v1 v2 v3 v4]\ncommitted",
	},
	{
		name: "franz-go transaction", function: franzTransact, topics: []string{"f-$=0"},
		rights: []string{"Write on Topic f-$", "Write on TransactionalId tx-$"}, want: "produced\ncommitted",
	},
}

func franz(way way, user string, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(more, kgo.SeedBrokers(way.bootstrap), kgo.SASL(plain.Auth{User: user, Pass: password(user)}.AsMechanism()))...)
}

func franzProduce(ctx context.Context, way way, user, own string) (string, error) {
	c, err := franz(way, user)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return "produced", c.ProduceSync(ctx, &kgo.Record{Topic: "f-" + own, Value: []byte("one")}).FirstErr()
}

func franzConsume(ctx context.Context, way way, user, own string) (string, error) {
	c, err := franz(way, user, kgo.ConsumerGroup("g-"+own), kgo.ConsumeTopics(sharedTopic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return "", err
	}
	defer c.Close()
	var seen []string
	for len(seen) < recordsEach {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Sprintf("read %v", seen), err
		}
		fetches.EachRecord(func(r *kgo.Record) { seen = append(seen, string(r.Value)) })
	}
	slices.Sort(seen)
	return fmt.Sprintf("read %v\ncommitted", seen), c.CommitUncommittedOffsets(ctx)
}

func franzTransact(ctx context.Context, way way, user, own string) (string, error) {
	c, err := franz(way, user, kgo.TransactionalID("tx-"+own))
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		return "", err
	}
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "f-" + own, Value: []byte("one")}).FirstErr(); err != nil {
		return "not produced", err
	}
	return "produced\ncommitted", c.EndTransaction(ctx, kgo.TryCommit)
}

// startFunction begins to run a client in this process.
func startFunction(x *run, way way) func() string {
	done := make(chan string, 1)
	go func() {
		programs <- struct{}{}
		defer func() { <-programs }()
		ctx, cancel := context.WithTimeout(context.Background(), franzLimit)
		defer cancel()
		text, err := x.row.function(ctx, way, x.user, x.own(way))
		if err != nil {
			text = strings.TrimSuffix(text, "\ncommitted") + "\n" + err.Error()
		}
		done <- text
	}()
	return func() string { return <-done }
}
