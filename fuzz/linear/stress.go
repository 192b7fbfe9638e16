// Package linear runs readers, writers and reloads against one store at once, and
// checks every answer: against the model at the generation that decided, and, for
// recorded histories, that there is an order in which it could have been given.
//
// It is a module of its own, because the checker of histories is a dependency that
// the library does not have.
package linear

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Stress is a store under load. The counts may be read while it runs.
type Stress struct {
	Checks, Updates, Reloads, Listings, OldChecks atomic.Uint64

	store    *snapshot.Store
	world    refmodel.World // the configuration, with the pool that ACLs are taken from
	shared   *snapshot.Session
	subject  refmodel.Subject // of shared
	versions versions
}

// poolACLs is how many ACLs come and go.
const poolACLs = 24

// NewStress returns a store, filled once, of the semantics and with the ACLs that a
// seed gives.
func NewStress(seed uint64) *Stress {
	src := gen.Seeded(seed)
	w := gen.World(src)
	w.Loading = false
	w.ACLs = gen.ACLs(src, poolACLs)
	s := &Stress{world: w, versions: versions{acls: map[uint64][]acl.Binding{}}}
	s.store = snapshot.NewStore(configOf(w))
	if err := s.reload(src); err != nil {
		panic(err) // the generators make bindings of valid types only
	}
	s.subject, _ = gen.Question(src, w.ACLs)
	s.shared = s.store.Session(snapshot.Subject(s.subject))
	return s
}

func configOf(w refmodel.World) snapshot.Config {
	config := snapshot.Config{SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL}
	if w.Exact {
		config.Semantics = snapshot.KafkaExact
		if w.Networks {
			config.Semantics = snapshot.KafkaExact44
		}
	}
	return config
}

// versions remembers which ACLs were in force in the latest generations.
type versions struct {
	mutex sync.Mutex
	acls  map[uint64][]acl.Binding
}

// keptGenerations is how many of them: far more than can be published while a
// reader checks one answer, unless it is stopped for long, and few enough for
// memory to stay flat.
const keptGenerations = 1 << 14

func (v *versions) set(generation uint64, acls []acl.Binding) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.acls[generation] = acls
	delete(v.acls, generation-keptGenerations)
}

func (v *versions) at(generation uint64) (acls []acl.Binding, ok bool) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	acls, ok = v.acls[generation]
	return acls, ok
}

// Run runs readers, two writers, one that reloads everything and one that lists,
// until ctx is done. It returns the first answer that is wrong.
func (s *Stress) Run(ctx context.Context, seed uint64, readers int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	start := func(step func(src gen.Source) error) {
		seed++
		src := gen.Seeded(seed)
		all.Go(func() {
			for ctx.Err() == nil {
				if err := step(src); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range readers {
		start(s.reader(i%2 == 0))
	}
	start(s.update)
	start(s.update)
	start(s.reload)
	start(s.lister())
	all.Wait()
	if err := context.Cause(ctx); err != context.DeadlineExceeded && err != context.Canceled {
		return err
	}
	return nil
}

// update takes some ACLs in or out.
func (s *Stress) update(src gen.Source) error {
	s.Updates.Add(1)
	return s.store.Update(func(tx *snapshot.Tx) error {
		now, err := s.current()
		if err != nil {
			return err
		}
		now = slices.Clone(now)
		for range 1 + src.IntN(3) {
			b := gen.Pick(src, s.world.ACLs)
			if at := slices.Index(now, b); at >= 0 {
				tx.Remove(b)
				now = slices.Delete(now, at, at+1)
			} else {
				tx.Add(b)
				now = append(now, b)
			}
		}
		// Recorded before any reader can see it.
		s.versions.set(s.store.Load().Generation()+1, now)
		return nil
	})
}

// reload replaces all ACLs, as a file that is read again does.
func (s *Stress) reload(src gen.Source) error {
	s.Reloads.Add(1)
	return s.store.Update(func(tx *snapshot.Tx) error {
		tx.RemoveMatching(acl.AnyBinding)
		var now []acl.Binding
		for _, b := range s.world.ACLs {
			if gen.Bool(src) && tx.Add(b) {
				now = append(now, b)
			}
		}
		s.versions.set(s.store.Load().Generation()+1, now)
		return nil
	})
}

// current returns the ACLs in force.
func (s *Stress) current() ([]acl.Binding, error) {
	generation := s.store.Load().Generation()
	now, ok := s.versions.at(generation)
	if !ok || s.store.Load().Len() != len(now) {
		return nil, fmt.Errorf("a transaction on generation %d begins with %d ACLs, want %d", generation, s.store.Load().Len(), len(now))
	}
	return now, nil
}

// lister lists the ACLs in force and compares them with those that must be.
func (s *Stress) lister() func(gen.Source) error {
	var last uint64
	return func(src gen.Source) error {
		s.Listings.Add(1)
		n := s.store.Load()
		acls, ok := s.versions.at(n.Generation())
		if !ok || n.Generation() < last {
			return fmt.Errorf("generation %d after %d is published, and known: %t", n.Generation(), last, ok)
		}
		last = n.Generation()
		f := gen.Filter(src, s.world.ACLs)
		if got, want := slices.Collect(n.Matching(f)), (refmodel.World{ACLs: acls}).Select(f); !slices.Equal(got, want) {
			return fmt.Errorf("generation %d lists %v, want %v", last, got, want)
		}
		return nil
	}
}
