package relay

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fitsNow reports whether a claim has place, and changes nothing.
func (r *room) fitsNow(c *claim) bool {
	free, beyond, vestibule, held, was := r.free, r.beyond, r.vestibule, c.holding.held, *c
	ok := r.fits(c)
	r.free, r.beyond, r.vestibule = free, beyond, vestibule
	*c = was
	r.hold(c.holding, held-c.holding.held)
	return ok
}

// lineUp makes so many tenants wait with a claim each.
func lineUp(m *frameMemory, kind frameKind, tenants int, bytes func(i int) int) (claims []*claim) {
	for i := range tenants {
		c := m.newClaim(kind, bytes(i), &Tenant{key: fmt.Sprint(i)})
		c.room.line(c)
		claims = append(claims, c)
	}
	return claims
}

// TestWaitingCostsNothing: what is given back is given to those that wait, at a cost that hardly depends on
// how many do. A hundred times as many, and a release took a hundred times as long.
func TestWaitingCostsNothing(t *testing.T) {
	const few, many, releases = 1000, 100_000, 2000
	for name, granted := range map[string]bool{"what nobody can use": false, "what one can use": true} {
		t.Run(name, func(t *testing.T) {
			cost := func(waiting int) time.Duration {
				m := newFrameMemory(512 << 20)
				r := &m.rooms[largeFrame]
				hog := m.claimNow(largeFrame, r.size-(1<<20), new(Tenant))
				require.NotNil(t, hog)
				size := 32 << 20 // which has no place
				lineUp(m, largeFrame, waiting, func(i int) int {
					if granted && i >= waiting-releases/2 {
						return 17 << 10
					}
					return size
				})
				one := new(Tenant)
				began := time.Now()
				for range releases {
					if granted {
						r.resize(hog, hog.bytes-(17<<10))
						continue
					}
					c := m.newClaim(largeFrame, 1<<10, one)
					require.True(t, r.tryClaim(c))
					c.release()
				}
				took := time.Since(began)
				if granted {
					assert.Equal(t, waiting-releases/2, r.turns.count, "the others are served")
				} else {
					assert.Equal(t, waiting, r.turns.count)
				}
				return took
			}
			small, large := cost(few), cost(many)
			t.Logf("%d releases beside %d that wait take %v, beside %d %v", releases, few, small, many, large)
			assert.Less(t, large, 20*small+time.Second, "it was three seconds")
		})
	}
}

// TestWhoFitsHasRoom: whatever is claimed, given back, resized and given up, nobody waits who has place,
// and what each tenant needs is what the rules of the room say. Those that have waited longest are first.
func TestWhoFitsHasRoom(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			m := newFrameMemory(32 << 20)
			r := &m.rooms[largeFrame]
			tenants := make([]Tenant, 1+rnd.IntN(60))
			var lined, have []*claim
			take := func(list *[]*claim) *claim {
				i := rnd.IntN(len(*list))
				c := (*list)[i]
				(*list)[i] = (*list)[len(*list)-1]
				*list = (*list)[:len(*list)-1]
				return c
			}
			given := 0
			for range 3000 {
				switch what := rnd.IntN(12); {
				case what < 6:
					c := m.newClaim(largeFrame, 1+rnd.IntN(1<<(10+rnd.IntN(14))), &tenants[rnd.IntN(len(tenants))])
					if r.tryClaim(c) {
						have = append(have, c)
					} else {
						r.line(c)
						lined = append(lined, c)
					}
				case what < 9 && len(have) > 0:
					c := take(&have)
					r.release(c)
				case what == 9 && len(have) > 0:
					c := have[rnd.IntN(len(have))]
					r.resize(c, 1+rnd.Int64N(2*c.bytes))
				case what == 10 && len(lined) > 0:
					c := take(&lined)
					if c.at != nil {
						r.leave(c)
						r.give()
					} else {
						have = append(have, c)
					}
				case what == 11 && len(lined) > 0:
					r.queueForDoor(lined[rnd.IntN(len(lined))])
				}
				for i := len(lined) - 1; i >= 0; i-- {
					if lined[i].at == nil { // it was given
						have, given = append(have, lined[i]), given+1
						lined = append(lined[:i], lined[i+1:]...)
					}
				}
				waits := 0
				for i := range tenants {
					h := &tenants[i].rooms[largeFrame]
					if h.waiting.Len() == 0 {
						require.Zero(t, h.turn)
						continue
					}
					waits++
					require.Same(t, h, r.turns.leaves[h.turn-1])
					require.Equal(t, r.needsOf(h), r.turns.nodes[len(r.turns.leaves)+h.turn-1])
					require.False(t, r.fitsNow(h.waiting.Front().Value.(*claim)), "somebody waits who has place")
				}
				require.Equal(t, waits, r.turns.count)
			}
			assert.NotZero(t, given)
		})
	}
}

// TestLeastFree: what a tenant needs is exactly where its share begins to be enough.
func TestLeastFree(t *testing.T) {
	for range 100_000 {
		size := 1 + rand.Int64N(1<<(1+rand.IntN(36)))
		held, bytes := rand.Int64N(size), 1+rand.Int64N(size)
		least := leastFree(held, bytes, size)
		within := func(free int64) bool { return free >= bytes && held+bytes <= share(free-bytes, size) }
		if least == never {
			require.False(t, within(size))
			continue
		}
		require.True(t, within(least))
		require.False(t, within(least-1))
	}
	assert.EqualValues(t, never, leastFree(0, 2, 1))
}

// TestLongestWaitIsFirst: of those that have place, the one that has waited longest is served; one that
// waits with several claims is served in turn with others.
func TestLongestWaitIsFirst(t *testing.T) {
	m := newFrameMemory(512 << 20)
	r := &m.rooms[largeFrame]
	hog := m.claimNow(largeFrame, r.size, new(Tenant))
	require.NotNil(t, hog)
	first := lineUp(m, largeFrame, 20, func(int) int { return 1 << 20 })
	for _, c := range first[:10] { // a second one each
		second := m.newClaim(largeFrame, 1<<20, c.tenant)
		r.line(second)
		first = append(first, second)
	}
	for i := range first {
		r.resize(hog, hog.bytes-(1<<20))
		for hog.bytes > 0 && first[i].at != nil && r.resize(hog, hog.bytes-(1<<18)) {
		}
		require.Nil(t, first[i].at, "claim %d", i)
		if i+1 < len(first) {
			require.NotNil(t, first[i+1].at, "claim %d before its turn", i+1)
		}
	}
	assert.Zero(t, r.turns.count)
}
