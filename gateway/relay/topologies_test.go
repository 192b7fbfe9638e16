package relay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
)

// askedTopologies are topologies whose broker answers once the test lets it.
type askedTopologies struct {
	topologies
	mu        sync.Mutex
	asked     []string // the groups of each question
	at        []time.Time
	asking    int
	mostAsked int // questions in progress at a time
	goOn      chan struct{}
}

func newAskedTopologies() *askedTopologies {
	a := &askedTopologies{goOn: make(chan struct{})}
	a.ask = func(groups []string) map[string]topology {
		a.mu.Lock()
		a.asked, a.at = append(a.asked, strings.Join(groups, " ")), append(a.at, time.Now())
		a.asking++
		a.mostAsked = max(a.mostAsked, a.asking)
		a.mu.Unlock()
		<-a.goOn
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asking--
		found := make(map[string]topology)
		for _, group := range groups {
			if group != "unanswered" {
				found[group] = topology{sources: []string{fmt.Sprintf("%s in question %d", group, len(a.asked))}}
			}
		}
		return found
	}
	return a
}

func (a *askedTopologies) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// waiters is how many connections wait for questions that have not been sent.
func (t *topologies) waiters() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range t.waiting {
		n += q.askers
	}
	return n
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 20*time.Second, time.Millisecond, what)
}

// TestTopologiesAreAskedForTogether: the topology of a streams group is far larger than the
// heartbeat that needs it. However many connections of a principal send heartbeats, one
// question is in progress at a time, and no answer serves who asked after its question was
// sent.
func TestTopologiesAreAskedForTogether(t *testing.T) {
	a := newAskedTopologies()
	var mu sync.Mutex
	var told []string
	var waiting sync.WaitGroup
	ask := func(groups ...string) {
		for _, group := range groups {
			waiting.Go(func() {
				answer := a.of(t.Context(), group)
				mu.Lock()
				defer mu.Unlock()
				told = append(told, fmt.Sprint(group, ": ", answer.sources, " ", answer.code))
			})
		}
	}
	ask("g")
	soon(t, "the first question", func() bool { return len(a.questions()) == 1 })
	for range 100 {
		ask("g")
	}
	soon(t, "the others wait", func() bool { return a.waiters() == 100 })
	for i := range 12 {
		ask(fmt.Sprintf("h%02d", i), "unanswered")
	}
	soon(t, "the others wait", func() bool { return a.waiters() == 124 })
	close(a.goOn)
	waiting.Wait()

	asked := a.questions()
	require.Len(t, asked, 3)
	assert.Equal(t, "g", asked[0])
	assert.True(t, strings.HasPrefix(asked[1], "g "), asked[1])
	assert.Len(t, strings.Fields(asked[1]), groupsPerQuestion)
	assert.Len(t, strings.Fields(asked[2]), 14-groupsPerQuestion)
	assert.Equal(t, 1, a.mostAsked)
	for i := range a.at[1:] {
		assert.GreaterOrEqual(t, a.at[i+1].Sub(a.at[i]), topologyInterval)
	}
	counts := make(map[string]int)
	for _, text := range told {
		counts[text]++
	}
	assert.Equal(t, 1, counts["g: [g in question 1] "+ops.None.String()])
	assert.Equal(t, 100, counts["g: [g in question 2] "+ops.None.String()])
	assert.Equal(t, 12, counts["unanswered: [] "+ops.CoordinatorNotAvailable.String()])
	soon(t, "nobody asks any more", func() bool { a.topologies.mu.Lock(); defer a.topologies.mu.Unlock(); return !a.running })
	a.of(t.Context(), "g")
	assert.Len(t, a.questions(), 4, "asked again")
}

// TestTopologyOfAClientThatLeaves: nobody waits longer than its client, and what nobody waits
// for is not asked.
func TestTopologyOfAClientThatLeaves(t *testing.T) {
	a := newAskedTopologies()
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan topology, 2)
	go func() { answered <- a.of(ctx, "g") }()
	soon(t, "the first question", func() bool { return len(a.questions()) == 1 })
	go func() { answered <- a.of(ctx, "h") }()
	soon(t, "the second waits", func() bool { return a.waiters() == 1 })
	leave()
	for range 2 {
		assert.Equal(t, ops.CoordinatorNotAvailable, (<-answered).code)
	}
	assert.Zero(t, a.waiters())
	close(a.goOn)
	assert.NotEmpty(t, a.of(t.Context(), "i").sources)
	assert.Equal(t, []string{"g", "i"}, a.questions())
}

// TestTopologiesOfTenants: each tenant has its own questions to each broker.
func TestTopologiesOfTenants(t *testing.T) {
	var c Cluster
	bob, alice := new(Tenant), new(Tenant)
	assert.Same(t, bob.topologies(&c, 1), bob.topologies(&c, 1))
	assert.NotSame(t, bob.topologies(&c, 1), bob.topologies(&c, 2))
	assert.NotSame(t, bob.topologies(&c, 1), alice.topologies(&c, 1))
}
