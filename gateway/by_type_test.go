package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestRefusedProducersCostLittle: a client without rights asks for a producer id, in 30 bytes,
// and the gateway asks whether it may write to any topic. That takes no longer with thousands
// of DENY, or of ALLOW that a DENY overrides: to visit them took milliseconds.
func TestRefusedProducersCostLittle(t *testing.T) {
	const n = 10_000
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
		for name, binding := range map[string]func(i int) acl.Binding{
			"denied prefixes": func(i int) acl.Binding {
				return acltest.Deny(principal.Wildcard, ops.Write, acltest.Topics(fmt.Sprintf("t%06d", i)))
			},
			"allowed below denied": func(i int) acl.Binding {
				if i%2 == 0 {
					return acltest.Deny("User:alice", ops.Write, acltest.Topics(fmt.Sprintf("t%06d", i/2)))
				}
				return acltest.Allow("User:alice", ops.Write, acltest.Topics(fmt.Sprintf("t%06dx", i/2)))
			},
		} {
			t.Run(fmt.Sprint(semantics, ", ", name), func(t *testing.T) {
				acls := make([]acl.Binding, n)
				for i := range acls {
					acls[i] = binding(i)
				}
				g := newGateway(t, gateway.Config{Store: acltest.Store(t, snapshot.Config{Semantics: semantics}, acls...)})
				m := kmsg.NewPtrInitProducerIDRequest()
				m.SetVersion(4)
				frame, least := frameOf(m), time.Hour
				for range 10 {
					conn := g.Conn(client("alice"))
					began := time.Now()
					plan, err := conn.Request(frame)
					least = min(least, time.Since(began))
					require.NoError(t, err)
					require.Zero(t, plan.Frames(), "it is refused")
				}
				t.Log(least)
				assert.Less(t, least, 100*time.Microsecond)
			})
		}
	}
}
