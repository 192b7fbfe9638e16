package gateway_test

import (
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
