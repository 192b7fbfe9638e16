//go:build unix

package secretfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExposure tests each way in which another user can read or replace a secret. Rows
// with an owner need root, which can change the owner of files.
func TestExposure(t *testing.T) {
	me := os.Geteuid()
	const other = 4711
	for _, tt := range []struct {
		name     string
		file     os.FileMode
		folder   os.FileMode
		above    os.FileMode
		owners   map[string]int // of s (the file), d (its folder), a (the folder above), l (a link to the file)
		link     bool
		user     int
		want     string // a part of what is said; "" for nothing
		needRoot bool
	}{
		{name: "own file", file: 0o600, folder: 0o755, above: 0o755},
		{name: "read only", file: 0o400, folder: 0o700, above: 0o755},
		{name: "others read", file: 0o604, folder: 0o755, above: 0o755, want: "everybody on this machine can read or write"},
		{name: "others write", file: 0o602, folder: 0o755, above: 0o755, want: "everybody on this machine can read or write"},
		{name: "group writes", file: 0o620, folder: 0o755, above: 0o755, want: "its group can write"},
		{name: "folder others write", file: 0o600, folder: 0o777, above: 0o755, want: "can write the folder"},
		{name: "folder others write, sticky", file: 0o600, folder: 0o777 | os.ModeSticky, above: 0o755},
		{name: "folder group writes", file: 0o600, folder: 0o775, above: 0o755, want: "can write the folder"},
		{name: "folder above others write", file: 0o600, folder: 0o700, above: 0o757, want: "can write the folder"},
		{name: "link", file: 0o600, folder: 0o755, above: 0o755, link: true},
		{name: "link out of a folder others write", file: 0o600, folder: 0o755, above: 0o777, link: true, want: "can write the folder"},

		{name: "group reads file of root", file: 0o640, folder: 0o755, above: 0o755, user: other, needRoot: true},
		{name: "group reads file of the user", file: 0o640, folder: 0o755, above: 0o755, owners: map[string]int{"s": other, "d": other, "a": other}, user: other, needRoot: true, want: "its group can read"},
		{name: "file of another", file: 0o600, folder: 0o755, above: 0o755, owners: map[string]int{"s": other}, needRoot: true, want: "belongs to user 4711"},
		{name: "folder of another", file: 0o600, folder: 0o755, above: 0o755, owners: map[string]int{"d": other}, needRoot: true, want: "belongs to user 4711"},
		{name: "folder above of another, sticky", file: 0o600, folder: 0o755, above: 0o777 | os.ModeSticky, owners: map[string]int{"a": other}, needRoot: true, want: "belongs to user 4711"},
		{name: "link of another in a sticky folder", file: 0o600, folder: 0o755, above: 0o777 | os.ModeSticky, link: true, owners: map[string]int{"l": other}, needRoot: true, want: "belongs to user 4711"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.needRoot && me != 0 {
				t.Skip("needs root, who can give files away")
			}
			user := me
			if tt.needRoot {
				user = tt.user
			}
			root, err := filepath.EvalSymlinks(t.TempDir())
			require.NoError(t, err)
			paths := map[string]string{"a": filepath.Join(root, "a"), "d": filepath.Join(root, "d"), "s": filepath.Join(root, "d", "s"), "l": filepath.Join(root, "a", "l")}
			require.NoError(t, os.Mkdir(paths["a"], 0o700))
			if !tt.link {
				paths["d"], paths["s"] = filepath.Join(root, "a", "d"), filepath.Join(root, "a", "d", "s")
			}
			require.NoError(t, os.Mkdir(paths["d"], 0o700))
			require.NoError(t, os.WriteFile(paths["s"], []byte("alice:secret\n"), 0o600))
			if tt.link {
				require.NoError(t, os.Symlink("../d/s", paths["l"]))
			}
			for name, owner := range tt.owners {
				require.NoError(t, os.Lchown(paths[name], owner, -1))
			}
			for name, mode := range map[string]os.FileMode{"s": tt.file, "d": tt.folder, "a": tt.above} {
				require.NoError(t, os.Chmod(paths[name], mode))
			}
			given := paths["s"]
			if tt.link {
				given = paths["l"]
			}
			got := exposure(given, user)
			if tt.want == "" {
				assert.Empty(t, got)
			} else {
				assert.Contains(t, got, tt.want)
			}
			_ = os.Chmod(paths["a"], 0o700)
		})
	}
	assert.Empty(t, exposure("none", me), "for who reads it")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	assert.Empty(t, exposure(fmt.Sprintf("/dev/fd/%d", r.Fd()), me), "a pipe, as shells make them for <(command)")
}
