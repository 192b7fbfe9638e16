package failover_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// pause is how long a producer waits between two records of a partition.
const pause = 25 * time.Millisecond

// load is clients at work on one way to the brokers.
type load struct {
	t          *testing.T
	way        string // direct, again or through
	address    string
	properties map[string]string // of Java clients
	jvm        *kafkatest.JVM
	suffix     string // of topics and groups

	producers, consumers []*journal
	stopping             atomic.Bool
	working              sync.WaitGroup // Go producers
	consuming            sync.WaitGroup
	stopConsumers        context.CancelFunc
	done                 context.Context // of the consumers
	javaEvents           sync.WaitGroup
}

// The kinds of clients.
const (
	java          = "java"          // idempotent
	franz         = "franz"         // idempotent
	transactional = "transactional" // franz-go
)

// clients returns what all the clients have done.
func (l *load) clients() []*journal { return slices.Concat(l.producers, l.consumers) }

// topic returns the topic of a kind of clients.
func (l *load) topic(kind string) string { return l.way + "-" + kind + l.suffix }

// start starts the clients. The topics must exist.
func (l *load) start() {
	l.t.Helper()
	l.done, l.stopConsumers = context.WithCancel(context.Background())
	l.t.Cleanup(func() { // if the test has failed before it stopped them
		l.stopping.Store(true)
		l.stopConsumers()
		l.working.Wait()
		l.consuming.Wait()
		l.javaEvents.Wait()
	})
	l.startJava()
	l.startFranz()
	l.startTransactions()
}

// javaLimits make a Java client try again often: see newClient.
var javaLimits = map[string]string{
	"retry.backoff.ms": "100", "retry.backoff.max.ms": "100", "reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "100",
}

func (l *load) javaProperties(more map[string]string) string {
	p := maps.Clone(l.properties)
	maps.Copy(p, javaLimits)
	maps.Copy(p, more)
	p["bootstrap.servers"] = l.address
	return kafkatest.Properties(p)
}

func (l *load) startJava() {
	topic := l.topic(java)
	producer := &journal{way: l.way, client: "java producer", topic: topic}
	l.producers = append(l.producers, producer)
	l.jvm.MustCall("Load", "consume", topic+" consumer", topic, l.javaProperties(map[string]string{
		"group.id": l.group(java), "group.protocol": "consumer", "auto.offset.reset": "earliest",
		"enable.auto.commit": "true", "auto.commit.interval.ms": "500",
	}))
	l.jvm.MustCall("Load", "produce", topic+" producer", topic, strconv.Itoa(partitions), strconv.FormatInt(pause.Milliseconds(), 10),
		l.javaProperties(map[string]string{"acks": "all", "enable.idempotence": "true", "linger.ms": "0"}))
	consumer := &journal{way: l.way, client: "java consumer", topic: topic, group: l.group(java)}
	l.consumers = append(l.consumers, consumer)
	l.javaEvents.Go(func() {
		for l.done.Err() == nil && l.takeJava(producer, topic+" producer") && l.takeJava(consumer, topic+" consumer") {
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// takeJava takes over what a Java client has done.
func (l *load) takeJava(j *journal, name string) (ok bool) {
	lines, err := l.jvm.Call("Load", "events", name)
	if err == nil {
		err = j.read(lines)
	}
	return assert.NoError(l.t, err, name)
}

func (l *load) franzClient(options ...kgo.Opt) *kgo.Client {
	return newClient(l.t, l.address, "alice", passwords["alice"], options...)
}

func (l *load) startFranz() {
	topic := l.topic(franz)
	producer := &journal{way: l.way, client: "franz producer", topic: topic}
	l.producers = append(l.producers, producer)
	client := l.franzClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	l.working.Go(func() {
		defer client.Close()
		for !l.stopping.Load() {
			for p := range int32(partitions) {
				l.produce(client, producer, p)
			}
			time.Sleep(pause)
		}
		l.must("flush", client.Flush)
	})
	l.consume(topic, "franz consumer", l.group(franz))
}

// must does what must succeed, unless the test has ended.
func (l *load) must(what string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if err := do(ctx); l.t.Context().Err() == nil {
		assert.NoError(l.t, err, what)
	}
}

// produce sends the next record of a partition.
func (l *load) produce(client *kgo.Client, j *journal, partition int32) {
	number := j.send(partition)
	r := &kgo.Record{
		Topic: j.topic, Partition: partition,
		Key: []byte(fmt.Sprintf("key-%d", partition)), Value: []byte(valueOf(j.topic, partition, number)),
	}
	client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		if err != nil {
			j.fail("record %d/%d failed: %v", partition, number, err)
			return
		}
		j.add(event{partition, number, r.Offset, time.Now().UnixMilli()})
	})
}

// consume reads a topic as the only member of a group.
func (l *load) consume(topic, name, group string) {
	j := &journal{way: l.way, client: name, topic: topic, group: group}
	l.consumers = append(l.consumers, j)
	client := l.franzClient(kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.AutoCommitInterval(500*time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500*time.Millisecond))
	l.consuming.Go(func() {
		defer client.Close()
		for l.done.Err() == nil {
			fetches := client.PollFetches(l.done)
			at := time.Now().UnixMilli()
			fetches.EachError(func(topic string, partition int32, err error) {
				if !errors.Is(err, context.Canceled) {
					j.note(fmt.Sprintf("partition %d", partition), err)
				}
			})
			fetches.EachRecord(func(r *kgo.Record) {
				j.got(record{partition: r.Partition, offset: r.Offset, value: string(r.Value)}, at)
			})
		}
	})
}

// startTransactions commits a transaction with one record for each partition, again and
// again.
func (l *load) startTransactions() {
	topic := l.topic(transactional)
	j := &journal{way: l.way, client: "transactions", topic: topic}
	l.producers = append(l.producers, j)
	id := l.sameCoordinator("transaction-" + l.way + l.suffix)
	open := func() *kgo.Client {
		return l.franzClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(id), kgo.ProducerLinger(0), kgo.TransactionTimeout(30*time.Second))
	}
	client := open()
	l.working.Go(func() {
		for !l.stopping.Load() {
			if err := l.transaction(client, j); err != nil {
				client.Close()
				client = open() // which undoes what the one before had begun
			}
			time.Sleep(pause)
		}
		client.Close()
		// A new producer with the id ends what is left of the last transaction.
		last := open()
		defer last.Close()
		l.must("end the last transaction", func(ctx context.Context) error {
			_, _, err := last.ProducerID(ctx)
			return err
		})
	})
	l.consume(topic, "consumer of transactions", l.group(transactional))
}

// transaction makes one transaction. After an error the client cannot be used any more.
func (l *load) transaction(client *kgo.Client, j *journal) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := client.BeginTransaction()
	var events []event
	var records []*kgo.Record
	for p := range int32(partitions) {
		number := j.send(p)
		events = append(events, event{partition: p, number: number})
		records = append(records, &kgo.Record{Topic: j.topic, Partition: p, Value: []byte(valueOf(j.topic, p, number))})
	}
	if err == nil {
		err = client.ProduceSync(ctx, records...).FirstErr()
	}
	if err != nil {
		j.giveUp(events)
		j.note("transaction", err)
		return err
	}
	err = client.EndTransaction(ctx, kgo.TryCommit)
	if err != nil {
		j.doubt(events)
		j.note("commit", err)
		return err
	}
	for i := range events {
		events[i].offset, events[i].at = records[i].Offset, time.Now().UnixMilli()
	}
	j.add(events...)
	return nil
}

// group returns the name of the group of a kind of clients.
func (l *load) group(kind string) string { return l.sameCoordinator("group-" + l.topic(kind)) }

// sameCoordinator returns a name that begins so and has the same partition of the internal
// topics as all others have, so that all clients have the same coordinators.
func (l *load) sameCoordinator(prefix string) string {
	for i := 0; ; i++ {
		name := prefix + "-" + strconv.Itoa(i)
		if coordinatorPartition(name) == coordinatedBy {
			return name
		}
	}
}

const (
	// internalPartitions is how many partitions kafkatest gives the internal topics.
	internalPartitions = 4
	// coordinatedBy is the partition that all groups and transactions have.
	coordinatedBy = 1
)

// coordinatorPartition returns the partition of __consumer_offsets or __transaction_state
// for a name: the absolute value of its hash as Java computes it.
func coordinatorPartition(name string) int {
	var h int32
	for _, c := range []byte(name) {
		h = 31*h + int32(c)
	}
	return int(max(h, -h, 0)) % internalPartitions
}

// stopProducing ends the producers once all they have sent is acknowledged or has failed.
func (l *load) stopProducing() {
	l.stopping.Store(true)
	l.jvm.MustCall("Load", "stop", l.topic(java)+" producer")
	l.working.Wait()
}

// stop ends the consumers.
func (l *load) stop() {
	l.jvm.MustCall("Load", "stop", l.topic(java)+" consumer")
	l.stopConsumers()
	l.javaEvents.Wait()
	l.consuming.Wait()
	l.takeJava(l.producers[0], l.topic(java)+" producer")
	l.takeJava(l.consumers[0], l.topic(java)+" consumer")
}
