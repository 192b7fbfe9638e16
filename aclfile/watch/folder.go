package watch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// sumSuffix is what aclfile appends to the name of a file to get the name of its
// checksum file.
const sumSuffix = ".sum"

// stamp is the metadata of a file and its checksum file.
type stamp struct {
	path      string // with symbolic links resolved if possible
	file, sum fs.FileInfo
}

func stampOf(path string) stamp {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return stamp{path: path, file: statOf(path), sum: statOf(path + sumSuffix)}
}

// statOf returns nil for a file that does not exist or cannot be accessed.
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

// watchFolders watches the folders of the file and of its link targets. A file that is
// replaced cannot be watched itself. A folder that was recreated is watched again.
// Watching a folder twice costs little.
func (f *follower) watchFolders() {
	folders := []string{filepath.Dir(f.path)}
	if target := filepath.Dir(stampOf(f.path).path); target != folders[0] {
		folders = append(folders, target)
	}
	for _, old := range f.watcher.WatchList() {
		if !slices.Contains(folders, old) {
			_ = f.watcher.Remove(old) // the folder may be gone, and its watch with it
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
			f.Report(fmt.Errorf("watch: folder %q cannot be watched, it is polled every %v: %w", folder, f.Poll, err))
		}
	}
}
