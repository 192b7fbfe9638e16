// Package gen makes worlds of ACLs that collide, and requests that aim at their
// edges, for tests, fuzz targets and benchmarks alike. What it makes depends on
// nothing but the [Source] it draws from.
//
// Values are drawn from small pools, so that names, prefixes, principals and hosts
// meet: worlds drawn at large would hold ACLs that no request ever comes to.
package gen

import (
	"math/rand/v2"

	"pgregory.net/rapid"
)

// Source is where choices come from: a *rand.Rand is one.
type Source interface {
	// IntN returns a number from 0 to n-1. The lower ones are the simpler choices.
	IntN(n int) int
}

// Seeded returns a source of pseudo-random choices, the same for the same seed.
func Seeded(seed uint64) Source { return rand.New(rand.NewPCG(seed, seed)) }

// Rapid returns a source of the choices of a property, which rapid can shrink.
func Rapid(t *rapid.T) Source { return rapidSource{t} }

type rapidSource struct{ t *rapid.T }

func (s rapidSource) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "choice") }

// Bytes returns a source that takes a byte for each choice, or two where there are
// more than 256, and 0 when there are none left: what a fuzzing engine changes in
// one byte changes one choice.
func Bytes(data []byte) Source { return &byteSource{data} }

type byteSource struct{ rest []byte }

func (s *byteSource) IntN(n int) int {
	taken := s.next()
	if n > 256 {
		taken = taken<<8 | s.next()
	}
	return taken % n
}

func (s *byteSource) next() int {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return int(b)
}

// Bool returns a choice of two.
func Bool(src Source) bool { return src.IntN(2) == 1 }

// Pick returns one of values, of which there must be one.
func Pick[T any](src Source, values []T) T { return values[src.IntN(len(values))] }
