package inspect_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// snapshotOf returns a snapshot of the world.
func snapshotOf(t testing.TB, w refmodel.World) *snapshot.Snapshot { return storeOf(t, w).Load() }

func storeOf(t testing.TB, w refmodel.World) *snapshot.Store {
	t.Helper()
	store := snapshot.NewStore(acltest.Config(w))
	err := store.Replace(slices.Values(w.ACLs))
	require.NoError(t, err)
	return store
}

// fresh is a principal that no ACL of a generated world names.
var fresh = principal.User("somebody else")

// principalsOf returns every principal that ACLs or super users of the world name, one
// that nothing names, and the one called User:*.
func principalsOf(w refmodel.World) []principal.Principal {
	all := map[principal.Principal]bool{fresh: true, principal.User("*"): true}
	for _, b := range w.ACLs {
		if p, err := principal.Parse(b.Entry.Principal); err == nil {
			all[p] = true
		}
	}
	for _, p := range w.SuperUsers {
		all[p] = true
	}
	delete(all, principal.Principal{})
	list := slices.Collect(maps.Keys(all))
	slices.SortFunc(list, func(a, b principal.Principal) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// hostsOf returns addresses such that every address is treated like one of them: those
// at the edges of every ACL host, with and without a zone.
func hostsOf(acls []acl.Binding) []netip.Addr {
	all := map[netip.Addr]bool{netip.MustParseAddr("203.0.113.9"): true, netip.MustParseAddr("2001:db8:ffff::9"): true}
	add := func(addr netip.Addr) {
		if !addr.IsValid() {
			return
		}
		all[addr.Unmap()] = true
		if addr = addr.Unmap(); addr.Is6() {
			all[addr.WithZone("")] = true
			all[addr.WithZone("eth0")] = true
			all[addr.WithZone("eth9")] = true
		}
	}
	for _, b := range acls {
		h := acl.ParseHost(b.Entry.Host)
		addr := h.Addr()
		if h.Network().IsValid() {
			network := h.Network()
			addr = network.Addr()
			last := addr.AsSlice()
			for bit := network.Bits(); bit < 8*len(last); bit++ {
				last[bit/8] |= 1 << (7 - bit%8)
			}
			end, _ := netip.AddrFromSlice(last)
			add(end)
			add(end.Next())
		}
		if addr.IsValid() {
			add(addr)
			add(addr.Prev())
			add(addr.Next())
		}
	}
	delete(all, netip.IPv4Unspecified()) // no client has it: see HostRange
	list := slices.Collect(maps.Keys(all))
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// namesOf returns names such that every name is treated like one of them, in either
// semantics: every beginning of a pattern's name, alone and followed by a character
// that no pattern has.
func namesOf(acls []acl.Binding, t resource.Type) []string {
	const strange = "\u2603"
	all := map[string]bool{"": true, strange: true, "*": true, "*" + strange: true, "!" + strange: true, "#": true}
	for _, b := range acls {
		if b.Pattern.Type != t {
			continue
		}
		for i := range b.Pattern.Name {
			all[b.Pattern.Name[:i]] = true
			all[b.Pattern.Name[:i]+strange] = true
		}
		all[b.Pattern.Name] = true
		all[b.Pattern.Name+strange] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func typesOf(acls []acl.Binding) []resource.Type {
	types := []resource.Type{resource.Cluster}
	for _, b := range acls {
		if !slices.Contains(types, b.Pattern.Type) {
			types = append(types, b.Pattern.Type)
		}
	}
	return types
}

// TestWhatCanAgainstModel compares WhatCan with the model at every cell of generated
// worlds, for subjects with groups, in both semantics.
func TestWhatCanAgainstModel(t *testing.T) {
	const worlds = 10
	checks, allowed, fallbacks := 0, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := gen.World(src)
		who, _ := gen.Question(src, w.ACLs)
		subject := snapshot.Subject(who)
		hosts := hostsOf(w.ACLs)
		subject.Host = netip.Addr{}
		n := snapshotOf(t, w)
		everywhere, err := inspect.WhatCan(n, subject)
		require.NoError(t, err)
		only := gen.Pick(src, hosts)
		subject.Host = only
		there, err := inspect.WhatCan(n, subject)
		require.NoError(t, err)
		for _, typ := range typesOf(w.ACLs) {
			for _, name := range namesOf(w.ACLs, typ) {
				for _, host := range hosts {
					who.Host = host
					for op := range ops.Supported(typ).All() {
						r := refmodel.Request{Operation: op, Type: typ, Name: name}
						answer := w.Check(who, r)
						wantAccess(t, seed, w, everywhere, who, r, answer.Allowed())
						if host == only {
							wantAccess(t, seed, w, there, who, r, answer.Allowed())
						}
						checks++
						if answer.Allowed() {
							allowed++
						}
						if answer.Fallback {
							fallbacks++
						}
					}
				}
			}
		}
	}
	t.Logf("%d checks, %d allowed, %d where Kafka gives no answer", checks, allowed, fallbacks)
	if allowed < checks/20 || fallbacks < checks/100 {
		t.Errorf("too few of %d checks are allowed (%d) or without an answer of Kafka (%d)", checks, allowed, fallbacks)
	}
}

// TestWhatCanWhereKafkaGivesNoAnswer has KafkaExact worlds in which Kafka throws an
// exception or loops forever for many nested names. The semantics differ on all of
// them: the host ::1 matches if and only if the documented rules count.
func TestWhatCanWhereKafkaGivesNoAnswer(t *testing.T) {
	const worlds = 150
	names := []string{"", "a", "ab", "abc", "!", "!a", "!ab", "!b", "*", "*a", "*ab", "#"}
	fallbacks := map[bool]int{}
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := refmodel.World{Exact: true}
		for range 2 + src.IntN(8) {
			p := resource.Pattern{Type: resource.Topic, PatternType: gen.Pick(src, []resource.PatternType{resource.Literal, resource.Prefixed}), Name: gen.Pick(src, names)}
			b := acltest.AllowFrom(gen.Pick(src, []string{"User:a", "User:a", "nobody"}), gen.Pick(src, []string{"::1", "::1", acl.WildcardHost}), ops.Create, p)
			if src.IntN(4) == 0 {
				b.Entry.Permission = acl.Deny
			}
			w.ACLs = append(w.ACLs, b)
		}
		who := refmodel.Subject{Principal: principal.User("a")}
		region, err := inspect.WhatCan(snapshotOf(t, w), snapshot.Subject(who))
		require.NoError(t, err)
		for _, name := range namesOf(w.ACLs, resource.Topic) {
			for _, host := range []string{"::1", "10.0.0.1"} {
				who.Host = netip.MustParseAddr(host)
				r := refmodel.Request{Operation: ops.Create, Type: resource.Topic, Name: name}
				answer := w.Check(who, r)
				wantAccess(t, seed, w, region, who, r, answer.Allowed())
				fallbacks[answer.Fallback]++
			}
		}
	}
	t.Logf("without an answer of Kafka: %v", fallbacks)
	if fallbacks[true] < worlds || fallbacks[false] < worlds {
		t.Errorf("too few questions of a kind: %v", fallbacks)
	}
}

// wantAccess fails unless the region contains exactly the allowed questions.
func wantAccess(t *testing.T, seed uint64, w refmodel.World, region []inspect.Access, who refmodel.Subject, r refmodel.Request, allowed bool) {
	t.Helper()
	holding := 0
	for _, a := range region {
		if a.Type == r.Type && a.Operations.Has(r.Operation) && a.Names.Contains(r.Name) && a.Hosts.Contains(who.Host) {
			holding++
		}
	}
	if want := map[bool]int{true: 1}[allowed]; holding != want {
		t.Fatalf("seed %d: %v is in %d of %v, want %d\nfor %v from %v in %+v", seed, r, holding, region, want, who.Principal, who.Host, w)
	}
}

// TestWhoCanAgainstModel compares WhoCan with the model for every principal, name and
// operation, in both semantics.
func TestWhoCanAgainstModel(t *testing.T) {
	const worlds = 30
	checks, allowed, excepted := 0, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := gen.World(src)
		n := snapshotOf(t, w)
		principals, hosts := principalsOf(w), hostsOf(w.ACLs)
		for range 12 {
			_, r := gen.Question(src, w.ACLs)
			grantees := must(inspect.WhoCan(n, snapshot.Request(r), nil))
			for _, p := range principals {
				if isImpossible(p, w) {
					continue
				}
				for _, host := range hosts {
					want := w.Check(refmodel.Subject{Principal: p, Host: host}, r).Allowed()
					if got := isGranted(grantees, p, host); got != want {
						t.Fatalf("seed %d: %v from %v is granted %v: %t, want %t: %v\n%+v", seed, p, host, r, got, want, grantees, w)
					}
					checks++
					if want {
						allowed++
					}
				}
			}
			for _, g := range grantees {
				excepted += len(g.Except)
				if len(g.Hosts) == 0 {
					t.Fatalf("seed %d: %v may do it from nowhere", seed, g)
				}
			}
		}
	}
	t.Logf("%d checks, %d allowed, %d exceptions", checks, allowed, excepted)
	if allowed < checks/20 || excepted < worlds/8 {
		t.Errorf("too few of %d checks are allowed (%d), or with exceptions (%d)", checks, allowed, excepted)
	}
}

// isImpossible reports whether Kafka cannot have such a principal, or gives it no
// answer regardless of the ACLs.
func isImpossible(p principal.Principal, w refmodel.World) bool {
	return strings.Contains(p.Type, ":") || w.Exact && p == principal.User("*") && !slices.Contains(w.SuperUsers, p)
}

func isGranted(grantees []inspect.Grantee, p principal.Principal, host netip.Addr) bool {
	for _, g := range grantees {
		if g.Principal == p.String() {
			return g.Hosts.Contains(host)
		}
	}
	for _, g := range grantees {
		if g.IsEveryoneElse() {
			return !slices.Contains(g.Except, p.String()) && g.Hosts.Contains(host)
		}
	}
	return false
}

func semanticsOf(exact bool) snapshot.Semantics {
	if exact {
		return snapshot.KafkaExact
	}
	return snapshot.Documented
}
