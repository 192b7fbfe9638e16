package main

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/inspect"
)

// nameIndex finds which of its parts share a name with a set, without scanning all
// parts. The parts may overlap.
type nameIndex struct {
	parts    inspect.NameSet            // sorted by name
	prefixes map[string]inspect.NameSet // the prefixes, by name
}

func newNameIndex(set inspect.NameSet) *nameIndex {
	i := &nameIndex{parts: set, prefixes: make(map[string]inspect.NameSet)}
	for _, n := range set {
		if n.Prefix {
			i.prefixes[n.Name] = append(i.prefixes[n.Name], n)
		}
	}
	return i
}

// overlaps reports whether a name of the set is in one of the parts. It does not detect
// that several exceptions together exclude a whole prefix.
func (i *nameIndex) overlaps(set inspect.NameSet) bool {
	return slices.ContainsFunc(set, i.overlapsPart)
}

func (i *nameIndex) overlapsPart(n inspect.NameRange) bool {
	for length := range len(n.Name) + 1 {
		for _, above := range i.prefixes[n.Name[:length]] {
			if !excepts(above, n) && (length < len(n.Name) || !excepts(n, above)) {
				return true
			}
		}
	}
	from, _ := slices.BinarySearchFunc(i.parts, n.Name, func(p inspect.NameRange, name string) int { return strings.Compare(p.Name, name) })
	for _, below := range i.parts[from:] {
		if below.Name != n.Name && !(n.Prefix && strings.HasPrefix(below.Name, n.Name)) {
			return false
		}
		if (n.Prefix || !below.Prefix) && !excepts(n, below) {
			return true
		}
	}
	return false
}

// excepts reports whether one exception of n contains all names of other, ignoring the
// exceptions of other.
func excepts(n, other inspect.NameRange) bool {
	return slices.ContainsFunc(n.Except, func(e inspect.NameRange) bool {
		if e.Prefix {
			return strings.HasPrefix(other.Name, e.Name)
		}
		return !other.Prefix && e.Name == other.Name
	})
}
