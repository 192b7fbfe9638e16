package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// allowing returns a store that allows User:alice what is listed, such as
// "Read Topic:t1"; "Read Topic:t*" is a prefix, and "-Read Topic:t1" denies.
func allowing(t testing.TB, list ...string) *snapshot.Store {
	t.Helper()
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}})
	err := store.Update(func(tx *snapshot.Tx) error {
		for _, line := range list {
			tx.Add(allow(t, line))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func allow(t testing.TB, line string) acl.Binding {
	t.Helper()
	permission := acl.Allow
	if rest, denies := strings.CutPrefix(line, "-"); denies {
		line, permission = rest, acl.Deny
	}
	what, on, _ := strings.Cut(line, " ")
	kind, name, _ := strings.Cut(on, ":")
	op, err := ops.ParseOperation(what)
	if err != nil {
		t.Fatal(err)
	}
	of, err := resource.ParseType(kind)
	if err != nil {
		t.Fatal(err)
	}
	p := resource.Pattern{Type: of, PatternType: resource.Literal, Name: name}
	if prefix, ok := strings.CutSuffix(name, "*"); ok && prefix != "" {
		p.PatternType, p.Name = resource.Prefixed, prefix
	}
	return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: op, Permission: permission}}
}

func client(name string) gateway.Client {
	return gateway.Client{Subject: snapshot.Subject{Principal: principal.User(name), Host: netip.MustParseAddr("10.0.0.7")}}
}

// cluster is a simulated cluster: ids are names.
type cluster []string

func (cluster) Provides() gateway.Facts { return gateway.AllFacts }

func (c cluster) TopicName(id [16]byte) (string, bool) {
	name := strings.TrimRight(string(id[:]), "\x00")
	return name, slices.Contains(c, name)
}
func (c cluster) FindTopics([][16]byte)            {}
func (c cluster) LearnTopic([16]byte, string)      {}
func (c cluster) Topics() ([]string, uint64, bool) { return c, 1, true }
func (c cluster) MissingTopics(names []string) (missing []string, certain bool) {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(c, name) }), true
}
func (c cluster) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, nil, ops.None
}

func idOf(name string) (id [16]byte) {
	copy(id[:], name)
	return id
}

// sent decodes what a plan sends on.
func sent[R kmsg.Request](t *testing.T, plan *gateway.Plan) (requests []R) {
	t.Helper()
	for _, frame := range plan.Forward() {
		h, err := gateway.ParseHeader(frame)
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.Request(frame)
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, r.(R))
	}
	return requests
}

// decide hands a request to a connection.
func decide(t *testing.T, conn *gateway.Conn, m kmsg.Request) *gateway.Plan {
	t.Helper()
	plan, err := conn.Request(frameOf(m))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// answer returns the client's answer if the cluster replies this.
func answer[R kmsg.Response](t *testing.T, plan *gateway.Plan, m kmsg.Request, replies ...kmsg.Response) R {
	t.Helper()
	frames := make([][]byte, len(replies))
	for i, r := range replies {
		frames[i] = replyOf(r)
	}
	data, err := plan.Response(frames...)
	if err != nil {
		t.Fatal(err)
	}
	r := m.ResponseKind()
	header := 4
	if r.IsFlexible() {
		header++
	}
	if err := r.ReadFrom(data[header:]); err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	return r.(R)
}

// counted is a cluster that counts what it is asked.
type counted struct {
	cluster
	questions map[string]int
}

func (c counted) FindTopics(ids [][16]byte) {
	for _, id := range ids {
		c.questions[fmt.Sprintf("find %x", id)]++
	}
}

func (c counted) MissingTopics(names []string) (missing []string, certain bool) {
	for _, name := range names {
		c.questions[name]++
	}
	return c.cluster.MissingTopics(names)
}

// TestUnknownIDsAreAskedForOnce: the cluster is asked once per request about an unknown
// id, however often the request has it.
func TestUnknownIDsAreAskedForOnce(t *testing.T) {
	c := counted{cluster{"mine"}, map[string]int{}}
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Topic:mine"), Cluster: c}).Conn(client("alice"))
	m := kmsg.NewPtrFetchRequest()
	m.SetVersion(13)
	for i := range 5_000 {
		m.Topics = append(m.Topics, kmsg.FetchRequestTopic{TopicID: idOf([]string{"mine", "unknown", ""}[i%3])})
	}
	for request := 1; request <= 2; request++ { // what is not known now may be later
		plan := decide(t, conn, m)
		requests := sent[*kmsg.FetchRequest](t, plan)
		require.Len(t, requests, 1)
		require.Len(t, requests[0].Topics, 1667)
		require.Equal(t, map[string]int{"find " + fmt.Sprintf("%x", idOf("unknown")): request}, c.questions)
	}
}

// TestNothingIsAskedForTheRefused: the cluster is not asked about the ids of a client
// that is refused regardless of the ids.
func TestNothingIsAskedForTheRefused(t *testing.T) {
	unknown := idOf("unknown")
	commit, share, acknowledge := kmsg.NewPtrOffsetCommitRequest(), kmsg.NewPtrShareFetchRequest(), kmsg.NewPtrShareAcknowledgeRequest()
	commit.Group, share.GroupID, acknowledge.GroupID = "g", new("g"), new("g")
	share.MemberID, acknowledge.MemberID = new("m"), new("m")
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{TopicID: unknown}}
	share.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: unknown}}
	acknowledge.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: unknown}}
	offsets := kmsg.NewPtrOffsetFetchRequest()
	offsets.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{{TopicID: unknown}}}}
	produce := kmsg.NewPtrProduceRequest()
	produce.TransactionID, produce.Topics = new("t"), []kmsg.ProduceRequestTopic{{TopicID: unknown, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: transactionalRecords}}}}
	for _, tt := range []struct {
		message kmsg.Request
		version int16
	}{{commit, 10}, {share, 2}, {acknowledge, 2}, {offsets, 10}, {produce, 13}} {
		t.Run(kmsg.NameForKey(tt.message.Key()), func(t *testing.T) {
			tt.message.SetVersion(tt.version)
			for rights, want := range map[string]int{"Read Topic:other": 0, "All Group:g": 1, "All TransactionalId:t": 1} {
				if rights == "All TransactionalId:t" != (tt.message == produce) && want == 1 {
					continue
				}
				c := counted{cluster{"mine"}, map[string]int{}}
				conn := newGateway(t, gateway.Config{Store: allowing(t, rights), Cluster: c}).Conn(client("alice"))
				decide(t, conn, tt.message)
				assert.Len(t, c.questions, want, rights)
			}
		})
	}
}

// transactionalRecords are a batch of a transaction without records.
var transactionalRecords = func() []byte {
	batch := make([]byte, 61)
	batch[11], batch[16], batch[22] = 49, 2, 1<<4
	return batch
}()

// TestShownIDsAreAskedForOnce: the same for ids in a response, both of topics that the
// request named and of others.
func TestShownIDsAreAskedForOnce(t *testing.T) {
	c := counted{cluster{"mine"}, map[string]int{}}
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Topic:mine", "Read Group:g"), Cluster: c}).Conn(client("alice"))
	m := kmsg.NewPtrShareFetchRequest()
	m.SetVersion(1)
	m.GroupID = new("g")
	m.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: idOf("mine")}}
	plan := decide(t, conn, m)
	reply := m.ResponseKind().(*kmsg.ShareFetchResponse)
	for i := range 1000 {
		p := kmsg.NewShareFetchResponseTopicPartition()
		p.Records = []byte("records")
		reply.Topics = append(reply.Topics, kmsg.ShareFetchResponseTopic{
			TopicID: idOf([]string{"mine", "unknown"}[i%2]), Partitions: []kmsg.ShareFetchResponseTopicPartition{p},
		})
	}
	r := answer[*kmsg.ShareFetchResponse](t, plan, m, reply)
	for i, topic := range r.Topics {
		require.Equal(t, topic.TopicID == idOf("mine"), len(topic.Partitions[0].Records) > 0, "topic %d: records shown", i)
	}
	require.Equal(t, map[string]int{"find " + fmt.Sprintf("%x", idOf("unknown")): 1}, c.questions)
}

// TestMissingPartitionsAreAskedForOnce: if the error of a refusal depends on missing
// partitions, the cluster is asked once for each topic that the client may write,
// however often the request has it.
func TestMissingPartitionsAreAskedForOnce(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "All Topic:missing", "All Topic:mine", "Describe Topic:theirs", "All TransactionalId:t")}).Conn(client("alice"))
	for version := range int16(4) {
		m := kmsg.NewPtrAddPartitionsToTxnRequest()
		m.SetVersion(version)
		m.TransactionalID = "t"
		for i := range 900 {
			m.Topics = append(m.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: []string{"mine", "theirs", "missing"}[i%3], Partitions: []int32{int32(i % 2)}})
		}
		plan := decide(t, conn, m)
		asked := sent[*kmsg.MetadataRequest](t, plan)
		require.Len(t, asked, 1)
		require.False(t, asked[0].AllowAutoTopicCreation)
		require.Equal(t, []string{"mine", "missing"}, topicsIn(asked[0]))
		found := missing(asked[0]).(*kmsg.MetadataResponse)
		found.Topics[0] = kmsg.MetadataResponseTopic{Topic: new("mine"), Partitions: []kmsg.MetadataResponseTopicPartition{{Partition: 1}}}
		r := answer[*kmsg.AddPartitionsToTxnResponse](t, plan, m, found)
		told := map[string]int16{}
		for _, topic := range r.Topics {
			for _, p := range topic.Partitions {
				told[fmt.Sprint(topic.Topic, " ", p.Partition)] = p.ErrorCode
			}
		}
		require.Equal(t, map[string]int16{"mine 0": 3, "mine 1": 55, "theirs 0": 29, "theirs 1": 29, "missing 0": 3, "missing 1": 3}, told, "version %d", version)
	}
}

// TestPlansDoNotDependOnEachOther: plans that wait for their responses while other
// requests of the connection are decided answer as if they were alone.
func TestPlansDoNotDependOnEachOther(t *testing.T) {
	synctest.Test(t, testPlansDoNotDependOnEachOther)
}

func testPlansDoNotDependOnEachOther(t *testing.T) {
	g := newGateway(t, gateway.Config{
		Store: allowing(t, "All Topic:t1", "Describe Topic:seen", "All Group:g"), Cluster: cluster{"t1", "seen", "secret"},
		Address: func(b gateway.Broker) (gateway.Broker, error) { b.Port++; return b, nil },
	})
	list := exchanges()
	for _, names := range [][]string{{"t1", "secret"}, {"secret", "t1", "seen"}, {"seen"}, {"t1", "t1"}} {
		list = append(list, namedExchanges(names)...)
	}
	conn := g.Conn(client("alice"))
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		time.Sleep(time.Minute) // so that patterns may be resolved
		var of []exchange
		var plans []*gateway.Plan
		for range 20 {
			e := list[r.IntN(len(list))]
			of, plans = append(of, e), append(plans, decide(t, conn, e.request))
		}
		for _, i := range r.Perm(len(plans)) {
			alone := decide(t, g.Conn(client("alice")), of[i].request)
			want, got := told(t, alone, of[i].response), told(t, plans[i], of[i].response)
			if got != want {
				t.Fatalf("%s:\n%s\nalone:\n%s", of[i].name, got, want)
			}
		}
	}
}

// namedExchanges are requests about topics, to each of which the cluster answers.
func namedExchanges(names []string) []exchange {
	produce, metadata, all := kmsg.NewPtrProduceRequest(), kmsg.NewPtrMetadataRequest(), kmsg.NewPtrMetadataRequest()
	produce.SetVersion(13)
	produce.Acks = -1
	metadata.SetVersion(12)
	metadata.Topics = []kmsg.MetadataRequestTopic{}
	all.SetVersion(12)
	produced, described := produce.ResponseKind().(*kmsg.ProduceResponse), metadata.ResponseKind().(*kmsg.MetadataResponse)
	described.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "kafka"}}
	for _, name := range names {
		produce.Topics = append(produce.Topics, kmsg.ProduceRequestTopic{TopicID: idOf(name), Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)})
		produced.Topics = append(produced.Topics, kmsg.ProduceResponseTopic{TopicID: idOf(name), Partitions: make([]kmsg.ProduceResponseTopicPartition, 1)})
		metadata.Topics = append(metadata.Topics, kmsg.MetadataRequestTopic{TopicID: idOf(name)})
		described.Topics = append(described.Topics, kmsg.MetadataResponseTopic{TopicID: idOf(name), Topic: &name})
	}
	bad, joined := kmsg.NewPtrConsumerGroupHeartbeatRequest(), kmsg.NewPtrConsumerGroupHeartbeatRequest()
	for _, m := range []*kmsg.ConsumerGroupHeartbeatRequest{bad, joined} {
		m.SetVersion(1)
		m.Group = "g"
	}
	bad.SubscribedTopicRegex = new("(")
	moved := *produced // says where the leader is
	moved.Brokers = []kmsg.ProduceResponseBroker{{NodeID: 1, Host: "kafka", Port: 9}}
	return []exchange{
		{name: "produce", request: produce, response: produced}, {name: "moved", request: produce, response: &moved},
		{name: "metadata", request: metadata, response: described}, {name: "all", request: all, response: described},
		{name: "bad", request: bad, response: bad.ResponseKind()}, {name: "joined", request: joined, response: joined.ResponseKind()},
	}
}

// told is the content of a plan, with the answer to a response of the cluster.
func told(t *testing.T, plan *gateway.Plan, response kmsg.Response) string {
	t.Helper()
	var replies [][]byte
	for range plan.Forward() {
		replies = append(replies, replyOf(response))
	}
	answer, err := plan.Response(replies...)
	if err != nil {
		t.Fatal(err)
	}
	var denied []string
	for _, d := range plan.Denied {
		denied = append(denied, fmt.Sprint(d.Operation, d.Type, d.Name))
	}
	return fmt.Sprintf("%+v %x %t %t %t %q %d %x", plan.Header, plan.Forward(), plan.Silent, plan.AsIs, plan.Close, denied, plan.Checks, answer)
}

// TestMetadataCreatesOnlyWhatMayBeCreated asks in every version for one topic that may
// be created, one that may only be described, and one that must stay hidden.
func TestMetadataCreatesOnlyWhatMayBeCreated(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:new*", "Create Topic:new-mine")}).Conn(client("alice"))
	for version := range int16(14) {
		m := kmsg.NewPtrMetadataRequest()
		m.SetVersion(version)
		m.AllowAutoTopicCreation = true
		for _, name := range []string{"new-theirs", "hidden", "new-mine"} {
			m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &name})
		}
		plan := decide(t, conn, m)
		requests := sent[*kmsg.MetadataRequest](t, plan)
		if len(requests) != 2 {
			t.Fatalf("version %d: %d requests", version, len(requests))
		}
		may, mayNot := requests[0], requests[1]
		if len(may.Topics) != 1 || *may.Topics[0].Topic != "new-mine" || may.Version != version || !may.AllowAutoTopicCreation && version >= 4 {
			t.Errorf("version %d: creates %+v", version, may)
		}
		if len(mayNot.Topics) != 1 || *mayNot.Topics[0].Topic != "new-theirs" || mayNot.Version != max(version, 4) || mayNot.AllowAutoTopicCreation {
			t.Errorf("version %d: does not create %+v", version, mayNot)
		}
		r := answer[*kmsg.MetadataResponse](t, plan, m, missing(may), missing(mayNot))
		var got []string
		for _, topic := range r.Topics {
			got = append(got, fmt.Sprint(*topic.Topic, " ", topic.ErrorCode))
		}
		if want := []string{"new-theirs 29", "hidden 29", "new-mine 3"}; !slices.Equal(got, want) {
			t.Errorf("version %d: the client is told %v, expected %v", version, got, want)
		}
		if len(r.Brokers) != 1 {
			t.Errorf("version %d: %d brokers, expected 1", version, len(r.Brokers))
		}
		var denied []string
		for _, d := range plan.Denied {
			denied = append(denied, fmt.Sprint(d.Operation, " ", d.Name))
		}
		if want := []string{"DESCRIBE hidden", "CREATE new-theirs"}; !slices.Equal(denied, want) {
			t.Errorf("version %d: denied %v, expected %v", version, denied, want)
		}
	}
}

func topicsIn(m *kmsg.MetadataRequest) (names []string) {
	for _, topic := range m.Topics {
		names = append(names, *topic.Topic)
	}
	return names
}

// missing says that the topics of a request are missing.
func missing(m *kmsg.MetadataRequest) kmsg.Response {
	r := m.ResponseKind().(*kmsg.MetadataResponse)
	r.Brokers = append(r.Brokers, kmsg.MetadataResponseBroker{NodeID: 1, Host: "broker", Port: 9092})
	for _, topic := range m.Topics {
		r.Topics = append(r.Topics, kmsg.MetadataResponseTopic{Topic: topic.Topic, ErrorCode: 3})
	}
	return r
}

// TestRepeatedNamesCostNoMore: a request may name one topic a hundred thousand times,
// and is answered in time proportional to its size.
func TestRepeatedNamesCostNoMore(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine*")}).Conn(client("alice"))
	const times = 100_000
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(9)
	m.AllowAutoTopicCreation = true
	m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: new("hidden")})
	for i := range times {
		m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: new(fmt.Sprint("mine-", strings.Repeat("n", 40), i%2))})
	}
	plan := decide(t, conn, m)
	requests := sent[*kmsg.MetadataRequest](t, plan)
	r := answer[*kmsg.MetadataResponse](t, plan, m, missing(requests[0]))
	if len(requests) != 1 || len(r.Topics) != 3 || *r.Topics[0].Topic != "hidden" || r.Topics[2].ErrorCode != 29 {
		t.Errorf("%d requests, %d topics", len(requests), len(r.Topics))
	}
}

// TestMetadataOfRefusedTopicsShowsBrokers: clients ignore an answer without brokers. An
// empty list would mean every topic in version 0.
func TestMetadataOfRefusedTopicsShowsBrokers(t *testing.T) {
	conn := newGateway(t, gateway.Config{}).Conn(client("alice"))
	for version := range int16(14) {
		m := kmsg.NewPtrMetadataRequest()
		m.SetVersion(version)
		m.Topics = []kmsg.MetadataRequestTopic{{Topic: new("hidden")}}
		plan := decide(t, conn, m)
		requests := sent[*kmsg.MetadataRequest](t, plan)
		if len(requests) != 1 || requests[0].Topics == nil || len(requests[0].Topics) != 0 || requests[0].Version == 0 {
			t.Fatalf("version %d: sends on %+v", version, requests)
		}
		r := answer[*kmsg.MetadataResponse](t, plan, m, missing(requests[0]))
		if len(r.Brokers) != 1 || len(r.Topics) != 1 || *r.Topics[0].Topic != "hidden" || r.Topics[0].ErrorCode != 29 {
			t.Errorf("version %d: the client is told %+v", version, r)
		}
	}
}

// TestMetadataOfAllTopics shows only what may be described, of what the cluster has.
func TestMetadataOfAllTopics(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine*")}).Conn(client("alice"))
	for version := range int16(14) {
		m := kmsg.NewPtrMetadataRequest()
		m.SetVersion(version)
		m.IncludeTopicAuthorizedOperations = true
		plan := decide(t, conn, m)
		reply := m.ResponseKind().(*kmsg.MetadataResponse)
		for _, name := range []string{"mine-2", "theirs", "mine-1"} {
			topic := kmsg.NewMetadataResponseTopic()
			topic.Topic, topic.TopicID, topic.AuthorizedOperations = &name, idOf(name), 1<<3|1<<8
			reply.Topics = append(reply.Topics, topic)
		}
		r := answer[*kmsg.MetadataResponse](t, plan, m, reply)
		if len(r.Topics) != 2 || *r.Topics[0].Topic != "mine-2" || *r.Topics[1].Topic != "mine-1" {
			t.Errorf("version %d: the client is told %+v", version, r.Topics)
		}
		if version >= 8 && r.Topics[0].AuthorizedOperations != 1<<8 {
			t.Errorf("version %d: operations %b, expected Describe alone", version, r.Topics[0].AuthorizedOperations)
		}
		if len(plan.Denied) != 0 {
			t.Errorf("version %d: denied %v, although all of it is silent", version, plan.Denied)
		}
	}
}

// TestMetadataWithoutRights: for a client that may see no topic, the cluster is asked for
// none, so that the answer costs the same however many topics there are.
func TestMetadataWithoutRights(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Cluster:kafka-cluster", "-Read Topic:*")}).Conn(client("alice"))
	for version := range int16(14) {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			m := kmsg.NewPtrMetadataRequest()
			m.SetVersion(version)
			m.IncludeClusterAuthorizedOperations = true
			plan := decide(t, conn, m)
			requests := sent[*kmsg.MetadataRequest](t, plan)
			require.Len(t, requests, 1)
			assert.NotNil(t, requests[0].Topics)
			assert.Empty(t, requests[0].Topics)
			assert.NotZero(t, requests[0].Version, "an empty list of version 0 means all")
			reply := requests[0].ResponseKind().(*kmsg.MetadataResponse)
			reply.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "kafka"}}
			reply.AuthorizedOperations = 1<<3 | 1<<8
			r := answer[*kmsg.MetadataResponse](t, plan, m, reply)
			assert.Len(t, r.Brokers, 1)
			assert.Empty(t, r.Topics)
			assert.Empty(t, plan.Denied)
			if 8 <= version && version <= 10 {
				assert.EqualValues(t, 1<<8, r.AuthorizedOperations)
			}
		})
	}
}

// TestConsumersFetchWithoutSessions: a session would return topics that were refused
// when it was created, and would do so to every client that knows its number.
func TestConsumersFetchWithoutSessions(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Topic:mine", "ClusterAction Cluster:kafka-cluster"), Cluster: cluster{"mine"}}).Conn(client("alice"))
	for version := int16(4); version <= 18; version++ {
		fetch := func(session, epoch, replica int32) *kmsg.FetchRequest {
			m := kmsg.NewPtrFetchRequest()
			m.SetVersion(version)
			m.SessionID, m.SessionEpoch, m.ReplicaID, m.ReplicaState.ID = session, epoch, replica, replica
			topic := kmsg.FetchRequestTopic{Topic: "mine", TopicID: idOf("mine")}
			topic.Partitions = []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}
			m.Topics = []kmsg.FetchRequestTopic{topic}
			m.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "x", Partitions: []int32{1}}}
			return m
		}
		for _, epoch := range []int32{0, -1} {
			got := sent[*kmsg.FetchRequest](t, decide(t, conn, fetch(5, epoch, -1)))
			if len(got) != 1 || version >= 7 && (got[0].SessionID != 0 || got[0].SessionEpoch != -1 || len(got[0].ForgottenTopics) != 0) {
				t.Errorf("version %d, epoch %d: sends on %+v", version, epoch, got)
			}
		}
		m := fetch(5, 1, -1)
		if plan := decide(t, conn, m); version >= 7 {
			if r := answer[*kmsg.FetchResponse](t, plan, m); len(plan.Forward()) != 0 || r.ErrorCode != 70 || len(r.Topics) != 0 {
				t.Errorf("version %d: in a session: %+v, sends on %d", version, r, len(plan.Forward()))
			}
		}
		follower := frameOf(fetch(5, 1, 3))
		plan, err := conn.Request(follower)
		if err != nil || len(plan.Forward()) != 1 || !reflect.DeepEqual(plan.Forward()[0], follower) || !plan.AsIs {
			t.Errorf("version %d: a follower: %+v, %v", version, plan, err)
		}
	}
}

// TestFollowersWithoutPermission get no session either, although a request in a session
// need not name any topic that could be refused.
func TestFollowersWithoutPermission(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Topic:mine")}).Conn(client("alice"))
	for version := int16(7); version <= 18; version++ {
		m := kmsg.NewPtrFetchRequest()
		m.SetVersion(version)
		m.ReplicaID, m.ReplicaState.ID, m.SessionID, m.SessionEpoch = 3, 3, 77, 5
		plan := decide(t, conn, m)
		if r := answer[*kmsg.FetchResponse](t, plan, m); len(plan.Forward()) != 0 || r.ErrorCode != 70 {
			t.Errorf("version %d: sends on %x, answers %+v", version, plan.Forward(), r)
		}
	}
}

// TestMetadataByID: if the cluster knows a topic by another name than the gateway, the
// name that would be shown decides.
func TestMetadataByID(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine"), Cluster: cluster{"mine", "theirs"}}).Conn(client("alice"))
	for version := int16(12); version <= 13; version++ {
		m := kmsg.NewPtrMetadataRequest()
		m.SetVersion(version)
		for _, id := range []string{"theirs", "mine", "nobody"} {
			m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{TopicID: idOf(id)})
		}
		for cluster, want := range map[string]string{"mine": "mine 0", "secret": "? 29"} {
			plan := decide(t, conn, m)
			if requests := sent[*kmsg.MetadataRequest](t, plan); len(requests) != 1 || len(requests[0].Topics) != 1 || requests[0].Topics[0].TopicID != idOf("mine") {
				t.Fatalf("version %d: sends on %+v", version, requests)
			}
			reply := m.ResponseKind().(*kmsg.MetadataResponse)
			topic := kmsg.NewMetadataResponseTopic()
			topic.Topic, topic.TopicID = &cluster, idOf("mine")
			reply.Topics = append(reply.Topics, topic)
			r := answer[*kmsg.MetadataResponse](t, plan, m, reply)
			var got []string
			for i, topic := range r.Topics {
				name := "?"
				if topic.Topic != nil {
					name = *topic.Topic
				}
				if got = append(got, fmt.Sprint(name, " ", topic.ErrorCode)); topic.TopicID != m.Topics[i].TopicID {
					t.Errorf("version %d: entry %d is about %s", version, i, topic.TopicID)
				}
			}
			if want := []string{"? 29", want, "? 100"}; !slices.Equal(got, want) {
				t.Errorf("version %d, called %s: %v, expected %v", version, cluster, got, want)
			}
		}
	}
}

// TestMetadataErrorsByIDHaveNoForeignName: the cluster returns an error for a topic by
// id, with a name that the client must not know.
func TestMetadataErrorsByIDHaveNoForeignName(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine"), Cluster: cluster{"mine"}}).Conn(client("alice"))
	for version := int16(12); version < 14; version++ {
		m := kmsg.NewPtrMetadataRequest()
		m.SetVersion(version)
		m.Topics = []kmsg.MetadataRequestTopic{{TopicID: idOf("mine")}}
		reply := m.ResponseKind().(*kmsg.MetadataResponse)
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.TopicID, topic.ErrorCode = new("secret"), idOf("mine"), 5
		topic.Partitions = []kmsg.MetadataResponseTopicPartition{kmsg.NewMetadataResponseTopicPartition()}
		reply.Topics = append(reply.Topics, topic)
		r := answer[*kmsg.MetadataResponse](t, decide(t, conn, m), m, reply)
		if len(r.Topics) != 1 || r.Topics[0].Topic != nil || r.Topics[0].TopicID != idOf("mine") || r.Topics[0].ErrorCode != 29 || len(r.Topics[0].Partitions) != 0 {
			t.Errorf("version %d: the client is told %+v", version, r.Topics)
		}
	}
}

// TestSilentProduce sends on what is allowed and then closes the connection.
func TestSilentProduce(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Write Topic:mine"), Cluster: cluster{"mine", "theirs"}}).Conn(client("alice"))
	for version := int16(3); version <= 13; version++ {
		produce := func(names ...string) *gateway.Plan {
			m := kmsg.NewPtrProduceRequest()
			m.SetVersion(version)
			m.Acks = 0
			for _, name := range names {
				topic := kmsg.ProduceRequestTopic{Topic: name, TopicID: idOf(name)}
				topic.Partitions = []kmsg.ProduceRequestTopicPartition{{Records: []byte{1}}}
				m.Topics = append(m.Topics, topic)
			}
			return decide(t, conn, m)
		}
		plan := produce("mine")
		if data, err := plan.Response(); !plan.Silent || plan.Close || len(plan.Forward()) != 1 || data != nil || err != nil {
			t.Errorf("version %d, allowed: %+v, answer %x, %v", version, plan, data, err)
		}
		plan = produce("theirs", "mine")
		requests := sent[*kmsg.ProduceRequest](t, plan)
		if !plan.Silent || !plan.Close || len(requests) != 1 || len(requests[0].Topics) != 1 {
			t.Errorf("version %d, in part: %+v sends %+v", version, plan, requests)
		}
		plan = produce("theirs")
		if data, err := plan.Response(); !plan.Silent || !plan.Close || len(plan.Forward()) != 0 || data != nil || err != nil {
			t.Errorf("version %d, refused: %+v, answer %x, %v", version, plan, data, err)
		}
	}
}

// TestShareSessionsGrow: a refused topic is authorized again with each fetch, gets an
// error until the client may read it, and is then added to the cluster's session.
func TestShareSessionsGrow(t *testing.T) {
	store := allowing(t, "Read Group:g", "Read Topic:mine")
	conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"mine", "later", "never"}}).Conn(client("alice"))
	fetch := func(epoch int32, member string, forgotten string, names ...string) (added []string, told map[string]int16) {
		m := kmsg.NewPtrShareFetchRequest()
		m.SetVersion(2)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), &member, epoch
		for _, name := range names {
			p := kmsg.NewShareFetchRequestTopicPartition()
			if epoch > 0 { // the first request of a session acknowledges nothing
				p.AcknowledgementBatches = []kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{{FirstOffset: 1, LastOffset: 1, AcknowledgeTypes: []int8{1}}}
			}
			m.Topics = append(m.Topics, kmsg.ShareFetchRequestTopic{TopicID: idOf(name), Partitions: []kmsg.ShareFetchRequestTopicPartition{p}})
		}
		if forgotten != "" {
			m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: idOf(forgotten), Partitions: []int32{0}}}
		}
		plan := decide(t, conn, m)
		requests := sent[*kmsg.ShareFetchRequest](t, plan)
		if len(requests) != 1 {
			t.Fatalf("epoch %d: %d requests: the cluster would lose count", epoch, len(requests))
		}
		for _, topic := range requests[0].Topics {
			added = append(added, strings.TrimRight(string(topic.TopicID[:]), "\x00"))
		}
		r := answer[*kmsg.ShareFetchResponse](t, plan, m, m.ResponseKind())
		told = map[string]int16{}
		for _, topic := range r.Topics {
			name := strings.TrimRight(string(topic.TopicID[:]), "\x00")
			told[name] = topic.Partitions[0].ErrorCode
			if epoch > 0 && slices.Contains(names, name) && topic.Partitions[0].AcknowledgeErrorCode != 29 {
				t.Errorf("epoch %d: acknowledgements: %+v", epoch, topic.Partitions[0])
			}
		}
		return added, told
	}
	expect := func(step string, added []string, told map[string]int16, wantAdded string, wantTold string) {
		t.Helper()
		if fmt.Sprint(added) != wantAdded || fmt.Sprint(told) != wantTold {
			t.Errorf("%s: added %v, told %v; expected %s, %s", step, added, told, wantAdded, wantTold)
		}
	}
	added, told := fetch(0, "m", "", "later", "mine", "never")
	expect("first", added, told, "[mine]", "map[later:29 never:29]")
	added, told = fetch(1, "m", "", "never")
	expect("refused still", added, told, "[]", "map[later:29 never:29]")
	if err := store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "Read Topic:later")); return nil }); err != nil {
		t.Fatal(err)
	}
	added, told = fetch(2, "m", "")
	expect("allowed", added, told, "[later]", "map[never:29]")
	added, told = fetch(3, "m", "")
	expect("allowed once", added, told, "[]", "map[never:29]")
	added, told = fetch(4, "m", "never")
	expect("forgotten", added, told, "[]", "map[]")
	fetch(0, "other", "", "never")
	added, told = fetch(0, "m", "", "mine")
	expect("a new session", added, told, "[mine]", "map[]")
	fetch(0, "m", "", "never")
	added, told = fetch(-1, "m", "")
	expect("the end", added, told, "[]", "map[]")
}
