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
	for name, tt := range map[string]struct {
		subject snapshot.Subject
		why     string
	}{
		"nothing is known": {snapshot.Subject{}, "not authenticated"},
		"no principal":     {snapshot.Subject{Host: somewhere}, "not authenticated"},
		"groups alone":     {snapshot.Subject{Groups: []principal.Principal{principal.User("alice")}, Host: somewhere}, "not authenticated"},
		"no address":       {snapshot.Subject{Principal: principal.User("alice")}, "no address"},
	} {
		subject := tt.subject
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
						assert.ErrorContains(t, err, tt.why, "%v version %d", ops.APIKey(key), version)
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

// TestSASLNeverReachesTheCluster: a login is the program's to answer. What reaches the gateway all
// the same is refused, before a login and after it, in every version.
func TestSASLNeverReachesTheCluster(t *testing.T) {
	for name, client := range map[string]Client{
		"before the login": {},
		"after the login":  {Subject: snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}},
	} {
		t.Run(name, func(t *testing.T) {
			answers := 0
			for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
				g := allowingGateway(t, endpoint)
				for _, key := range []ops.APIKey{ops.SASLHandshakeKey, ops.SASLAuthenticateKey} {
					served := g.versions[key]
					for version := served.min; version <= served.max; version++ {
						m := kmsg.RequestForKey(int16(key))
						m.SetVersion(version)
						plan, err := g.Conn(client).Request(sampleFrame(m))
						if !assert.NoError(t, err, "%v version %d", key, version) {
							continue
						}
						assert.Empty(t, plan.Forward())
						data, err := plan.Response()
						assert.NoError(t, err)
						r := m.ResponseKind()
						assert.NoError(t, g.layouts.decodeResponse(plan.Header, data, r))
						code := ops.None
						switch r := r.(type) {
						case *kmsg.SASLHandshakeResponse:
							code = ops.ErrorCode(r.ErrorCode)
						case *kmsg.SASLAuthenticateResponse:
							code = ops.ErrorCode(r.ErrorCode)
						}
						assert.Equal(t, ops.IllegalSASLState, code, "%v version %d", key, version)
						answers++
					}
				}
			}
			assert.Equal(t, 10, answers)
		})
	}
}
