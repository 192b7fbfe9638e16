package gateway

import (
	"cmp"
	"slices"
	"time"
)

// offsets is a range of offsets, including both ends.
type offsets struct {
	first, last int64
	until       time.Duration // when their lock ends, of acquired records; see untilLock
}

// without returns have minus gone. Both are sorted without overlaps; so is the result.
func without(have, gone []offsets) []offsets {
	var left []offsets
	for _, h := range have {
		for len(gone) > 0 && gone[0].last < h.first {
			gone = gone[1:]
		}
		left = h.without(gone, left)
	}
	return left
}

// without appends h minus gone to left. The ranges of gone do not end before h.
func (h offsets) without(gone, left []offsets) []offsets {
	for _, g := range gone {
		if g.first > h.last {
			break
		}
		if g.first > h.first {
			left = append(left, offsets{h.first, g.first - 1, h.until})
		}
		if g.last >= h.last {
			return left
		}
		h.first = g.last + 1
	}
	return append(left, h)
}

// with returns the union of have and more, in order. have is sorted without overlaps. A
// range of more that ends before it begins is ignored; where two of them overlap, the
// first counts. Where more and have overlap, more counts.
func with(have, more []offsets) []offsets {
	more = slices.Clone(more)
	slices.SortFunc(more, func(a, b offsets) int { return cmp.Compare(a.first, b.first) })
	tidy := more[:0]
	for _, m := range more {
		if n := len(tidy); n > 0 && m.first <= tidy[n-1].last {
			if m.last <= tidy[n-1].last {
				continue
			}
			m.first = tidy[n-1].last + 1
		}
		if m.first <= m.last {
			tidy = append(tidy, m)
		}
	}
	all := append(without(have, tidy), tidy...)
	slices.SortFunc(all, func(a, b offsets) int { return cmp.Compare(a.first, b.first) })
	return all
}
