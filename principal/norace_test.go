//go:build !race

package principal_test

const raceEnabled = false
