package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// A client without rights does not fill the log: it gets a line for a broker that is
// not shown once in a while, and not with every answer.
func TestHiddenBrokersDoNotFillTheLog(t *testing.T) {
	const requests = 500
	cluster := upstream(t, kfake.NumBrokers(1))
	few := plainListener()
	few.Brokers = 3
	p := start(t, cluster, proxy.Config{Store: store(t), Listeners: []proxy.Listener{few}})
	_, _, err := cluster.AddNode(500, 0) // whose id is beyond the ports of the proxy
	require.NoError(t, err)

	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	m := kmsg.NewPtrMetadataRequest()
	m.Topics = []kmsg.MetadataRequestTopic{}
	for range requests {
		assert.Len(t, w.ask(m, 12).(*kmsg.MetadataResponse).Brokers, 1)
	}
	assert.LessOrEqual(t, len(p.log.With("broker not shown")), 10, "lines for %d requests", requests)
}
