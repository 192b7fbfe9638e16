package relay

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

const (
	// topologyInterval is the least time between two questions of a tenant to one broker for
	// the topologies of streams groups. Members of a group heartbeat every five seconds.
	topologyInterval = 50 * time.Millisecond
	// groupsPerQuestion is how many groups one of them names at the most. The answer has all
	// members of each group.
	groupsPerQuestion = 10
)

// topologies asks one broker for the topologies of streams groups, for one tenant. A heartbeat
// of a few bytes needs that of its group, which may be a thousand times as large. So one
// question is in progress at a time, after a pause, and all connections of the tenant share
// it. An answer serves only those that asked before the question was sent: the coordinator
// might create what a later topology has.
type topologies struct {
	ask func(groups []string) map[string]topology

	mu      sync.Mutex
	running bool
	began   time.Time           // when the last question was sent
	waiting []*topologyQuestion // of distinct groups; one for each connection at the most
}

// topology is what a broker answers about a streams group.
type topology struct {
	sources, internal []string
	code              ops.ErrorCode
}

// topologyQuestion is a group whose topology some connections wait for.
type topologyQuestion struct {
	group    string
	askers   int
	answer   topology
	answered chan struct{} // closed once there is an answer
}

// of returns the topology of a group, or COORDINATOR_NOT_AVAILABLE if ctx is done before that.
func (t *topologies) of(ctx context.Context, group string) topology {
	q := t.add(group)
	select {
	case <-q.answered:
		return q.answer
	case <-ctx.Done():
		t.withdraw(q)
		return topology{code: ops.CoordinatorNotAvailable}
	}
}

func (t *topologies) add(group string) *topologyQuestion {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.waiting, func(q *topologyQuestion) bool { return q.group == group })
	if at < 0 {
		at = len(t.waiting)
		t.waiting = append(t.waiting, &topologyQuestion{group: group, answered: make(chan struct{})})
	}
	q := t.waiting[at]
	q.askers++
	if !t.running {
		t.running = true
		go t.run(time.Until(t.began.Add(topologyInterval)))
	}
	return q
}

// withdraw removes a question that nobody waits for any more, unless it has been sent.
func (t *topologies) withdraw(q *topologyQuestion) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.askers--; q.askers == 0 {
		t.waiting = slices.DeleteFunc(t.waiting, func(other *topologyQuestion) bool { return other == q })
	}
}

// run asks until nobody waits, the first time after a pause.
func (t *topologies) run(pause time.Duration) {
	for {
		time.Sleep(pause)
		asked := t.next()
		if len(asked) == 0 {
			return
		}
		groups := make([]string, len(asked))
		for i, q := range asked {
			groups[i] = q.group
		}
		answers := t.ask(groups)
		for _, q := range asked {
			answer, found := answers[q.group]
			if !found {
				answer.code = ops.CoordinatorNotAvailable
			}
			q.answer = answer
			close(q.answered)
		}
		pause = topologyInterval
	}
}

// next takes the groups of the next question.
func (t *topologies) next() []*topologyQuestion {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), groupsPerQuestion)
	asked := slices.Clone(t.waiting[:n])
	t.waiting = slices.Delete(t.waiting, 0, n)
	if t.running = n > 0; t.running {
		t.began = time.Now()
	}
	return asked
}

// topologies returns what asks a broker for topologies for a tenant.
func (t *Tenant) topologies(c *Cluster, node int32) *topologies {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.streams == nil {
		t.streams = make(map[int32]*topologies)
	}
	s := t.streams[node]
	if s == nil {
		s = &topologies{ask: func(groups []string) map[string]topology { return c.askTopologies(node, t, groups) }}
		t.streams[node] = s
	}
	return s
}

// askTopologies asks a broker for the topologies of streams groups, in the turn of a tenant. What
// it does not answer is not in the map.
func (c *Cluster) askTopologies(node int32, of *Tenant, groups []string) map[string]topology {
	ctx, cancel := context.WithTimeout(c.ctx, upstreamTimeout)
	defer cancel()
	found := make(map[string]topology, len(groups))
	c.findTopologies(ctx, node, of, groups, found)
	return found
}

// findTopologies adds what a broker answers about groups to found. An answer that is too large is
// asked for in halves: of each member it has all that this has sent.
func (c *Cluster) findTopologies(ctx context.Context, node int32, of *Tenant, groups []string, found map[string]topology) {
	request := kmsg.NewPtrStreamsGroupDescribeRequest()
	request.Groups = groups
	var answer kmsg.Response
	var err error
	asked := c.askInTurn(ctx, node, of, func() { answer, err = c.request(ctx, node, request) })
	if half := len(groups) / 2; tooLarge(err) && half > 0 {
		c.findTopologies(ctx, node, of, groups[:half], found)
		c.findTopologies(ctx, node, of, groups[half:], found)
	}
	if !asked || err != nil {
		return
	}
	for i := range answer.(*kmsg.StreamsGroupDescribeResponse).Groups {
		g := &answer.(*kmsg.StreamsGroupDescribeResponse).Groups[i]
		found[g.Group] = topologyOf(g)
	}
}

// topologyOf returns the topology in the description of a group. All connections that wait for
// it share its lists: to append to one makes another list.
func topologyOf(g *kmsg.StreamsGroupDescribeResponseGroup) (t topology) {
	switch code := ops.ErrorCode(g.ErrorCode); {
	case code == ops.GroupIDNotFound: // or it is a group of another type
		return topology{}
	case code != ops.None:
		return topology{code: code}
	case g.Topology == nil:
		return topology{}
	}
	for i := range g.Topology.Subtopologies {
		s := &g.Topology.Subtopologies[i]
		t.sources = append(t.sources, s.SourceTopics...)
		for j := range s.RepartitionSourceTopics {
			t.internal = append(t.internal, s.RepartitionSourceTopics[j].Topic)
		}
		for j := range s.StateChangelogTopics {
			t.internal = append(t.internal, s.StateChangelogTopics[j].Topic)
		}
	}
	t.sources, t.internal = slices.Clip(t.sources), slices.Clip(t.internal)
	return t
}
