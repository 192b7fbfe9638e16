package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestSubscriptionsAreNotNamed: the names that the pattern of a member was replaced by are
// not shown to who may not describe the topics, as long as nothing of them is assigned.
func TestSubscriptionsAreNotNamed(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe Group:g", "Describe Topic:mine")}).Conn(client("alice"))
	m := kmsg.NewPtrConsumerGroupDescribeRequest()
	m.Groups = []string{"g"}
	r := m.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	member := kmsg.NewConsumerGroupDescribeResponseGroupMember()
	member.MemberID, member.SubscribedTopics = "m", []string{"mine", "secret"}
	group := kmsg.NewConsumerGroupDescribeResponseGroup()
	group.Group, group.Members = "g", append(group.Members, member)
	r.Groups = append(r.Groups, group)
	got := answer[*kmsg.ConsumerGroupDescribeResponse](t, decide(t, conn, m), m, r)
	require.Len(t, got.Groups, 1)
	require.Len(t, got.Groups[0].Members, 1)
	assert.Equal(t, []string{"mine"}, got.Groups[0].Members[0].SubscribedTopics)
}
