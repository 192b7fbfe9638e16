package workload

import "strconv"

// queries returns the numbers of the topics to ask about: a multiplicative hash of
// 0, 1, 2, … modulo the number of resources, groups left out, as far as keep
// keeps them.
func queries(resources int, keep func(i int) bool) []int {
	const (
		factor = 2654435761 // Knuth's, near 2^32 divided by the golden ratio
		tries  = 2_000_000  // where nearly nothing is kept
	)
	var kept []int
	for k := uint64(0); k < tries && len(kept) < maxAsked; k++ {
		i := int(k * factor & 0xffffffff % uint64(resources))
		if !isGroup(i) && keep(i) {
			kept = append(kept, i)
		}
	}
	return kept
}

// QueryHash returns the hash of the numbers at the end of the names of c. A
// program in another language that asks the same questions in the same order, and
// gets the answers that let it keep them, has the same hash. A name that does not
// end in a number counts as -1.
func QueryHash(c Case) int64 {
	hash := int64(17)
	for _, name := range c.Names {
		hash = hash*31 + int64(trailingNumber(name))
	}
	return hash
}

func trailingNumber(name string) int {
	start := len(name)
	for start > 0 && '0' <= name[start-1] && name[start-1] <= '9' {
		start--
	}
	n, err := strconv.Atoi(name[start:])
	if err != nil {
		return -1
	}
	return n
}
