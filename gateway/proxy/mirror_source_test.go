package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestClientsCannotCreateACLsInAMirror: what a client created in the store would be dropped by the
// next load. So it is refused, whatever ACLs says, unless the request goes to the cluster. Nothing
// else can write to the store either.
func TestClientsCannotCreateACLsInAMirror(t *testing.T) {
	deny := acl.Binding{
		Pattern: resource.Pattern{Type: resource.Topic, Name: "payroll", PatternType: resource.Literal},
		Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Deny},
	}
	for name, handling := range map[string]gateway.ACLHandling{"ServeACLs": gateway.ServeACLs, "ShowACLs": gateway.ShowACLs} {
		t.Run(name, func(t *testing.T) {
			s := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}})
			p := start(t, upstream(t), proxy.Config{Store: s, ACLs: handling, Mirror: &proxy.Mirror{Interval: time.Millisecond}})
			w := dial(t, p.Addresses()[0])
			require.Zero(t, w.login("admin", passwords["admin"]).ErrorCode)
			m, err := kmsgacl.CreateRequest([]acl.Binding{deny})
			require.NoError(t, err)
			var code *kmsgacl.CodeError
			require.ErrorAs(t, kmsgacl.CreateErrors(w.ask(m, 3).(*kmsg.CreateACLsResponse))[0], &code)
			assert.Equal(t, ops.PolicyViolation, code.Code)
			assert.ErrorContains(t, s.Update(func(*snapshot.Tx) error { return nil }), "the store follows the cluster at \"127.0.0.1:")
		})
	}
}

// TestAMirrorNeedsAStoreOfItsOwn: a store with ACLs of another origin is not made a mirror, which
// would drop them.
func TestAMirrorNeedsAStoreOfItsOwn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := proxy.Listen(ctx, proxy.Config{
		Upstream: relay.Upstream{Brokers: upstream(t).ListenAddrs()}, Listeners: []proxy.Listener{plainListener()},
		Store: store(t, "alice DENY READ TOPIC payroll"), ACLs: gateway.ForwardACLs, Mirror: &proxy.Mirror{},
	})
	require.ErrorContains(t, err, "proxy: Mirror: the store has ACLs from elsewhere, which would be lost if it followed the cluster at")
}
