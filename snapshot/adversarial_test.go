package snapshot_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// adversary is a shape of ACLs that somebody might choose to make a check or an update
// costly: random bindings of it, and random questions that meet them.
type adversary struct {
	name     string
	binding  func(r *rand.Rand) acl.Binding
	question func(r *rand.Rand) (snapshot.Subject, refmodel.Request)
}

// entry returns one that allows or denies something, mostly reading.
func entry(r *rand.Rand, who, host string) acl.Entry {
	e := acl.Entry{Principal: who, Host: host, Operation: ops.Read, Permission: acl.Allow}
	if r.IntN(4) == 0 {
		e.Operation = []ops.Operation{ops.Write, ops.All, ops.Describe, ops.Alter}[r.IntN(4)]
	}
	if r.IntN(4) == 0 {
		e.Permission = acl.Deny
	}
	return e
}

func asked(r *rand.Rand, name string) refmodel.Request {
	return refmodel.Request{Operation: []ops.Operation{ops.Read, ops.Write, ops.Describe}[r.IntN(3)], Type: resource.Topic, Name: name}
}

func pattern(r *rand.Rand, name string) resource.Pattern {
	if r.IntN(2) == 0 {
		return acltest.Topics(name)
	}
	return acltest.Topic(name)
}

func user(name, host string) snapshot.Subject {
	return snapshot.Subject{Principal: principal.User(name), Host: netip.MustParseAddr(host)}
}

// deep is a name of which the shape of nested prefixes takes every beginning.
var deep = strings.Repeat("a.b-c_d/", 32)[:250]

var adversaries = []adversary{
	{
		"nested prefixes",
		func(r *rand.Rand) acl.Binding {
			return acl.Binding{Pattern: pattern(r, deep[:r.IntN(251)]), Entry: entry(r, "User:a", "*")}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			return user("a", "10.0.0.1"), asked(r, deep[:1+r.IntN(250)]+[]string{"", "x"}[r.IntN(2)])
		},
	},
	{
		"principals on one topic",
		func(r *rand.Rand) acl.Binding {
			return acl.Binding{Pattern: pattern(r, "t"), Entry: entry(r, fmt.Sprint("User:", r.IntN(2_000)), "*")}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			return user(fmt.Sprint(r.IntN(2_000)), "10.0.0.1"), asked(r, []string{"t", "tt", "s"}[r.IntN(3)])
		},
	},
	{
		"hosts of one principal",
		func(r *rand.Rand) acl.Binding {
			host := fmt.Sprintf("10.0.%d.%d", r.IntN(8), r.IntN(250))
			switch r.IntN(8) {
			case 0:
				host = fmt.Sprintf("10.%d.0.0/%d", r.IntN(2), 8+r.IntN(17))
			case 1:
				host = "::ffff:" + host
			}
			return acl.Binding{Pattern: pattern(r, "t"), Entry: entry(r, "User:a", host)}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			return user("a", fmt.Sprintf("10.0.%d.%d", r.IntN(8), r.IntN(250))), asked(r, []string{"t", "tt"}[r.IntN(2)])
		},
	},
	{
		"literals of one principal",
		func(r *rand.Rand) acl.Binding {
			return acl.Binding{Pattern: acltest.Topic(fmt.Sprint("orders-", r.IntN(3_000))), Entry: entry(r, "User:a", "*")}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			return user("a", "10.0.0.1"), asked(r, fmt.Sprint("orders-", r.IntN(3_000)))
		},
	},
	{
		"User:* everywhere",
		func(r *rand.Rand) acl.Binding {
			who := []string{principal.Wildcard, "User:a", "Group:g", "nobody"}[min(r.IntN(12), 3)]
			if r.IntN(3) == 0 {
				who = principal.Wildcard
			}
			return acl.Binding{Pattern: pattern(r, fmt.Sprint(r.IntN(600))), Entry: entry(r, who, "*")}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			s := user("a", "10.0.0.1")
			s.Groups = []principal.Principal{{Type: "Group", Name: "g"}}
			return s, asked(r, fmt.Sprint(r.IntN(600)))
		},
	},
	{
		"long common prefixes",
		func(r *rand.Rand) acl.Binding {
			return acl.Binding{Pattern: pattern(r, deep[:200+r.IntN(3)]+fmt.Sprint(r.IntN(600))), Entry: entry(r, "User:a", "*")}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			return user("a", "10.0.0.1"), asked(r, deep[:200+r.IntN(3)]+fmt.Sprint(r.IntN(6_000)))
		},
	},
	{
		"all resource types",
		func(r *rand.Rand) acl.Binding {
			p := pattern(r, []string{"*", "kafka-cluster", "a", "aa", "!"}[r.IntN(5)]+strings.Repeat("a", r.IntN(2)))
			p.Type = resource.Types()[r.IntN(len(resource.Types()))]
			return acl.Binding{Pattern: p, Entry: entry(r, fmt.Sprint("User:", r.IntN(30)), "*")}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			q := asked(r, []string{"*", "kafka-cluster", "a", "aaa", "!", "*a"}[r.IntN(6)])
			q.Type = resource.Types()[r.IntN(len(resource.Types()))]
			return user(fmt.Sprint(r.IntN(30)), "10.0.0.1"), q
		},
	},
	{
		"spellings of one host",
		func(r *rand.Rand) acl.Binding {
			return acl.Binding{Pattern: pattern(r, "t"), Entry: entry(r, fmt.Sprint("User:", r.IntN(2)), "::"+strings.Repeat("0", r.IntN(4))+fmt.Sprint(r.IntN(3)))}
		},
		func(r *rand.Rand) (snapshot.Subject, refmodel.Request) {
			return user(fmt.Sprint(r.IntN(2)), fmt.Sprint("::", r.IntN(3))), asked(r, []string{"t", "tt"}[r.IntN(2)])
		},
	},
}

// publication is a published snapshot, and what the model holds of it.
type publication struct {
	snapshot *snapshot.Snapshot
	world    refmodel.World
}

// ask holds answers of v against the model.
func (v publication) ask(t *testing.T, a adversary, r *rand.Rand, questions int) {
	t.Helper()
	for range questions {
		subject, q := a.question(r)
		at := named{t, v.snapshot.Generation(), refmodel.Subject(subject), q}
		wantAnswer(at, v.snapshot.Check(subject, q.Operation, q.Type, q.Name), v.world.Check(refmodel.Subject(subject), q))
	}
}

// sorted returns the set in an order that does not depend on chance.
func sorted(set map[acl.Binding]bool) []acl.Binding {
	return slices.SortedFunc(maps.Keys(set), acl.Binding.Compare)
}

// errUndone ends a transaction whose changes must leave no trace.
var errUndone = errors.New("undone")

// updates are the kinds of transactions. Each returns what the set is afterwards.
var updates = []struct {
	name string
	run  func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error
}{
	{"one added", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		b := a.binding(r)
		set[b] = true
		return store.Update(func(tx *snapshot.Tx) error { tx.Add(b); return nil })
	}},
	{"one removed", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		return store.Update(func(tx *snapshot.Tx) error {
			if list := sorted(set); len(list) > 0 {
				b := list[r.IntN(len(list))]
				delete(set, b)
				if !tx.Remove(b) {
					return fmt.Errorf("%v was not there", b)
				}
			}
			return nil
		})
	}},
	{"many added and removed", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		return store.Update(func(tx *snapshot.Tx) error {
			for range 200 {
				if b := a.binding(r); r.IntN(2) == 0 {
					tx.Add(b)
					set[b] = true
				} else {
					tx.Remove(b)
					delete(set, b)
				}
			}
			return nil
		})
	}},
	{"a resource removed", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		f := acl.AnyBinding
		name := a.binding(r).Pattern.Name
		f.Pattern.Name = &name
		return store.Update(func(tx *snapshot.Tx) error {
			for i := range 3 { // and something before it
				b := a.binding(r)
				b.Pattern.Name = name + fmt.Sprint(i)
				tx.Add(b)
				set[b] = true
			}
			for _, b := range tx.RemoveMatching(f) {
				delete(set, b)
			}
			return nil
		})
	}},
	{"most removed", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		return store.Update(func(tx *snapshot.Tx) error {
			for _, b := range sorted(set) {
				if r.IntN(20) > 0 {
					delete(set, b)
					tx.Remove(b)
				}
			}
			return nil
		})
	}},
	{"replaced", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		for range 300 {
			set[a.binding(r)] = true
		}
		for _, b := range sorted(set) {
			if r.IntN(3) == 0 {
				delete(set, b)
			}
		}
		return store.Update(func(tx *snapshot.Tx) error {
			tx.Replace(func(yield func(acl.Binding) bool) {
				for b := range set {
					if !yield(b) {
						return
					}
				}
			})
			return nil
		})
	}},
	{"undone", func(r *rand.Rand, store *snapshot.Store, a adversary, set map[acl.Binding]bool) error {
		err := store.Update(func(tx *snapshot.Tx) error {
			for range 100 {
				tx.Add(a.binding(r))
			}
			for b := range set {
				tx.Remove(b)
			}
			return errUndone
		})
		if err != errUndone {
			return fmt.Errorf("got %v, want %v", err, errUndone)
		}
		return nil
	}},
}

// TestAdversaries drives every shape through every kind of update, in both semantics.
// After each one the snapshot in force is held against the model, and so are old ones,
// which must not have moved.
func TestAdversaries(t *testing.T) {
	const transactions, remembered = 40, 6
	for i, a := range adversaries {
		for _, exact := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/exact=%t", a.name, exact), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(i), 5))
				config, questions := snapshot.Config{AllowIfNoACL: i%2 == 0}, 20
				if exact {
					config.Semantics, questions = snapshot.KafkaExact, 2 // to act out Kafka's scan takes long
				}
				store, set := snapshot.NewStore(config), map[acl.Binding]bool{}
				require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
					for range 1_500 {
						b := a.binding(r)
						tx.Add(b)
						set[b] = true
					}
					return nil
				}))
				var versions []publication
				done := map[string]int{}
				for range transactions {
					update := updates[r.IntN(len(updates))]
					require.NoError(t, update.run(r, store, a, set), update.name)
					done[update.name]++
					world := refmodel.World{Exact: exact, AllowIfNoACL: config.AllowIfNoACL}
					for b := range set {
						world.ACLs = append(world.ACLs, b)
					}
					now := publication{store.Load(), world}
					if got := slices.Collect(now.snapshot.All()); len(got) != len(set) || slices.ContainsFunc(got, func(b acl.Binding) bool { return !set[b] }) {
						t.Fatalf("after %s: %d bindings, want %d", update.name, len(got), len(set))
					}
					now.ask(t, a, r, questions)
					if versions = append(versions, now); len(versions) > remembered {
						i := r.IntN(remembered)
						versions = slices.Delete(versions, i, i+1)
					}
					versions[r.IntN(len(versions))].ask(t, a, r, questions)
				}
				if len(done) != len(updates) {
					t.Errorf("of %d kinds of updates only %v ran", len(updates), done)
				}
			})
		}
	}
}
