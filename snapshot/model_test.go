package snapshot_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// configOf is the configuration of a store of the world.
func configOf(w refmodel.World) snapshot.Config {
	config := snapshot.Config{SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL, AwaitInitialLoad: w.Loading}
	if w.Exact {
		config.Semantics = snapshot.KafkaExact
	}
	if w.Networks {
		config.Semantics = snapshot.KafkaExact44
	}
	return config
}

// wantAnswer holds a decision against the model's answer.
func wantAnswer(t rapid.TB, d snapshot.Decision, want refmodel.Answer) {
	t.Helper()
	b, named := d.Binding()
	if d.Reason().String() != string(want.Rule) || d.Allowed() != want.Allowed() || named != (want.ACL != nil) {
		t.Fatalf("got %v, want %v by %v", d, want.Rule, want.ACL)
	}
	// Kafka's first pass may or may not come across LITERAL "*" before PREFIXED "",
	// depending on what else is on the list. Which of the two denies is not worth
	// finding out: Kafka refuses to create ACLs with an empty name.
	either := named && want.ACL.Pattern.IsWildcard() && !want.Fallback && want.Rule == refmodel.MatchingDeny && b.Pattern.Name == ""
	if named && b != *want.ACL && !either {
		t.Fatalf("got %v, want %v by %v", d, want.Rule, want.ACL)
	}
}

// wantAny holds a by-type decision against the model's, which tells fewer reasons
// apart.
func wantAny(t rapid.TB, d snapshot.Decision, want refmodel.Answer) {
	t.Helper()
	special := want.Rule == refmodel.SuperUser || want.Rule == refmodel.NotReady || want.Rule == refmodel.NoHost || d.Reason() == snapshot.NoHost
	if d.Allowed() != want.Allowed() || special && d.Reason().String() != string(want.Rule) {
		t.Fatalf("any: got %v, want %v", d, want)
	}
	if b, named := d.Binding(); named {
		t.Fatalf("any: %v names %v", d, b)
	}
}

// TestAgainstModel holds the answers in many worlds against the model: checks and
// by-type checks, in both semantics.
func TestAgainstModel(t *testing.T) {
	const worlds = 1500
	reached, asked := map[refmodel.Rule]int{}, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := gen.World(src)
		store := newStore(t, configOf(w), w.ACLs...)
		for range 16 {
			s, r := gen.Question(src, w.ACLs)
			session, want := store.Session(snapshot.Subject(s)), w.Check(s, r)
			wantAnswer(named{t, seed, s, r}, session.Check(r.Operation, r.Type, r.Name), want)
			wantAny(named{t, seed, s, r}, session.CheckAny(r.Operation, r.Type), w.CheckAny(s, r.Operation, r.Type))
			if want.Allowed() {
				require.True(t, session.View().MayAllow(r.Operation, r.Type), "seed %d: %v, %v", seed, s, r)
			}
			reached[want.Rule]++
			asked++
		}
	}
	t.Logf("%d questions: %v", asked, reached)
	if asked != worlds*16 {
		t.Errorf("%d questions, expected %d", asked, worlds*16)
	}
}

// named says with a failure what was asked.
type named struct {
	testing.TB
	seed    uint64
	subject refmodel.Subject
	request refmodel.Request
}

func (n named) Fatalf(format string, args ...any) {
	n.TB.Helper()
	n.TB.Errorf("seed %d, %+v asks %+v:", n.seed, n.subject, n.request)
	n.TB.Fatalf(format, args...)
}

// machine drives a store and the model through the same steps.
type machine struct {
	store      *snapshot.Store
	world      refmodel.World
	generation uint64
	subject    refmodel.Subject
	session    *snapshot.Session // made when the store was new
	versions   []version
}

// maxVersions is how many old snapshots a machine keeps asking. All of them would
// make its time grow with the square of its steps.
const maxVersions = 6

// version is a snapshot that was in force once, and what it must answer for ever.
type version struct {
	snapshot *snapshot.Snapshot
	world    refmodel.World
}

// TestStoreMachine takes a store of either semantics through transactions of every
// kind, and holds after each step that it is what the model is: the ACLs it lists,
// its generation, the answers of a session that is older than any ACL, of a fresh
// one and of the store, and the answers of every snapshot that was ever in force.
//
// TestManagementAgainstModel does the same with all that comes from outside and goes
// there: requests, logs, watchers and files.
func TestStoreMachine(t *testing.T) {
	steps := 0
	rapid.Check(t, func(t *rapid.T) {
		src := gen.Rapid(t)
		m := &machine{world: gen.World(src)}
		await := m.world.Loading
		m.store = snapshot.NewStore(configOf(m.world))
		m.subject, _ = gen.Question(src, m.world.ACLs)
		m.session = m.store.Session(snapshot.Subject(m.subject))
		first := m.world.ACLs
		m.world.ACLs, m.world.Loading = nil, true
		m.versions = append(m.versions, version{m.store.Load(), m.world})
		m.update(t, await, first, nil)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { steps++; m.check(t, gen.Rapid(t)) },
			"change": func(t *rapid.T) {
				src := gen.Rapid(t)
				var come, gone []acl.Binding
				for range src.IntN(6) {
					if len(m.world.ACLs) > 0 && src.IntN(3) == 0 {
						gone = append(gone, gen.Pick(src, m.world.ACLs))
					} else {
						come = append(come, gen.Next(src, m.world.ACLs))
					}
				}
				m.update(t, await, come, gone)
			},
			"remove matching": func(t *rapid.T) { m.removeMatching(t, await, gen.Filter(gen.Rapid(t), m.world.ACLs)) },
			"fail":            func(t *rapid.T) { m.fail(t, gen.Rapid(t)) },
			"complete load": func(t *rapid.T) {
				m.store.CompleteInitialLoad()
				if m.world.Loading {
					m.generation++
				}
				m.world.Loading = false
			},
			"ask for another": func(t *rapid.T) {
				src := gen.Rapid(t)
				m.subject, _ = gen.Question(src, m.world.ACLs)
				m.session = m.store.Session(snapshot.Subject(m.subject))
			},
		})
	})
	t.Logf("%d steps held against the model", steps)
	least := 1000
	if testing.Short() {
		least /= 10 // rapid makes fewer checks then
	}
	if steps < least {
		t.Errorf("only %d steps, expected %d", steps, least)
	}
}

// update removes gone, adds come and holds what the transaction says.
func (m *machine) update(t *rapid.T, await bool, come, gone []acl.Binding) {
	acls := slices.Clone(m.world.ACLs)
	changed := false
	err := m.store.Update(func(tx *snapshot.Tx) error {
		for _, b := range gone {
			at := slices.Index(acls, b)
			if removed := tx.Remove(b); removed != (at >= 0) {
				t.Fatalf("%v removed: %t", b, removed)
			}
			if at >= 0 {
				acls = slices.Delete(acls, at, at+1)
				changed = true
			}
		}
		for _, b := range come {
			if added := tx.Add(b); added == slices.Contains(acls, b) {
				t.Fatalf("%v added: %t", b, added)
			} else if added {
				acls = append(acls, b)
				changed = true
			}
			if tx.Len() != len(acls) {
				t.Fatalf("holds %d, want %d", tx.Len(), len(acls))
			}
		}
		return nil
	})
	require.NoError(t, err)
	m.publish(await, acls, changed)
}

// publish is what the model does at the end of a transaction: one that changes
// nothing is published only if it makes the store ready. One that adds what it
// removes has changed something.
func (m *machine) publish(await bool, acls []acl.Binding, changed bool) {
	if changed || m.world.Loading && !await {
		m.generation++
	}
	m.world.ACLs = acls
	m.world.Loading = m.world.Loading && await
	m.versions = append(m.versions, version{m.store.Load(), m.world})
	if len(m.versions) > maxVersions {
		at := int(m.generation) % maxVersions // sometimes an early one goes, sometimes a late one
		m.versions = slices.Delete(m.versions, at, at+1)
	}
}

func (m *machine) removeMatching(t *rapid.T, await bool, f acl.Filter) {
	want := m.world.Select(f)
	err := m.store.Update(func(tx *snapshot.Tx) error {
		if got := tx.RemoveMatching(f); !slices.Equal(got, want) {
			t.Fatalf("%v removed %v, want %v", f, got, want)
		}
		return nil
	})
	require.NoError(t, err)
	var left []acl.Binding
	for _, b := range m.world.ACLs {
		if !slices.Contains(want, b) {
			left = append(left, b)
		}
	}
	m.publish(await, left, len(want) > 0)
}

// fail runs a transaction that changes much and then fails, in one of the ways
// there are.
func (m *machine) fail(t *rapid.T, src gen.Source) {
	boom := errors.New("boom")
	how := src.IntN(3)
	come := gen.ACLs(src, 3)
	defer func() {
		if r := recover(); (r != nil) != (how == 2) || r != nil && r != any(boom) {
			panic(r)
		}
	}()
	err := m.store.Update(func(tx *snapshot.Tx) error {
		tx.RemoveMatching(acl.AnyBinding)
		for _, b := range come {
			tx.Add(b)
		}
		switch how {
		case 0:
			return boom
		case 1:
			come[0].Entry.Operation = ops.Any
			tx.Add(come[0])
			return nil
		}
		panic(boom)
	})
	var refused *snapshot.BindingError
	if how == 0 && !errors.Is(err, boom) || how == 1 && (!errors.As(err, &refused) || refused.Index != len(come)) {
		t.Fatalf("got %v", err)
	}
}

// check holds the whole state against the model.
func (m *machine) check(t *rapid.T, src gen.Source) {
	current := m.store.Load()
	want := m.world.Select(acl.AnyBinding)
	if got := slices.Collect(current.All()); !slices.Equal(got, want) || current.Len() != len(want) {
		t.Fatalf("holds %v, want %v", got, want)
	}
	if current.Generation() != m.generation || current.Ready() == m.world.Loading {
		t.Fatalf("generation %d, want %d; ready: %t", current.Generation(), m.generation, current.Ready())
	}
	f := gen.Filter(src, want)
	if got, want := slices.Collect(current.Matching(f)), m.world.Select(f); !slices.Equal(got, want) {
		t.Fatalf("%v selects %v, want %v", f, got, want)
	}
	if b := gen.Next(src, want); current.Has(b) != slices.Contains(want, b) {
		t.Fatalf("%v is held: %t", b, current.Has(b))
	}
	subject := snapshot.Subject(m.subject)
	for _, r := range gen.Requests(src, want, 3) {
		answer := m.world.Check(m.subject, r)
		d := m.session.Check(r.Operation, r.Type, r.Name)
		wantAnswer(t, d, answer)
		if fresh := m.store.Session(subject).Check(r.Operation, r.Type, r.Name); fresh != d || d.Generation() != m.generation {
			t.Fatalf("%v of generation %d, a fresh session: %v", d, d.Generation(), fresh)
		}
		for _, v := range m.versions {
			wantAnswer(t, v.snapshot.Check(subject, r.Operation, r.Type, r.Name), v.world.Check(m.subject, r))
		}
		wantAny(t, m.session.CheckAny(r.Operation, r.Type), m.world.CheckAny(m.subject, r.Operation, r.Type))
	}
}
