//go:build invariants

package snapshot

import (
	"fmt"
	"slices"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func verifyRun(u *run) error { return u.verify() }

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
			tree := *n.records.settled()
			tree.places = tree.places[1:]
			n.records = ordered{tree: &tree}
		},
		"order":      func(n *Snapshot) { n.records = ordered{tree: n.records.settled()}; n.records.tree.places[0].order++ },
		"generation": nil,
		"malformed":  func(n *Snapshot) { n.index.malformed = nil },
		"covered":    func(n *Snapshot) { n.index.covered = nil },
		"below":      func(n *Snapshot) { n.index.below = nil },
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

// TestVerifyNoticesRuns breaks a tree of runs in one place at a time.
func TestVerifyNoticesRuns(t *testing.T) {
	who := &party{principal: "User:a", host: "*"}
	list := func(from, to, step int) (list []revision) {
		for i := from; i < to; i += step {
			list = append(list, revision{record: &record{name: fmt.Sprintf("t-%06d", i), who: who, typ: resource.Topic, pattern: resource.Literal}})
		}
		return list
	}
	shorten := func(part *run) { part.places = part.places[:10] }
	for name, spoil := range map[string]func(root, part *run){
		"nothing":        nil,
		"prefix":         func(_, part *run) { part.prefix = "t-9" },
		"shorter prefix": func(_, part *run) { part.prefix = part.prefix[:1] },
		"order":          func(_, part *run) { part.places[1].order = part.places[0].order },
		"sorted":         func(_, part *run) { slices.Reverse(part.places) },
		"beginning":      func(root, _ *run) { root.places[1].record = root.parts[1].places[1].record; root.setOrders() },
		"end":            func(root, _ *run) { root.parts[0] = root.parts[1] },
		"a part less":    func(root, _ *run) { root.parts = root.parts[1:] },
		"an empty part":  func(root, _ *run) { root.parts[2] = new(run) },
		"a deeper part": func(root, _ *run) {
			root.parts[2] = &run{prefix: root.prefix, places: root.places[2:3], parts: root.parts[2:3], late: root.late[2:3]}
		},
		"a part too long":   func(root, _ *run) { root.parts[0].places = append(root.parts[0].places, root.parts[1].places...) },
		"waiting elsewhere": func(root, _ *run) { root.late[0], root.late[1] = root.late[1], root.late[0] },
		"one part": func(root, _ *run) {
			root.places, root.parts, root.late = root.places[:1], root.parts[:1], make([]*late, 1)
		},
		"parts too short":  func(root, _ *run) { shorten(root.parts[0]); shorten(root.parts[1]) },
		"too many wait":    func(root, _ *run) { root.late[1] = root.late[1].with(list(390, 480, 2)) },
		"nothing can wait": func(root, _ *run) { root.late = nil },
	} {
		t.Run(name, func(t *testing.T) {
			root := new(run).revised(list(0, 4_000, 2)).revised(list(1, 1_001, 100))
			if err := root.verify(); err != nil {
				t.Fatalf("nothing is wrong, and yet: %v", err)
			}
			if spoil == nil {
				return
			}
			spoil(root, root.parts[0])
			if root.verify() == nil {
				t.Error("not noticed")
			}
		})
	}
}
