package snapshot_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
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
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	found := regexp.MustCompile(`can inline (\S+)`).FindAllStringSubmatch(string(out), -1)
	if len(found) < 50 {
		t.Fatalf("the compiler speaks of %d functions only:\n%s", len(found), out)
	}
	var can []string
	for _, f := range found {
		can = append(can, strings.TrimSuffix(f[1], ":"))
	}
	for _, name := range inlined {
		if !slices.Contains(can, name) {
			t.Errorf("%s is not inlined", name)
		}
	}
	t.Logf("%d functions asked for, of %d that are inlined", len(inlined), len(can))
}
