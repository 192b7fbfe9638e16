package main

import (
	"testing"

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
			if got := newNameIndex(a).overlaps(b); got != want {
				t.Errorf("%v and %v overlap: %t, want %t", a, b, got, want)
			}
			if want {
				overlapping++
			}
		}
	}
	if overlapping < 50 || overlapping > len(sets)*len(sets)-50 {
		t.Errorf("%d pairs overlap", overlapping)
	}
}
