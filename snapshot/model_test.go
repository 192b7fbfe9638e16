package snapshot_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// model decides by reading every ACL: the documented rules, written down as
// plainly as they can be.
type model struct {
	acls       []acl.Binding
	superUsers []principal.Principal
	allowNoACL bool
}

func (m model) check(s snapshot.Subject, op ops.Operation, t resource.Type, name string) snapshot.Reason {
	principals := append([]principal.Principal{s.Principal}, s.Groups...)
	for _, p := range principals {
		if slices.ContainsFunc(m.superUsers, p.Equal) {
			return snapshot.SuperUser
		}
	}
	reason := snapshot.DefaultDeny
	if m.allowNoACL {
		reason = snapshot.DefaultAllow
	}
	for _, b := range m.acls {
		if !b.Pattern.Covers(t, name) {
			continue
		}
		if reason == snapshot.DefaultAllow {
			reason = snapshot.DefaultDeny
		}
		who := b.Entry.Principal == principal.Wildcard ||
			slices.ContainsFunc(principals, func(p principal.Principal) bool { return p.String() == b.Entry.Principal })
		if !who || !hostMatches(b.Entry.Host, s.Host) {
			continue
		}
		switch {
		case b.Entry.Permission == acl.Deny && (b.Entry.Operation == op || b.Entry.Operation == ops.All):
			return snapshot.MatchingDeny
		case b.Entry.Permission == acl.Allow && modelAllows(b.Entry.Operation, op):
			reason = snapshot.MatchingAllow
		}
	}
	return reason
}

func modelAllows(granted, asked ops.Operation) bool {
	switch granted {
	case asked, ops.All:
		return true
	case ops.Read, ops.Write, ops.Delete, ops.Alter:
		return asked == ops.Describe
	case ops.AlterConfigs:
		return asked == ops.DescribeConfigs
	}
	return false
}

func hostMatches(host string, client netip.Addr) bool {
	if host == "*" {
		return true
	}
	client = client.Unmap()
	if network, err := netip.ParsePrefix(host); err == nil {
		return network.Masked().Contains(client.WithZone(""))
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr == client || addr.Zone() == "" && addr == client.WithZone("")
}

// The worlds below are small, so that names, prefixes and hosts meet.
var (
	genName      = rapid.OneOf(rapid.StringMatching(`[ab*!]{0,4}`), rapid.SampledFrom([]string{"*", "a", "ab", "abé", "ab\U0001F600", "ab\ue000", "hardcode"}))
	genPrincipal = rapid.SampledFrom([]string{"User:*", "User:*", "User:alice", "User:alice", "User:bob", "Group:ops", "User:", "user:alice", "alice", "User:a:b"})
	genHost      = rapid.SampledFrom([]string{"*", "*", "*", "*", "*", "*", "10.0.0.1", "10.0.0.0/8", "10.1.2.3/8", "0.0.0.0/0", "10.0.0.1/32", "::1", "0:0:0:0:0:0:0:1", "::/0", "fe80::1", "fe80::1%eth0", "fe80::/10", "::ffff:10.0.0.1", "localhost", "10.0.0.0/99", ""})
	genClient    = rapid.SampledFrom([]string{"10.0.0.1", "10.9.9.9", "::ffff:10.0.0.1", "::1", "fe80::1%eth0", "fe80::1%eth1", "192.168.0.1"})
	genType      = rapid.SampledFrom([]resource.Type{resource.Topic, resource.Topic, resource.Group, resource.User})
	genOperation = rapid.SampledFrom([]ops.Operation{ops.All, ops.Read, ops.Write, ops.Describe, ops.Alter, ops.AlterConfigs, ops.DescribeConfigs, ops.Create})
	genBinding   = rapid.Custom(func(t *rapid.T) acl.Binding {
		return acl.Binding{
			Pattern: resource.Pattern{
				Type:        genType.Draw(t, "type"),
				PatternType: rapid.SampledFrom([]resource.PatternType{resource.Literal, resource.Prefixed}).Draw(t, "pattern type"),
				Name:        genName.Draw(t, "name"),
			},
			Entry: acl.Entry{
				Principal:  genPrincipal.Draw(t, "principal"),
				Host:       genHost.Draw(t, "host"),
				Operation:  genOperation.Draw(t, "operation"),
				Permission: rapid.SampledFrom([]acl.PermissionType{acl.Allow, acl.Allow, acl.Deny}).Draw(t, "permission"),
			},
		}
	})
	genSubject = rapid.Custom(func(t *rapid.T) snapshot.Subject {
		s := snapshot.Subject{
			Principal: rapid.SampledFrom([]principal.Principal{principal.User("alice"), principal.User("bob"), principal.User("a:b"), principal.User(""), principal.User("*"), {Type: "user", Name: "alice"}}).Draw(t, "principal"),
			Host:      netip.MustParseAddr(genClient.Draw(t, "client")),
		}
		if rapid.Bool().Draw(t, "group") {
			s.Groups = append(s.Groups, principal.Principal{Type: "Group", Name: "ops"})
		}
		return s
	})
)

// TestAgainstModel drives a store and the model through the same transactions.
// After each, a session made at the start, a fresh one and the old snapshots must
// answer as the model does, and by-type checks must agree with the names that
// exist.
func TestAgainstModel(t *testing.T) {
	type version struct {
		snapshot *snapshot.Snapshot
		model    model
	}
	rapid.Check(t, func(t *rapid.T) {
		config := snapshot.Config{AllowIfNoACL: rapid.Bool().Draw(t, "allow if no ACL")}
		if rapid.Bool().Draw(t, "super users") {
			config.SuperUsers = []principal.Principal{principal.User("bob")}
		}
		store := snapshot.NewStore(config)
		m := model{superUsers: config.SuperUsers, allowNoACL: config.AllowIfNoACL}
		subject := genSubject.Draw(t, "subject")
		session := store.Session(subject)
		var versions []version
		for range rapid.IntRange(1, 4).Draw(t, "transactions") {
			m.acls = slices.Clone(m.acls)
			err := store.Update(func(tx *snapshot.Tx) error {
				for range rapid.IntRange(0, 12).Draw(t, "changes") {
					if i := rapid.IntRange(0, 2*len(m.acls)+4).Draw(t, "remove"); i < len(m.acls) {
						if !tx.Remove(m.acls[i]) {
							t.Fatalf("%v was not there", m.acls[i])
						}
						m.acls = slices.Delete(m.acls, i, i+1)
						continue
					}
					b := genBinding.Draw(t, "binding")
					if added := tx.Add(b); added == slices.Contains(m.acls, b) {
						t.Fatalf("%v added: %t", b, added)
					} else if added {
						m.acls = append(m.acls, b)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			versions = append(versions, version{store.Load(), m})
			want := slices.Clone(m.acls)
			slices.SortFunc(want, acl.Binding.Compare)
			if got := slices.Collect(store.Load().All()); !slices.Equal(got, want) || store.Load().Len() != len(want) {
				t.Fatalf("holds %v, want %v", got, want)
			}
			for range 8 {
				op, typ, name := genOperation.Draw(t, "op"), genType.Draw(t, "type"), genName.Draw(t, "resource")
				got := session.Check(op, typ, name)
				if got.Reason() != m.check(subject, op, typ, name) {
					t.Fatalf("%v %v %q for %v: got %v, want %v, by %v", op, typ, name, subject, got, m.check(subject, op, typ, name), m.acls)
				}
				if b, ok := got.Binding(); ok && (!slices.Contains(m.acls, b) || !b.Pattern.Covers(typ, name)) {
					t.Fatalf("%v is no ACL in force that covers %q", b, name)
				}
				for _, v := range versions {
					if got := v.snapshot.Check(subject, op, typ, name); got.Reason() != v.model.check(subject, op, typ, name) {
						t.Fatalf("an old snapshot moved: %v %v %q: got %v", op, typ, name, got)
					}
				}
			}
			checkByType(t, session, m, subject)
		}
	})
}

// checkByType compares by-type answers with a search over every name that could
// matter: the names of the ACLs, and what is a little longer.
func checkByType(t *rapid.T, session *snapshot.Session, m model, s snapshot.Subject) {
	names := map[string]struct{}{"unrelated": {}}
	for _, b := range m.acls {
		for _, end := range []string{"", "\x01", "zz", "*", "\U0010FFFF"} {
			if name := b.Pattern.Name + end; name != "" {
				names[name] = struct{}{}
			}
		}
	}
	for _, op := range []ops.Operation{ops.Read, ops.Describe, ops.All} {
		for _, typ := range []resource.Type{resource.Topic, resource.User} {
			want := false
			for name := range names {
				want = want || m.check(s, op, typ, name) >= snapshot.MatchingAllow
			}
			if got := session.CheckAny(op, typ); got.Allowed() != want {
				t.Fatalf("any %v %v for %v: got %v, want %t, by %v", op, typ, s, got, want, m.acls)
			}
		}
	}
}

// TestModelIsReached guards the generators: what they draw must meet every rule.
func TestModelIsReached(t *testing.T) {
	reasons := map[snapshot.Reason]int{}
	for seed := range 2000 {
		m := model{allowNoACL: seed%2 == 0, superUsers: []principal.Principal{principal.User("bob")}}
		for i := range 12 {
			m.acls = append(m.acls, genBinding.Example(seed*12+i))
		}
		reasons[m.check(genSubject.Example(seed), genOperation.Example(seed), genType.Example(seed), genName.Example(seed))]++
	}
	for _, r := range []snapshot.Reason{snapshot.DefaultDeny, snapshot.MatchingDeny, snapshot.MatchingAllow, snapshot.DefaultAllow, snapshot.SuperUser} {
		if reasons[r] < 20 {
			t.Errorf("%v was reached %d times in 2000, want 20: %v", r, reasons[r], reasons)
		}
	}
	if strings.Contains(snapshot.Reason(99).String(), "deny") {
		t.Error("an unknown reason reads like a known one")
	}
}
