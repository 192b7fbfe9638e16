package javaregex

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// runeRange is the range of characters from lo to hi, inclusive.
type runeRange struct{ lo, hi rune }

// runeSet is a set of characters: ranges in ascending order that neither touch nor
// overlap. The sets of a pattern are computed when it is parsed, so that unions,
// intersections and complements have Java's meaning, which may differ from that of
// another engine's syntax.
type runeSet []runeRange

// newRuneSet returns the set of the ranges, which may be in any order.
func newRuneSet(ranges ...runeRange) runeSet {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b runeRange) int { return int(a.lo) - int(b.lo) })
	set := runeSet{}
	for _, r := range sorted {
		if n := len(set); n > 0 && r.lo <= set[n-1].hi+1 {
			set[n-1].hi = max(set[n-1].hi, r.hi)
			continue
		}
		set = append(set, r)
	}
	return set
}

// setUnion collects the parts of a class. It sorts occasionally, so that the cost stays
// proportional to the number of parts.
type setUnion struct {
	ranges []runeRange
	sorted int // number of ranges after the last sorting
}

func (u *setUnion) add(s runeSet) {
	const few = 1 << 10
	if u.ranges = append(u.ranges, s...); len(u.ranges) > 2*u.sorted+few {
		u.set()
	}
}

// set returns the union of what was added.
func (u *setUnion) set() runeSet {
	set := newRuneSet(u.ranges...)
	u.ranges, u.sorted = slices.Clone(set), len(set)
	return set
}

func (s runeSet) union(t runeSet) runeSet { return newRuneSet(slices.Concat(s, t)...) }

func (s runeSet) complement() runeSet {
	set, next := runeSet{}, rune(0)
	for _, r := range s {
		if next < r.lo {
			set = append(set, runeRange{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		set = append(set, runeRange{next, unicode.MaxRune})
	}
	return set
}

func (s runeSet) intersect(t runeSet) runeSet {
	return s.complement().union(t.complement()).complement()
}

func (s runeSet) contains(r rune) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].hi >= r })
	return i < len(s) && s[i].lo <= r
}

// foldASCII returns s with the other case of its ASCII letters, as (?i) does in Java,
// which folds no other letters.
func (s runeSet) foldASCII() runeSet {
	ranges := slices.Clone(s)
	for c := 'A'; c <= 'Z'; c++ {
		if lower := c + 'a' - 'A'; s.contains(c) || s.contains(lower) {
			ranges = append(ranges, runeRange{c, c}, runeRange{lower, lower})
		}
	}
	return newRuneSet(ranges...)
}

// tableSet returns the characters of one of package unicode's tables.
func tableSet(table *unicode.RangeTable) runeSet {
	var ranges []runeRange
	add := func(lo, hi, stride rune) {
		for r := lo; r <= hi; r += stride {
			if stride == 1 {
				ranges = append(ranges, runeRange{lo, hi})
				return
			}
			ranges = append(ranges, runeRange{r, r})
		}
	}
	for _, r := range table.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range table.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return newRuneSet(ranges...)
}

// lineTerminators are the characters that "." does not match and that "$" recognises.
var lineTerminators = runeSet{{'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}

var wordSet = runeSet{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}

// classEscapes are the sets of \d, \h, \s, \v and \w. The upper-case letters are
// their complements.
var classEscapes = map[rune]runeSet{
	'd': {{'0', '9'}},
	'h': {{'\t', '\t'}, {' ', ' '}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x180E, 0x180E}, {0x2000, 0x200A}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}},
	's': {{'\t', '\r'}, {' ', ' '}},
	'v': {{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}},
	'w': wordSet,
}

// posixClasses are the classes that \p names without a prefix; they contain only ASCII.
var posixClasses = map[string]runeSet{
	"ASCII":  {{0, 0x7F}},
	"Alnum":  {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}},
	"Alpha":  {{'A', 'Z'}, {'a', 'z'}},
	"Blank":  {{'\t', '\t'}, {' ', ' '}},
	"Cntrl":  {{0, 0x1F}, {0x7F, 0x7F}},
	"Digit":  {{'0', '9'}},
	"Graph":  {{'!', '~'}},
	"Lower":  {{'a', 'z'}},
	"Print":  {{' ', '~'}},
	"Punct":  {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}},
	"Space":  {{'\t', '\r'}, {' ', ' '}},
	"Upper":  {{'A', 'Z'}},
	"XDigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
}

// generalCategory returns the characters of a Unicode category such as Lu in \p{Lu}.
// Categories with unassigned characters or surrogates are not supported: package
// unicode has no tables of unassigned characters, and text in Go has no surrogates.
func generalCategory(name string) (runeSet, bool) {
	switch table, ok := unicode.Categories[name]; {
	case !ok, len(name) > 2, name == "C", name == "Cn", name == "Cs", name == "LC":
		return nil, false
	default:
		return tableSet(table), true
	}
}

// matchSet is a set for fast lookup by the Matcher: a bitmap for ASCII, ranges above.
type matchSet struct {
	ascii [2]uint64
	above runeSet
}

func newMatchSet(set runeSet) *matchSet {
	m := &matchSet{}
	for c := rune(0); c < utf8.RuneSelf; c++ {
		if set.contains(c) {
			m.ascii[c>>6] |= 1 << (c & 63)
		}
	}
	m.above = set.intersect(runeSet{{utf8.RuneSelf, unicode.MaxRune}})
	return m
}

func (m *matchSet) containsASCII(c byte) bool { return m.ascii[c>>6]>>(c&63)&1 != 0 }
