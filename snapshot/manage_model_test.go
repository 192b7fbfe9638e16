package snapshot_test

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// management drives a store and, beside it, what it should hold: a map of ids to
// bindings, the log of all that was done, and the reference model, which answers
// from these bindings.
type management struct {
	t       *rapid.T
	store   *snapshot.Store
	world   refmodel.World // all of it but the ACLs, which are held
	subject refmodel.Subject
	session *snapshot.Session // made when the store was new
	ids     map[snapshot.ID]acl.Binding
	log     []logRecord
	// follower is what a watcher has made of the changes it was given until at.
	follower map[acl.Binding]bool
	at       uint64
	versions []managedVersion
	past     map[uint64]managedVersion // what was seen, by generation
	file     managedFile
	done     map[string]int // actions, over all runs
}

func newManagement(t *rapid.T, dir string, done map[string]int) *management {
	src := gen.Rapid(t)
	m := &management{t: t, world: gen.World(src), ids: map[snapshot.ID]acl.Binding{}, follower: map[acl.Binding]bool{},
		past: map[uint64]managedVersion{}, file: newManagedFile(t, dir), done: done}
	m.subject, _ = gen.Question(src, m.world.ACLs)
	m.world.ACLs, m.world.Loading = nil, false
	config := configOf(m.world)
	config.KeepIDs = true
	m.store = snapshot.NewStore(config)
	m.session = m.store.Session(snapshot.Subject(m.subject))
	m.store.CompleteInitialLoad()
	return m
}

type managedVersion struct {
	snapshot *snapshot.Snapshot
	bindings []acl.Binding
}

// held returns the bindings that there should be, sorted.
func (m *management) held() []acl.Binding {
	return slices.Compact(slices.SortedFunc(maps.Values(m.ids), acl.Binding.Compare))
}

func (m *management) put(id snapshot.ID, b acl.Binding) {
	m.ids[id] = b
	m.log = append(m.log, logRecord{id, b})
}

func (m *management) drop(b acl.Binding) {
	for id, at := range m.ids {
		if at == b {
			delete(m.ids, id)
			m.log = append(m.log, logRecord{id: id})
		}
	}
}

// genFew draws from so few bindings that they meet.
var genFew = rapid.Custom(func(t *rapid.T) acl.Binding {
	b := acltest.Allow("User:alice", ops.Read, acltest.Topic(rapid.SampledFrom([]string{"a", "ab", "*", ""}).Draw(t, "name")))
	b.Entry.Host = rapid.SampledFrom([]string{"*", "::1", "::01", "name", "10.0.0.0/8"}).Draw(t, "host")
	if rapid.Bool().Draw(t, "deny") {
		b.Entry.Permission = acl.Deny
	}
	if rapid.Bool().Draw(t, "prefixed") {
		b.Pattern.PatternType = resource.Prefixed
	}
	return b
})

// genBinding draws from all that collide.
var genBinding = rapid.Custom(func(t *rapid.T) acl.Binding { return gen.Binding(gen.Rapid(t)) })

var genManaged = rapid.OneOf(genFew, genFew, genBinding)

var genFilter = rapid.Custom(func(t *rapid.T) acl.Filter {
	f := acl.AnyBinding
	if b := genManaged.Draw(t, "like"); rapid.Bool().Draw(t, "of one") {
		f = acl.FilterOf(b)
	} else if rapid.Bool().Draw(t, "by name") {
		f.Pattern.Name = &b.Pattern.Name
		f.Pattern.PatternType = rapid.SampledFrom([]resource.PatternType{resource.PatternMatch, resource.PatternAny, resource.Literal}).Draw(t, "pattern type")
	}
	f.Entry.Permission = rapid.SampledFrom([]acl.PermissionType{acl.PermissionAny, acl.Deny, 0}).Draw(t, "permission")
	return f
})

func (m *management) create() {
	list := rapid.SliceOfN(genManaged, 0, 6).Draw(m.t, "create")
	options := snapshot.WriteOptions{Strict: rapid.Bool().Draw(m.t, "strict"), DryRun: rapid.IntRange(0, 3).Draw(m.t, "dry") == 0}
	results, err := m.store.Create(list, options)
	if err != nil || len(results) != len(list) {
		m.t.Fatalf("created %v: %v", list, err)
	}
	held := m.held()
	for i, b := range list {
		err := b.ValidateNew(0)
		if options.Strict {
			err = b.ValidateStrict(0)
			if err == nil && m.world.Exact && !isJavaHost(b.Entry.Host) && !(m.world.Networks && strings.Contains(b.Entry.Host, "/")) {
				err = errors.New("Kafka compares text")
			}
		}
		r := results[i]
		switch {
		case err != nil:
			if r.Code != ops.InvalidRequest || r.Err == nil || r.Existed || r.ID != (snapshot.ID{}) {
				m.t.Fatalf("created %v: %v, want %v", b, r, err)
			}
			continue
		case r.Code != ops.None || r.Err != nil || r.Existed != slices.Contains(held, b) || r.ID == (snapshot.ID{}):
			m.t.Fatalf("created %v: %v; held %v", b, r, held)
		case !r.Existed:
			held = append(held, b)
			if !options.DryRun {
				m.put(r.ID, b)
			}
		case !options.DryRun && m.ids[r.ID] != b:
			m.t.Fatalf("%v is not the id of %v", r.ID, b)
		}
	}
}

// isJavaHost reports whether Kafka prints an address as this host, or it is none.
func isJavaHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == acl.WildcardHost || err == nil && acl.HostAddress(addr) == host
}

func (m *management) delete() {
	filters := rapid.SliceOfN(genFilter, 0, 3).Draw(m.t, "delete")
	options := snapshot.WriteOptions{DryRun: rapid.IntRange(0, 2).Draw(m.t, "dry") == 0}
	results, err := m.store.Delete(filters, options)
	if err != nil || len(results) != len(filters) {
		m.t.Fatalf("deleted %v: %v", filters, err)
	}
	held := m.held()
	for i, f := range filters {
		var want []acl.Binding
		for _, b := range held {
			if f.Validate() == nil && f.Matches(b) {
				want = append(want, b)
			}
		}
		same := func(d snapshot.DeletedACL, b acl.Binding) bool { return d.Binding == b }
		if r := results[i]; !slices.EqualFunc(r.Deleted, want, same) || (r.Err != nil) != (f.Validate() != nil) || (r.Code == ops.None) != (r.Err == nil) {
			m.t.Fatalf("deleted %v: %v, want %v", f, r, want)
		}
		for _, d := range results[i].Deleted {
			if len(d.IDs) == 0 {
				m.t.Fatalf("%v had no id", d.Binding)
			}
			if !options.DryRun {
				m.drop(d.Binding)
			}
		}
	}
}

var errAbort = errors.New("abort")

// transaction does all that a transaction can, one after the other, and sometimes
// for nothing.
func (m *management) transaction() {
	ids, log := maps.Clone(m.ids), len(m.log)
	abort := rapid.IntRange(0, 4).Draw(m.t, "abort") == 0
	conflict := rapid.IntRange(0, 4).Draw(m.t, "conflict") == 0
	generation := m.store.Load().Generation()
	expected := generation
	if conflict {
		expected += uint64(rapid.IntRange(1, 3).Draw(m.t, "ahead"))
	}
	var mine []acl.Binding // added without an id of ours
	err := m.store.UpdateIf(expected, func(tx *snapshot.Tx) error {
		for range rapid.IntRange(0, 6).Draw(m.t, "changes") {
			b := genManaged.Draw(m.t, "binding")
			switch rapid.IntRange(0, 4).Draw(m.t, "change") {
			case 0:
				if tx.Add(b) == slices.Contains(m.held(), b) {
					m.t.Fatalf("added %v; held %v", b, m.held())
				}
				if !slices.Contains(m.held(), b) {
					// The id is known when the transaction is over; until then this stands for it.
					m.ids[standIn(len(mine))] = b
					mine = append(mine, b)
				}
			case 1:
				if tx.Remove(b) != slices.Contains(m.held(), b) {
					m.t.Fatalf("removed %v; held %v", b, m.held())
				}
				m.drop(b)
			case 2:
				id := snapshot.ID{15: byte(rapid.IntRange(1, 5).Draw(m.t, "id"))}
				before, had := m.ids[id]
				if tx.AddID(id, b) != !(had && before == b) {
					m.t.Fatalf("%v was %v, now %v", id, before, b)
				}
				m.put(id, b)
			case 3:
				id := snapshot.ID{15: byte(rapid.IntRange(1, 5).Draw(m.t, "id"))}
				before, had := m.ids[id]
				if got, ok := tx.RemoveID(id); ok != had || got != before {
					m.t.Fatalf("%v was %v, %t; want %v, %t", id, got, ok, before, had)
				}
				delete(m.ids, id)
				m.log = append(m.log, logRecord{id: id})
			case 4:
				if rapid.IntRange(0, 2).Draw(m.t, "whole") > 0 {
					continue
				}
				kept := append(slices.Clone(m.held()[:len(m.held())/2]), b)
				tx.Replace(slices.Values(kept))
				for _, b := range m.held() {
					if !slices.Contains(kept, b) {
						m.drop(b)
					}
				}
				if !slices.Contains(m.held(), b) {
					m.ids[standIn(len(mine))] = b
					mine = append(mine, b)
				}
			}
			if tx.Len() != len(m.held()) {
				m.t.Fatalf("%d bindings, want %v", tx.Len(), m.held())
			}
		}
		if abort {
			return errAbort
		}
		return nil
	})
	var conflicting *snapshot.ConflictError
	switch {
	case conflict != errors.As(err, &conflicting), (abort && !conflict) != errors.Is(err, errAbort):
		m.t.Fatalf("conflict %t, abort %t: got %v", conflict, abort, err)
	case err != nil:
		if m.ids, m.log = ids, m.log[:log]; m.store.Load().Generation() != generation {
			m.t.Fatalf("published in spite of %v", err)
		}
		return
	}
	for i, b := range mine {
		if _, ok := m.ids[standIn(i)]; !ok {
			continue // removed again
		}
		delete(m.ids, standIn(i))
		for id := range m.store.Load().IDs(b) {
			if m.ids[id] != b {
				m.put(id, b)
			}
		}
	}
	m.log = slices.DeleteFunc(m.log, func(r logRecord) bool { return r.id == standIn(int(r.id[15])) })
}

// standIn is an id that newID never returns: its version is none.
func standIn(n int) snapshot.ID { return snapshot.ID{0xff, 0xff, 15: byte(n)} }

// check compares all that a snapshot tells with the model.
func (m *management) check() {
	n := m.store.Load()
	if got := slices.Collect(n.All()); !slices.Equal(got, m.held()) || n.Len() != len(got) {
		m.t.Fatalf("holds %d: %v, want %v", n.Len(), got, m.held())
	}
	if got := n.AllIDs(); !maps.Equal(got, m.ids) {
		m.t.Fatalf("has ids %v, want %v", got, m.ids)
	}
	for id, b := range m.ids {
		if got, ok := n.ByID(id); !ok || got != b || !slices.Contains(slices.Collect(n.IDs(b)), id) {
			m.t.Fatalf("%v is %v, want %v", id, got, b)
		}
	}
	if got, err := m.store.Describe(acl.AnyBinding); err != nil || !slices.Equal(got, m.held()) {
		m.t.Fatalf("describes %v, %v", got, err)
	}
	m.past[n.Generation()] = managedVersion{n, m.held()}
	m.ask()
}

// ask compares answers with those of the model: of a session that is older than any
// binding, and of the snapshot in force.
func (m *management) ask() {
	m.world.ACLs = m.held()
	for _, r := range gen.Requests(gen.Rapid(m.t), m.world.ACLs, 2) {
		d, want := m.session.Check(r.Operation, r.Type, r.Name), m.world.Check(m.subject, r)
		wantAnswer(m.t, d, want)
		if now := m.store.Load().Check(snapshot.Subject(m.subject), r.Operation, r.Type, r.Name); now != d {
			m.t.Fatalf("the store answers %v, the session %v", now, d)
		}
		wantAny(m.t, m.session.CheckAny(r.Operation, r.Type), m.world.CheckAny(m.subject, r.Operation, r.Type))
	}
}

// managedActions is all that can be done with a store, and to it.
var managedActions = map[string]func(*management){
	"create":      (*management).create,
	"delete":      (*management).delete,
	"transaction": (*management).transaction,
	"replay":      (*management).replay,
	"watch":       (*management).watch,
	"watch again": (*management).watchAgain,
	"fall behind": (*management).fallBehind,
	"diff":        (*management).diff,
	"save":        (*management).save,
	"load":        (*management).load,
	"load broken": (*management).loadBroken,
}

// TestManagementAgainstModel drives creation, deletion, transactions, ids, logs,
// watching, files and differences against the model, in any order. After each
// action the store holds, tells and answers what the model does.
func TestManagementAgainstModel(t *testing.T) {
	done, dir := map[string]int{}, t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		m := newManagement(t, dir, done)
		actions := map[string]func(*rapid.T){"": func(*rapid.T) { m.check() }}
		for name, do := range managedActions {
			actions[name] = func(*rapid.T) {
				do(m)
				m.done[name]++
			}
		}
		t.Repeat(actions)
		m.watch()
		m.check()
	})
	t.Logf("done: %v", done)
	least := 50
	if testing.Short() {
		least /= 10 // rapid makes fewer checks then
	}
	for name := range managedActions {
		t.Run(name, func(t *testing.T) {
			if done[name] < least {
				t.Errorf("%s was done %d times, want %d", name, done[name], least)
			}
		})
	}
	for _, what := range []string{"resynchronised", "saved", "applied", "refused"} {
		t.Run(what, func(t *testing.T) {
			if done[what] == 0 {
				t.Errorf("never %s: %v", what, done)
			}
		})
	}
}
