package gateway

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOffsets compares ranges of offsets with sets of offsets.
func TestOffsets(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func() (ranges []offsets) {
		for at := int64(0); at < 30; at += 1 + r.Int64N(5) {
			if o := (offsets{first: at, last: at + r.Int64N(4)}); r.IntN(2) == 0 {
				ranges = append(ranges, o)
				at = o.last
			}
		}
		return ranges
	}
	set := func(ranges []offsets) map[int64]bool {
		s := map[int64]bool{}
		last := int64(-1)
		for _, o := range ranges {
			require.Greater(t, o.first, last, "%v: in order, without overlap", ranges)
			require.LessOrEqual(t, o.first, o.last)
			for i := o.first; i <= o.last; i++ {
				s[i] = true
			}
			last = o.last
		}
		return s
	}
	for range 2000 {
		a, b := random(), random()
		left, both := set(without(a, b)), set(with(a, b))
		inA, inB := set(a), set(b)
		for i := range int64(40) {
			require.Equal(t, inA[i] && !inB[i], left[i], "%v without %v: %d", a, b, i)
			require.Equal(t, inA[i] || inB[i], both[i], "%v with %v: %d", a, b, i)
		}
	}
	require.Equal(t, []offsets{{1, 3, 0}, {4, 6, 0}}, with(nil, []offsets{{2, 6, 0}, {1, 3, 0}, {5, 4, 0}, {2, 3, 0}}), "out of order, overlapping, backwards")
	require.Equal(t, []offsets{{1, 3, 8}, {4, 6, 7}, {7, 9, 8}}, with([]offsets{{1, 9, 8}}, []offsets{{4, 6, 7}}), "each with the end of its lock")
}
