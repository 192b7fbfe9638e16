package fuzz_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fenced finds the code blocks of a Markdown page.
var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// TestREADME builds and runs the program in the README, and runs its commands: what
// they print must be what the README says.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	blocks := map[string][]string{}
	for _, m := range fenced.FindAllStringSubmatch(string(readme), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	if n := strings.Count(string(readme), "\n"); n > 200 {
		t.Errorf("the README has %d lines, 200 is the most", n)
	}

	t.Run("program", func(t *testing.T) {
		require.Len(t, blocks["go"], 1, "%d programs, want 1", len(blocks["go"]))
		// The program stands in a folder of the root module, so that it finds it.
		dir, err := os.MkdirTemp(root, ".readme-")
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(blocks["go"][0]), 0o600))
		out := runIn(t, root, nil, "go run ./"+filepath.Base(dir))
		assert.Contains(t, string(readme), "It prints `"+strings.TrimSpace(out)+"`", "it prints %q, which is not what the README says", out)
	})

	t.Run("commands", func(t *testing.T) {
		commands := runConsole(t, root, blocks["console"])
		assert.GreaterOrEqual(t, commands, 4, "%d commands found, 4 expected", commands)
	})

	t.Run("set-up", func(t *testing.T) {
		lines := strings.Split(strings.TrimSpace(blocks["sh"][0]), "\n")
		require.Len(t, lines, 2, "the set-up is %q, want a first command and the tests", lines)
		require.Equal(t, "go test work", lines[1], "the set-up is %q, want a first command and the tests", lines)
		out := runIn(t, root, nil, lines[0])
		assert.True(t, strings.HasPrefix(out, "allowed: "), "the first command prints %q", out)
	})
}

// runConsole runs the commands of a page's console blocks in the root folder, and returns how
// many there are: what they print must be what the page says.
func runConsole(t *testing.T, root string, blocks []string) (commands int) {
	t.Helper()
	bin := t.TempDir()
	runIn(t, root, nil, "go build -o "+bin+" ./cmd/portcullis")
	env := append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, block := range blocks {
		for _, part := range strings.Split("\n"+block, "\n$ ")[1:] {
			command, want, _ := strings.Cut(part, "\n")
			commands++
			got := runIn(t, root, env, command)
			assert.Equal(t, strings.TrimRight(want, "\n"), strings.TrimRight(got, "\n"), "%s\nprints:\n%s\nthe page says:\n%s", command, got, want)
		}
	}
	return commands
}

// runIn runs a shell command in a folder and returns what it prints. An exit status
// of 1 is an answer (denied), others are failures.
func runIn(t *testing.T, dir string, env []string, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	return string(out)
}
