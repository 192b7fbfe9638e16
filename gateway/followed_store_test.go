package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// denyOf is one of a few ACLs that deny.
func denyOf(i int) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: resource.Topic, Name: fmt.Sprint("topic-", i), PatternType: resource.Literal},
		Entry:   acl.Entry{Principal: "User:mallory", Host: acl.WildcardHost, Operation: ops.Read, Permission: acl.Deny},
	}
}

// keeper is a store that a file is applied to, and that clients create ACLs in. It remembers
// every DENY that it was promised: by an answer without an error to CreateAcls, or by a file that
// was applied.
type keeper struct {
	t        *testing.T
	path     string
	store    *snapshot.Store
	conn     *gateway.Conn
	promised map[acl.Binding]bool
	done     map[string]int
}

func newKeeper(t *testing.T, handling gateway.ACLHandling) *keeper {
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}})
	return &keeper{
		t: t, path: filepath.Join(t.TempDir(), "acls"), store: store, promised: map[acl.Binding]bool{}, done: map[string]int{},
		conn: newGateway(t, gateway.Config{Store: store, ACLs: handling}).Conn(client("root")),
	}
}

// save writes a file, and applies it. A file that is applied promises its own ACLs, and takes
// back only those of the file before.
func (k *keeper) apply(list []acl.Binding) {
	require.NoError(k.t, aclfile.Save(k.path, acl.FormatText, slices.Values(list)))
	before := k.store.Load()
	if err := aclfile.Apply(k.store, k.path, aclfile.ChecksumRequired); err != nil {
		k.done["apply refused"]++
		assert.Equal(k.t, before, k.store.Load(), "the file is refused")
		return
	}
	k.done["applied"]++
	if k.done["created"] > 0 {
		require.Empty(k.t, k.promised, "the file was applied to a store with created ACLs")
	}
	clear(k.promised)
	k.done["created"] = 0
	for _, b := range list {
		k.promised[b] = true
	}
}

// create creates a DENY as a client does.
func (k *keeper) create(b acl.Binding) {
	m, err := kmsgacl.CreateRequest([]acl.Binding{b})
	require.NoError(k.t, err)
	m.SetVersion(3)
	switch err := kmsgacl.CreateErrors(answer[*kmsg.CreateACLsResponse](k.t, decide(k.t, k.conn, m), m))[0].(type) {
	case nil:
		k.promised[b] = true
		k.done["created"]++
		k.done["creates"]++
	case *kmsgacl.CodeError:
		assert.Equal(k.t, ops.PolicyViolation, err.Code)
		assert.Equal(k.t, "the ACLs are kept elsewhere and cannot be changed here", err.Message)
		k.done["create refused"]++
	}
}

// remove deletes a DENY as a client does.
func (k *keeper) remove(b acl.Binding) {
	m, err := kmsgacl.DeleteRequest([]acl.Filter{acl.FilterOf(b)})
	require.NoError(k.t, err)
	m.SetVersion(3)
	plan := decide(k.t, k.conn, m)
	result := kmsgacl.DeleteResults(answer[*kmsg.DeleteACLsResponse](k.t, plan, m))[0]
	if result.Err != nil {
		k.done["delete refused"]++
		return
	}
	assert.Equal(k.t, k.promised[b], len(result.Bindings) == 1)
	delete(k.promised, b)
	k.done["deleted"]++
}

// check holds that all that was promised is in force.
func (k *keeper) check() {
	for b := range k.promised {
		require.True(k.t, k.store.Load().Has(b), "%v is lost", b)
	}
	require.Equal(k.t, len(k.promised), k.store.Load().Len())
}

// TestNoDenyIsLostBetweenAFileAndClients interleaves changes of the file that a store follows,
// and requests that create and delete ACLs, in any order. A DENY that was answered without an
// error, or that is in a file that was applied, is in force until a request deletes it or the
// next file does not have it.
func TestNoDenyIsLostBetweenAFileAndClients(t *testing.T) {
	all := map[string]int{}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 20))
		k := newKeeper(t, gateway.ServeACLs)
		for range 12 {
			switch random.IntN(4) {
			case 0:
				var list []acl.Binding
				for i := range 6 {
					if random.IntN(2) == 0 {
						list = append(list, denyOf(i))
					}
				}
				k.apply(list)
			case 1:
				k.remove(denyOf(random.IntN(6)))
			default:
				k.create(denyOf(random.IntN(6)))
			}
			k.check()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		for what, n := range k.done {
			all[what] += n
		}
	}
	t.Log(all)
	for _, what := range []string{"applied", "apply refused", "creates", "create refused", "deleted", "delete refused"} {
		assert.Greater(t, all[what], 100, what)
	}
}

// TestNoDenyIsLostAtTheSameTime is the same with both at once: either the file is applied and all
// requests are refused, or the requests are answered and the file is refused.
func TestNoDenyIsLostAtTheSameTime(t *testing.T) {
	for range 50 {
		k := newKeeper(t, gateway.ServeACLs)
		require.NoError(t, aclfile.Save(k.path, acl.FormatText, slices.Values([]acl.Binding{denyOf(100)})))
		var running sync.WaitGroup
		var failed error
		running.Go(func() { failed = aclfile.Apply(k.store, k.path, aclfile.ChecksumRequired) })
		for i := range 4 {
			k.create(denyOf(i))
		}
		running.Wait()
		if failed == nil {
			k.promised[denyOf(100)] = true
		}
		k.check()
		assert.NotEqual(t, failed == nil, k.done["creates"] > 0, "one source")
	}
}

// TestACLsOfAFollowedStoreAreShown: with ServeACLs and with ShowACLs a client sees the ACLs of the
// file, and nothing of where it is.
func TestACLsOfAFollowedStoreAreShown(t *testing.T) {
	for _, handling := range []gateway.ACLHandling{gateway.ServeACLs, gateway.ShowACLs} {
		t.Run(fmt.Sprint(handling), func(t *testing.T) {
			k := newKeeper(t, handling)
			k.apply([]acl.Binding{denyOf(1)})
			m, err := kmsgacl.DescribeRequest(acl.AnyBinding)
			require.NoError(t, err)
			m.SetVersion(3)
			shown, err := kmsgacl.DescribeBindings(answer[*kmsg.DescribeACLsResponse](t, decide(t, k.conn, m), m))
			require.NoError(t, err)
			assert.Equal(t, []acl.Binding{denyOf(1)}, shown)
			k.create(denyOf(2))
			k.remove(denyOf(1))
			k.check()
			assert.Equal(t, 1, k.done["create refused"])
			assert.Equal(t, 1, k.done["delete refused"])
		})
	}
}
