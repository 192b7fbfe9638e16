package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	// demoPassword is the password of all users of a demonstration. Its listener serves only
	// the demonstration.
	demoPassword = "demonstration"
	// demoTimeout bounds the write of one record.
	demoTimeout = 30 * time.Second
)

// embed starts a cluster in memory.
func (p *proxyCommand) embed() (*kfake.Cluster, error) {
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1)}
	if len(p.embeddedTopics) > 0 {
		options = append(options, kfake.SeedTopics(1, p.embeddedTopics...))
	}
	for _, d := range p.demo {
		_, topic, _ := strings.Cut(d, "=")
		options = append(options, kfake.SeedTopics(1, topic))
	}
	return kfake.NewCluster(options...)
}

// demonstrate writes a record for each --demo through the proxy and prints the results.
func (p *proxyCommand) demonstrate(ctx context.Context, w io.Writer, address string) error {
	for _, d := range p.demo {
		user, topic, _ := strings.Cut(d, "=")
		outcome, err := produceAs(ctx, address, user, topic)
		if err != nil {
			return fmt.Errorf("--demo %s: %w", printable(d), err)
		}
		if _, err := fmt.Fprintf(w, "User:%s writes to %s: %s\n", printable(user), printable(topic), outcome); err != nil {
			return err
		}
	}
	return nil
}

// produceAs writes a record with a Kafka client and returns the result as text.
func produceAs(ctx context.Context, address, user, topic string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.SASL(scram.Auth{User: user, Pass: demoPassword}.AsSha256Mechanism()),
	)
	if err != nil {
		return "", err
	}
	defer client.Close()
	record, err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("a demonstration")}).First()
	var refused *kerr.Error
	switch {
	case err == nil:
		return fmt.Sprintf("stored in partition %d at offset %d", record.Partition, record.Offset), nil
	case errors.As(err, &refused):
		return "refused: " + refused.Message, nil
	default:
		return "", err
	}
}
