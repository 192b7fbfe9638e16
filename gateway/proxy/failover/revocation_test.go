package failover_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

const (
	// pipelined is how many requests a connection has under way.
	pipelined = 50
	// pipes is how many connections produce, and how many fetch. Each has a partition of
	// its own.
	pipes = 4
	// revocations is how often the rights are taken away.
	revocations = 20
	// refusedEach is how many refused requests of each connection a revocation is held
	// against.
	refusedEach = 150

	produced, fetched = "orders", "news"
)

// TestRevocation: once an update of the ACLs has returned, no request that the proxy
// forwards afterwards takes effect, however many are under way. Of each connection one
// request may already be at the broker.
func TestRevocation(t *testing.T) {
	cluster := startCluster(t, *versionFlag, 1)
	cluster.CreateTopics(t,
		kafkatest.Topic{Name: produced, Partitions: pipes, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"}},
		kafkatest.Topic{Name: fetched, Partitions: pipes})
	g := newGate(t, cluster, nil)
	client := adminClient(t, cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	t.Cleanup(client.Close)
	r := &revoking{t: t, gate: g, client: client, admin: kadm.NewClient(client)}
	for p := range int32(pipes) {
		r.producers = append(r.producers, r.open(p, produceRequest))
		r.fetchers = append(r.fetchers, r.open(p, fetchRequest))
	}
	random := rand.New(rand.NewPCG(*seedFlag, 0))
	for round, end := 0, time.Now().Add(*soakFlag); round < revocations || time.Now().Before(end); round++ {
		r.round(random)
	}
	for _, p := range slices.Concat(r.producers, r.fetchers) {
		p.close()
	}
	r.verify(cluster)
}

// revoking is a test in which rights are granted and taken away while clients work.
type revoking struct {
	t      *testing.T
	gate   *gate
	client *kgo.Client
	admin  *kadm.Client

	producers, fetchers []*pipe
	// period is the number of the period without rights, while there is one.
	period atomic.Int64
	spans  []span
}

// span is a period without rights, in ms of Unix time: from when the update that took them
// away had returned, until the one that gave them back began.
type span struct{ from, to int64 }

// grants are the rights of the clients.
func grants() []acl.Binding {
	return []acl.Binding{allow("alice", ops.Write, resource.Topic, produced), allow("alice", ops.Read, resource.Topic, fetched)}
}

// withDenials are the same rights, taken away by DENY.
func withDenials() []acl.Binding {
	bindings := grants()
	for _, b := range grants() {
		b.Entry.Permission = acl.Deny
		bindings = append(bindings, b)
	}
	return bindings
}

// round gives rights, and takes them away.
func (r *revoking) round(random *rand.Rand) {
	t := r.t
	all := slices.Concat(r.producers, r.fetchers)
	if len(r.spans) > 0 {
		r.spans[len(r.spans)-1].to = time.Now().UnixMilli()
	}
	r.period.Store(0)
	r.gate.setACLs(grants()...)
	granted := make([]int, len(all))
	for i, p := range all {
		granted[i] = p.sentCount()
	}
	for i, p := range all {
		p.await(t, granted[i]+1+random.IntN(60))
	}
	for i, p := range all {
		for _, o := range p.since(granted[i]) {
			require.Zero(t, o.code, "%s with all rights", p)
		}
	}

	if random.IntN(2) == 0 {
		r.gate.setACLs()
	} else {
		r.gate.setACLs(withDenials()...)
	}
	r.spans = append(r.spans, span{from: time.Now().UnixMilli()})
	number := int64(len(r.spans))
	r.period.Store(number)
	r.mark(number)
	revoked := make([]int, len(all))
	for i, p := range all {
		revoked[i] = p.sentCount()
	}
	for i, p := range all {
		p.await(t, revoked[i]+1) // all that was forwarded before is answered
	}
	before := r.ends()
	for i, p := range all {
		p.await(t, revoked[i]+refusedEach)
		for _, o := range p.since(revoked[i]) {
			require.Equal(t, int16(ops.TopicAuthorizationFailed), o.code, "%s without rights", p)
		}
	}
	assert.Equal(t, before, r.ends(), "the ends of the log, at the first refusal of each connection and %d refusals later", refusedEach)
}

// mark writes a record that nobody may read before the next period begins.
func (r *revoking) mark(period int64) {
	var records []*kgo.Record
	for p := range int32(pipes) {
		records = append(records, &kgo.Record{Topic: fetched, Partition: p, Value: fmt.Appendf(nil, "%d", period)})
	}
	require.NoError(r.t, r.client.ProduceSync(soon(r.t), records...).FirstErr())
}

// ends returns the ends of the log of the topic that is produced to.
func (r *revoking) ends() (ends [pipes]int64) {
	offsets, err := r.admin.ListEndOffsets(soon(r.t), produced)
	require.NoError(r.t, err)
	require.NoError(r.t, offsets.Error())
	offsets.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// verify compares the log with what the producers know.
func (r *revoking) verify(cluster *kafkatest.Cluster) {
	t := r.t
	r.spans[len(r.spans)-1].to = time.Now().UnixMilli()
	log := readTimes(t, cluster, produced)
	acked, refused, late := 0, 0, 0
	for partition, p := range r.producers {
		there := log[int32(partition)]
		outcomes := p.since(0)
		numbers := map[int]bool{}
		for _, entry := range there {
			require.False(t, numbers[entry.number], "record %d is there twice", entry.number)
			numbers[entry.number] = true
		}
		for number, o := range outcomes {
			switch {
			case o.code == 0:
				acked++
				assert.True(t, numbers[number], "%s: record %d is lost", p, number)
			case numbers[number]:
				late++ // it was at the broker when the rights were taken away
			default:
				refused++
			}
		}
		for i, s := range r.spans {
			var after []int
			for _, entry := range there {
				if entry.at > s.from && entry.at < s.to {
					after = append(after, entry.number)
				}
			}
			assert.LessOrEqual(t, len(after), 1, "%s: records %v were appended after the rights were taken away for the time %d", p, after, i+1)
		}
	}
	assert.LessOrEqual(t, late, pipes*len(r.spans), "records that are in the log and were refused")
	markers := 0
	for _, p := range r.fetchers {
		markers += p.markers
	}
	t.Logf("%d revocations: %d records acknowledged, %d refused, %d at the broker meanwhile; %d markers delivered later",
		len(r.spans), acked, refused, late, markers)
	assert.GreaterOrEqual(t, acked, revocations*pipes*10, "records acknowledged")
	assert.GreaterOrEqual(t, refused, revocations*pipes*refusedEach, "records refused")
	assert.GreaterOrEqual(t, markers, revocations*pipes/2, "markers delivered once there were rights again")
}

// entry is a record in the log of the topic that is produced to.
type entry struct {
	number int
	at     int64 // when the broker appended it, in ms of Unix time
}

// readTimes reads a log, by partition.
func readTimes(t *testing.T, cluster *kafkatest.Cluster, topic string) map[int32][]entry {
	log := map[int32][]entry{}
	for _, r := range readLog(t, cluster, topic) {
		number, ok := numberOf(r.value, topic, r.partition)
		require.True(t, ok, r.value)
		log[r.partition] = append(log[r.partition], entry{number, r.at})
	}
	return log
}

// outcome is the answer to a request.
type outcome struct{ code int16 }

// pipe is a connection that always has as many requests under way.
type pipe struct {
	name      string
	partition int32
	conn      net.Conn
	room      chan struct{} // for a request under way
	open      context.Context
	end       context.CancelFunc
	done      sync.WaitGroup

	offset  atomic.Int64 // to fetch from
	markers int          // that were delivered; to be read once the pipe is closed

	mu       sync.Mutex
	sent     int
	outcomes []outcome // in the order of the requests
	changed  *sync.Cond
	failed   error
}

// String returns what the pipe does.
func (p *pipe) String() string { return fmt.Sprintf("%s of partition %d", p.name, p.partition) }

// exchange is how a pipe makes its requests and reads their answers.
type exchange struct {
	name    string
	request func(p *pipe, number int) kmsg.Request
	code    func(r *revoking, p *pipe, response kmsg.Response) int16
}

// open connects to the broker through the proxy as alice, and begins.
func (r *revoking) open(partition int32, kind func() exchange) *pipe {
	t, e := r.t, kind()
	c, err := net.Dial("tcp", r.gate.address())
	require.NoError(t, err)
	p := &pipe{name: e.name, partition: partition, conn: c, room: make(chan struct{}, pipelined)}
	p.changed = sync.NewCond(&p.mu)
	p.open, p.end = context.WithCancel(context.Background())
	t.Cleanup(p.close)
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Mechanism, handshake.Version = "PLAIN", 1
	token := kmsg.NewPtrSASLAuthenticateRequest()
	token.SASLAuthBytes, token.Version = []byte("\x00alice\x00"+passwords["alice"]), 1
	for _, request := range []kmsg.Request{handshake, token} {
		require.NoError(t, send(c, request, 0))
		_, err := receive(c, request, 0)
		require.NoError(t, err)
	}
	p.done.Go(func() { p.write(e) })
	p.done.Go(func() { p.read(r, e) })
	return p
}

// close ends the pipe.
func (p *pipe) close() {
	p.end()
	_ = p.conn.Close()
	p.done.Wait()
}

func (p *pipe) write(e exchange) {
	for number := 0; p.open.Err() == nil; number++ {
		select {
		case p.room <- struct{}{}:
		case <-p.open.Done():
			return
		}
		p.mu.Lock()
		p.sent++
		p.mu.Unlock()
		if send(p.conn, e.request(p, number), int32(number)) != nil {
			return
		}
	}
}

func (p *pipe) read(r *revoking, e exchange) {
	request := e.request(p, 0) // for the form of the answer
	for number := 0; p.open.Err() == nil; number++ {
		_ = p.conn.SetReadDeadline(time.Now().Add(patience))
		response, err := receive(p.conn, request, int32(number))
		p.mu.Lock()
		if err != nil {
			p.failed = err
		} else {
			p.outcomes = append(p.outcomes, outcome{e.code(r, p, response)})
		}
		p.changed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			p.end()
			return
		}
		<-p.room
	}
}

// sentCount returns how many requests have been sent, or are being sent.
func (p *pipe) sentCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// await waits until so many requests are answered.
func (p *pipe) await(t *testing.T, count int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.outcomes) < count && p.failed == nil {
		p.changed.Wait()
	}
	require.NoError(t, p.failed, "%s", p)
}

// since returns the answers to the requests from a number on.
func (p *pipe) since(number int) []outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.outcomes[min(number, len(p.outcomes)):])
}

// produceRequest is how a pipe produces, one record at a time.
func produceRequest() exchange {
	return exchange{
		name: "producer",
		request: func(p *pipe, number int) kmsg.Request {
			r := kmsg.NewPtrProduceRequest()
			r.Version, r.Acks, r.TimeoutMillis = 8, -1, 10_000
			partition := kmsg.NewProduceRequestTopicPartition()
			partition.Partition, partition.Records = p.partition, batch(valueOf(produced, p.partition, number))
			r.Topics = []kmsg.ProduceRequestTopic{{Topic: produced, Partitions: []kmsg.ProduceRequestTopicPartition{partition}}}
			return r
		},
		code: func(_ *revoking, _ *pipe, response kmsg.Response) int16 {
			return response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		},
	}
}

// fetchRequest is how a pipe fetches: it waits for records a little while.
func fetchRequest() exchange {
	return exchange{
		name: "fetcher",
		request: func(p *pipe, _ int) kmsg.Request {
			r := kmsg.NewPtrFetchRequest()
			r.Version, r.MaxWaitMillis, r.MinBytes, r.SessionEpoch = 11, 5, 1, -1
			partition := kmsg.NewFetchRequestTopicPartition()
			partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = p.partition, p.offset.Load(), 1<<20
			r.Topics = []kmsg.FetchRequestTopic{{Topic: fetched, Partitions: []kmsg.FetchRequestTopicPartition{partition}}}
			return r
		},
		code: func(r *revoking, p *pipe, response kmsg.Response) int16 {
			answer := response.(*kmsg.FetchResponse).Topics[0].Partitions[0]
			now := r.period.Load()
			records := kgo.ProcessFetchPartitionOpts{Topic: fetched, Partition: p.partition, Offset: p.offset.Load()}
			found, _ := kgo.ProcessFetchPartition(records, &answer, kgo.DefaultDecompressor(), nil)
			for _, record := range found.Records {
				if now > 0 {
					assert.NotEqual(r.t, fmt.Sprint(now), string(record.Value), "%s: a record was delivered that came after the rights were taken away", p)
				}
				p.markers++
				p.offset.Store(record.Offset + 1)
			}
			return answer.ErrorCode
		},
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch returns a batch of one record.
func batch(value string) []byte {
	record := kmsg.Record{Value: []byte(value)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // the length itself takes a byte
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		FirstTimestamp: time.Now().UnixMilli(), MaxTimestamp: time.Now().UnixMilli(), NumRecords: 1, Records: record.AppendTo(nil),
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], castagnoli))
	return raw
}

// send writes a request.
func send(c net.Conn, r kmsg.Request, correlation int32) error {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("revoked")).AppendRequest(nil, r, correlation))
	return err
}

// receive reads the answer to a request of a version without tagged fields.
func receive(c net.Conn, r kmsg.Request, correlation int32) (kmsg.Response, error) {
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		return nil, fmt.Errorf("correlation id %d, expected %d", got, correlation)
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:])-4)
	if _, err := io.ReadFull(c, body); err != nil {
		return nil, err
	}
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	return response, response.ReadFrom(body)
}
