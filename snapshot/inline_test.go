package snapshot_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inlined are the functions on the way of a check, of which the compiler must make no
// calls: each would cost as much as what it does.
var inlined = []string{
	"tagOf", "matching", "load", "fold", "HashString", // of package phash
	"bitOf", "askedFor", "ruling.speaksOf", "(*scope).of", "Decision.Allowed",
}

// TestInlined asks the compiler.
func TestInlined(t *testing.T) {
	out, err := exec.Command("go", "build", "-gcflags=-m", ".", "../internal/phash").CombinedOutput()
	require.NoError(t, err, "go build: %v\n%s", err, out)
	found := regexp.MustCompile(`can inline (\S+)`).FindAllStringSubmatch(string(out), -1)
	require.GreaterOrEqual(t, len(found), 50, "the compiler speaks of %d functions only:\n%s", len(found), out)
	var can []string
	for _, f := range found {
		can = append(can, strings.TrimSuffix(f[1], ":"))
	}
	for _, name := range inlined {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, can, name, "%s is not inlined", name)
		})
	}
	t.Logf("%d functions asked for, of %d that are inlined", len(inlined), len(can))
}
