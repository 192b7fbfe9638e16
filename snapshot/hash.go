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

// The hash of a name takes in its bytes in whole words of eight, and finishes with
// what is left: finish(state after the words, the rest, length). So the hashes of
// many beginnings of one name cost a constant each, where the runtime's hash
// (package maphash) would start afresh for each, which is quadratic in the length
// of the name. It is the multiplication of wyhash: fold the 128-bit product of the
// state and a secret.

const wordSize = 8

// takeIn returns the state of the hash after one word more.
func takeIn(state, word uint64) uint64 { return fold(state^word, secret1) }

// finish returns the hash of a text of n bytes, of which the last n%wordSize are
// the first bytes of word, and the others are in state.
func finish(state, word uint64, n int) uint64 {
	return fold(state^word&(1<<(n%wordSize*8)-1), secret2^uint64(n))
}

// wordAt returns the bytes of s from i on, eight or fewer, as a number.
func wordAt(s string, i int) uint64 {
	switch {
	case len(s)-i >= wordSize:
		return load(s[i:])
	case len(s) >= wordSize && i < len(s):
		return load(s[len(s)-wordSize:]) >> (uint(wordSize-len(s)+i) * 8)
	}
	return assemble(s[i:])
}

// load returns the first eight bytes of s as a number, in one instruction.
func load(s string) uint64 {
	_ = s[wordSize-1]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func assemble(s string) (w uint64) {
	for i := range len(s) {
		w |= uint64(s[i]) << (8 * i)
	}
	return w
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashString returns the hash of s.
func hashString(s string) uint64 {
	state := secret0
	i := 0
	for ; len(s)-i >= wordSize; i += wordSize {
		state = takeIn(state, load(s[i:]))
	}
	return finish(state, wordAt(s, i), len(s))
}

func hashHost(k hostKey) uint64 { return maphash.Comparable(seed, k) }
