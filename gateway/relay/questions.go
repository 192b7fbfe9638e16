package relay

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// idsPerTurn is how many ids a tenant adds to a question, and idsPerQuestion the
	// maximum in one question: the ids of ten tenants. A broker looks up that many
	// topics in less than a millisecond.
	idsPerTurn     = 100
	idsPerQuestion = 1000
)

// questions asks one broker for topics by id. One question of limited size is in
// progress at a time. Waiting tenants take turns: the wait of one tenant does not
// depend on how many ids another one asks for, or on how many connections.
type questions struct {
	names *names
	ask   func(*kmsg.MetadataRequest) // and learn; what is not answered stays unknown

	mu      sync.Mutex
	running bool
	added   chan struct{}      // holds something once there is more to ask
	turns   list.List          // of *asker; the one that waits longest is the first
	askers  map[*Tenant]*asker // those in turns
}

// asker is a tenant that waits for its turn.
type asker struct {
	tenant  *Tenant
	waiting list.List     // of *question; each of another connection
	at      *list.Element // of turns
}

// question is some ids and the event of their answer.
type question struct {
	ids      [][16]byte
	answered chan struct{}
	of       *asker
	at       *list.Element // of the asker's waiting questions; nil once its turn has come
}

// turn is what one tenant has in one question to the broker.
type turn struct {
	tenant    *Tenant
	ids       map[[16]byte]bool
	questions []*question
}

func newQuestions(names *names, ask func(*kmsg.MetadataRequest)) *questions {
	return &questions{names: names, ask: ask, added: make(chan struct{}, 1), askers: make(map[*Tenant]*asker)}
}

// find asks for at most idsPerTurn ids, and waits until the answer is known or ctx is
// done.
func (q *questions) find(ctx context.Context, of *Tenant, ids [][16]byte) {
	mine := q.add(of, ids)
	select {
	case <-mine.answered:
	case <-ctx.Done():
		q.withdraw(mine)
	}
}

// add adds a question behind the others of its tenant.
func (q *questions) add(of *Tenant, ids [][16]byte) *question {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.askers[of]
	if a == nil {
		a = &asker{tenant: of}
		a.at = q.turns.PushBack(a)
		q.askers[of] = a
	}
	mine := &question{ids: ids, answered: make(chan struct{}), of: a}
	mine.at = a.waiting.PushBack(mine)
	if !q.running {
		q.running = true
		go q.run()
	}
	select {
	case q.added <- struct{}{}:
	default:
	}
	return mine
}

// withdraw removes a question that nobody waits for any more, unless its turn has come.
func (q *questions) withdraw(mine *question) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if mine.at != nil {
		q.take(mine)
	}
}

// take takes a question from those that wait. q.mu is held.
func (q *questions) take(one *question) {
	a := one.of
	a.waiting.Remove(one.at)
	one.at = nil
	if a.waiting.Len() == 0 {
		q.turns.Remove(a.at)
		delete(q.askers, a.tenant)
	}
}

// run asks until nobody waits.
func (q *questions) run() {
	for {
		turns, pause, more := q.next(time.Now())
		if !more {
			return
		}
		if len(turns) == 0 {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-q.added:
			}
			timer.Stop()
			continue
		}
		q.answer(turns)
	}
}

// next returns the next question. If there is none yet, it returns how long all waiting
// tenants must wait, and whether any are waiting.
func (q *questions) next(now time.Time) (turns []turn, pause time.Duration, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	asked := 0
	for at, left := q.turns.Front(), q.turns.Len(); left > 0 && asked < idsPerQuestion; left-- {
		a := at.Value.(*asker)
		at = at.Next()
		if wait := a.tenant.mayAsk(now); wait > 0 {
			if pause == 0 || wait < pause {
				pause = wait
			}
			continue
		}
		t := q.turnOf(a)
		asked += len(t.ids)
		turns = append(turns, t)
		if a.waiting.Len() > 0 {
			q.turns.MoveToBack(a.at)
		}
	}
	q.running = q.turns.Len() > 0 || len(turns) > 0
	return turns, pause, q.running
}

// turnOf takes as many questions of a tenant as fit in its turn. Ids that are known by
// now do not count. q.mu is held.
func (q *questions) turnOf(a *asker) turn {
	t := turn{tenant: a.tenant, ids: make(map[[16]byte]bool)}
	for a.waiting.Len() > 0 {
		one := a.waiting.Front().Value.(*question)
		var unknown [][16]byte
		for _, id := range one.ids {
			if _, known := q.names.get(id); !known && !t.ids[id] {
				unknown = append(unknown, id)
			}
		}
		if len(t.ids)+len(unknown) > idsPerTurn {
			break
		}
		for _, id := range unknown {
			t.ids[id] = true
		}
		q.take(one)
		t.questions = append(t.questions, one)
	}
	return t
}

// answer asks the broker, and wakes the waiting requests.
func (q *questions) answer(turns []turn) {
	request := kmsg.NewPtrMetadataRequest()
	asked := make(map[[16]byte]bool)
	for _, t := range turns {
		for id := range t.ids {
			if !asked[id] {
				asked[id] = true
				topic := kmsg.NewMetadataRequestTopic()
				topic.TopicID = id
				request.Topics = append(request.Topics, topic)
			}
		}
	}
	if len(request.Topics) > 0 {
		q.ask(request)
	}
	now := time.Now()
	for _, t := range turns {
		for id := range t.ids {
			if _, known := q.names.get(id); !known {
				t.tenant.charge(now)
				break
			}
		}
		for _, one := range t.questions {
			close(one.answered)
		}
	}
}

// Waiting returns how many questions for ids of topics wait for their turn.
func (c *Cluster) Waiting() (waiting int) {
	t := &c.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range t.ask {
		q.mu.Lock()
		for _, a := range q.askers {
			waiting += a.waiting.Len()
		}
		q.mu.Unlock()
	}
	return waiting
}
