//go:build race

package principal_test

// raceEnabled says that the race detector runs, which allocates on its own account.
const raceEnabled = true
