//go:build race

package principal_test

// raceEnabled says that the race detector is on. The detector itself allocates.
const raceEnabled = true
