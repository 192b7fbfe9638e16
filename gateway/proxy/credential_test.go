package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
)

// A password that is changed or deleted in the cluster keeps working at a proxy with
// its own users: the client must not get the answer that it is gone.
func TestPasswordsOfTheProxyAreNotChangedInTheCluster(t *testing.T) {
	// Also on a listener whose clients have no password.
	open := proxy.Listener{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "ANONYMOUS ALLOW ALL CLUSTER kafka-cluster"), Listeners: []proxy.Listener{plainListener(), open},
	})
	change := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	change.Deletions = []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: "alice", Mechanism: 1}}
	for i, address := range p.Addresses() {
		w := dial(t, address)
		if i == 0 {
			w.login("admin", passwords["admin"])
		}
		r := w.ask(change, 0).(*kmsg.AlterUserSCRAMCredentialsResponse)
		require.Len(t, r.Results, 1)
		assert.Equal(t, "alice", r.Results[0].User)
		assert.Equal(t, kerr.PolicyViolation.Code, r.Results[0].ErrorCode)
		described := w.ask(kmsg.NewPtrDescribeUserSCRAMCredentialsRequest(), 0).(*kmsg.DescribeUserSCRAMCredentialsResponse)
		if i == 0 {
			require.Len(t, described.Results, len(passwords))
			for _, result := range described.Results {
				assert.Len(t, result.CredentialInfos, 2)
			}
		} else {
			assert.Empty(t, described.Results)
		}
	}
}
