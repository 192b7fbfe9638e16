package linear

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// reader asks through one session, and remembers what it has seen.
type reader struct {
	stress  *Stress
	subject refmodel.Subject
	session *snapshot.Session
	last    uint64 // the highest generation that decided
	old     []oldSnapshot
}

// oldSnapshot is one that was in force once, with the world that it was of.
type oldSnapshot struct {
	snapshot *snapshot.Snapshot
	world    refmodel.World
}

// keptSnapshots is how many a reader keeps asking.
const keptSnapshots = 4

// reader returns what one reader does again and again: ask through the session that
// it shares with others, or through one of its own.
func (s *Stress) reader(shares bool) func(gen.Source) error {
	r := &reader{stress: s, subject: s.subject, session: s.shared}
	return func(src gen.Source) error {
		if !shares && src.IntN(64) == 0 || r.session == nil {
			r.subject, _ = gen.Question(src, s.world.ACLs)
			r.session = s.store.Session(snapshot.Subject(r.subject))
		}
		return r.step(src)
	}
}

func (r *reader) step(src gen.Source) error {
	requests := gen.Requests(src, r.stress.world.ACLs, 1+src.IntN(4))
	batch := make([]snapshot.Request, len(requests))
	for i, q := range requests {
		batch[i] = snapshot.Request(q)
	}
	decisions := r.session.CheckBatch(nil, batch)
	any := r.session.CheckAny(requests[0].Operation, requests[0].Type)
	if err := r.sees(decisions[0].Generation()); err != nil {
		return err
	}
	for i, d := range decisions {
		r.stress.Checks.Add(1)
		if d.Generation() != r.last {
			return fmt.Errorf("a batch mixes generations %d and %d", r.last, d.Generation())
		}
		w, err := r.worldAt(d.Generation())
		if err != nil {
			return err
		}
		if err := wrong(d, w, r.subject, requests[i]); err != nil {
			return err
		}
	}
	if err := r.sees(any.Generation()); err != nil {
		return err
	}
	w, err := r.worldAt(any.Generation())
	if err != nil {
		return err
	}
	if want := w.CheckAny(r.subject, requests[0].Operation, requests[0].Type); any.Allowed() != want.Allowed() {
		return fmt.Errorf("%+v asks for any %+v in generation %d: %v, want %v", r.subject, requests[0], any.Generation(), any, want)
	}
	return r.askOld(src, requests)
}

// sees takes note of a generation, which must not be older than the last.
func (r *reader) sees(generation uint64) error {
	if generation < r.last {
		return fmt.Errorf("generation %d after %d", generation, r.last)
	}
	r.last = generation
	return nil
}

// askOld asks a snapshot that was in force before. It must answer as it did.
func (r *reader) askOld(src gen.Source, requests []refmodel.Request) error {
	n := r.stress.store.Load()
	if w, err := r.worldAt(n.Generation()); err != nil {
		return err
	} else if len(r.old) < keptSnapshots {
		r.old = append(r.old, oldSnapshot{n, w})
	} else if src.IntN(256) == 0 {
		r.old[src.IntN(keptSnapshots)] = oldSnapshot{n, w}
	}
	old := gen.Pick(src, r.old)
	for _, q := range requests {
		r.stress.OldChecks.Add(1)
		if err := wrong(old.snapshot.Check(snapshot.Subject(r.subject), q.Operation, q.Type, q.Name), old.world, r.subject, q); err != nil {
			return fmt.Errorf("an old snapshot moved: %w", err)
		}
	}
	return nil
}

// worldAt returns the world of a generation.
func (r *reader) worldAt(generation uint64) (refmodel.World, error) {
	w := r.stress.world
	acls, ok := r.stress.versions.at(generation)
	if !ok {
		return w, fmt.Errorf("generation %d decided, which nobody has published", generation)
	}
	w.ACLs = acls
	return w, nil
}

// wrong says how a decision is not the model's.
func wrong(d snapshot.Decision, w refmodel.World, s refmodel.Subject, q refmodel.Request) error {
	if want := w.Check(s, q); d.Reason().String() != string(want.Rule) || d.Allowed() != want.Allowed() {
		return fmt.Errorf("%+v asks %+v in generation %d: %v, want %v", s, q, d.Generation(), d, want)
	}
	return nil
}
