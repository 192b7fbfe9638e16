package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// late is a request whose response arrives after the ACLs have changed.
type late struct {
	name    string
	request kmsg.Request
	reply   func(kmsg.Response) // what the cluster answers
	told    func(kmsg.Response) any
	before  any // the answer with the old ACLs, and with the new ones
	after   any
}

// fetchOf asks for the topics t1 and t2.
func fetchOf(version int16) *kmsg.FetchRequest {
	m := kmsg.NewPtrFetchRequest()
	m.SetVersion(version)
	for _, name := range []string{"t1", "t2"} {
		m.Topics = append(m.Topics, kmsg.FetchRequestTopic{Topic: name, TopicID: idOf(name), Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}})
	}
	return m
}

// lateRequests are sent with the ACLs "everything"; later only the ACLs for t1 are
// left.
func lateRequests() (list []late) {
	for _, version := range []int16{4, 11, 12, 13, 17} {
		list = append(list, late{
			"Fetch", fetchOf(version),
			func(resp kmsg.Response) {
				r := resp.(*kmsg.FetchResponse)
				for _, name := range []string{"t1", "t2"} {
					p := kmsg.NewFetchResponseTopicPartition()
					p.RecordBatches = []byte("records")
					r.Topics = append(r.Topics, kmsg.FetchResponseTopic{Topic: name, TopicID: idOf(name), Partitions: []kmsg.FetchResponseTopicPartition{p}})
				}
			},
			func(resp kmsg.Response) any {
				var codes [][2]int
				for _, topic := range resp.(*kmsg.FetchResponse).Topics {
					codes = append(codes, [2]int{int(topic.Partitions[0].ErrorCode), len(topic.Partitions[0].RecordBatches)})
				}
				return codes
			},
			[][2]int{{0, 7}, {0, 7}}, [][2]int{{0, 7}, {29, 0}},
		})
	}
	configs := kmsg.NewPtrDescribeConfigsRequest()
	configs.SetVersion(4)
	for _, name := range []string{"t1", "t2"} {
		configs.Resources = append(configs.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name})
	}
	cluster := kmsg.NewPtrDescribeClusterRequest()
	cluster.SetVersion(1)
	cluster.IncludeClusterAuthorizedOperations = true
	groups := kmsg.NewPtrListGroupsRequest()
	groups.SetVersion(4)
	offsets := kmsg.NewPtrOffsetFetchRequest()
	offsets.SetVersion(7)
	offsets.Group, offsets.Topics = "g", []kmsg.OffsetFetchRequestTopic{{Topic: "t1"}}
	produce := kmsg.NewPtrProduceRequest()
	produce.SetVersion(9)
	produce.Acks, produce.Topics = -1, []kmsg.ProduceRequestTopic{{Topic: "t2", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	created := kmsg.NewPtrCreateTopicsRequest()
	created.SetVersion(7)
	created.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "t2"}}
	return append(list, []late{
		{"DescribeConfigs", configs, func(resp kmsg.Response) {
			r := resp.(*kmsg.DescribeConfigsResponse)
			for _, name := range []string{"t1", "t2"} {
				r.Resources = append(r.Resources, kmsg.DescribeConfigsResponseResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name})
			}
		}, func(resp kmsg.Response) any {
			r := resp.(*kmsg.DescribeConfigsResponse)
			return []int16{r.Resources[0].ErrorCode, r.Resources[1].ErrorCode}
		}, []int16{0, 0}, []int16{0, 29}},
		{"DescribeCluster", cluster, func(resp kmsg.Response) {
			resp.(*kmsg.DescribeClusterResponse).ClusterAuthorizedOperations = 1 << 8
		}, func(resp kmsg.Response) any {
			return resp.(*kmsg.DescribeClusterResponse).ClusterAuthorizedOperations
		}, int32(1 << 8), int32(0)},
		{"ListGroups", groups, func(resp kmsg.Response) {
			resp.(*kmsg.ListGroupsResponse).Groups = []kmsg.ListGroupsResponseGroup{{Group: "g"}}
		}, func(resp kmsg.Response) any { return len(resp.(*kmsg.ListGroupsResponse).Groups) }, 1, 0},
		{"OffsetFetch", offsets, func(kmsg.Response) {}, func(resp kmsg.Response) any { return resp.(*kmsg.OffsetFetchResponse).ErrorCode }, int16(0), int16(30)},
		{"Produce", produce, func(resp kmsg.Response) {
			resp.(*kmsg.ProduceResponse).Topics = []kmsg.ProduceResponseTopic{{Topic: "t2", Partitions: []kmsg.ProduceResponseTopicPartition{{BaseOffset: 42}}}}
		}, func(resp kmsg.Response) any { return resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].BaseOffset }, int64(42), int64(42)},
		{"CreateTopics", created, func(resp kmsg.Response) {
			resp.(*kmsg.CreateTopicsResponse).Topics = []kmsg.CreateTopicsResponseTopic{{Topic: "t2", NumPartitions: 3}}
		}, func(resp kmsg.Response) any {
			topic := resp.(*kmsg.CreateTopicsResponse).Topics[0]
			return []int16{topic.ErrorCode, topic.ConfigErrorCode}
		}, []int16{0, 0}, []int16{0, 29}},
	}...)
}

// TestAnswersAreDecidedAgain: what the cluster shows is decided by the ACLs at the time
// of the response; what it has done is reported unchanged.
func TestAnswersAreDecidedAgain(t *testing.T) {
	everything := []string{"All Topic:t1", "All Topic:t2", "All Group:g", "All Cluster:kafka-cluster"}
	for _, tt := range lateRequests() {
		for _, changed := range []bool{false, true} {
			store := allowing(t, everything...)
			conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"t1", "t2"}}).Conn(client("alice"))
			plan := decide(t, conn, tt.request)
			require.Len(t, plan.Forward(), 1, tt.name)
			want := tt.before
			if changed {
				want = tt.after
				require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
					for _, line := range everything[1:] {
						tx.Remove(allow(t, line))
					}
					return nil
				}))
			}
			if tt.name != "Produce" { // which reports only what was done
				assert.Equal(t, changed, plan.Outdated(), tt.name)
			}
			reply := tt.request.ResponseKind()
			tt.reply(reply)
			got := answer[kmsg.Response](t, plan, tt.request, reply)
			assert.Equal(t, want, tt.told(got), "%s version %d, changed: %t", tt.name, tt.request.GetVersion(), changed)
		}
	}
}

// TestRefusedStaysRefused: a refused entry was not forwarded, so it has no answer, even
// if it is allowed when the other answers arrive.
func TestRefusedStaysRefused(t *testing.T) {
	store := allowing(t, "Read Topic:t1")
	conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"t1", "t2"}}).Conn(client("alice"))
	m := fetchOf(11)
	plan := decide(t, conn, m)
	require.Len(t, plan.Forward(), 1)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		tx.Remove(allow(t, "Read Topic:t1"))
		tx.Add(allow(t, "Read Topic:t2"))
		return nil
	}))
	reply := m.ResponseKind().(*kmsg.FetchResponse)
	p := kmsg.NewFetchResponseTopicPartition()
	p.RecordBatches = []byte("records")
	reply.Topics = []kmsg.FetchResponseTopic{{Topic: "t1", Partitions: []kmsg.FetchResponseTopicPartition{p}}}
	got := answer[*kmsg.FetchResponse](t, plan, m, reply)
	require.Len(t, got.Topics, 2)
	for i, name := range []string{"t1", "t2"} {
		assert.Equal(t, name, got.Topics[i].Topic)
		assert.EqualValues(t, 29, got.Topics[i].Partitions[0].ErrorCode, name)
		assert.Empty(t, got.Topics[i].Partitions[0].RecordBatches, name)
	}
	var denied []string
	for _, d := range plan.Denied {
		denied = append(denied, d.Name)
	}
	assert.Equal(t, []string{"t2", "t1"}, denied)
}

// TestFollowersLoseTheirSession: the response to a fetch in a session may have any
// topic of the session. A follower that has lost ClusterAction gets none.
func TestFollowersLoseTheirSession(t *testing.T) {
	store := allowing(t, "ClusterAction Cluster:kafka-cluster")
	conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"t1", "t2"}}).Conn(client("alice"))
	m := kmsg.NewPtrFetchRequest()
	m.SetVersion(11)
	m.ReplicaID, m.SessionID, m.SessionEpoch = 2, 17, 5
	plan := decide(t, conn, m)
	require.Len(t, plan.Forward(), 1)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		tx.Remove(allow(t, "ClusterAction Cluster:kafka-cluster"))
		return nil
	}))
	reply := m.ResponseKind().(*kmsg.FetchResponse)
	reply.Topics = []kmsg.FetchResponseTopic{{Topic: "t1", Partitions: make([]kmsg.FetchResponseTopicPartition, 1)}}
	got := answer[*kmsg.FetchResponse](t, plan, m, reply)
	assert.Empty(t, got.Topics)
	assert.EqualValues(t, 70, got.ErrorCode)
}

// TestMissingPartitionsAreNotToldAfterwards: which partitions there are is not told of a
// topic whose WRITE was taken away while the cluster was asked.
func TestMissingPartitionsAreNotToldAfterwards(t *testing.T) {
	for _, tt := range []struct {
		name string
		left []string
		want [2]int16
	}{
		{"as before", []string{"Write Topic:a", "Write TransactionalId:t"}, [2]int16{3, 55}},
		{"the topic", []string{"Write TransactionalId:t"}, [2]int16{55, 55}},
		{"the transaction", []string{"Write Topic:a"}, [2]int16{55, 55}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := allowing(t, "Write Topic:a", "Write TransactionalId:t")
			conn := newGateway(t, gateway.Config{Store: store}).Conn(client("alice"))
			m := kmsg.NewPtrAddPartitionsToTxnRequest()
			m.SetVersion(3)
			m.TransactionalID = "t"
			m.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "a", Partitions: []int32{0, 1}}, {Topic: "refused", Partitions: []int32{0}}}
			plan := decide(t, conn, m)
			found := missing(sent[*kmsg.MetadataRequest](t, plan)[0]).(*kmsg.MetadataResponse)
			found.Topics[0] = kmsg.MetadataResponseTopic{Topic: new("a"), Partitions: []kmsg.MetadataResponseTopicPartition{{Partition: 1}}}
			require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
				tx.Replace(func(yield func(acl.Binding) bool) {
					for _, line := range tt.left {
						if !yield(allow(t, line)) {
							return
						}
					}
				})
				return nil
			}))
			r := answer[*kmsg.AddPartitionsToTxnResponse](t, plan, m, found)
			require.Len(t, r.Topics[0].Partitions, 2)
			assert.Equal(t, tt.want, [2]int16{r.Topics[0].Partitions[0].ErrorCode, r.Topics[0].Partitions[1].ErrorCode})
		})
	}
}
