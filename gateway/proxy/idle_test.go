//go:build !race

// The race detector makes stacks larger.

package proxy_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestIdleConnectionsTakeLittleMemory: 2,000 clients that have sent requests and now send
// nothing take less than 100 MB, with the stacks of their goroutines and their connections to
// the cluster.
func TestIdleConnectionsTakeLittleMemory(t *testing.T) {
	const clients, most = 2000, 100 << 20
	p := start(t, upstream(t), proxy.Config{Store: store(t, "alice ALLOW DESCRIBE TOPIC *"), Limits: relay.Limits{AddressLogins: clients, AddressConnections: clients}})
	before := inUse()
	all := make([]*wire, clients)
	for i := range all {
		all[i] = dial(t, p.Addresses()[0])
		require.Zero(t, all[i].login("alice", passwords["alice"]).ErrorCode)
		m := kmsg.NewPtrMetadataRequest()
		m.Topics = []kmsg.MetadataRequestTopic{}
		all[i].ask(m, 12)
	}
	time.Sleep(100 * time.Millisecond)
	took := inUse() - before
	t.Logf("%d bytes for each of %d idle connections, with the other ends of both of their connections in this process", took/clients, clients)
	require.Less(t, took, most)
	runtime.KeepAlive(all)
}

// inUse returns the memory of the heap and of the stacks, without what is free.
func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
