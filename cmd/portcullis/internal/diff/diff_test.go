package diff

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/inspect"
)

func TestNameIndex(t *testing.T) {
	name := func(n string) inspect.NameRange { return inspect.NameRange{Name: n} }
	prefix := func(n string, except ...inspect.NameRange) inspect.NameRange {
		return inspect.NameRange{Prefix: true, Name: n, Except: except}
	}
	names := []string{"", "a", "ab", "abc", "abd", "b", "ba", "ac", "abcd"}
	sets := []inspect.NameSet{
		nil, {name("a")}, {name("ab"), name("b")}, {prefix("")}, {prefix("a")}, {prefix("ab")}, {prefix("a", name("ab"))}, {prefix("a", prefix("ab"))},
		{prefix("a", prefix("ab")), prefix("abc")}, {prefix("", prefix("a")), name("ab")}, {prefix("", name("a"), name("b"))}, {prefix("ab", name("ab"))}, {name("")}, {prefix("b")},
		{prefix("a", prefix("ab")), prefix("a", prefix("ac"))}, {prefix("ab", prefix("abc")), prefix("ab", name("ab"), name("abd"))},
	}
	overlapping := 0
	for _, a := range sets {
		for _, b := range sets {
			want := false
			for _, n := range names {
				want = want || a.Contains(n) && b.Contains(n)
			}
			t.Run(a.String()+" and "+b.String(), func(t *testing.T) { assert.Equal(t, want, newNameIndex(a).overlaps(b)) })
			if want {
				overlapping++
			}
		}
	}
	assert.Greater(t, overlapping, 50, "pairs that overlap")
	assert.Less(t, overlapping, len(sets)*len(sets)-50, "pairs that overlap")
}
