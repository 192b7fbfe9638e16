package properties

// Nearest returns the known key with the smallest distance to a key that is not known, or
// "" if none is near: at most one letter in four differs, and at most four.
func Nearest(key string, known []string) string { return Within(min(4, len(key)/4), key, known) }

// Within returns the known key with the smallest distance to a key that is not known, or "" if
// more than so many letters differ.
func Within(most int, key string, known []string) string {
	best, least := "", 1+most
	for _, candidate := range known {
		if d := distance(key, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance returns the number of letters to change, add or take away to make b of a, or
// limit if that is less (Levenshtein).
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
