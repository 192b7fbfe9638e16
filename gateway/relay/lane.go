package relay

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"
)

const (
	// laneWidth is how many questions to one broker may be under way that are no one else's
	// to share. All of them and those of questions go over one connection, where each waits
	// for the ones before it.
	laneWidth = 8
	// namesPerQuestion is how many topics one of them names at the most. The answer has all
	// their partitions, of 40 bytes each.
	namesPerQuestion = 32
	// mostQuestions is how many of all these questions may be under way to all brokers together, if
	// Limits.FramesBytes does not allow less: their answers may take 256 MiB. That is four brokers that do
	// not answer, before it slows down questions to others.
	mostQuestions = 4 * laneWidth
)

// questionsFor returns how many questions of clients to all brokers may be under way beside a room for
// frames of a size: their answers may take half as much, but those of one broker have place.
func questionsFor(framesBytes int64) int {
	return int(max(laneWidth, min(mostQuestions, framesBytes/2/maxClientAnswer)))
}

// lane bounds the questions to a broker that clients make the proxy ask one by one. Tenants
// that wait have turns, so that it does not depend on how many questions another has. It is
// safe for concurrent use.
type lane struct {
	mu    sync.Mutex
	width int                // how many may be in it; 0 means laneWidth
	busy  int                // how many are in the lane
	turns list.List          // of *queue; the one that waits longest is the first
	of    map[*Tenant]*queue // those in turns
}

// queue is what waits of one tenant.
type queue struct {
	tenant  *Tenant
	waiting list.List     // of chan struct{}, closed when it may enter
	at      *list.Element // of turns
}

// enter waits until somebody may ask, who then has to leave. It reports false if ctx is done
// before that.
func (l *lane) enter(ctx context.Context, of *Tenant) bool {
	l.mu.Lock()
	if l.busy < cmp.Or(l.width, laneWidth) {
		l.busy++
		l.mu.Unlock()
		return true
	}
	q := l.of[of]
	if q == nil {
		if l.of == nil {
			l.of = make(map[*Tenant]*queue)
		}
		q = &queue{tenant: of}
		q.at = l.turns.PushBack(q)
		l.of[of] = q
	}
	mine := make(chan struct{})
	at := q.waiting.PushBack(mine)
	l.mu.Unlock()
	select {
	case <-mine:
		return true
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-mine: // just now, and nobody asks
		l.next()
	default:
		l.take(q, at)
	}
	return false
}

// leave lets the next one enter.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next()
}

// next lets the next one enter in the place of one that leaves. l.mu is held.
func (l *lane) next() {
	first := l.turns.Front()
	if first == nil || l.busy > cmp.Or(l.width, laneWidth) {
		l.busy--
		return
	}
	q := first.Value.(*queue)
	l.turns.MoveToBack(first)
	at := q.waiting.Front()
	l.take(q, at)
	close(at.Value.(chan struct{}))
}

// take takes one from those that wait. l.mu is held.
func (l *lane) take(q *queue, at *list.Element) {
	q.waiting.Remove(at)
	if q.waiting.Len() == 0 {
		l.turns.Remove(q.at)
		delete(l.of, q.tenant)
	}
}

// resize changes how many may be in the lane. Those that are stay.
func (l *lane) resize(width int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.width = width
}

// askInTurn asks a broker in the turn of a tenant, and reports whether it had one. It waits for its turn
// at the broker first: so those that wait for one that does not answer keep no place of others.
func (c *Cluster) askInTurn(ctx context.Context, node int32, of *Tenant, ask func()) bool {
	l := c.lane(node)
	if !l.enter(ctx, of) {
		return false
	}
	defer l.leave()
	return c.askAmongAll(ctx, of, ask)
}

// askAmongAll asks in the turn of a tenant among the questions to all brokers, and reports whether it had
// one.
func (c *Cluster) askAmongAll(ctx context.Context, of *Tenant, ask func()) bool {
	if !c.topics.all.enter(ctx, of) {
		return false
	}
	defer c.topics.all.leave()
	ask()
	return true
}

// askAboutNames asks the broker of the connection about topics by their names, and returns
// those that exist, or false if it is not told of them all.
func (k *Knowledge) askAboutNames(names []string) (there map[string]bool, ok bool) {
	ctx, cancel := context.WithTimeout(k.ctx, upstreamTimeout)
	defer cancel()
	k.asker.Before()
	there = make(map[string]bool, len(names))
	for some := range slices.Chunk(names, namesPerQuestion) {
		answered := false
		ask := func() { answered = k.cluster.whichExist(ctx, k.asker.Node, some, there) }
		if !k.cluster.askInTurn(ctx, k.asker.Node, k.asker.Tenant, ask) || !answered {
			return nil, false
		}
	}
	return there, true
}
