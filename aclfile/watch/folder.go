package watch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// sumSuffix is what aclfile adds to the name of a file for that of its checksum.
const sumSuffix = ".sum"

// stamp is how a file and its checksum file look from outside.
type stamp struct {
	path      string // with symbolic links resolved; as it is if that is not possible
	file, sum fs.FileInfo
}

func stampOf(path string) stamp {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return stamp{path: path, file: statOf(path), sum: statOf(path + sumSuffix)}
}

// statOf returns nil for a file that cannot be seen.
func statOf(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

func (s stamp) same(o stamp) bool {
	return s.path == o.path && sameInfo(s.file, o.file) && sameInfo(s.sum, o.sum)
}

func sameInfo(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
}

// watchFolders watches the folders of the file and of what it leads to. A file
// that is replaced cannot be watched itself. A folder that came back is watched
// anew; what is watched already costs little.
func (f *follower) watchFolders() {
	folders := []string{filepath.Dir(f.path)}
	if target := filepath.Dir(stampOf(f.path).path); target != folders[0] {
		folders = append(folders, target)
	}
	for _, old := range f.watcher.WatchList() {
		if !slices.Contains(folders, old) {
			_ = f.watcher.Remove(old) // it may be gone, and with it the watch
		}
	}
	for folder := range f.unwatched {
		if !slices.Contains(folders, folder) {
			delete(f.unwatched, folder)
		}
	}
	for _, folder := range folders {
		err := f.watcher.Add(folder)
		if err == nil {
			delete(f.unwatched, folder)
		} else if f.unwatched[folder] != err.Error() {
			f.unwatched[folder] = err.Error()
			f.Report(fmt.Errorf("watch: folder %q cannot be watched, it is looked at every %v: %w", folder, f.Poll, err))
		}
	}
}
