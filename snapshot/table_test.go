package snapshot

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestTableAgainstMap drives a table and a Go map through the same changes, in
// transactions, with hashes that collide in part or in whole. Every published
// version must keep its content, and its shape.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The fewer bits of the hash are used, the more collide, down to all of them.
		mask := rapid.SampledFrom([]uint64{0, 1, 1 << 62, 0x3ff, 0xf00000000000000f, ^uint64(0)}).Draw(t, "mask")
		k := &kind[string, int]{
			hash:  func(key string) uint64 { return hashString(key) & mask },
			marks: func(val int) ops.Set { return ops.Set(val) },
		}
		type version struct {
			t    table[string, int]
			want map[string]int
		}
		var published []version
		current := version{want: map[string]int{}}
		keys := rapid.SampledFrom([]int{5, 40, 400, 4_000}).Draw(t, "keys")
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			e := &edit{}
			current.want = maps.Clone(current.want)
			for range rapid.IntRange(1, 2).Draw(t, "runs") {
				// A run of neighbouring keys fills or empties pages.
				first, n := rapid.IntRange(0, keys).Draw(t, "first"), rapid.IntRange(1, keys).Draw(t, "run")
				set, val := rapid.Bool().Draw(t, "set"), rapid.IntRange(0, 1<<16-1).Draw(t, "val")
				for i := first; i < first+n; i++ {
					key := fmt.Sprint(i)
					if set {
						current.t = k.set(e, current.t, key, val)
						current.want[key] = val
					} else {
						current.t = k.delete(e, current.t, key)
						delete(current.want, key)
					}
				}
			}
			published = append(published, current)
		}
		marked := ops.Set(1 << rapid.IntRange(0, 15).Draw(t, "mark"))
		for _, v := range published {
			got := map[string]int{}
			v.t.each(func(key string, val int) bool { got[key] = val; return true })
			if !maps.Equal(got, v.want) || v.t.n != len(v.want) {
				t.Fatalf("holds %v (%d), want %v", got, v.t.n, v.want)
			}
			for i := range 2 * keys {
				key := fmt.Sprint(i)
				got, ok := v.t.get(k.hash(key), key)
				want, wantOK := v.want[key]
				if got != want || ok != wantOK {
					t.Fatalf("get %s: %d, %t, want %d, %t", key, got, ok, want, wantOK)
				}
			}
			found := map[string]bool{}
			v.t.root.eachMarked(marked, func(key string, _ int) bool { found[key] = true; return true })
			for key, val := range v.want {
				if ops.Set(val)&marked != 0 && !found[key] {
					t.Fatalf("%s is marked %b, and was not found by %b", key, val, marked)
				}
			}
			if err := verifyTable(k, v.t); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestHashIsOfTheTextAlone: neither where a text stands nor what stands around it
// counts. startHash depends on that.
func TestHashIsOfTheTextAlone(t *testing.T) {
	const long = "the quick brown fox jumps over the lazy dog, \U0001F600"
	for n := range len(long) + 1 {
		for i := 0; i+n <= len(long); i++ {
			if part := long[i : i+n]; hashString(part) != hashString(string([]byte(part))) {
				t.Fatalf("two hashes of %q", part)
			}
		}
		start := newStart()
		for m := range n + 1 {
			if start.of(long[:n], m) != hashString(string([]byte(long[:m]))) {
				t.Fatalf("the hash of the first %d bytes differs when more follow, %d in all", m, n)
			}
		}
	}
}

// TestHashSpreads: names that differ in few bytes, wherever these stand, spread over the
// digits and the tags of tables as if by chance.
func TestHashSpreads(t *testing.T) {
	for _, format := range []string{
		"%d", "%06d", "%07d", "%08d", "t%08d", "%016d", "%017d", "%d-of-a-name-that-ends-alike-for-long",
		"foo-bar35_resource-%d", "%08x", "a-name-that-begins-alike-for-long-%d-and-ends-alike-for-long",
	} {
		low, high := map[uint64]int{}, map[uint64]int{}
		for i := range 200_000 {
			hash := hashString(fmt.Sprintf(format, i))
			low[hash&(1<<24-1)]++
			high[hash>>40]++
		}
		for which, seen := range map[string]map[uint64]int{"low": low, "high": high} {
			for bits, n := range seen {
				if n > 6 { // expected: 200,000 names over 16 M values
					t.Errorf("%d names like %s share the %s bits %x", n, format, which, bits)
				}
			}
			// Some 1,190 are expected to find their value taken; twice that is not chance.
			if taken := 200_000 - len(seen); taken > 2400 {
				t.Errorf("%d names like %s find their %s bits taken", taken, format, which)
			}
		}
	}
}
