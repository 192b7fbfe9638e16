package failover_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

var aclsFlag = flag.Int("acls", 20_000, "how many ACLs the cluster has while the proxy is restarted")

// TestRestartWithManyACLs: a proxy that mirrors many ACLs is restarted under load. No client
// is ever refused, since a proxy whose ACLs are not loaded does not listen; the gap is as
// much longer as it takes to load them.
func TestRestartWithManyACLs(t *testing.T) {
	bindings := manyACLs(*aclsFlag)
	w := newWorld(t, 1, bindings...)
	w.loading = func() time.Duration { return w.gate.starting }
	w.round(t, 0, []happening{restarted, cutOff, restarted, cutOff}, rand.New(rand.NewPCG(*seedFlag, 0)))

	assert.Equal(t, len(bindings), w.gate.store.Load().Len(), "ACLs in force")
	assert.GreaterOrEqual(t, w.gate.starts-1, 4, "restarts")
	assert.Zero(t, len(w.gate.log.With("msg=denied")), "refusals")
	// A refusal would be seen: somebody else gets one.
	c := newClient(t, w.gate.address(), "bob", passwords["bob"])
	defer c.Close()
	assert.ErrorContains(t, c.ProduceSync(soon(t), &kgo.Record{Topic: "secret", Value: []byte("x")}).FirstErr(), "AUTHORIZATION_FAILED")
	assert.NotZero(t, len(w.gate.log.With("msg=denied")), "the refusal of bob")
	t.Logf("%d faults of a proxy with %d ACLs: no authorization error", w.gate.starts-1, len(bindings))
}

// manyACLs returns ACLs of which the last allow alice everything.
func manyACLs(n int) []acl.Binding {
	var found []acl.Binding
	for i := range n - len(allOf("alice")) {
		found = append(found, allow(fmt.Sprintf("user-%d", i/20), ops.Read, resource.Topic, fmt.Sprintf("topic-%d", i)))
	}
	return append(found, allOf("alice")...)
}
