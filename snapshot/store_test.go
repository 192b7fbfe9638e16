package snapshot_test

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

var (
	alice = snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}
	bob   = snapshot.Subject{Principal: principal.User("bob"), Host: netip.MustParseAddr("10.0.0.2")}
)

func newStore(t testing.TB, config snapshot.Config, bindings ...acl.Binding) *snapshot.Store {
	t.Helper()
	store := snapshot.NewStore(config)
	add(t, store, bindings...)
	return store
}

func add(t testing.TB, store *snapshot.Store, bindings ...acl.Binding) {
	t.Helper()
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		for _, b := range bindings {
			tx.Add(b)
		}
		return nil
	}))
}

func wantDecision(t testing.TB, d snapshot.Decision, want snapshot.Reason, by ...acl.Binding) {
	t.Helper()
	b, ok := d.Binding()
	assert.Equal(t, want, d.Reason())
	assert.Equal(t, (len(by) > 0), ok)
	assert.False(t, ok && b != by[0], "got %v, want %v %v", d, want, by)
}

// TestZeroValuesDeny asks every zero value for what is easiest to get.
func TestZeroValuesDeny(t *testing.T) {
	everyone := acltest.Allow(principal.Wildcard, ops.All, acltest.Topic("*"))
	open := newStore(t, snapshot.Config{AllowIfNoACL: true, SuperUsers: []principal.Principal{{}}}, everyone)
	var (
		store    snapshot.Store
		snap     snapshot.Snapshot
		session  snapshot.Session
		view     snapshot.View
		decision snapshot.Decision
	)
	for name, d := range map[string]snapshot.Decision{
		"decision":                     decision,
		"session":                      session.Check(ops.Read, resource.Topic, "a"),
		"session, view":                session.View().Check(ops.Read, resource.Topic, "a"),
		"view":                         view.Check(ops.Read, resource.Topic, "a"),
		"view, by type":                view.CheckAny(ops.Read, resource.Topic),
		"session, by type":             session.CheckAny(ops.Read, resource.Topic),
		"session, batch":               session.CheckBatch(nil, make([]snapshot.Request, 1))[0],
		"store":                        store.Load().Check(alice, ops.Read, resource.Topic, "a"),
		"store, session":               store.Session(alice).Check(ops.Read, resource.Topic, "a"),
		"snapshot":                     snap.Check(alice, ops.Read, resource.Topic, "a"),
		"snapshot, by type":            snap.CheckAny(alice, ops.Read, resource.Topic),
		"subject":                      open.Load().Check(snapshot.Subject{}, ops.Read, resource.Topic, "a"),
		"subject, by type":             open.Load().CheckAny(snapshot.Subject{}, ops.Read, resource.Topic),
		"subject without an address":   open.Load().Check(snapshot.Subject{Principal: alice.Principal}, ops.Read, resource.Topic, "a"),
		"subject without a principal":  open.Load().Check(snapshot.Subject{Host: alice.Host}, ops.Read, resource.Topic, "a"),
		"request":                      open.Session(alice).CheckBatch(nil, make([]snapshot.Request, 1))[0],
		"resource type of a filter":    open.Load().Check(alice, ops.Read, resource.Any, "a"),
		"resource type out of range":   open.Load().Check(alice, ops.Read, resource.Type(99), "a"),
		"resource type below range":    open.Load().Check(alice, ops.Read, resource.Type(-1), "a"),
		"operation out of range":       open.Load().Check(alice, ops.Operation(16), resource.Topic, "a"),
		"operation below range":        open.Load().Check(alice, ops.Operation(-128), resource.Topic, "a"),
		"by type, operation of filter": open.Load().CheckAny(alice, ops.Any, resource.Topic),
	} {
		t.Run(name, func(t *testing.T) {
			assert.False(t, d.Allowed(), "zero or senseless %s: %v", name, d)
		})
	}
	wantDecision(t, open.Load().Check(alice, ops.Read, resource.Topic, "a"), snapshot.MatchingAllow, everyone)
	nowhere := snapshot.Subject{Principal: alice.Principal}
	wantDecision(t, open.Load().Check(nowhere, ops.Read, resource.Topic, "a"), snapshot.NoHost)
	wantDecision(t, open.Load().CheckAny(nowhere, ops.Read, resource.Topic), snapshot.NoHost)
	assert.False(t, open.Session(nowhere).View().MayAllow(ops.Read, resource.Topic), "without an address")
	assert.Equal(t, "denied (no host)", open.Check(nowhere, ops.Read, resource.Topic, "a").String())
	wantDecision(t, open.Load().Check(snapshot.Subject{Host: alice.Host}, ops.Read, resource.Topic, "a"), snapshot.DefaultDeny)
	assert.Equal(t, 0, snap.Len(), "a zero snapshot holds something")
	assert.Empty(t, slices.Collect(snap.All()), "a zero snapshot holds something")
	assert.False(t, snap.Has(everyone), "a zero snapshot holds something")
	assert.Equal(t, uint64(0), store.Load().Generation(), "a zero snapshot holds something")
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(everyone); return nil }))
	wantDecision(t, store.Load().Check(alice, ops.Read, resource.Topic, "a"), snapshot.MatchingAllow, everyone)
}

func TestReadiness(t *testing.T) {
	super := snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}, AllowIfNoACL: true}
	admin := snapshot.Subject{Principal: principal.User("admin"), Host: alice.Host}

	store := snapshot.NewStore(super)
	wantDecision(t, store.Load().Check(alice, ops.Read, resource.Topic, "a"), snapshot.NotReady)
	wantDecision(t, store.Load().CheckAny(alice, ops.Read, resource.Topic), snapshot.NotReady)
	wantDecision(t, store.Load().Check(admin, ops.Read, resource.Topic, "a"), snapshot.SuperUser)
	add(t, store) // an empty first load is a load
	wantDecision(t, store.Load().Check(alice, ops.Read, resource.Topic, "a"), snapshot.DefaultAllow)

	super.AwaitInitialLoad = true
	store = snapshot.NewStore(super)
	session := store.Session(alice)
	add(t, store, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	wantDecision(t, session.Check(ops.Read, resource.Topic, "a"), snapshot.NotReady)
	before := store.Load()
	store.CompleteInitialLoad()
	wantDecision(t, session.Check(ops.Read, resource.Topic, "a"), snapshot.MatchingAllow, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	assert.False(t, before.Ready(), "ready before: %t, after: %t at generation %d", before.Ready(), store.Load().Ready(), store.Load().Generation())
	assert.True(t, store.Load().Ready(), "ready before: %t, after: %t at generation %d", before.Ready(), store.Load().Ready(), store.Load().Generation())
	assert.Equal(t, uint64(2), store.Load().Generation(), "ready before: %t, after: %t at generation %d", before.Ready(), store.Load().Ready(), store.Load().Generation())
	store.CompleteInitialLoad()
	assert.Equal(t, uint64(2), store.Load().Generation(), "completing twice published something")
}

// TestUpdateIsAllOrNothing fails a transaction in each way there is.
func TestUpdateIsAllOrNothing(t *testing.T) {
	kept := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
	store := newStore(t, snapshot.Config{}, kept)
	before := store.Load()
	boom := errors.New("boom")

	change := func(tx *snapshot.Tx) {
		tx.RemoveMatching(acl.AnyBinding)
		tx.Add(acltest.Allow("User:mallory", ops.All, acltest.Topic("*")))
	}
	assert.ErrorIs(t, store.Update(func(tx *snapshot.Tx) error { change(tx); return boom }), boom)
	err := store.Update(func(tx *snapshot.Tx) error {
		change(tx)
		for _, b := range []acl.Binding{
			{},
			acltest.Allow("User:mallory", ops.Any, acltest.Topic("*")),
			acltest.Allow("User:mallory", ops.Read, resource.Pattern{Type: resource.Any, PatternType: resource.Literal, Name: "x"}),
			acltest.Allow("User:mallory", ops.Read, resource.Pattern{Type: resource.Topic, PatternType: resource.PatternMatch, Name: "x"}),
			acltest.Allow("User:mallory", ops.Operation(99), acltest.Topic("x")),
			acltest.Allow("User:mallory", ops.Read, resource.Pattern{Type: 99, PatternType: resource.Literal, Name: "x"}),
		} {
			assert.False(t, tx.Add(b), "%v was added", b)
			assert.False(t, tx.Remove(b), "%v was removed", b)
		}
		return nil
	})
	var invalid *acl.InvalidError
	var binding *snapshot.BindingError
	require.ErrorAs(t, err, &invalid)
	require.ErrorAs(t, err, &binding)
	assert.Equal(t, 1, binding.Index)
	n := strings.Count(fmt.Sprint(err), "binding ")
	assert.Equal(t, 6, n, "%d of 6 invalid bindings reported: %v", n, err)
	func() {
		defer func() {
			if recover() != any(boom) {
				t.Error("the panic was lost")
			}
		}()
		_ = store.Update(func(tx *snapshot.Tx) error { change(tx); panic(boom) })
	}()
	assert.Same(t, before, store.Load(), "a failed transaction left a trace")
	assert.Equal(t, []acl.Binding{kept}, slices.Collect(before.All()), "a failed transaction left a trace")
	// The writers' lock is free again, and what was added is added once.
	add(t, store, kept, kept)
	assert.Same(t, before, store.Load(), "a transaction without a change was published")
}

func TestUpdateKeepsOldSnapshots(t *testing.T) {
	read := acltest.Allow("User:alice", ops.Read, acltest.Topics("pay"))
	store := newStore(t, snapshot.Config{}, read)
	session := store.Session(alice)
	old := store.Load()
	wantDecision(t, session.Check(ops.Read, resource.Topic, "payments"), snapshot.MatchingAllow, read)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		got := tx.RemoveMatching(acl.FilterOf(read))
		assert.Equal(t, []acl.Binding{read}, got, "removed %v", got)
		assert.Equal(t, 0, tx.Len(), "removed %v", got)
		return nil
	}))
	wantDecision(t, session.Check(ops.Read, resource.Topic, "payments"), snapshot.DefaultDeny)
	wantDecision(t, old.Check(alice, ops.Read, resource.Topic, "payments"), snapshot.MatchingAllow, read)
	assert.True(t, old.Has(read), "the snapshots are not apart")
	assert.False(t, store.Load().Has(read), "the snapshots are not apart")
	assert.Equal(t, uint64(1), old.Generation(), "the snapshots are not apart")
	assert.Equal(t, uint64(2), store.Load().Generation(), "the snapshots are not apart")
	d := session.Check(ops.Read, resource.Topic, "payments")
	assert.Equal(t, uint64(2), d.Generation(), "decided by generation %d", d.Generation())
}

func TestGroupsAndSuperUsers(t *testing.T) {
	member := alice
	member.Groups = []principal.Principal{{Type: "Group", Name: "ops"}, {}}
	groupAllow := acltest.Allow("Group:ops", ops.Read, acltest.Topic("a"))
	groupDeny := acltest.Deny("Group:ops", ops.Write, acltest.Topic("a"))
	own := acltest.Allow("User:alice", ops.All, acltest.Topic("a"))
	store := newStore(t, snapshot.Config{}, groupAllow, groupDeny, own)
	wantDecision(t, store.Load().Check(member, ops.Write, resource.Topic, "a"), snapshot.MatchingDeny, groupDeny)
	wantDecision(t, store.Load().Check(member, ops.Delete, resource.Topic, "a"), snapshot.MatchingAllow, own)
	wantDecision(t, store.Load().Check(alice, ops.Write, resource.Topic, "a"), snapshot.MatchingAllow, own)
	wantDecision(t, store.Load().Check(bob, ops.Read, resource.Topic, "a"), snapshot.DefaultDeny)

	everything := acltest.Deny(principal.Wildcard, ops.All, acltest.Topic("*"))
	store = newStore(t, snapshot.Config{SuperUsers: []principal.Principal{{Type: "Group", Name: "ops"}, principal.User("*")}}, everything)
	wantDecision(t, store.Load().Check(member, ops.Write, resource.Topic, "a"), snapshot.SuperUser)
	wantDecision(t, store.Load().Check(alice, ops.Write, resource.Topic, "a"), snapshot.MatchingDeny, everything)

	// The caller's slices are its own.
	session := store.Session(member)
	member.Groups[0].Name = "nobody"
	wantDecision(t, session.Check(ops.Write, resource.Topic, "a"), snapshot.SuperUser)

	// The text of this principal is that of User:a, but it is another one.
	split := snapshot.Subject{Principal: principal.Principal{Type: "User:a", Name: "b"}, Host: alice.Host}
	store = newStore(t, snapshot.Config{}, acltest.Allow("User:a:b", ops.Read, acltest.Topic("a")))
	wantDecision(t, store.Load().Check(split, ops.Read, resource.Topic, "a"), snapshot.DefaultDeny)
}

// TestNamedACL pins which of several matching ACLs a decision names.
func TestNamedACL(t *testing.T) {
	literal, wild := acltest.Allow("User:alice", ops.Read, acltest.Topic("abc")), acltest.Allow("User:alice", ops.All, acltest.Topic("*"))
	long, short := acltest.Allow(principal.Wildcard, ops.All, acltest.Topics("ab")), acltest.Allow("User:alice", ops.Read, acltest.Topics("a"))
	second := acltest.Allow("User:alice", ops.Read, acltest.Topics("ab"))
	for _, tt := range []struct {
		acls              []acl.Binding
		documented, kafka acl.Binding
	}{
		{[]acl.Binding{wild, short, long, literal}, literal, wild},
		{[]acl.Binding{short, long, literal}, literal, short},
		{[]acl.Binding{wild, long, short}, long, wild},
		{[]acl.Binding{second, long}, long, second}, // ALL is 2, READ is 3
	} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			for range 2 {
				wantDecision(t, newStore(t, snapshot.Config{}, tt.acls...).Load().Check(alice, ops.Read, resource.Topic, "abc"), snapshot.MatchingAllow, tt.documented)
				wantDecision(t, newStore(t, snapshot.Config{Semantics: snapshot.KafkaExact}, tt.acls...).Load().Check(alice, ops.Read, resource.Topic, "abc"), snapshot.MatchingAllow, tt.kafka)
				slices.Reverse(tt.acls)
			}
		})
	}
	// Characters beyond the BMP come before U+E000 in Kafka's order.
	emoji, private := acltest.Deny("User:\U0001F600", ops.Read, acltest.Topic("a")), acltest.Deny("User:\ue000", ops.Read, acltest.Topic("a"))
	both := alice
	both.Groups = []principal.Principal{principal.User("\U0001F600"), principal.User("\ue000")}
	wantDecision(t, newStore(t, snapshot.Config{}, private, emoji).Load().Check(both, ops.Read, resource.Topic, "a"), snapshot.MatchingDeny, emoji)
}

// TestNamesThatKafkaLoopsOn asks what sends Kafka's authorizer into an endless
// loop, or out of bounds. Both semantics give the documented answer.
func TestNamesThatKafkaLoopsOn(t *testing.T) {
	group := func(name string) resource.Pattern { return resource.LiteralPattern(resource.Group, name) }
	acls := []acl.Binding{
		acltest.Allow("User:alice", ops.Read, group("!z")), acltest.Allow("User:alice", ops.Read, group("!x")),
		acltest.Allow("User:alice", ops.Read, group("!xz")), acltest.Allow("User:alice", ops.Read, group(" ")),
		acltest.Allow("User:alice", ops.Read, group("\x00\x00")), acltest.Allow("alice", ops.Read, group("*")),
	}
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact} {
		t.Run(fmt.Sprint(semantics), func(t *testing.T) {
			store := newStore(t, snapshot.Config{Semantics: semantics}, acls...)
			session := store.Session(alice)
			wantDecision(t, session.Check(ops.Read, resource.Group, "!z"), snapshot.MatchingAllow, acls[0])
			for _, name := range []string{"", "!", "!y", "!xy", "*", "*a", "\x00", "\x00\x00\x00", "\xff\xfe", strings.Repeat("!", 1<<16), strings.Repeat("*", 1<<16)} {
				wantDecision(t, session.Check(ops.Read, resource.Group, name), snapshot.DefaultDeny)
				session.CheckAny(ops.Read, resource.Group)
			}
		})
	}
}

func TestStarName(t *testing.T) {
	denied := acltest.Deny(principal.Wildcard, ops.Read, resource.LiteralPattern(resource.Group, "*"))
	allowed := acltest.Allow("User:alice", ops.Read, resource.PrefixedPattern(resource.Group, "*"))
	wantDecision(t, newStore(t, snapshot.Config{}, denied, allowed).Load().Check(alice, ops.Read, resource.Group, "*a"), snapshot.MatchingDeny, denied)
	wantDecision(t, newStore(t, snapshot.Config{Semantics: snapshot.KafkaExact}, denied, allowed).Load().Check(alice, ops.Read, resource.Group, "*a"), snapshot.MatchingAllow, allowed)
	// PREFIXED "*" is no wildcard in either.
	wantDecision(t, newStore(t, snapshot.Config{}, allowed).Load().Check(alice, ops.Read, resource.Group, "a"), snapshot.DefaultDeny)
}

func TestHosts(t *testing.T) {
	from := func(host string) acl.Binding {
		b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
		b.Entry.Host = host
		return b
	}
	for _, tt := range []struct {
		host, client              string
		documented, exact, exact4 bool // exact4 is Kafka 4.4
	}{
		{"*", "10.0.0.1", true, true, true},
		{"10.0.0.1", "10.0.0.1", true, true, true},
		{"10.0.0.1", "::ffff:10.0.0.1", true, true, true},
		{"::ffff:10.0.0.1", "10.0.0.1", true, false, false},
		{"::1", "::1", true, false, false},
		{"0:0:0:0:0:0:0:1", "::1", true, true, true},
		{"2001:DB8::A", "2001:db8::a", true, false, false},
		{"fe80:0:0:0:0:0:0:1%2", "fe80::1%2", true, true, true},
		{"fe80::1%3", "fe80::1%2", false, false, false},
		{"fe80::1", "fe80::1%2", false, false, false},
		{"fe80::1", "fe80::1", true, false, false},
		{"fe80:0:0:0:0:0:0:1", "fe80::1%2", false, false, false},
		{"10.0.0.0/8", "10.255.255.255", true, false, true},
		{"10.0.0.0/8", "10.0.0.0", true, false, true},
		{"10.0.0.0/8", "11.0.0.0", false, false, false},
		{"10.1.2.3/8", "10.9.9.9", true, false, true},
		{"0.0.0.0/0", "203.0.113.9", true, false, true},
		{"0.0.0.0/0", "0.0.0.0", false, false, false},
		{"0.0.0.0", "0.0.0.0", true, true, true},
		{"0.0.0.0/0", "::1", false, false, false},
		{"::/0", "::1", true, false, true},
		{"::/0", "10.0.0.1", false, false, false},
		{"::ffff:10.0.0.0/104", "10.9.9.9", false, false, false},
		{"::ffff:0:0/96", "10.9.9.9", false, false, false},
		{"fe80::/10", "fe80::1%eth0", true, false, true},
		{"fe80::1%1/64", "fe80::9", true, false, true},
		{"fe80::1%eth0/64", "fe80::9%eth0", false, false, false},
		{"10.0.0.1/32", "10.0.0.1", true, false, true},
		{"010.0.0.0/8", "10.1.2.3", true, false, true},
		{"10.0.0.0/08", "10.1.2.3", true, false, true},
		{"[2001:db8::]/32", "2001:db8::5", true, false, true},
		{"2001:db8::/+32", "2001:db8::5", true, false, true},
		{"10.0.0.0/33", "10.0.0.0", false, false, false},
		{"localhost", "127.0.0.1", false, false, false},
		{"010.0.0.1", "10.0.0.1", false, false, false},
		{" 10.0.0.1", "10.0.0.1", false, false, false},
		{"", "10.0.0.1", false, false, false},
	} {
		for semantics, want := range map[snapshot.Semantics]bool{
			snapshot.Documented: tt.documented, snapshot.KafkaExact: tt.exact, snapshot.KafkaExact44: tt.exact4,
		} {
			t.Run(fmt.Sprintf("%q from %s in %v", tt.host, tt.client, semantics), func(t *testing.T) {
				store := newStore(t, snapshot.Config{Semantics: semantics}, from(tt.host))
				subject := snapshot.Subject{Principal: alice.Principal, Host: netip.MustParseAddr(tt.client)}
				assert.Equal(t, want, store.Load().Check(subject, ops.Read, resource.Topic, "a").Allowed())
				assert.Equal(t, want, store.Session(subject).CheckAny(ops.Read, resource.Topic).Allowed(), "by type")
			})
		}
	}
	// One address, written in many ways: one decision, and each can go by itself.
	spellings := []string{"::1", "0::1", "0:0:0:0:0:0:0:1", "::0001"}
	var acls []acl.Binding
	for _, s := range spellings {
		acls = append(acls, from(s))
	}
	store := newStore(t, snapshot.Config{}, acls...)
	subject := snapshot.Subject{Principal: alice.Principal, Host: netip.IPv6Loopback()}
	for range spellings {
		d := store.Load().Check(subject, ops.Read, resource.Topic, "a")
		b, ok := d.Binding()
		require.True(t, ok, "got %v", d)
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(b); return nil }))
	}
	wantDecision(t, store.Load().Check(subject, ops.Read, resource.Topic, "a"), snapshot.DefaultDeny)
}

// TestConcurrentReadersSeeWholeTransactions flips between two sets of ACLs, in
// each of which exactly one of two topics may be read, while readers ask for both
// in one batch.
func TestConcurrentReadersSeeWholeTransactions(t *testing.T) {
	a, b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topics("b"))
	store := newStore(t, snapshot.Config{}, a)
	shared := store.Session(alice)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	batches := make([]int, 4)
	for i := range batches {
		readers.Go(func() {
			session := shared
			if i%2 == 0 {
				session = store.Session(alice)
			}
			requests := []snapshot.Request{{ops.Read, resource.Topic, "a"}, {ops.Read, resource.Topic, "bb"}}
			var got []snapshot.Decision
			var last uint64
			for {
				got = session.CheckBatch(got[:0], requests)
				batches[i]++
				if got[0].Allowed() == got[1].Allowed() || got[0].Generation() != got[1].Generation() {
					t.Errorf("a batch saw half a transaction: %v", got)
					return
				}
				if got[0].Generation() < last || (got[0].Generation()%2 == 1) != got[0].Allowed() {
					t.Errorf("generation %d after %d: %v", got[0].Generation(), last, got)
					return
				}
				last = got[0].Generation()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 2000 {
		gone, come := a, b
		if i%2 == 1 {
			gone, come = b, a
		}
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			if !tx.Remove(gone) || !tx.Add(come) {
				return fmt.Errorf("update %d: the set is not what it was", i)
			}
			return nil
		}))
	}
	close(stop)
	readers.Wait()
	for i, n := range batches {
		assert.NotEqual(t, 0, n, "reader %d read nothing", i)
	}
}

// TestByTypeAmongLongNames: a by-type check must be about linear in the text of the
// ACLs. If each beginning of each name is searched for, this takes minutes.
func TestByTypeAmongLongNames(t *testing.T) {
	long := strings.Repeat("a", 32_000)
	var acls []acl.Binding
	for i := range 1000 {
		name := acltest.Topic(long + fmt.Sprint(i))
		acls = append(acls, acltest.Deny("User:alice", ops.Read, acltest.Topics(long[:30*i]+"b")),
			acltest.Allow("User:alice", ops.Read, name), acltest.Deny(principal.Wildcard, ops.Read, name))
	}
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact} {
		t.Run(fmt.Sprint(semantics), func(t *testing.T) {
			store := newStore(t, snapshot.Config{Semantics: semantics}, acls...)
			wantDecision(t, store.Session(alice).CheckAny(ops.Read, resource.Topic), snapshot.DefaultDeny)
		})
	}
}

// TestIdleSessionKeepsNoSnapshot: a session that asks nothing for a while must not
// keep all the ACLs of the last time it did.
func TestIdleSessionKeepsNoSnapshot(t *testing.T) {
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact} {
		t.Run(fmt.Sprint(semantics), func(t *testing.T) {
			store := newStore(t, snapshot.Config{Semantics: semantics, AllowIfNoACL: true},
				acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:bob", ops.Read, acltest.Topic("!a")))
			session := store.Session(alice)
			session.Check(ops.Read, resource.Topic, "a")
			old := weak.Make(store.Load())
			add(t, store, acltest.Allow("User:bob", ops.Read, acltest.Topic("b")))
			runtime.GC()
			assert.Nil(t, old.Value(), "an idle session keeps its snapshot alive")
			runtime.KeepAlive(session)
		})
	}
}
