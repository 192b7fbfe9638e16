// Package gen generates worlds of colliding ACLs, and requests at their edges, for
// tests, fuzz targets and benchmarks. The results depend only on the [Source].
//
// Values are drawn from small pools, so that names, prefixes, principals and hosts
// collide. In worlds drawn at random, no request would match most ACLs.
package gen

import (
	"math/rand/v2"

	"pgregory.net/rapid"
)

// Source is a source of choices, for example a *rand.Rand.
type Source interface {
	// IntN returns a number from 0 to n-1. Lower numbers are simpler choices.
	IntN(n int) int
}

// Seeded returns a source of pseudo-random choices, the same for the same seed.
func Seeded(seed uint64) Source { return rand.New(rand.NewPCG(seed, seed)) }

// Rapid returns a source that draws from t, so that rapid can shrink the choices.
func Rapid(t *rapid.T) Source { return rapidSource{t} }

type rapidSource struct{ t *rapid.T }

func (s rapidSource) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "choice") }

// Bytes returns a source that takes one byte for each choice, two for more than 256
// alternatives, and 0 after the end. If a fuzzing engine changes one byte, it changes
// one choice.
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

// Pick returns one of values, which must not be empty.
func Pick[T any](src Source, values []T) T { return values[src.IntN(len(values))] }
