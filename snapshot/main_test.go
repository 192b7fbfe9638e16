package snapshot_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the properties draw more than rapid's 100 sets of ACLs: so few
// hardly reach a rule that needs two rare ACLs to meet, and a wrong one passes.
// -rapid.checks on the command line goes before.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "500"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
