package phash

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// The hash functions are seeded at random for each process, so that nobody outside can
// choose names that collide.
var (
	seed    = maphash.MakeSeed()
	secret0 = rand.Uint64()
	secret1 = rand.Uint64() | 1
	secret2 = rand.Uint64() | 1
)

// Hash returns a hash of a key that is not a string.
func Hash[K comparable](key K) uint64 { return maphash.Comparable(seed, key) }

// HashString returns the hash of a string. It reads blocks of sixteen bytes, and at the end
// the last sixteen bytes. Therefore a [Prefixes] can hash many prefixes of one string at a
// constant cost each. The runtime's hash would have to start again for each prefix, and
// takes 1.5 times as long for a name of usual length. Each step is one multiplication, as
// in wyhash: it folds the 128-bit product of two words, each mixed with a secret.
func HashString(s string) uint64 {
	start := NewPrefixes()
	return start.Hash(s, len(s))
}

// Prefixes hashes prefixes of one string.
type Prefixes struct {
	state uint64
	taken int // how many bytes are in state
}

// NewPrefixes returns a Prefixes that has hashed nothing yet.
func NewPrefixes() Prefixes { return Prefixes{state: secret0} }

// Hash returns the hash of the first n bytes of s. Every call must have the same s, and an
// n that is not less than in the call before.
func (h *Prefixes) Hash(s string, n int) uint64 {
	for ; h.taken+blockSize < n; h.taken += blockSize {
		h.state = fold(load(s, h.taken)^secret1, load(s, h.taken+wordSize)^h.state)
	}
	var low, high uint64
	switch {
	case n >= blockSize:
		low, high = load(s, n-blockSize), load(s, n-wordSize)
	case n >= wordSize:
		low, high = load(s, 0), load(s, n-wordSize)
	case n >= wordSize/2:
		low = load32(s, 0)<<32 | load32(s, n-wordSize/2)
	case n > 0:
		low = uint64(s[0])<<16 | uint64(s[n/2])<<8 | uint64(s[n-1])
	}
	hash := fold(low^secret2, high^h.state^uint64(n))
	return hash ^ hash>>32
}

const (
	wordSize  = 8
	blockSize = 2 * wordSize
)

func load32(s string, i int) uint64 {
	s = s[i : i+wordSize/2]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// load returns the eight bytes of s at i as a number. It compiles to one instruction.
func load(s string, i int) uint64 {
	s = s[i : i+wordSize]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
