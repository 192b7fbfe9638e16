package proxy_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestStrangersDoNotTakeAllConnections: somebody with twenty addresses (or IPv6 networks of 64
// bits, of which a customer has 256 or more) opens as many connections as strangers may have on each,
// and says nothing. No address exceeds its limit. Others connect all the same, and those that are logged in stay.
func TestStrangersDoNotTakeAllConnections(t *testing.T) {
	const addresses, each = 20, 5 // by default 500 of 10,000
	p := start(t, upstream(t), proxy.Config{Store: store(t), Limits: relay.Limits{Connections: addresses * each, AddressConnections: 50, AddressLogins: each}})
	in := dial(t, p.Addresses()[0])
	in.login("admin", passwords["admin"])
	for a := range addresses {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.0.1.%d", a+1))}}
		for range each {
			c, err := d.Dial("tcp", p.Addresses()[0])
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
		}
	}
	eventually(t, "as many strangers as may be are there", func() bool { n, s := p.Strangers(); return n == 1+addresses*each/2 && s == addresses*each/2 })
	refused := 0
	for range 5 {
		c, err := net.Dial("tcp", p.Addresses()[0])
		require.NoError(t, err)
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		_, _ = c.Write([]byte{0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 7, 0, 2, 'x', 'y'}) // ApiVersions
		if _, err = gateway.ReadFrame(c, 1<<20); err != nil {
			refused++
		}
		_ = c.Close()
	}
	t.Logf("%d of 5 honest clients are turned away", refused)
	assert.Zero(t, refused)
	in.works()
}
