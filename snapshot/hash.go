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

// hashString is the hash of a name. It takes in blocks of sixteen bytes, and in the end
// the last sixteen, so that the hashes of many beginnings of one name cost a constant
// each (startHash): the runtime's hash, which costs half as much again for a name of
// usual length, would start afresh for each. A step costs one multiplication, as in
// wyhash: fold the 128-bit product of two words, each mixed with something secret.
func hashString(s string) uint64 {
	start := newStart()
	return start.of(s, len(s))
}

// startHash is the hash of the beginnings of one text, of which one after the other is
// asked for, the shortest first.
type startHash struct {
	state uint64
	taken int // how many bytes are in state
}

func newStart() startHash { return startHash{state: secret0} }

// of returns the hash of the first n bytes of s.
func (h *startHash) of(s string, n int) uint64 {
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
