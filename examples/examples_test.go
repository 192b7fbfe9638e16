package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxLines is how long an example may be: it is to be read in one go.
const maxLines = 79

// longer are the examples that need more lines.
var longer = map[string]int{"proxyloop": 101}

// TestExamples builds and runs the examples that need nothing.
func TestExamples(t *testing.T) {
	for folder, want := range map[string]string{
		"broker":    "alice.inbox: NONE\nalice.gone: UNKNOWN_TOPIC_OR_PARTITION\npayroll: TOPIC_AUTHORIZATION_FAILED\nleft: [payroll]\n",
		"proxyloop": "orders: <nil>\npayroll: TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.]\n",
	} {
		t.Run(folder, func(t *testing.T) {
			program := build(t, folder) // which may take long
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program)
			cmd.Dir = folder
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			assert.Equal(t, want, string(out))
		})
	}
}

// TestLines counts the lines of every example.
func TestLines(t *testing.T) {
	programs, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(programs), 4)
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			text, err := os.ReadFile(program)
			require.NoError(t, err)
			most := max(maxLines, longer[filepath.Dir(program)])
			assert.LessOrEqual(t, strings.Count(string(text), "\n"), most)
		})
	}
}

// TestGuideShowsTheRelay: the guide shows the program that is run here.
func TestGuideShowsTheRelay(t *testing.T) {
	program, err := os.ReadFile("relay/main.go")
	require.NoError(t, err)
	guide, err := os.ReadFile("../docs/guide-proxy.md")
	require.NoError(t, err)
	_, main, _ := strings.Cut(string(program), "\nfunc main() {")
	main, _, found := strings.Cut(main, "\n}\n")
	require.True(t, found)
	assert.True(t, strings.Contains(string(guide), main), "docs/guide-proxy.md shows another main than relay/main.go")
	code := 0
	for line := range strings.Lines(main) {
		if strings.Trim(line, " \t\n})(") != "" { // and not only the end of something
			code++
		}
	}
	assert.LessOrEqual(t, code, 30, "lines of code")
}

// build builds an example and returns the program.
func build(t *testing.T, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), folder)
	out, err := exec.Command("go", "build", "-o", program, "./"+folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}
