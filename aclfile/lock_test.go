package aclfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLock: one at a time changes the files of a folder, also through a link, and who waits for
// too long gets an error.
func TestLock(t *testing.T) {
	folder, links := t.TempDir(), t.TempDir()
	path, link := filepath.Join(folder, "acls.txt"), filepath.Join(links, "acls.txt")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Symlink(path, link))
	release, err := Lock(filepath.Join(folder, "new.txt"))
	require.NoError(t, err)
	for _, other := range []string{path, link} {
		_, err = lock(other, 20*time.Millisecond)
		assert.ErrorIs(t, err, errHeld, other)
	}
	got := make(chan error)
	go func() {
		again, err := Lock(link)
		if err == nil {
			again()
		}
		got <- err
	}()
	release()
	require.NoError(t, <-got)
	_, err = Lock(filepath.Join(folder, "missing", "acls.txt"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "a lock leaves nothing behind")
}
