package linear_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/fuzz/linear"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestStress runs stores under load for a moment, one of each few seeds.
func TestStress(t *testing.T) {
	var checks, updates, old uint64
	for seed := range uint64(6) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		s := linear.NewStress(seed)
		if err := s.Run(ctx, 100*seed, 4); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		cancel()
		checks, updates, old = checks+s.Checks.Load(), updates+s.Updates.Load()+s.Reloads.Load(), old+s.OldChecks.Load()
	}
	t.Logf("%d checks during %d updates, %d of old snapshots", checks, updates, old)
	if checks < 200 || updates < 100 || old < 200 {
		t.Errorf("only %d checks, %d updates and %d checks of old snapshots", checks, updates, old)
	}
}

// A history is made of operations on a set of at most 16 ACLs, the state of which is
// one bit for each.
type (
	flip     uint16 // the ACLs that a transaction takes in or out
	question struct {
		subject  refmodel.Subject
		requests []refmodel.Request
	}
)

// linearModel is the store as a sequential object: a transaction flips bits, a batch
// of questions is answered by the ACLs whose bits are set.
func linearModel(w refmodel.World) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return uint16(0) },
		Step: func(state, input, output any) (bool, any) {
			if change, ok := input.(flip); ok {
				return true, state.(uint16) ^ uint16(change)
			}
			q := input.(question)
			now := w
			now.ACLs = nil
			for i, b := range w.ACLs {
				if state.(uint16)>>i&1 != 0 {
					now.ACLs = append(now.ACLs, b)
				}
			}
			for i, r := range q.requests {
				if now.Check(q.subject, r).Rule != output.([]refmodel.Rule)[i] {
					return false, state
				}
			}
			return true, state
		},
	}
}

const (
	histories = 40
	clients   = 4
	steps     = 30 // of each client
	poolSize  = 8
)

// record lets clients work on one store at once and returns what each has seen, and
// when. None of the answers carries a generation: the order is the checker's to find.
// If stale is set, what a client sees are the ACLs at its first question for ever,
// like that of an engine that loses updates.
func record(t *testing.T, seed uint64, stale bool) (refmodel.World, []porcupine.Operation) {
	src := gen.Seeded(seed)
	w := gen.World(src)
	w.Loading = false
	w.ACLs = nil
	for len(w.ACLs) < poolSize {
		if b := gen.Next(src, w.ACLs); len((refmodel.World{ACLs: append(w.ACLs, b)}).Select(acl.AnyBinding)) > len(w.ACLs) {
			w.ACLs = append(w.ACLs, b)
		}
	}
	config := snapshot.Config{SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL}
	if w.Exact {
		config.Semantics = snapshot.KafkaExact
		if w.Networks {
			config.Semantics = snapshot.KafkaExact44
		}
	}
	store := snapshot.NewStore(config)
	if err := store.Update(func(*snapshot.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	logs := make([][]porcupine.Operation, clients)
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			src := gen.Seeded(seed<<8 + uint64(client) + 1)
			subject, _ := gen.Question(src, w.ACLs)
			session := store.Session(snapshot.Subject(subject))
			look := session.View
			if stale {
				first := session.View()
				look = func() *snapshot.View { return first }
			}
			for range steps {
				op := porcupine.Operation{ClientId: client, Call: time.Since(start).Nanoseconds()}
				if src.IntN(3) == 0 {
					op.Input = update(t, store, w.ACLs, flip(1+src.IntN(1<<poolSize-1)))
				} else {
					q := question{subject, gen.Requests(src, w.ACLs, 1+src.IntN(4))}
					op.Input, op.Output = q, answers(look(), q.requests)
				}
				op.Return = time.Since(start).Nanoseconds()
				logs[client] = append(logs[client], op)
			}
		})
	}
	all.Wait()
	var history []porcupine.Operation
	for _, log := range logs {
		history = append(history, log...)
	}
	return w, history
}

func update(t *testing.T, store *snapshot.Store, pool []acl.Binding, change flip) flip {
	err := store.Update(func(tx *snapshot.Tx) error {
		for i, b := range pool {
			if change>>i&1 != 0 && !tx.Remove(b) {
				tx.Add(b)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return change
}

func answers(view *snapshot.View, requests []refmodel.Request) (rules []refmodel.Rule) {
	for _, r := range requests {
		rules = append(rules, refmodel.Rule(view.Check(r.Operation, r.Type, r.Name).Reason().String()))
	}
	return rules
}

// leastNoticed is how many histories of stale answers must be found out. In others
// no ACL that came or went was one that somebody asked about.
const leastNoticed = histories / 4

// TestLinearizable records histories and has each checked: for every answer there
// must be a moment between the question and the answer at which it was right. To
// show that the checker would notice, it also checks histories of stale answers.
func TestLinearizable(t *testing.T) {
	operations, noticed := 0, 0
	for seed := range uint64(histories) {
		w, history := record(t, seed, false)
		operations += len(history)
		if got := porcupine.CheckOperationsTimeout(linearModel(w), history, 20*time.Second); got != porcupine.Ok {
			t.Errorf("seed %d: the history of %d operations is %v", seed, len(history), got)
		}
		w, history = record(t, seed, true)
		if porcupine.CheckOperationsTimeout(linearModel(w), history, 20*time.Second) == porcupine.Illegal {
			noticed++
		}
	}
	t.Logf("%d histories of %d operations are linearizable; %d of %d stale ones were noticed", histories, operations, noticed, histories)
	if operations != histories*clients*steps || noticed < leastNoticed {
		t.Errorf("%d operations and %d stale histories noticed, expected %d and %d", operations, noticed, histories*clients*steps, leastNoticed)
	}
}
