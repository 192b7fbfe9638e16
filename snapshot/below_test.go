package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/resource"
)

// TestBelowStarAgainstMap counts names in a belowStar and in a Go map, in transactions. Each
// version must keep its content, and give the answer that follows from its list of names.
func TestBelowStarAgainstMap(t *testing.T) {
	type key struct {
		typ  resource.Type
		name string
	}
	genName := rapid.StringMatching(`[!"]{1,3}`)
	genType := rapid.SampledFrom([]resource.Type{resource.Topic, resource.Group})
	seen := map[secondPass]int{}
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			b    *belowStar
			want map[key]int32
		}
		current := version{want: map[key]int32{}}
		var published []version
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			current = version{cloned(current.b), maps.Clone(current.want)}
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				p := resource.LiteralPattern(genType.Draw(t, "type"), genName.Draw(t, "name"))
				switch rapid.IntRange(0, 9).Draw(t, "name above") {
				case 0:
					p.Name = "*"
				case 1:
					p.Name, p.PatternType = "*", resource.Prefixed
				case 2:
					p.Name = "a"
				}
				at, change := key{p.Type, p.Name}, int32(1)
				if current.want[at] > 0 && rapid.Bool().Draw(t, "remove") {
					change = -1
				}
				current.b = countBelow(current.b, p, change)
				if p.Name < "*" || p.PatternType == resource.Prefixed {
					if current.want[at] += change; current.want[at] == 0 {
						delete(current.want, at)
					}
				}
			}
			published = append(published, current)
		}
		typ, name := genType.Draw(t, "type asked for"), rapid.OneOf(genName, rapid.SampledFrom([]string{"", "*", "*a", "a"})).Draw(t, "name asked for")
		for _, v := range published {
			got := map[key]int32{}
			var names []string // of the type, the last one first
			if v.b != nil {
				v.b.Descend(func(n nameCount) bool {
					if got[key{n.typ, n.name}] = n.count; n.typ == typ {
						names = append(names, n.name)
					}
					return true
				})
			}
			require.Equal(t, v.want, got)
			require.True(t, slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(b, a) }))
			want := stops
			if name != "" && name < "*" && len(names) > 0 && names[0][0] == name[0] {
				want = rescan
				for _, other := range names {
					if other[0] == name[0] && !strings.HasPrefix(name, other) {
						want = fails
					}
				}
			}
			require.Equal(t, want, secondPassOf(v.b, typ, name), "%q among %q", name, names)
			seen[want]++
		}
	})
	for _, pass := range []secondPass{stops, rescan, fails} {
		t.Run(fmt.Sprint(pass), func(t *testing.T) {
			require.Greater(t, seen[pass], 5, "answers %d", pass)
		})
	}
}
