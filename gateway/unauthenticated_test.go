package gateway

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestUnauthenticatedSubjectsReachNothing sends every request in every version for
// peers without a principal or without an address, to a gateway that allows everything.
// Only the three requests before a login are answered.
func TestUnauthenticatedSubjectsReachNothing(t *testing.T) {
	somewhere := netip.MustParseAddr("10.0.0.1")
	for name, subject := range map[string]snapshot.Subject{
		"nothing is known": {},
		"no principal":     {Host: somewhere},
		"groups alone":     {Groups: []principal.Principal{principal.User("alice")}, Host: somewhere},
		"no address":       {Principal: principal.User("alice")},
	} {
		t.Run(name, func(t *testing.T) {
			refused, answered := 0, map[ops.APIKey]bool{}
			for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
				g := allowingGateway(t, endpoint)
				for key := int16(0); key <= kmsg.MaxKey; key++ {
					for version := int16(0); kmsg.RequestForKey(key) != nil && version <= kmsg.RequestForKey(key).MaxVersion(); version++ {
						m := kmsg.RequestForKey(key)
						m.SetVersion(version)
						m.(message).Default()
						plan, err := g.Conn(Client{Subject: subject}).Request(sampleFrame(m))
						if key == 17 || key == 18 || key == 36 {
							assert.NoError(t, err, "%v version %d", ops.APIKey(key), version)
							answered[ops.APIKey(key)] = true
							continue
						}
						refused++
						assert.Error(t, err, "%v version %d", ops.APIKey(key), version)
						assert.Nil(t, plan, "%v version %d", ops.APIKey(key), version)
					}
				}
			}
			assert.Len(t, answered, 3)
			assert.Greater(t, refused, 600)
		})
	}
}

// allowingGateway returns a gateway without ACLs whose default is to allow.
func allowingGateway(t *testing.T, endpoint ops.Endpoint) *Gateway {
	t.Helper()
	store := snapshot.NewStore(snapshot.Config{AllowIfNoACL: true, SuperUsers: []principal.Principal{principal.User("alice")}})
	assert.NoError(t, store.Update(func(*snapshot.Tx) error { return nil }))
	g, err := New(Config{Store: store, Endpoint: endpoint})
	assert.NoError(t, err)
	return g
}
