package phash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestTableAgainstMap makes the same changes to a table and to a Go map, in transactions.
// Some hash functions make hashes collide in part or as a whole. Every published version
// must keep its content and must be well formed.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The fewer bits of the hash are used, the more hashes collide.
		mask := rapid.SampledFrom([]uint64{0, 1, 1 << 62, 0x3ff, 0xf00000000000000f, ^uint64(0)}).Draw(t, "mask")
		k := &Kind[string, int]{
			Hash:  func(key string) uint64 { return HashString(key) & mask },
			Marks: func(val int) Marks { return Marks(val) },
		}
		type version struct {
			t    Table[string, int]
			want map[string]int
		}
		var published []version
		current := version{want: map[string]int{}}
		keys := rapid.SampledFrom([]int{5, 40, 400, 4_000}).Draw(t, "keys")
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			e := &Edit{}
			current.want = maps.Clone(current.want)
			for range rapid.IntRange(1, 2).Draw(t, "ranges") {
				// A range of keys fills or empties pages.
				first, n := rapid.IntRange(0, keys).Draw(t, "first"), rapid.IntRange(1, keys).Draw(t, "length")
				set, val := rapid.Bool().Draw(t, "set"), rapid.IntRange(0, 1<<16-1).Draw(t, "val")
				for i := first; i < first+n; i++ {
					key := fmt.Sprint(i)
					if set {
						current.t = k.Set(e, current.t, key, val)
						current.want[key] = val
					} else {
						current.t = k.Delete(e, current.t, key)
						delete(current.want, key)
					}
				}
			}
			published = append(published, current)
		}
		mark := Marks(1 << rapid.IntRange(0, 15).Draw(t, "mark"))
		for _, v := range published {
			got := maps.Collect(v.t.Each)
			require.True(t, maps.Equal(v.want, got), "holds %v, want %v", got, v.want)
			require.Equal(t, len(v.want), v.t.Len())
			for i := range 2 * keys {
				key := fmt.Sprint(i)
				got, ok := v.t.Get(k.Hash(key), key)
				want, wantOK := v.want[key]
				require.Equal(t, want, got, "Get(%s)", key)
				require.Equal(t, wantOK, ok, "Get(%s)", key)
			}
			found := map[string]bool{}
			v.t.EachMarked(mark, func(key string, _ int) bool { found[key] = true; return true })
			for key, val := range v.want {
				if Marks(val)&mark != 0 && !found[key] {
					t.Fatalf("EachMarked(%b) does not yield %s, which has the marks %b", mark, key, val)
				}
			}
			require.NoError(t, verify(k, v.t))
		}
	})
}

// TestEachStops: a yield that returns false ends Each and EachMarked at once.
func TestEachStops(t *testing.T) {
	k := kindOfInts()
	for _, n := range []int{5, 20_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			table := filled(k, n)
			yielded := 0
			table.Each(func(int, int) bool { yielded++; return yielded < 3 })
			assert.Equal(t, 3, yielded)
		})
	}
}

// TestHashDependsOnTextOnly: the hash of a string does not depend on where the string lies
// in memory or on the bytes around it. Prefixes relies on this.
func TestHashDependsOnTextOnly(t *testing.T) {
	const long = "the quick brown fox jumps over the lazy dog, \U0001F600"
	for n := range len(long) + 1 {
		for i := 0; i+n <= len(long); i++ {
			part := long[i : i+n]
			require.Equal(t, HashString(string([]byte(part))), HashString(part), "%q", part)
		}
		prefixes := NewPrefixes()
		for m := range n + 1 {
			require.Equal(t, HashString(string([]byte(long[:m]))), prefixes.Hash(long[:n], m), "the first %d bytes of %d", m, n)
		}
	}
}

// TestHashSpreads: the hashes of names that differ in a few bytes, wherever these are,
// spread over the digits and the tags as if by chance. The secrets are those of this test: one in
// 750 lets four times as many names of one format share their tags as chance does (2 of 1,500
// that were drawn; 9,385 names of 200,000 were the most), which costs little and is no fault.
func TestHashSpreads(t *testing.T) {
	before0, before1, before2 := secret0, secret1, secret2
	t.Cleanup(func() { secret0, secret1, secret2 = before0, before1, before2 })
	drawn := rand.New(rand.NewPCG(1, 2))
	secret0, secret1, secret2 = drawn.Uint64(), drawn.Uint64()|1, drawn.Uint64()|1
	for _, format := range []string{
		"%d", "%06d", "%07d", "%08d", "t%08d", "%016d", "%017d", "%d-of-a-name-that-ends-alike-for-long",
		"foo-bar35_resource-%d", "%08x", "a-name-that-begins-alike-for-long-%d-and-ends-alike-for-long",
	} {
		t.Run(format, func(t *testing.T) {
			low, high := map[uint64]int{}, map[uint64]int{}
			for i := range 200_000 {
				hash := HashString(fmt.Sprintf(format, i))
				low[hash&(1<<24-1)]++
				high[hash>>40]++
			}
			for which, seen := range map[string]map[uint64]int{"low": low, "high": high} {
				for bits, n := range seen {
					if n > 6 { // expected: 200,000 names over 16 M values
						t.Errorf("%d names have the %s bits %x", n, which, bits)
					}
				}
				// About 1,190 names are expected to share a value with another.
				assert.LessOrEqual(t, 200_000-len(seen), 1_500, "names that share their %s bits with another", which)
			}
		})
	}
}
