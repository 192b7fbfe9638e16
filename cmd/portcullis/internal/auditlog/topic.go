package auditlog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// dialTimeout bounds a connection to a broker.
const dialTimeout = 10 * time.Second

// Topic writes each line as a record to a topic of the cluster that the proxy stands before.
//
// It connects to the brokers as the proxy does, not through the proxy: nobody is asked about
// its requests, so that they make no events. A record is stored when all replicas in sync have
// it. The producer is idempotent: a record is stored once, unless the proxy gives up on an
// answer and sends it again.
type Topic struct {
	name    string
	format  string
	brokers []string
	client  atomic.Pointer[kgo.Client]
}

// OpenTopic returns a sink that writes lines of a format to a topic. It does not connect yet.
func OpenTopic(name, format string, cluster relay.Upstream) (*Topic, error) {
	t := &Topic{name: name, format: format, brokers: cluster.Brokers}
	return t, t.Reconfigure(cluster)
}

// Reconfigure makes later connections with the certificates and the login of cluster.
func (t *Topic) Reconfigure(cluster relay.Upstream) error {
	options := []kgo.Opt{
		kgo.ClientID("portcullis-audit"), kgo.SeedBrokers(t.brokers...), kgo.DefaultProduceTopic(t.name),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(deliveryTimeout),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			dialer := &net.Dialer{Timeout: dialTimeout}
			if cluster.TLS == nil {
				return dialer.DialContext(ctx, network, address)
			}
			return (&tls.Dialer{NetDialer: dialer, Config: cluster.TLS}).DialContext(ctx, network, address)
		}),
	}
	if cluster.SASL != nil {
		options = append(options, kgo.SASL(cluster.SASL))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	if before := t.client.Swap(client); before != nil {
		before.Close() // a record in progress is sent again
	}
	return nil
}

// deliveryTimeout is how long a record may take. Then the failure has a reason, and the record
// is sent again. It is shorter than stallTime, so that the log has the reason.
const deliveryTimeout = 4 * time.Second

// check returns an error unless the topic is there.
func (t *Topic) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(t.name)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, t.client.Load())
	if err == nil && len(answer.Topics) != 1 {
		err = errors.New("the cluster does not answer about the topic")
	}
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	return t.wrap(err)
}

func (t *Topic) write(ctx context.Context, lines [][]byte) (int, error) {
	client := t.client.Load()
	stop := context.AfterFunc(ctx, client.Close) // which fails the records in progress
	defer stop()
	p := production{client: client, contentType: contentTypes[t.format]}
	p.produce(ctx, slices.Clone(lines))
	// Those that are stored come first: the others are written again, and these are not.
	copy(lines, slices.Concat(p.stored, p.large, p.left))
	err := t.wrap(p.err)
	if len(p.large) > 0 {
		err = &tooLargeError{len(p.large), err}
	}
	return len(p.stored), err
}

// production is what became of lines.
type production struct {
	client      *kgo.Client
	contentType string

	stored, large, left [][]byte
	err                 error
}

// produce writes lines as records. Brokers look at the size of a whole batch: if one is too large,
// its halves are tried, until it is clear which record is too large by itself.
func (p *production) produce(ctx context.Context, lines [][]byte) {
	records := make([]*kgo.Record, len(lines))
	for i, line := range lines {
		records[i] = &kgo.Record{
			Value:   line[:len(line)-1],
			Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(p.contentType)}},
		}
	}
	failed := map[*kgo.Record]error{}
	for _, r := range p.client.ProduceSync(ctx, records...) {
		if r.Err != nil {
			failed[r.Record] = r.Err
		}
	}
	var large [][]byte
	var tooLarge error
	for i, r := range records {
		switch err := failed[r]; {
		case err == nil:
			p.stored = append(p.stored, lines[i])
		case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
			large, tooLarge = append(large, lines[i]), err
		default:
			p.left = append(p.left, lines[i])
			p.err = err
		}
	}
	switch n := len(large); n {
	case 0:
	case 1:
		p.large, p.err = append(p.large, large[0]), tooLarge
	default:
		p.produce(ctx, large[:n/2])
		p.produce(ctx, large[n/2:])
	}
}

// wrap says which topic an error is about.
func (t *Topic) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("topic %s: %w", lines.Printable(t.name), err)
}

func (t *Topic) close() error {
	t.client.Load().Close()
	return nil
}
