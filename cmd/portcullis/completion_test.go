package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCompletionErrorsAreInert: cobra writes some errors to os.Stderr, whatever the error
// stream of the command is.
func TestCompletionErrorsAreInert(t *testing.T) {
	for _, command := range []string{"__complete", "__completeNoDesc"} {
		t.Run(command, func(t *testing.T) {
			file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			require.NoError(t, err)
			was := os.Stderr
			os.Stderr = file
			run([]string{command, "check", "--acls\x1b]0;x\a", ""}, strings.NewReader(""), io.Discard, io.Discard)
			run([]string{command, "wrong\x1b]0;x\a", ""}, strings.NewReader(""), io.Discard, io.Discard)
			os.Stderr = was
			require.NoError(t, file.Close())
			wrote, err := os.ReadFile(file.Name())
			require.NoError(t, err)
			assert.Contains(t, string(wrote), `x1b]0;x`)
			assert.NotContains(t, string(wrote), "\x1b")
			assert.NotContains(t, string(wrote), "\a")
		})
	}
}
