package proxy_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// boastfulPort is a port whose large answers say that they are larger than they are.
type boastfulPort struct {
	net.Listener
	boasts *atomic.Bool
}

type boastfulConn struct {
	net.Conn
	boasts *atomic.Bool
}

func (l boastfulPort) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return boastfulConn{c, l.boasts}, err
}

func (c boastfulConn) Write(b []byte) (int, error) {
	if len(b) > mebibyte && c.boasts.Load() {
		binary.BigEndian.PutUint32(b, 1<<30+1)
	}
	return c.Conn.Write(b)
}

// TestMirrorOfManyACLs: a cluster may have more ACLs than fit in 100 MiB. Beyond a gibibyte
// the error says what is too large.
func TestMirrorOfManyACLs(t *testing.T) {
	var boasts atomic.Bool
	cluster := upstream(t, kfake.NumBrokers(1), listenBehind(func(l net.Listener) net.Listener { return boastfulPort{l, &boasts} }))
	const acls = 3500
	name := strings.Repeat("x", 31<<10)
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
		of := kmsg.NewDescribeACLsResponseResource()
		of.ResourceType, of.ResourceName, of.ResourcePatternType = kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLResourcePatternTypeLiteral
		for i := range acls {
			a := kmsg.NewDescribeACLsResponseResourceACL()
			a.Principal, a.Host, a.Operation, a.PermissionType = fmt.Sprint("User:", name, i), "*", kmsg.ACLOperationRead, kmsg.ACLPermissionTypeAllow
			of.ACLs = append(of.ACLs, a)
		}
		response.Resources = append(response.Resources, of)
		return response, nil, true
	})
	s, attempts := snapshot.NewStore(snapshot.Config{}), make(chan error, 100)
	start(t, cluster, proxy.Config{Store: s, Mirror: &proxy.Mirror{Interval: time.Second, Report: func(err error) { attempts <- err }}})
	require.NoError(t, <-attempts)
	assert.Equal(t, acls, s.Load().Len())
	boasts.Store(true)
	err := error(nil)
	for range 2 { // the first may have begun before
		if err = <-attempts; err != nil {
			break
		}
	}
	assert.ErrorContains(t, err, "size 1073741825 > limit 1073741824")
}
