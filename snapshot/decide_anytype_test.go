package snapshot

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/resource"
)

// TestTakenPrefixes compares the one prefix that is looked at with all of them.
func TestTakenPrefixes(t *testing.T) {
	genName := rapid.StringMatching(`[ab!é]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		prefixes := rapid.SliceOfN(genName, 0, 8).Draw(t, "prefixes")
		taken := newTakenNames()
		for _, p := range prefixes {
			taken.add(&record{name: p, pattern: resource.Prefixed})
		}
		taken.sort()
		for i, p := range taken.prefixes {
			if i > 0 && strings.HasPrefix(p, taken.prefixes[i-1]) {
				t.Fatalf("%q begins with %q, which makes the search miss prefixes", p, taken.prefixes[i-1])
			}
		}
		for range 20 {
			name := genName.Draw(t, "name")
			want := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
			if got := taken.takesPrefixOf(name); got != want {
				t.Fatalf("%q begins with one of %q: got %t, want %t", name, prefixes, got, want)
			}
		}
	})
}
