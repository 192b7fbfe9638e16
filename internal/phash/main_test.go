package phash

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes rapid try 500 cases instead of 100, unless -rapid.checks says otherwise:
// 100 are too few for the rare shapes of a table.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "500"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
