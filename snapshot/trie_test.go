package snapshot

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/internal/phash"
)

// TestTrieAgainstMap drives a trie and a Go map through the same changes, in
// transactions. Every published version must keep its content, and its shape.
func TestTrieAgainstMap(t *testing.T) {
	key := rapid.StringMatching(`[ab*é]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			t    trie
			want map[string]int32
		}
		var published []version
		current := version{want: map[string]int32{}}
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			e := new(phash.Edit)
			current.want = maps.Clone(current.want)
			for range rapid.IntRange(1, 30).Draw(t, "changes") {
				k := key.Draw(t, "key")
				if rapid.Bool().Draw(t, "set") {
					v := rapid.Int32().Draw(t, "val")
					current.t = current.t.set(e, k, v)
					current.want[k] = v
				} else {
					current.t = current.t.delete(e, k)
					delete(current.want, k)
				}
			}
			published = append(published, current)
		}
		name := key.Draw(t, "name")
		for _, v := range published {
			var keys []string
			v.t.each(func(k string, val int32) bool {
				if val != v.want[k] {
					t.Fatalf("%q is %d, want %d", k, val, v.want[k])
				}
				keys = append(keys, k)
				return true
			})
			if want := slices.Sorted(maps.Keys(v.want)); !slices.Equal(keys, want) || v.t.n != len(want) {
				t.Fatalf("keys %q (%d), want %q", keys, v.t.n, want)
			}
			for k, want := range v.want {
				if got, ok := v.t.get(k); !ok || got != want {
					t.Fatalf("get %q: %d, %t, want %d", k, got, ok, want)
				}
			}
			if _, ok := v.t.get(name); ok != slices.Contains(keys, name) {
				t.Fatalf("get %q: %t among %q", name, ok, keys)
			}
			var prefixes []string
			for n, rest := v.t.root, name; n != nil; n, rest = n.next(rest) {
				if n.has {
					prefixes = append(prefixes, name[:len(name)-len(rest)])
				}
			}
			want := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !strings.HasPrefix(name, k) })
			if !slices.Equal(prefixes, want) {
				t.Fatalf("prefixes of %q: %q, want %q", name, prefixes, want)
			}
			if v.t.root != nil {
				checkTrieNode(t, v.t.root, true)
			}
		}
	})
}

// checkTrieNode asserts that every node but the root holds a key or branches.
func checkTrieNode(t *rapid.T, n *trieNode, root bool) {
	if root != (n.label == "") {
		t.Fatalf("label %q, root %t", n.label, root)
	}
	if !root && !n.has && len(n.kids) < 2 {
		t.Fatalf("node %q neither holds a key nor branches", n.label)
	}
	if len(n.first) != len(n.kids) || !slices.IsSorted(n.first) {
		t.Fatalf("first bytes %q of %d children", n.first, len(n.kids))
	}
	for i, kid := range n.kids {
		if kid.label[0] != n.first[i] {
			t.Fatalf("first byte %q, label %q", n.first[i], kid.label)
		}
		checkTrieNode(t, kid, false)
	}
}
