package gateway_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// whileRecording does something while an event is written.
type whileRecording func()

func (f whileRecording) Handle(*audit.Event) error { f(); return nil }

// TestNoACLIsCreatedAfterTheAuditLog: the right to alter the cluster is taken away while the event
// of a CreateAcls waits to be written. The ACL, which might give the right back, is not created.
func TestNoACLIsCreatedAfterTheAuditLog(t *testing.T) {
	store := allowing(t, "Alter Cluster:kafka-cluster")
	revoke := func() {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Alter Cluster:kafka-cluster")); return nil }))
	}
	g := newGateway(t, gateway.Config{
		Store: store, ACLs: gateway.ServeACLs, Cluster: cluster{},
		Audit: &audit.Auditor{Handler: whileRecording(revoke), Level: slog.LevelDebug},
	})
	m := kmsg.NewPtrCreateACLsRequest()
	m.Version = 3
	m.Creations = []kmsg.CreateACLsRequestCreation{{
		ResourceType: kmsg.ACLResourceTypeCluster, ResourceName: "kafka-cluster", ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
		Principal: "User:alice", Host: "*", Operation: kmsg.ACLOperationAll, PermissionType: kmsg.ACLPermissionTypeAllow,
	}}
	plan := decide(t, g.Conn(client("alice")), m)
	require.Empty(t, plan.Forward())
	code := answer[*kmsg.CreateACLsResponse](t, plan, m).Results[0].ErrorCode
	may := store.Load().Check(client("alice").Subject, ops.Alter, resource.Cluster, resource.ClusterName).Allowed()
	t.Logf("the answer is %d; alice may alter the cluster after her right was taken away: %t", code, may)
	assert.False(t, may)
}

// TestNoACLIsCreatedAfterAnUpdate: while an update that takes the right away is under way, a
// CreateAcls is decided by the ACLs before it, and waits for the lock of the store. When the update
// has returned it is decided again.
func TestNoACLIsCreatedAfterAnUpdate(t *testing.T) {
	store := allowing(t, "Alter Cluster:kafka-cluster")
	g := newGateway(t, gateway.Config{Store: store, ACLs: gateway.ServeACLs, Cluster: cluster{}})
	m := kmsg.NewPtrCreateACLsRequest()
	m.Version = 3
	m.Creations = []kmsg.CreateACLsRequestCreation{{
		ResourceType: kmsg.ACLResourceTypeCluster, ResourceName: "kafka-cluster", ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
		Principal: "User:alice", Host: "*", Operation: kmsg.ACLOperationAll, PermissionType: kmsg.ACLPermissionTypeAllow,
	}}
	began, done := make(chan struct{}), make(chan int16)
	go func() {
		<-began
		plan := decide(t, g.Conn(client("alice")), m)
		done <- answer[*kmsg.CreateACLsResponse](t, plan, m).Results[0].ErrorCode
	}()
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		tx.Remove(allow(t, "Alter Cluster:kafka-cluster"))
		close(began)
		time.Sleep(300 * time.Millisecond) // as a large set takes
		return nil
	}))
	code := <-done
	may := store.Load().Check(client("alice").Subject, ops.Alter, resource.Cluster, resource.ClusterName).Allowed()
	t.Logf("the answer is %d; alice may alter the cluster after her right was taken away: %t", code, may)
	assert.False(t, may)
}
