package snapshot_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// overridden is an ACL of a world in which most ALLOW are overridden by a DENY.
func overridden(random *rand.Rand) acl.Binding {
	who := []string{"User:alice", "Group:ops", principal.Wildcard}[random.IntN(3)]
	op := []ops.Operation{ops.Read, ops.Read, ops.Write, ops.All}[random.IntN(4)]
	name := fmt.Sprintf("%c%d", 'a'+random.IntN(3), random.IntN(40))
	switch random.IntN(40) {
	case 0:
		return acltest.Allow(who, op, resource.LiteralPattern(resource.Topic, []string{"*", "", name}[random.IntN(3)]))
	case 1:
		return acltest.Deny(who, op, acltest.Topics(""))
	case 2, 3, 4:
		return acltest.Deny(who, op, acltest.Topics(name[:1]))
	case 5:
		return acltest.Allow(who, op, acltest.Topics(name[:1]))
	case 6, 7, 8, 9:
		return acltest.Deny(who, op, acltest.Topic(name))
	}
	if random.IntN(2) == 0 {
		return acltest.Allow("User:alice", ops.Read, acltest.Topics(name))
	}
	return acltest.Allow("User:alice", ops.Read, acltest.Topic(name))
}

// TestByTypeAfterUpdates compares by-type checks with the model in worlds in which many ALLOW
// are overridden, where answers are remembered, while ACLs come and go.
func TestByTypeAfterUpdates(t *testing.T) {
	grouped := alice
	grouped.Groups = []principal.Principal{{Type: "Group", Name: "ops"}}
	bob := alice
	bob.Principal.Name = "bob"
	asked, allowed := 0, 0
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact} {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 1))
			world := refmodel.World{Exact: semantics != snapshot.Documented}
			store := newStore(t, configOf(world))
			session := store.Session(alice)
			has := make(map[acl.Binding]bool)
			for step := range 50 {
				require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
					for range 1 + random.IntN(3) + 60*(1-min(step, 1)) {
						b := overridden(random)
						if has[b] = !has[b] || step == 0; has[b] {
							tx.Add(b)
						} else {
							tx.Remove(b)
						}
					}
					return nil
				}))
				world.ACLs = world.ACLs[:0]
				for b, in := range has {
					if in {
						world.ACLs = append(world.ACLs, b)
					}
				}
				for _, subject := range []snapshot.Subject{alice, grouped, bob} {
					for _, op := range []ops.Operation{ops.Read, ops.Write, ops.Describe} {
						want := world.CheckAny(refmodel.Subject(subject), op, resource.Topic)
						for range 2 {
							wantAny(t, store.Session(subject).CheckAny(op, resource.Topic), want)
						}
						if subject.Principal == alice.Principal && len(subject.Groups) == 0 {
							wantAny(t, session.CheckAny(op, resource.Topic), want)
						}
						asked++
						if want.Allowed() {
							allowed++
						}
					}
				}
			}
		}
	}
	t.Logf("%d questions, %d allowed", asked, allowed)
	assert.Greater(t, allowed, asked/5)
	assert.Less(t, allowed, asked*4/5)
}

// TestByTypeCosts: what a client without rights asks takes no longer with 30,000 ACLs than
// with a few. Visiting each would take more than a millisecond.
func TestByTypeCosts(t *testing.T) {
	const n = 30_000
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
		for name, binding := range map[string]func(i int) acl.Binding{
			"denied prefixes": func(i int) acl.Binding {
				return acltest.Deny(principal.Wildcard, ops.Write, acltest.Topics(fmt.Sprintf("t%06d", i)))
			},
			"denied names": func(i int) acl.Binding {
				return acltest.Deny("User:alice", ops.All, acltest.Topic(fmt.Sprintf("t%06d", i)))
			},
			"allowed below denied": func(i int) acl.Binding {
				if i%2 == 0 {
					return acltest.Deny("User:alice", ops.Write, acltest.Topics(fmt.Sprintf("t%06d", i/2)))
				}
				return acltest.Allow("User:alice", ops.Write, acltest.Topics(fmt.Sprintf("t%06dx", i/2)))
			},
			"allowed where everyone is denied": func(i int) acl.Binding {
				if i%2 == 0 {
					return acltest.Deny(principal.Wildcard, ops.Write, acltest.Topic(fmt.Sprintf("t%06d", i/2)))
				}
				return acltest.Allow("User:alice", ops.Write, acltest.Topic(fmt.Sprintf("t%06d", i/2)))
			},
			"other operations": func(i int) acl.Binding {
				return acltest.Allow("User:alice", ops.Read, acltest.Topics(fmt.Sprintf("t%06d", i)))
			},
		} {
			t.Run(fmt.Sprint(semantics, ", ", name), func(t *testing.T) {
				all := make([]acl.Binding, n)
				for i := range all {
					all[i] = binding(i)
				}
				store := newStore(t, snapshot.Config{Semantics: semantics}, all...)
				subject := snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}
				anyLeast, mayLeast := time.Hour, time.Hour
				for range 10 {
					view := store.Session(subject).View() // a new connection
					began := time.Now()
					require.False(t, view.CheckAny(ops.Write, resource.Topic).Allowed())
					anyLeast = min(anyLeast, time.Since(began))
					began = time.Now()
					view.MayAllow(ops.Write, resource.Topic)
					mayLeast = min(mayLeast, time.Since(began))
				}
				t.Log(anyLeast, mayLeast)
				assert.Less(t, anyLeast, 100*time.Microsecond)
				assert.Less(t, mayLeast, 100*time.Microsecond)
			})
		}
	}
}
