//go:build invariants

package snapshot

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/btree"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestVerifyNotices breaks a snapshot in one place at a time.
func TestVerifyNotices(t *testing.T) {
	read := func(who, host string, p resource.Pattern, permission acl.PermissionType) acl.Binding {
		return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: ops.Read, Permission: permission}}
	}
	list := []acl.Binding{
		read("User:a", "*", resource.LiteralPattern(resource.Topic, "*"), acl.Allow),
		read("User:a", "10.0.0.0/8", resource.LiteralPattern(resource.Topic, "t"), acl.Allow),
		read("nobody", "*", resource.LiteralPattern(resource.Topic, "t"), acl.Deny),
		read("User:a", "*", resource.PrefixedPattern(resource.Topic, "!p"), acl.Deny),
		read("User:b", "::1", resource.LiteralPattern(resource.Topic, "v"), acl.Allow),
		read("User:b", "::01", resource.LiteralPattern(resource.Topic, "v"), acl.Allow),
	}
	for i := range 100 {
		list = append(list, read("User:a", "*", resource.LiteralPattern(resource.Topic, fmt.Sprint("t-", i)), acl.Allow))
	}
	a := func(n *Snapshot) *holder {
		h, _ := n.index.principals.Get(phash.HashString("User:a"), "User:a")
		return h
	}
	topics := func(n *Snapshot) *names { return a(n).anywhere.of(resource.Topic) }
	for name, spoil := range map[string]func(n *Snapshot){
		"bindings": func(n *Snapshot) { n.bindings++ },
		"records": func(n *Snapshot) {
			tree := cloned(n.records.all())
			tree.DeleteMin()
			n.records = recordSet{tree: tree}
		},
		"order": func(n *Snapshot) {
			tree := btree.NewG(recordDegree, func(a, b *record) bool { return compareRecords(b, a) < 0 })
			n.records.all().Ascend(func(r *record) bool { tree.ReplaceOrInsert(r); return true })
			n.records = recordSet{tree: tree}
		},
		"generation": nil,
		"malformed":  func(n *Snapshot) { n.index.malformed = nil },
		"covered":    func(n *Snapshot) { n.index.covered = nil },
		"below":      func(n *Snapshot) { n.index.below = nil },
		"below, the count": func(n *Snapshot) {
			n.index.below = countBelow(cloned(n.index.below), resource.PrefixedPattern(resource.Topic, "!p"), 1)
		},
		"principals": func(n *Snapshot) { n.index.principals = holders.Delete(new(phash.Edit), n.index.principals, "User:a") },
		"networks":   func(n *Snapshot) { a(n).networks = nil },
		"wild":       func(n *Snapshot) { topics(n).wild = ruling{} },
		"lengths": func(n *Snapshot) {
			topics(n).lengths = slices.Clone(topics(n).lengths)
			topics(n).lengths[0].refuses = 0
		},
		"literals": func(n *Snapshot) { topics(n).literals = phash.Table[string, ruling]{} },
		"ruling": func(n *Snapshot) {
			names := topics(n)
			r := names.get(resource.LiteralPattern(resource.Topic, "t-0"))
			r.grants = 0
			names.literals = literals.Set(new(phash.Edit), names.literals, "t-0", r)
		},
		"variants": func(n *Snapshot) {
			h, _ := n.index.principals.Get(phash.HashString("User:b"), "User:b")
			for _, s := range h.hosts.Each {
				for _, r := range s.of(resource.Topic).literals.Each {
					r.record.variants.allow[ops.Read].DeleteMin()
				}
			}
		},
		"ids": func(n *Snapshot) { n.ids.bindings = bindingsByID.Set(new(phash.Edit), n.ids.bindings, ID{1}, list[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			store := NewStore(Config{Semantics: KafkaExact, AllowIfNoACL: true, KeepIDs: true})
			if err := store.Replace(slices.Values(list)); err != nil {
				t.Fatal(err)
			}
			n := store.Load()
			if spoil == nil {
				if err := n.verify(); err != nil {
					t.Errorf("nothing is wrong, and yet: %v", err)
				}
				return
			}
			spoil(n)
			defer func() {
				if recover() == nil {
					t.Error("not noticed")
				}
			}()
			n.mustVerify()
		})
	}
}
