package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestAnswersThatWaitForTheAuditLogAreDecidedAgain: while the event of one refused group of an answer
// is written, the right to describe the other one is taken away. The answer does not show it.
func TestAnswersThatWaitForTheAuditLogAreDecidedAgain(t *testing.T) {
	store := allowing(t, "Describe Group:first", "Describe Group:second")
	remove := func(line string) {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, line)); return nil }))
	}
	g := newGateway(t, gateway.Config{Store: store, Audit: &audit.Auditor{Handler: whileRecording(func() { remove("Describe Group:second") })}})
	m := kmsg.NewPtrDescribeGroupsRequest()
	m.Version, m.Groups = 5, []string{"first", "second"}
	plan := decide(t, g.Conn(client("alice")), m)
	require.Len(t, plan.Forward(), 1)
	remove("Describe Group:first")
	r := m.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, name := range m.Groups {
		group := kmsg.NewDescribeGroupsResponseGroup()
		group.Group, group.State = name, "Stable"
		r.Groups = append(r.Groups, group)
	}
	for _, group := range answer[*kmsg.DescribeGroupsResponse](t, plan, m, r).Groups {
		assert.EqualValues(t, ops.GroupAuthorizationFailed, group.ErrorCode, group.Group)
		assert.Empty(t, group.State, group.Group)
	}
}

// TestOutdatedPlansAreNotSent: a caller who forgets Plan.Record gets no frames of a plan that was
// decided by ACLs which have changed.
func TestOutdatedPlansAreNotSent(t *testing.T) {
	store := allowing(t, "Describe Group:first")
	m := kmsg.NewPtrDescribeGroupsRequest()
	m.Version, m.Groups = 5, []string{"first"}
	plan := decide(t, newGateway(t, gateway.Config{Store: store}).Conn(client("alice")), m)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Describe Group:first")); return nil }))
	assert.Empty(t, plan.Forward())
	assert.True(t, plan.Close)
	_, err := plan.Response()
	assert.ErrorContains(t, err, "decide it again")
}
