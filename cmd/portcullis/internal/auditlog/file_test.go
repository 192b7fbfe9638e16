package auditlog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit"
)

// openFile returns a log in a file.
func openFile(t testing.TB, path string, rotation Rotation, failure Failure) (*Log, *File) {
	t.Helper()
	to, err := OpenFile(path, rotation)
	require.NoError(t, err)
	l, _ := open(t, to, failure)
	return l, to
}

// filesIn returns the content of the files in a folder, by name.
func filesIn(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "only its owner can read %s", entry.Name())
		files[entry.Name()], err = os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
	}
	return files
}

// Lines are added to a file that is there. A line that was written in part does not spoil the
// next one.
func TestFile(t *testing.T) {
	for name, before := range map[string]string{"new": "", "existing": "{}\n", "broken": "{}\n{"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			if before != "" {
				require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
			}
			l, _ := openFile(t, path, Rotation{}, Block)
			require.NoError(t, l.Handle(numbered(0)))
			require.NoError(t, l.Close(time.Minute))
			text := filesIn(t, filepath.Dir(path))["audit.jsonl"]
			added, ok := bytes.CutPrefix(text, []byte(before))
			require.True(t, ok)
			assert.Equal(t, name == "broken", added[0] == '\n')
			assert.Equal(t, numbers(1), namesIn(t, added))
		})
	}
	_, err := OpenFile(t.TempDir(), Rotation{})
	require.ErrorContains(t, err, "open ")
	_, err = OpenFile("/dev/null", Rotation{Keep: 1})
	require.EqualError(t, err, "/dev/null is not a regular file, and cannot be rotated")
}

// A file is rotated by its size, between lines, and a number of files is kept.
func TestRotationBySize(t *testing.T) {
	const mebibyte = 1 << 20
	for _, keep := range []int{0, 2} {
		folder := t.TempDir()
		path := filepath.Join(folder, "audit.jsonl")
		l, _ := openFile(t, path, Rotation{MiB: 1, Keep: keep}, Block)
		one, err := audit.AppendJSON(nil, numbered(10_000))
		require.NoError(t, err)
		events := 5 * mebibyte / (len(one) + 1)
		for i := range events {
			require.NoError(t, l.Handle(numbered(i)))
		}
		require.NoError(t, l.Close(time.Minute))
		var names []string
		files := filesIn(t, folder)
		for name, text := range files {
			assert.LessOrEqual(t, len(text), mebibyte)
			assert.True(t, strings.HasPrefix(name, "audit") && strings.HasSuffix(name, ".jsonl"), name)
			names = append(names, namesIn(t, text)...)
		}
		if keep == 0 {
			assert.GreaterOrEqual(t, len(files), 5)
			want := numbers(events)
			slices.Sort(want) // ElementsMatch takes minutes for so many
			slices.Sort(names)
			assert.Equal(t, want, names)
			continue
		}
		assert.Len(t, files, 1+keep)
		assert.Contains(t, names, numbers(events)[events-1], "the newest are kept")
	}
}

// A file is rotated by its age.
func TestRotationByAge(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, _ := openFile(t, filepath.Join(folder, "audit.jsonl"), Rotation{Every: time.Hour}, Block)
		for i := range 4 {
			require.NoError(t, l.Handle(numbered(i)))
			synctest.Wait()
			time.Sleep(40 * time.Minute)
		}
		require.NoError(t, l.Close(time.Minute))
	})
	files := filesIn(t, folder)
	require.Len(t, files, 2)
	assert.Equal(t, numbers(4)[2:], namesIn(t, files["audit.jsonl"]))
	for name, text := range files {
		if name != "audit.jsonl" {
			assert.Contains(t, name, "-age")
			assert.Equal(t, numbers(2), namesIn(t, text))
		}
	}
}

// logrotate moves the file and sends a signal; then the lines go to a new file.
func TestReopen(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "audit.jsonl")
	l, to := openFile(t, path, Rotation{}, Block)
	wait := func() {
		require.Eventually(t, func() bool { return l.queue.Counts().Waiting == 0 }, 10*time.Second, time.Millisecond)
	}
	require.NoError(t, l.Handle(numbered(0)))
	wait()
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, l.Handle(numbered(1)))
	wait()
	require.NoError(t, to.Reopen())
	require.NoError(t, l.Handle(numbered(2)))
	wait()

	// If the file cannot be opened again, the previous one is still written to.
	require.NoError(t, os.Rename(path, path+".2"))
	require.NoError(t, os.Mkdir(path, 0o600))
	require.Error(t, to.Reopen())
	require.NoError(t, l.Handle(numbered(3)))
	require.NoError(t, l.Close(time.Minute))
	require.NoError(t, os.Remove(path))
	files := filesIn(t, folder)
	assert.Equal(t, numbers(2), namesIn(t, files["audit.jsonl.1"]))
	assert.Equal(t, numbers(4)[2:], namesIn(t, files["audit.jsonl.2"]))
}

// fullAfter is a disk that has room for some bytes.
type fullAfter struct {
	room int
	text []byte
}

func (f *fullAfter) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	f.room -= n
	f.text = append(f.text, p[:n]...)
	if n < len(p) {
		return n, errors.New("no space left")
	}
	return n, nil
}

// However little room a disk has each time, lines come out whole, once and in order.
func TestLinesThatAreWrittenInPart(t *testing.T) {
	var all [][]byte
	for i := range 20 {
		all = append(all, []byte(strings.Repeat(string(rune('a'+i)), i)+"\n"))
	}
	want := slices.Concat(all...)
	for room := 1; room <= len(want); room++ {
		disk := &fullAfter{}
		var w lineWriter
		for left := all; len(left) > 0; {
			disk.room = room
			n, err := w.write(disk, left)
			require.Equal(t, n == len(left), err == nil)
			left = left[n:]
		}
		require.Equal(t, string(want), string(disk.text), "with room for %d bytes", room)
	}
	_, err := new(lineWriter).write(shortWriter{}, all)
	require.ErrorIs(t, err, io.ErrShortWrite)
}

// shortWriter writes less than it is given and says nothing.
type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) / 2, nil }

// A disk that is full: deny refuses and block waits, until there is room; no line is lost,
// broken or written twice.
func TestFullDisk(t *testing.T) {
	for failure, name := range map[Failure]string{Block: "block", Deny: "deny", Drop: "drop"} {
		t.Run(name, func(t *testing.T) {
			folder := smallDisk(t, "128k")
			path := filepath.Join(folder, "audit.jsonl")
			ballast := filepath.Join(folder, "ballast")
			require.NoError(t, os.WriteFile(ballast, make([]byte, 64<<10), 0o600))
			l, _ := openFile(t, path, Rotation{}, failure)
			var accepted []string
			refused := 0
			for i := 0; !l.failing.Load(); i++ {
				if l.Handle(numbered(i)) != nil {
					refused++
				} else {
					accepted = append(accepted, numbered(i).Request.Name)
				}
				time.Sleep(10 * time.Microsecond)
				require.Less(t, i, 100_000, "the disk does not become full")
			}
			assert.Equal(t, failure == Deny, l.Refusing())
			lost := int(values(t, l)["dropped_total"])
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Less(t, len(text), 128<<10)

			require.NoError(t, os.Remove(ballast))
			require.Eventually(t, func() bool { return !l.failing.Load() }, 30*time.Second, time.Millisecond)
			assert.False(t, l.Refusing())
			require.NoError(t, l.Close(time.Minute))
			names := namesIn(t, filesIn(t, folder)["audit.jsonl"])
			assert.Len(t, names, len(accepted)-lost)
			if failure != Drop {
				assert.Equal(t, accepted, names)
			}
		})
	}
}

// A device that is always full, as the log of a process that cannot do anything about it.
func TestDeviceThatIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("the system has no /dev/full")
	}
	l, _ := openFile(t, "/dev/full", Rotation{}, Deny)
	require.NoError(t, l.Handle(numbered(0)))
	require.Eventually(t, l.Refusing, 10*time.Second, time.Millisecond)
	require.EqualError(t, l.Close(time.Millisecond), "1 events could not be written before the end")
}
