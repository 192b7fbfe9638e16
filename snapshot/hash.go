package snapshot

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// The secrets of the hash are drawn once a process, so that nobody outside can
// choose names that collide.
var (
	seed    = maphash.MakeSeed()
	secret0 = rand.Uint64()
	secret1 = rand.Uint64() | 1
	secret2 = rand.Uint64() | 1
)

// hashString is the runtime's hash.
func hashString(s string) uint64 { return maphash.String(seed, s) }

// hashPrefix is the hash of a PREFIXED pattern's name. It takes in the bytes in blocks of
// sixteen, and finishes with what is left, so that the hashes of many beginnings of one
// name cost a constant each (startHash). The runtime's hash, which is twice as fast for
// one name, would start afresh for each. A block costs one multiplication, as in wyhash:
// fold the 128-bit product of its two words, each mixed with something secret.
func hashPrefix(s string) uint64 {
	start := startHash{state: secret0}
	return start.of(s, len(s))
}

// startHash is the hash of the beginnings of one text, of which one after the other is
// asked for, the shortest first. Its state is secret0 at first.
type startHash struct {
	state uint64
	taken int // how many bytes are in state
}

// of returns the hash of the first n bytes of s.
func (h *startHash) of(s string, n int) uint64 {
	for ; h.taken+blockSize <= n; h.taken += blockSize {
		h.state = fold(load(s, h.taken)^secret1, load(s, h.taken+wordSize)^h.state)
	}
	return finish(h.state, s, n)
}

const (
	wordSize  = 8
	blockSize = 2 * wordSize
)

// finish returns the hash of the first n bytes of s, of which those before the last
// n%blockSize are in state. The number of these stands where they leave room, so that
// no two texts finish alike.
func finish(state uint64, s string, n int) uint64 {
	rest := n % blockSize
	i := n - rest
	low, high := uint64(0), uint64(rest)<<(64-8)
	if rest > wordSize {
		low = load(s, i)
		high |= firstBytes(s, i+wordSize, rest-wordSize)
	} else {
		low = firstBytes(s, i, rest)
	}
	return fold(low^secret2, high^state)
}

// firstBytes returns n bytes of s from i on, eight at most, as a number.
func firstBytes(s string, i, n int) (w uint64) {
	switch {
	case n == 0:
		return 0
	case len(s)-i >= wordSize:
		w = load(s, i)
	case len(s) >= wordSize:
		w = load(s, len(s)-wordSize) >> (uint(wordSize-(len(s)-i)) * 8)
	default:
		for j := range n {
			w |= uint64(s[i+j]) << (8 * j)
		}
		return w
	}
	return w & (^uint64(0) >> (uint(wordSize-n) * 8))
}

// load returns the eight bytes of s from i on as a number, in one instruction.
func load(s string, i int) uint64 {
	s = s[i : i+wordSize]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func hashHost(k hostKey) uint64 { return maphash.Comparable(seed, k) }
