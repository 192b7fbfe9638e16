// Package shrink makes what fails a test smaller, so that a reader sees what it is that
// fails.
package shrink

import "slices"

// Value makes a value smaller as long as it fails. smaller returns what may come after
// a value, the smallest first; first returns the index of the first that fails as well,
// or -1.
func Value[T any](value T, smaller func(T) []T, first func([]T) int) T {
	for {
		next := smaller(value)
		if len(next) == 0 {
			return value
		}
		i := first(next)
		if i < 0 {
			return value
		}
		value = next[i]
	}
}

// List returns the list without a part of it, for [Value]: long parts first, then
// each element.
func List[E any](list []E) (smaller [][]E) {
	for n := (len(list) + 1) / 2; n > 0; n /= 2 {
		for i := 0; i+n <= len(list); i += n {
			smaller = append(smaller, slices.Concat(list[:i], list[i+n:]))
		}
	}
	return smaller
}

// Text is [List] for the characters of a text.
func Text(text string) (shorter []string) {
	for _, runes := range List([]rune(text)) {
		shorter = append(shorter, string(runes))
	}
	return shorter
}
