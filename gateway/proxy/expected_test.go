package proxy_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
)

// expecting asks for the versions as a client that expects a cluster and a broker.
func (w *wire) expecting(cluster *string, node int32) *kmsg.ApiVersionsResponse {
	w.t.Helper()
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1"
	r.ClusterID, r.NodeID = cluster, node
	return w.ask(r, 5).(*kmsg.ApiVersionsResponse)
}

// TestExpectedBroker: a client learns from ApiVersions that it is connected to another broker
// or another cluster than it believes, as from a broker: once it is logged in, and by the ids
// that the proxy shows.
func TestExpectedBroker(t *testing.T) {
	cluster := upstream(t, kfake.ClusterID("the-cluster"))
	anonymous := proxy.Listener{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}
	p := start(t, cluster, proxy.Config{Store: store(t), Listeners: []proxy.Listener{plainListener(), anonymous}})
	for i, at := range p.Addresses() {
		withLogin := i == 0
		w := dial(t, at)
		if withLogin {
			other := "other"
			assert.Zero(t, w.expecting(&other, 77).ErrorCode, "before login nothing is compared")
			assert.EqualValues(t, ops.InvalidRequest, w.expecting(&other, -1).ErrorCode)
			assert.EqualValues(t, ops.InvalidRequest, w.expecting(nil, 77).ErrorCode)
			require.Zero(t, w.login("alice", passwords["alice"]).ErrorCode)
		}
		shown := w.ask(kmsg.NewPtrMetadataRequest(), 12).(*kmsg.MetadataResponse)
		require.Equal(t, "the-cluster", *shown.ClusterID)
		require.Len(t, shown.Brokers, 3)
		for _, b := range shown.Brokers {
			w := dial(t, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
			if withLogin {
				require.Zero(t, w.login("alice", passwords["alice"]).ErrorCode)
			}
			for _, tt := range []struct {
				cluster *string
				node    int32
				want    ops.ErrorCode
			}{
				{nil, -1, ops.None},
				{shown.ClusterID, b.NodeID, ops.None},
				{shown.ClusterID, (b.NodeID + 1) % 3, ops.RebootstrapRequired},
				{shown.ClusterID, -2, ops.RebootstrapRequired},
				{new("other"), b.NodeID, ops.RebootstrapRequired},
				{new(""), b.NodeID, ops.RebootstrapRequired},
				{shown.ClusterID, -1, ops.InvalidRequest},
				{nil, b.NodeID, ops.InvalidRequest},
			} {
				t.Run(fmt.Sprint(withLogin, " ", b.NodeID, " ", tt.cluster, " ", tt.node), func(t *testing.T) {
					r := w.expecting(tt.cluster, tt.node)
					assert.EqualValues(t, tt.want, r.ErrorCode)
					assert.Equal(t, tt.want == ops.None, len(r.ApiKeys) > 30, "%d APIs", len(r.ApiKeys))
				})
			}
			w.works()
		}
	}
}
