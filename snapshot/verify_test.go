//go:build invariants

package snapshot

import (
	"fmt"
	"slices"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func verifyTable[K comparable, V any](k *kind[K, V], t table[K, V]) error { return k.verify(t) }

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
		h, _ := n.index.principals.get(hashString("User:a"), "User:a")
		return h
	}
	topics := func(n *Snapshot) *names { return a(n).anywhere.of(resource.Topic) }
	for name, spoil := range map[string]func(n *Snapshot){
		"bindings":   func(n *Snapshot) { n.bindings++ },
		"records":    func(n *Snapshot) { n.records.tree = n.records.tree.Clone(); n.records.tree.DeleteMin() },
		"generation": nil,
		"malformed":  func(n *Snapshot) { n.index.malformed = nil },
		"covered":    func(n *Snapshot) { n.index.covered = nil },
		"below":      func(n *Snapshot) { n.index.below = nil },
		"principals": func(n *Snapshot) { n.index.principals.n-- },
		"networks":   func(n *Snapshot) { a(n).networks = nil },
		"wild":       func(n *Snapshot) { topics(n).wild = ruling{} },
		"lengths": func(n *Snapshot) {
			topics(n).lengths = slices.Clone(topics(n).lengths)
			topics(n).lengths[0].refuses = 0
		},
		"literals": func(n *Snapshot) { topics(n).literals = table[string, ruling]{} },
		"marks":    func(n *Snapshot) { topics(n).literals.root.leaf.marks[0] = 0 },
		"tags":     func(n *Snapshot) { topics(n).literals.root.leaf.slots[0].tags ^= 1 },
		"page":     func(n *Snapshot) { p := topics(n).literals.root.leaf.slots; p[0], p[1] = p[1], p[0] },
		"ruling":   func(n *Snapshot) { topics(n).literals.root.leaf.slots[0].items[0].val.grants = 0 },
		"variants": func(n *Snapshot) {
			h, _ := n.index.principals.get(hashString("User:b"), "User:b")
			for _, s := range h.hosts.each {
				for _, r := range s.of(resource.Topic).literals.each {
					r.record.variants.allow[ops.Read].DeleteMin()
				}
			}
		},
		"ids": func(n *Snapshot) { n.ids.bindings.n++ },
	} {
		t.Run(name, func(t *testing.T) {
			store := NewStore(Config{Semantics: KafkaExact, AllowIfNoACL: true, KeepIDs: true})
			if err := store.Update(func(tx *Tx) error { tx.Replace(slices.Values(list)); return nil }); err != nil {
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
