package judge_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
)

// events collects what is denied.
type events struct {
	mu  sync.Mutex
	all map[string]bool
}

func (e *events) Handle(of *audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all[fmt.Sprintf("%s %s %s %s", of.Call.API, of.Request.Operation, of.Request.Type, of.Request.Name)] = true
	return nil
}

func (e *events) take() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = map[string]bool{}
	return all
}

var deniedLine = regexp.MustCompile(`Principal = User:alice is Denied operation = (\S+) from host = \S+ on resource = (\w+):LITERAL:(\S+) for request = (\w+)`)

// TestAuditOfAnswers: what a broker's authorizer logs about the names in its answers is
// an event of the proxy too.
func TestAuditOfAnswers(t *testing.T) {
	a := startProxied(t)
	b := &broker{cluster: a.cluster, admin: a.admin}
	b.repairTopics(t, nil)
	b.group(t, "")
	b.transaction(t)
	rights := []string{"Describe Group:g*", "Describe TransactionalId:xo", "Describe Topic:t1"}
	told := &events{all: map[string]bool{}}
	a.allow(rights...)
	a.cluster.SetACLs(t, bindingsOf(t, rights...)...)
	p, err := proxy.Listen(t.Context(), proxy.Config{
		Upstream: relay.Upstream{
			Brokers: []string{a.cluster.Bootstrap(kafkatest.Internal)},
			SASL:    plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism(),
		},
		Listeners: []proxy.Listener{{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: passwords}}},
		Store:     a.store, Logger: slog.New(slog.DiscardHandler), Audit: told,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	direct, err := dial(a.cluster.Bootstrap(clientListener), "127.0.0.1", "alice", passwords["alice"])
	require.NoError(t, err)
	proxied, err := dial(p.Addresses()[0], "127.0.0.1", "alice", passwords["alice"])
	require.NoError(t, err)
	time.Sleep(5 * time.Second) // for assignments

	consumer := kmsg.NewPtrConsumerGroupDescribeRequest()
	consumer.Groups = []string{"gc"}
	share := kmsg.NewPtrShareGroupDescribeRequest()
	share.GroupIDs = []string{"gs"}
	streams := kmsg.NewPtrStreamsGroupDescribeRequest()
	streams.Groups = []string{"gst"}
	transactions := kmsg.NewPtrDescribeTransactionsRequest()
	transactions.TransactionalIDs = []string{"xo"}
	offsets := kmsg.NewPtrOffsetFetchRequest()
	offsets.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g1"}}
	shareOffsets := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	shareOffsets.Groups = []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: "gs"}}
	for _, tt := range []struct {
		name    string
		request kmsg.Request
		version int16
	}{
		{"ConsumerGroupDescribe", consumer, 1}, {"ShareGroupDescribe", share, 1}, {"StreamsGroupDescribe", streams, 0}, {"DescribeTransactions", transactions, 0},
		{"OffsetFetch of all topics", offsets, 9}, {"DescribeShareGroupOffsets of all topics", shareOffsets, 0},
		{"ListTransactions", kmsg.NewPtrListTransactionsRequest(), 1}, {"ListGroups", kmsg.NewPtrListGroupsRequest(), 5}, {"Metadata", kmsg.NewPtrMetadataRequest(), 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := a.cluster.Brokers[0].Log()
			told.take()
			_, err := direct.ask(tt.request, tt.version)
			require.NoError(t, err)
			_, err = proxied.ask(tt.request, tt.version)
			require.NoError(t, err)
			time.Sleep(200 * time.Millisecond)
			after := a.cluster.Brokers[0].Log()
			logged := map[string]bool{}
			for _, m := range deniedLine.FindAllStringSubmatch(after[len(before):], -1) {
				typ := map[string]string{"Topic": "TOPIC", "Group": "GROUP", "TransactionalId": "TRANSACTIONAL_ID", "Cluster": "CLUSTER"}[m[2]]
				logged[fmt.Sprintf("%s %s %s %s", m[4], m[1], typ, m[3])] = true
			}
			assert.Equal(t, slices.Sorted(maps.Keys(logged)), slices.Sorted(maps.Keys(told.take())), "Kafka's log, and the events of the proxy")
		})
	}
}
