package snapshot_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// management drives a store and, beside it, what it should hold: a map of ids to
// bindings, and the log of all that was done.
type management struct {
	t     *rapid.T
	store *snapshot.Store
	ids   map[snapshot.ID]acl.Binding
	log   []logRecord
	// follower is what a watcher has made of the changes it was given until at.
	follower map[acl.Binding]bool
	at       uint64
	versions []managedVersion
	done     map[string]int // actions, over all runs
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
	b := allow("User:alice", ops.Read, topic(rapid.SampledFrom([]string{"a", "ab", "*", ""}).Draw(t, "name")))
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
		err := b.ValidateNew()
		if options.Strict {
			err = b.ValidateStrict()
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
	m.log = slices.DeleteFunc(m.log, func(r logRecord) bool { return r.id[0] == 0xff && r.id[1] == 0xff })
}

// standIn is an id that NewID never returns: its version is none.
func standIn(n int) snapshot.ID { return snapshot.ID{0xff, 0xff, 15: byte(n)} }

func (m *management) replay() {
	from := rapid.SampledFrom([]int{0, len(m.log) - 1}).Draw(m.t, "from")
	before := m.store.Load()
	apply(m.t, m.store, m.log[max(from, 0):]...)
	if !m.store.Load().Equal(before) {
		m.t.Fatalf("the log of %v, once more, ends in %v", slices.Collect(before.All()), slices.Collect(m.store.Load().All()))
	}
	fresh := snapshot.NewStore(snapshot.Config{KeepIDs: true})
	for _, r := range m.log {
		apply(m.t, fresh, r)
	}
	if !fresh.Load().Equal(before) || !maps.Equal(maps.Collect(fresh.Load().AllIDs()), m.ids) {
		m.t.Fatalf("the log ends in %v, want %v", maps.Collect(fresh.Load().AllIDs()), m.ids)
	}
}

// watch gives the follower what it has not had yet.
func (m *management) watch() {
	until := m.store.Load().Generation()
	if m.at == until {
		return
	}
	for c, err := range m.store.Watch(m.t.Context(), m.at) {
		if err != nil || c.Generation != m.at+1 {
			m.t.Fatalf("generation %d after %d: %v", c.Generation, m.at, err)
		}
		for _, b := range c.Added {
			if m.follower[b] {
				m.t.Fatalf("%v added twice", b)
			}
			m.follower[b] = true
		}
		for _, b := range c.Removed {
			if !m.follower[b] {
				m.t.Fatalf("%v removed twice", b)
			}
			delete(m.follower, b)
		}
		if m.at = c.Generation; m.at == until {
			break
		}
	}
	if got := slices.SortedFunc(maps.Keys(m.follower), acl.Binding.Compare); !slices.Equal(got, m.held()) {
		m.t.Fatalf("the follower holds %v, want %v", got, m.held())
	}
}

// saveAndLoad writes what a file can hold, and reads it into another store.
func (m *management) saveAndLoad() {
	var file bytes.Buffer
	var valid []acl.Binding
	for b := range m.store.Load().All() {
		if b.Validate() == nil {
			valid = append(valid, b)
		}
	}
	if err := acl.Write(&file, acl.FormatJSON, slices.Values(valid)); err != nil {
		m.t.Fatal(err)
	}
	loaded, err := acl.Read(&file, "acls", acl.FormatJSON)
	if err != nil {
		m.t.Fatal(err)
	}
	if got := storeOf(m.t, loaded); !slices.Equal(slices.Collect(got.All()), valid) {
		m.t.Fatalf("loaded %v, want %v", loaded, valid)
	}
}

func storeOf(t interface{ Fatal(...any) }, list []acl.Binding) *snapshot.Snapshot {
	store := snapshot.NewStore(snapshot.Config{})
	if err := store.Update(func(tx *snapshot.Tx) error { tx.Replace(slices.Values(list)); return nil }); err != nil {
		t.Fatal(err)
	}
	return store.Load()
}

// diff compares the store with what it was, and with another that was built of the
// same: what is remembered and what is compared must agree.
func (m *management) diff() {
	now := managedVersion{m.store.Load(), m.held()}
	for _, v := range append(m.versions, now) {
		for _, old := range []*snapshot.Snapshot{v.snapshot, storeOf(m.t, v.bindings)} {
			for _, turn := range []struct {
				from, to     *snapshot.Snapshot
				lists, other []acl.Binding
			}{{old, now.snapshot, v.bindings, now.bindings}, {now.snapshot, old, now.bindings, v.bindings}} {
				added, removed := snapshot.Diff(turn.from, turn.to)
				wantAdded, wantRemoved := without(turn.other, turn.lists), without(turn.lists, turn.other)
				if !slices.Equal(added, wantAdded) || !slices.Equal(removed, wantRemoved) {
					m.t.Fatalf("from %v to %v: added %v, removed %v", turn.lists, turn.other, added, removed)
				}
				if turn.from.Equal(turn.to) != (len(added)+len(removed) == 0) {
					m.t.Fatalf("from %v to %v: equal %t", turn.lists, turn.other, turn.from.Equal(turn.to))
				}
			}
		}
	}
	m.versions = append(m.versions, now)
}

func without(list, others []acl.Binding) []acl.Binding {
	return slices.DeleteFunc(slices.Clone(list), func(b acl.Binding) bool { return slices.Contains(others, b) })
}

// check compares all that a snapshot tells with the model.
func (m *management) check() {
	n := m.store.Load()
	if got := slices.Collect(n.All()); !slices.Equal(got, m.held()) || n.Len() != len(got) {
		m.t.Fatalf("holds %d: %v, want %v", n.Len(), got, m.held())
	}
	if got := maps.Collect(n.AllIDs()); !maps.Equal(got, m.ids) {
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
}

// TestManagementAgainstModel drives creation, deletion, transactions, ids, logs,
// watching, files and differences against the model, in any order.
func TestManagementAgainstModel(t *testing.T) {
	done := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := &management{t: t, store: snapshot.NewStore(snapshot.Config{KeepIDs: true}),
			ids: map[snapshot.ID]acl.Binding{}, follower: map[acl.Binding]bool{}, done: done}
		actions := map[string]func(*rapid.T){}
		for name, do := range map[string]func(){"create": m.create, "delete": m.delete, "transaction": m.transaction,
			"replay": m.replay, "watch": m.watch, "save and load": m.saveAndLoad, "diff": m.diff} {
			actions[name] = func(*rapid.T) {
				do()
				m.done[name]++
			}
		}
		actions[""] = func(*rapid.T) { m.check() }
		t.Repeat(actions)
		m.watch()
		m.check()
	})
	for _, name := range []string{"create", "delete", "transaction", "replay", "watch", "save and load", "diff"} {
		if done[name] < 50 {
			t.Errorf("%s was done %d times, want 50: %v", name, done[name], done)
		}
	}
}
