package aclfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/aclfile"
)

// TestTexts keeps a text that is no set of ACLs as it keeps a set.
func TestTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roles.json")
	isValid := func(text []byte) bool { return string(text) != "torn" }
	_, err := aclfile.LoadText(path, aclfile.ChecksumOptional)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, text := range []string{"one", "two", ""} {
		require.NoError(t, aclfile.SaveText(path, []byte(text), isValid))
		got, err := aclfile.LoadText(path, aclfile.ChecksumRequired)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	require.NoError(t, os.Remove(path+".sum"))
	var wrong *aclfile.ChecksumError
	_, err = aclfile.LoadText(path, aclfile.ChecksumRequired)
	require.ErrorAs(t, err, &wrong)
	require.NoError(t, os.WriteFile(path, []byte("torn"), 0o600))
	require.NoError(t, aclfile.SaveText(path, []byte("three"), isValid))
	require.NoError(t, os.WriteFile(path, []byte("edited"), 0o600))
	_, err = aclfile.LoadText(path, aclfile.ChecksumOptional)
	require.ErrorAs(t, err, &wrong)
	var failure *aclfile.SaveError
	require.ErrorAs(t, aclfile.SaveText(t.TempDir(), []byte("four"), isValid), &failure)
}
