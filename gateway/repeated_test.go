package gateway_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestRepeatedNamesAreSentOnce: a broker describes a group as often as a request names it. The
// gateway asks once, and gives the answer as often.
func TestRepeatedNamesAreSentOnce(t *testing.T) {
	const times = 500
	store := allowing(t, "Describe Group:mine", "Describe Group:other", "Describe TransactionalId:mine", "Describe TransactionalId:other",
		"DescribeConfigs Topic:mine", "DescribeConfigs Topic:other")
	conn := newGateway(t, gateway.Config{Store: store}).Conn(client("alice"))
	for _, c := range []struct {
		version                int16
		m                      kmsg.Request
		list, in, answers, key string
	}{
		{5, kmsg.NewPtrDescribeGroupsRequest(), "Groups", "", "Groups", "Group"},
		{1, kmsg.NewPtrConsumerGroupDescribeRequest(), "Groups", "", "Groups", "Group"},
		{1, kmsg.NewPtrShareGroupDescribeRequest(), "GroupIDs", "", "Groups", "GroupID"},
		{0, kmsg.NewPtrStreamsGroupDescribeRequest(), "Groups", "", "Groups", "Group"},
		{9, kmsg.NewPtrOffsetFetchRequest(), "Groups", "Group", "Groups", "Group"},
		{0, kmsg.NewPtrDescribeShareGroupOffsetsRequest(), "Groups", "GroupID", "Groups", "GroupID"},
		{0, kmsg.NewPtrDescribeTransactionsRequest(), "TransactionalIDs", "", "TransactionStates", "TransactionalID"},
		{4, kmsg.NewPtrDescribeConfigsRequest(), "Resources", "ResourceName", "Resources", "ResourceName"},
	} {
		t.Run(kmsg.NameForKey(c.m.Key()), func(t *testing.T) {
			c.m.SetVersion(c.version)
			field := reflect.ValueOf(c.m).Elem().FieldByName(c.list)
			name := func(name string) {
				entry := reflect.New(field.Type().Elem())
				if d, ok := entry.Interface().(interface{ Default() }); ok {
					d.Default()
				}
				at := entry.Elem()
				if c.in != "" {
					at = at.FieldByName(c.in)
				}
				at.SetString(name)
				if kind := entry.Elem(); c.list == "Resources" {
					kind.FieldByName("ResourceType").SetInt(int64(kmsg.ConfigResourceTypeTopic))
				}
				field.Set(reflect.Append(field, entry.Elem()))
			}
			var asked []string
			for i := range times {
				for _, n := range []string{"mine", "hidden", "other"}[:1+2*(i%2)] { // 500 times mine, 250 times the others
					name(n)
					asked = append(asked, n)
				}
			}
			plan := decide(t, conn, c.m)
			forwarded := plan.Forward()
			require.Len(t, forwarded, 1)
			h, err := gateway.ParseHeader(forwarded[0])
			require.NoError(t, err)
			sent, err := h.Request(forwarded[0])
			require.NoError(t, err)
			list := reflect.ValueOf(sent).Elem().FieldByName(c.list)
			require.Equal(t, 2, list.Len(), "entries reach the cluster")
			assert.EqualValues(t, times, plan.Repeats())

			r := c.m.ResponseKind()
			answers := reflect.ValueOf(r).Elem().FieldByName(c.answers)
			for _, n := range []string{"mine", "other"} {
				a := reflect.New(answers.Type().Elem())
				a.Interface().(interface{ Default() }).Default()
				a.Elem().FieldByName(c.key).SetString(n)
				if c.list == "Resources" {
					a.Elem().FieldByName("ResourceType").SetInt(int64(kmsg.ConfigResourceTypeTopic))
				}
				answers.Set(reflect.Append(answers, a.Elem()))
			}
			got := reflect.ValueOf(answer[kmsg.Response](t, plan, c.m, r)).Elem().FieldByName(c.answers)
			var names []string
			for i := range got.Len() {
				names = append(names, got.Index(i).FieldByName(c.key).String())
				assert.Equal(t, names[i] == "hidden", got.Index(i).FieldByName("ErrorCode").Int() != 0, "the error of %s", names[i])
			}
			assert.Equal(t, asked, names)
		})
	}
}

// repeatedPartitions are partitions in no order, some of them repeated, as no honest
// client names them.
func repeatedPartitions() []int32 { return []int32{3, 0, 3, 3, 1, 0} }

// TestRepeatedPartitionsAreSentOnce: a broker answers a partition as often as a request names it, in
// one entry or in several. The gateway asks once, and gives the answer as often.
func TestRepeatedPartitionsAreSentOnce(t *testing.T) {
	store := allowing(t, "Read Topic:mine", "Read Topic:other", "Read Group:g", "Read Group:h")
	conn := newGateway(t, gateway.Config{Store: store}).Conn(client("alice"))
	t.Run("DescribeProducers", func(t *testing.T) {
		m := kmsg.NewPtrDescribeProducersRequest()
		for _, name := range []string{"mine", "hidden", "other", "mine"} {
			m.Topics = append(m.Topics, kmsg.DescribeProducersRequestTopic{Topic: name, Partitions: repeatedPartitions()})
		}
		plan := decide(t, conn, m)
		up := sent[*kmsg.DescribeProducersRequest](t, plan)[0]
		assert.Equal(t, []kmsg.DescribeProducersRequestTopic{{Topic: "mine", Partitions: []int32{0, 1, 3}}, {Topic: "other", Partitions: []int32{0, 1, 3}}}, up.Topics)
		assert.EqualValues(t, 6, plan.Repeats())
		r := m.ResponseKind().(*kmsg.DescribeProducersResponse)
		for _, topic := range up.Topics {
			a := kmsg.DescribeProducersResponseTopic{Topic: topic.Topic}
			for _, p := range topic.Partitions {
				a.Partitions = append(a.Partitions, kmsg.DescribeProducersResponseTopicPartition{Partition: p, ErrorMessage: new(fmt.Sprint(topic.Topic, p))})
			}
			r.Topics = append(r.Topics, a)
		}
		got := answer[*kmsg.DescribeProducersResponse](t, plan, m, r)
		require.Len(t, got.Topics, 4)
		for i, topic := range got.Topics {
			assert.Equal(t, m.Topics[i].Topic, topic.Topic)
			require.Len(t, topic.Partitions, 6)
			for j, p := range topic.Partitions {
				assert.Equal(t, repeatedPartitions()[j], p.Partition)
				if topic.Topic != "hidden" {
					assert.Equal(t, fmt.Sprint(topic.Topic, p.Partition), *p.ErrorMessage)
				}
			}
		}
	})
	t.Run("OffsetFetch of one group", func(t *testing.T) {
		m := kmsg.NewPtrOffsetFetchRequest()
		m.Version, m.Group = 7, "g"
		for _, name := range []string{"mine", "hidden", "mine"} {
			m.Topics = append(m.Topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: repeatedPartitions()})
		}
		plan := decide(t, conn, m)
		up := sent[*kmsg.OffsetFetchRequest](t, plan)[0]
		assert.Equal(t, []kmsg.OffsetFetchRequestTopic{{Topic: "mine", Partitions: []int32{0, 1, 3}}}, up.Topics)
		assert.EqualValues(t, 6, plan.Repeats())
		r := m.ResponseKind().(*kmsg.OffsetFetchResponse)
		r.Topics = []kmsg.OffsetFetchResponseTopic{{Topic: "mine", Partitions: []kmsg.OffsetFetchResponseTopicPartition{{Partition: 0, Offset: 100}, {Partition: 1, Offset: 101}, {Partition: 3, Offset: 103}}}}
		got := answer[*kmsg.OffsetFetchResponse](t, plan, m, r)
		require.Len(t, got.Topics, 3)
		for i, topic := range got.Topics {
			assert.Equal(t, m.Topics[i].Topic, topic.Topic)
			require.Len(t, topic.Partitions, 6)
			for j, p := range topic.Partitions {
				want := [3]int64{int64(repeatedPartitions()[j]), 100 + int64(p.Partition), 0}
				if topic.Topic == "hidden" {
					want[1], want[2] = -1, 29
				}
				assert.Equal(t, want, [3]int64{int64(p.Partition), p.Offset, int64(p.ErrorCode)})
			}
		}
	})
	t.Run("OffsetFetch of groups", func(t *testing.T) {
		m := kmsg.NewPtrOffsetFetchRequest()
		m.Version = 9
		for _, group := range []string{"g", "h", "g"} {
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group = group
			for _, name := range []string{"mine", "hidden", "other", "mine"} {
				g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: repeatedPartitions()})
			}
			m.Groups = append(m.Groups, g)
		}
		m.Groups[2].Topics = m.Groups[2].Topics[:1]
		m.Groups[2].Topics[0].Partitions = []int32{3, 7}
		plan := decide(t, conn, m)
		up := sent[*kmsg.OffsetFetchRequest](t, plan)[0]
		require.Len(t, up.Groups, 2)
		r := m.ResponseKind().(*kmsg.OffsetFetchResponse)
		for i, want := range [][]int32{{0, 1, 3, 7}, {0, 1, 3}} {
			assert.Equal(t, []kmsg.OffsetFetchRequestGroupTopic{{Topic: "mine", Partitions: want}, {Topic: "other", Partitions: []int32{0, 1, 3}}}, up.Groups[i].Topics)
			a := kmsg.OffsetFetchResponseGroup{Group: up.Groups[i].Group}
			for _, topic := range up.Groups[i].Topics {
				of := kmsg.OffsetFetchResponseGroupTopic{Topic: topic.Topic}
				for _, p := range topic.Partitions {
					of.Partitions = append(of.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition{Partition: p, Offset: int64(100*i) + int64(p)})
				}
				a.Topics = append(a.Topics, of)
			}
			r.Groups = append(r.Groups, a)
		}
		assert.EqualValues(t, 7, plan.Repeats())
		got := answer[*kmsg.OffsetFetchResponse](t, plan, m, r)
		require.Len(t, got.Groups, 3)
		for i, g := range got.Groups {
			assert.Equal(t, m.Groups[i].Group, g.Group)
			require.Len(t, g.Topics, len(m.Groups[i].Topics))
			for j, topic := range g.Topics {
				assert.Equal(t, m.Groups[i].Topics[j].Topic, topic.Topic)
				var partitions []int32
				for _, p := range topic.Partitions {
					partitions = append(partitions, p.Partition)
					if topic.Topic == "hidden" {
						assert.EqualValues(t, 29, p.ErrorCode)
					} else {
						assert.EqualValues(t, int64(100*(i%2))+int64(p.Partition), p.Offset)
					}
				}
				assert.Equal(t, m.Groups[i].Topics[j].Partitions, partitions)
			}
		}
	})
}

// TestMembersOfAGroupAreNotUnited: a broker refuses offsets to a member that it does not know, or of
// another epoch, so that the answer to one entry is none to another.
func TestMembersOfAGroupAreNotUnited(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Topic:mine", "Read Group:g")}).Conn(client("alice"))
	m := kmsg.NewPtrOffsetFetchRequest()
	m.Version = 9
	for _, member := range []struct {
		id    *string
		epoch int32
	}{{nil, -1}, {new("a"), 1}, {new("b"), 1}, {new("a"), 2}, {new("a"), 1}, {new(""), -1}} {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group, g.MemberID, g.MemberEpoch = "g", member.id, member.epoch
		g.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: "mine", Partitions: []int32{0}}}
		m.Groups = append(m.Groups, g)
	}
	plan := decide(t, conn, m)
	up := sent[*kmsg.OffsetFetchRequest](t, plan)[0]
	r := m.ResponseKind().(*kmsg.OffsetFetchResponse)
	var members []string
	for i, g := range up.Groups {
		member := "none"
		if g.MemberID != nil {
			member = *g.MemberID
		}
		members = append(members, fmt.Sprint(member, " ", g.MemberEpoch))
		r.Groups = append(r.Groups, kmsg.OffsetFetchResponseGroup{Group: "g", ErrorCode: int16(100 + i)})
	}
	assert.Equal(t, []string{"none -1", "a 1", "b 1", "a 2", " -1"}, members)
	var codes []int16
	for _, g := range answer[*kmsg.OffsetFetchResponse](t, plan, m, r).Groups {
		codes = append(codes, g.ErrorCode)
	}
	assert.Equal(t, []int16{100, 101, 102, 103, 101, 104}, codes)
}

// TestRepeatedConfigurationsAreSentOnce: a broker answers a resource as often as a request names it,
// with all of its configurations if the entry names none. Each entry gets what it names.
func TestRepeatedConfigurationsAreSentOnce(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "DescribeConfigs Topic:mine")}).Conn(client("alice"))
	m := kmsg.NewPtrDescribeConfigsRequest()
	m.Version = 4
	asked := [][]string{{"c", "a"}, nil, {"a"}, {}, {"a", "a", "missing"}, {"b"}}
	for _, names := range asked {
		m.Resources = append(m.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "mine", ConfigNames: names})
	}
	plan := decide(t, conn, m)
	up := sent[*kmsg.DescribeConfigsRequest](t, plan)[0]
	require.Len(t, up.Resources, 1)
	assert.Empty(t, up.Resources[0].ConfigNames)
	r := m.ResponseKind().(*kmsg.DescribeConfigsResponse)
	all := kmsg.DescribeConfigsResponseResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "mine"}
	for _, name := range []string{"c", "b", "a", "z"} {
		all.Configs = append(all.Configs, kmsg.DescribeConfigsResponseResourceConfig{Name: name})
	}
	r.Resources = append(r.Resources, all)
	var got []string
	for _, a := range answer[*kmsg.DescribeConfigsResponse](t, plan, m, r).Resources {
		text := ""
		for _, c := range a.Configs {
			text += c.Name
		}
		got = append(got, text)
	}
	assert.Equal(t, []string{"ca", "cbaz", "a", "cbaz", "a", "b"}, got)
}
