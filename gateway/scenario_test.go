package gateway_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// allowing returns a store that allows User:alice what is listed, such as
// "Read Topic:t1"; "Read Topic:t*" is a prefix.
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
	return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: op, Permission: acl.Allow}}
}

func client(name string) gateway.Client {
	return gateway.Client{Subject: snapshot.Subject{Principal: principal.User(name), Host: netip.MustParseAddr("10.0.0.7")}}
}

// cluster is what a gateway is told about a cluster: ids are names.
type cluster []string

func (c cluster) TopicName(id [16]byte) (string, bool) {
	name := strings.TrimRight(string(id[:]), "\x00")
	return name, slices.Contains(c, name)
}
func (c cluster) HasTopic(name string) bool { return slices.Contains(c, name) }
func (c cluster) Topics() []string          { return c }

func idOf(name string) (id [16]byte) {
	copy(id[:], name)
	return id
}

// sent decodes what a plan sends on.
func sent[R kmsg.Request](t *testing.T, plan *gateway.Plan) (requests []R) {
	t.Helper()
	for _, frame := range plan.Forward {
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

// answer returns what the client is told when the cluster replies so.
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

func (c counted) TopicName(id [16]byte) (string, bool) {
	c.questions[fmt.Sprintf("id %x", id)]++
	return c.cluster.TopicName(id)
}

func (c counted) HasTopic(name string) bool {
	c.questions[name]++
	return c.cluster.HasTopic(name)
}

// TestRepeatedIDsAreLookedUpOnce: the cluster may have to be asked about an id that it
// does not know, and a request may have it many times.
func TestRepeatedIDsAreLookedUpOnce(t *testing.T) {
	c := counted{cluster{"mine"}, map[string]int{}}
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Topic:mine"), Cluster: c}).Conn(client("alice"))
	m := kmsg.NewPtrFetchRequest()
	m.SetVersion(13)
	for i := range 10_000 {
		m.Topics = append(m.Topics, kmsg.FetchRequestTopic{TopicID: idOf([]string{"mine", "unknown", ""}[i%3])})
	}
	for request := 1; request <= 2; request++ { // what is not known now may be later
		plan := decide(t, conn, m)
		if requests := sent[*kmsg.FetchRequest](t, plan); len(requests) != 1 || len(requests[0].Topics) != 3334 {
			t.Fatalf("sends on %d requests", len(requests))
		}
		for _, id := range []string{"mine", "unknown", ""} {
			if n := c.questions[fmt.Sprintf("id %x", idOf(id))]; n != request {
				t.Errorf("request %d: the cluster was asked about %q %d times", request, id, n)
			}
		}
	}
}

// TestShownIDsAreLookedUpOnce: so does a response have an id many times, of topics that
// the request named already and of others.
func TestShownIDsAreLookedUpOnce(t *testing.T) {
	c := counted{cluster{"mine", "theirs"}, map[string]int{}}
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
			TopicID: idOf([]string{"mine", "theirs"}[i%2]), Partitions: []kmsg.ShareFetchResponseTopicPartition{p},
		})
	}
	r := answer[*kmsg.ShareFetchResponse](t, plan, m, reply)
	for i, topic := range r.Topics {
		if got := topic.Partitions[0].Records != nil; got != (i%2 == 0) {
			t.Fatalf("topic %d: records shown: %t", i, got)
		}
	}
	for _, name := range []string{"mine", "theirs"} {
		if n := c.questions[fmt.Sprintf("id %x", idOf(name))]; n != 1 {
			t.Errorf("the cluster was asked about %q %d times", name, n)
		}
	}
}

// TestMissingNamesAreLookedUpOnce: where a refusal reads otherwise if the topic is
// missing, a request may have it many times.
func TestMissingNamesAreLookedUpOnce(t *testing.T) {
	c := counted{cluster{"mine", "theirs"}, map[string]int{}}
	conn := newGateway(t, gateway.Config{Store: allowing(t, "All Topic:missing", "All Topic:mine", "Describe Topic:theirs", "All TransactionalId:t"), Cluster: c}).Conn(client("alice"))
	m := kmsg.NewPtrAddPartitionsToTxnRequest()
	m.SetVersion(3)
	m.TransactionalID = "t"
	for i := range 900 {
		m.Topics = append(m.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: []string{"mine", "theirs", "missing"}[i%3], Partitions: []int32{0}})
	}
	r := answer[*kmsg.AddPartitionsToTxnResponse](t, decide(t, conn, m), m)
	for i, topic := range r.Topics {
		if got, want := topic.Partitions[0].ErrorCode, []int16{55, 29, 3}[i%3]; got != want {
			t.Fatalf("topic %d: error %d, expected %d", i, got, want)
		}
	}
	if len(r.Topics) != 900 || !maps.Equal(c.questions, map[string]int{"mine": 1, "theirs": 1, "missing": 1}) {
		t.Errorf("%d topics, the cluster was asked %v", len(r.Topics), c.questions)
	}
}

// TestPlansDoNotDependOnEachOther: plans that wait for their responses while other
// requests of the connection are decided, as most do, answer as if they were alone.
func TestPlansDoNotDependOnEachOther(t *testing.T) {
	g := newGateway(t, gateway.Config{
		Store: allowing(t, "All Topic:t1", "Describe Topic:seen", "All Group:g"), Cluster: cluster{"t1", "seen", "secret"},
		Address: func(b gateway.Broker) gateway.Broker { b.Port++; return b },
	})
	list := exchanges()
	for _, names := range [][]string{{"t1", "secret"}, {"secret", "t1", "seen"}, {"seen"}, {"t1", "t1"}} {
		list = append(list, namedExchanges(names)...)
	}
	conn := g.Conn(client("alice"))
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
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

// told is all that a plan says, with the answer to a response of the cluster.
func told(t *testing.T, plan *gateway.Plan, response kmsg.Response) string {
	t.Helper()
	var replies [][]byte
	for range plan.Forward {
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
	return fmt.Sprintf("%+v %x %t %t %t %q %d %x", plan.Header, plan.Forward, plan.Silent, plan.AsIs, plan.Close, denied, plan.Checks, answer)
}

// TestMetadataCreatesOnlyWhatMayBeCreated asks in every version for topics of which one
// may be created, one may only be described and one may not be seen.
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

// missing says that the topics of a request are missing.
func missing(m *kmsg.MetadataRequest) kmsg.Response {
	r := m.ResponseKind().(*kmsg.MetadataResponse)
	r.Brokers = append(r.Brokers, kmsg.MetadataResponseBroker{NodeID: 1, Host: "broker", Port: 9092})
	for _, topic := range m.Topics {
		r.Topics = append(r.Topics, kmsg.MetadataResponseTopic{Topic: topic.Topic, ErrorCode: 3})
	}
	return r
}

// TestRepeatedNamesCostNoMore: a request may name one topic a hundred thousand times, and
// is answered in time that grows with its size alone.
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
	if len(requests) != 1 || len(r.Topics) != times+1 || *r.Topics[0].Topic != "hidden" || r.Topics[times].ErrorCode != 29 {
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

// TestConsumersFetchWithoutSessions, since a session would show what was refused when
// it was made, and to everybody who knows its number.
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
			if r := answer[*kmsg.FetchResponse](t, plan, m); len(plan.Forward) != 0 || r.ErrorCode != 70 || len(r.Topics) != 0 {
				t.Errorf("version %d: in a session: %+v, sends on %d", version, r, len(plan.Forward))
			}
		}
		follower := frameOf(fetch(5, 1, 3))
		plan, err := conn.Request(follower)
		if err != nil || len(plan.Forward) != 1 || !reflect.DeepEqual(plan.Forward[0], follower) || !plan.AsIs {
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
		if r := answer[*kmsg.FetchResponse](t, plan, m); len(plan.Forward) != 0 || r.ErrorCode != 70 {
			t.Errorf("version %d: sends on %x, answers %+v", version, plan.Forward, r)
		}
	}
}

// TestMetadataByID: what the cluster calls otherwise than the gateway thought is decided
// by the name that would be shown.
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

// TestMetadataErrorsByIDHaveNoForeignName: the cluster fails a topic that was asked for
// by id, and calls it what the client may not know of.
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
		if data, err := plan.Response(); !plan.Silent || plan.Close || len(plan.Forward) != 1 || data != nil || err != nil {
			t.Errorf("version %d, allowed: %+v, answer %x, %v", version, plan, data, err)
		}
		plan = produce("theirs", "mine")
		requests := sent[*kmsg.ProduceRequest](t, plan)
		if !plan.Silent || !plan.Close || len(requests) != 1 || len(requests[0].Topics) != 1 {
			t.Errorf("version %d, in part: %+v sends %+v", version, plan, requests)
		}
		plan = produce("theirs")
		if data, err := plan.Response(); !plan.Silent || !plan.Close || len(plan.Forward) != 0 || data != nil || err != nil {
			t.Errorf("version %d, refused: %+v, answer %x, %v", version, plan, data, err)
		}
	}
}

// TestHeartbeatPatterns: what a pattern resolves to is said by name, and a pattern that
// cannot be resolved is refused.
func TestHeartbeatPatterns(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:a*"), Cluster: cluster{"a1", "a2", "b1", "xa1"}}).Conn(client("alice"))
	for _, tt := range []struct {
		pattern string
		names   []string
		want    []string
		code    int16
	}{
		{"a.*", nil, []string{"a1", "a2"}, 0},
		{".*1", []string{"a2"}, []string{"a1", "a2"}, 0},
		{"b1|a1", nil, []string{"a1"}, 0},
		{"b.*", nil, []string{}, 0},
		{"a1)|(?:b1", nil, nil, 128},
		{"(", nil, nil, 128},
		{"(?=a)", nil, nil, 128},
		{strings.Repeat("a", 1001), nil, nil, 128},
	} {
		m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		m.SetVersion(1)
		m.Group, m.SubscribedTopicNames, m.SubscribedTopicRegex = "g", tt.names, &tt.pattern
		plan := decide(t, conn, m)
		if tt.code != 0 {
			if r := answer[*kmsg.ConsumerGroupHeartbeatResponse](t, plan, m); len(plan.Forward) != 0 || r.ErrorCode != tt.code {
				t.Errorf("%.20s: %+v, expected error %d", tt.pattern, r, tt.code)
			}
			continue
		}
		requests := sent[*kmsg.ConsumerGroupHeartbeatRequest](t, plan)
		if len(requests) != 1 || !slices.Equal(requests[0].SubscribedTopicNames, tt.want) || *requests[0].SubscribedTopicRegex != "" {
			t.Errorf("%s: sends on %+v, expected %v", tt.pattern, requests, tt.want)
		}
	}
}

// TestStreamsTopicsAreNotCreatedForOthers: the cluster would create the internal topics
// of a topology for whoever sends it.
func TestStreamsTopicsAreNotCreatedForOthers(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:app*", "Create Topic:app-mine"), Cluster: cluster{"app-there"}})
	for name, code := range map[string]int16{"app-there": 0, "app-mine": 0, "app-new": 29, "other": 29} {
		m := kmsg.NewPtrStreamsGroupHeartbeatRequest()
		m.Group = "g"
		s := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
		s.StateChangelogTopics = []kmsg.TopicInfo{{Topic: name}}
		m.Topology = &kmsg.StreamsGroupHeartbeatRequestTopology{Subtopologies: []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{s}}
		plan := decide(t, g.Conn(client("alice")), m)
		if code == 0 {
			if len(plan.Forward) != 1 {
				t.Errorf("%s: is not sent on", name)
			}
			continue
		}
		if r := answer[*kmsg.StreamsGroupHeartbeatResponse](t, plan, m); r.ErrorCode != code || len(plan.Forward) != 0 || len(plan.Denied) == 0 {
			t.Errorf("%s: %+v, denied %v", name, r, plan.Denied)
		}
	}
}

// TestTopologiesAreLookedUpAfterTheChecks: a heartbeat that is refused asks the cluster
// nothing, and one that is not asks about each internal topic once.
func TestTopologiesAreLookedUpAfterTheChecks(t *testing.T) {
	const times = 500
	for _, tt := range []struct {
		name    string
		allowed []string
		topics  int // different ones
		asked   int
		code    int16
		denied  string
	}{
		{"nothing", nil, times, 0, 30, "[READ g]"},
		{"the group", []string{"Read Group:g"}, times, 0, 29, "[DESCRIBE x0]"},
		{"not the group", []string{"Describe Topic:x*", "Create Topic:x*"}, times, 0, 30, "[READ g]"},
		{"no creation", []string{"Read Group:g", "Describe Topic:x*", "Create Topic:x1"}, 3, 3, 29, "[CREATE x0 CREATE x2]"},
		{"everything", []string{"Read Group:g", "Describe Topic:x*", "Create Topic:x*"}, 3, 3, 0, "[]"},
		{"everything, cluster-wide", []string{"Read Group:g", "Describe Topic:x*", "Create Cluster:kafka-cluster"}, 3, 3, 0, "[]"},
	} {
		c := counted{cluster{}, map[string]int{}}
		conn := newGateway(t, gateway.Config{Store: allowing(t, tt.allowed...), Cluster: c}).Conn(client("alice"))
		m := kmsg.NewPtrStreamsGroupHeartbeatRequest()
		m.Group = "g"
		s := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
		for i := range times {
			info := kmsg.TopicInfo{Topic: fmt.Sprint("x", i%tt.topics)}
			s.RepartitionSourceTopics = append(s.RepartitionSourceTopics, info)
			s.StateChangelogTopics = append(s.StateChangelogTopics, info)
		}
		m.Topology = &kmsg.StreamsGroupHeartbeatRequestTopology{Subtopologies: []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{s, s}}
		plan := decide(t, conn, m)
		for name, n := range c.questions {
			if n != 1 {
				t.Errorf("%s: the cluster was asked about %s %d times", tt.name, name, n)
			}
		}
		if len(c.questions) != tt.asked {
			t.Errorf("%s: the cluster was asked about %d topics, expected %d", tt.name, len(c.questions), tt.asked)
		}
		denied := []string{}
		for _, d := range plan.Denied {
			denied = append(denied, fmt.Sprint(d.Operation, " ", d.Name))
		}
		if fmt.Sprint(denied) != tt.denied {
			t.Errorf("%s: denied %v, expected %s", tt.name, denied, tt.denied)
		}
		if tt.code == 0 {
			if len(plan.Forward) != 1 {
				t.Errorf("%s: is not sent on", tt.name)
			}
			continue
		}
		if r := answer[*kmsg.StreamsGroupHeartbeatResponse](t, plan, m); len(plan.Forward) != 0 || r.ErrorCode != tt.code {
			t.Errorf("%s: %+v, expected error %d", tt.name, r, tt.code)
		}
	}
}

// TestShareSessionsFollowTheACLs: a share session has topics that this request does not
// name and that the client may no longer read.
func TestShareSessionsFollowTheACLs(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Read Topic:mine"), Cluster: cluster{"mine", "lost"}}).Conn(client("alice"))
	for version := int16(1); version <= 2; version++ {
		m := kmsg.NewPtrShareFetchRequest()
		m.SetVersion(version)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), new("m"), 3
		reply := m.ResponseKind().(*kmsg.ShareFetchResponse)
		for _, name := range []string{"mine", "lost", "gone"} {
			p := kmsg.NewShareFetchResponseTopicPartition()
			p.Partition, p.Records = 7, []byte("records of "+name)
			reply.Topics = append(reply.Topics, kmsg.ShareFetchResponseTopic{TopicID: idOf(name), Partitions: []kmsg.ShareFetchResponseTopicPartition{p}})
		}
		r := answer[*kmsg.ShareFetchResponse](t, decide(t, conn, m), m, reply)
		for i, want := range []struct {
			code    int16
			records string
		}{{0, "records of mine"}, {29, ""}, {100, ""}} {
			if p := r.Topics[i].Partitions[0]; p.ErrorCode != want.code || string(p.Records) != want.records || p.Partition != 7 {
				t.Errorf("version %d, topic %d: %+v, expected %+v", version, i, p, want)
			}
		}
	}
}

// TestShareSessionsGrow: what was refused when it was named is asked about again, is an
// error until it may be read, and is then added to the session of the cluster.
func TestShareSessionsGrow(t *testing.T) {
	store := allowing(t, "Read Group:g", "Read Topic:mine")
	conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"mine", "later", "never"}}).Conn(client("alice"))
	fetch := func(epoch int32, member string, forgotten string, names ...string) (added []string, told map[string]int16) {
		m := kmsg.NewPtrShareFetchRequest()
		m.SetVersion(2)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), &member, epoch
		for _, name := range names {
			p := kmsg.NewShareFetchRequestTopicPartition()
			p.AcknowledgementBatches = []kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{{FirstOffset: 1}}
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
			told[strings.TrimRight(string(topic.TopicID[:]), "\x00")] = topic.Partitions[0].ErrorCode
			if slices.Contains(names, "never") && topic.Partitions[0].AcknowledgeErrorCode != 29 {
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
	added, told = fetch(1, "m", "")
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
	fetch(0, "m", "", "never")
	added, told = fetch(1, "other", "")
	expect("another member", added, told, "[]", "map[]")
	fetch(0, "m", "", "never")
	added, told = fetch(0, "m", "", "mine")
	expect("a new session", added, told, "[mine]", "map[]")
	fetch(0, "m", "", "never")
	added, told = fetch(-1, "m", "")
	expect("the end", added, told, "[]", "map[]")
}
