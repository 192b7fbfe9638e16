package aclfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Set returns a set of n bindings with name in all of them.
func Set(name string, n int) []acl.Binding {
	list := make([]acl.Binding, n)
	for i := range list {
		list[i] = acl.Binding{
			Pattern: resource.LiteralPattern(resource.Topic, fmt.Sprintf("topic-%d", i)),
			Entry:   acl.Entry{Principal: "User:" + name, Host: acl.WildcardHost, Operation: ops.Read, Permission: acl.Allow},
		}
	}
	return list
}

// faulty is the disk, on which call number failAt, counted from 0, fails. If killed is
// set, all later calls fail too, as if the process had been killed.
type faulty struct {
	disk
	failAt int
	killed bool
	calls  []string
}

var errFault = fmt.Errorf("injected fault: %w", syscall.ENOSPC)

// fails records a call and reports whether it should fail.
func (f *faulty) fails(call, path string) bool {
	f.calls = append(f.calls, call+" "+kind(path))
	n := len(f.calls) - 1
	return n == f.failAt || f.killed && n > f.failAt
}

// kind returns the purpose of a path.
func kind(path string) string {
	base := filepath.Base(path)
	switch {
	case strings.HasPrefix(base, ".acls.sum.tmp-"):
		return "temp-sum"
	case strings.HasPrefix(base, ".acls.tmp-"):
		return "temp"
	case base == "acls" || base == "acls.sum":
		return base
	}
	return "folder"
}

func (f *faulty) createTemp(folder, pattern string) (tempFile, error) {
	if f.fails("create", pattern) {
		return nil, errFault
	}
	file, err := f.disk.createTemp(folder, pattern)
	return &faultyFile{file, f}, err
}

func (f *faulty) rename(from, to string) error {
	if f.fails("rename", to) {
		return errFault
	}
	return f.disk.rename(from, to)
}

func (f *faulty) remove(path string) error {
	if f.fails("remove", path) {
		return errFault
	}
	return f.disk.remove(path)
}

func (f *faulty) syncFolder(folder string) error {
	if f.fails("sync", folder) {
		return errFault
	}
	return f.disk.syncFolder(folder)
}

type faultyFile struct {
	tempFile
	f *faulty
}

// Write writes half of the text if it fails, as on a full disk.
func (f *faultyFile) Write(text []byte) (int, error) {
	if f.f.fails("write", f.Name()) {
		n, _ := f.tempFile.Write(text[:len(text)/2])
		return n, errFault
	}
	return f.tempFile.Write(text)
}

func (f *faultyFile) Chmod(mode fs.FileMode) error {
	if f.f.fails("chmod", f.Name()) {
		return errFault
	}
	return f.tempFile.Chmod(mode)
}

func (f *faultyFile) Sync() error {
	if f.f.fails("sync", f.Name()) {
		return errFault
	}
	return f.tempFile.Sync()
}

func (f *faultyFile) Close() error {
	err := f.tempFile.Close()
	if f.f.fails("close", f.Name()) {
		return errFault
	}
	return err
}

// oldStates are the possible states before a save, and whether each loads.
var oldStates = []struct {
	name  string
	write func(t *testing.T, path string)
	loads bool
}{
	{"saved", func(t *testing.T, path string) {
		require.NoError(t, Save(path, acl.FormatText, slices.Values(Set("old", 3))))
	}, true},
	{"written by hand", func(t *testing.T, path string) {
		saveByHand(t, path, Set("old", 3))
	}, true},
	{"left by a save that was killed", func(t *testing.T, path string) {
		saveByHand(t, path, Set("old", 3))
		s := saver{filesystem: &faulty{failAt: 11, killed: true}}
		require.Error(t, s.save(path, acl.FormatText, slices.Values(Set("between", 4))), "the save was not killed")
		sum, _ := os.ReadFile(path + ".sum")
		require.Equal(t, 2, strings.Count(string(sum), "\n"), "the checksum file is %q, want two checksums", sum)
	}, true},
	{"none", func(*testing.T, string) {}, false},
	{"empty, which would load if it got a checksum", func(t *testing.T, path string) { saveByHand(t, path, nil) }, false},
	{"damaged", func(t *testing.T, path string) {
		require.NoError(t, Save(path, acl.FormatText, slices.Values(Set("old", 3))))
		saveByHand(t, path, Set("damaged", 2))
	}, false},
}

// saveByHand writes a file without a checksum.
func saveByHand(t *testing.T, path string, bindings []acl.Binding) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, acl.Write(f, acl.FormatText, slices.Values(bindings)))
}

// expectedFaults is the number of calls in all the saves below that can fail.
const expectedFaults = 212

// Every call of a save fails once, after which the program either continues or is
// killed. The file contains the old set until it is replaced, and then the new one.
func TestEveryFaultLeavesOneSetWhole(t *testing.T) {
	survived := 0
	for _, state := range oldStates {
		for _, killed := range []bool{false, true} {
			for failAt := 0; ; failAt++ {
				done := faultOnce(t, state.name, state.write, state.loads, failAt, killed)
				if t.Failed() {
					return
				}
				if done {
					break
				}
				survived++
			}
		}
	}
	t.Logf("survived %d faults", survived)
	assert.GreaterOrEqual(t, survived, expectedFaults, "only %d faults, want %d: some call of the save is no longer tested", survived, expectedFaults)
}

// faultOnce reports whether the save made fewer calls than failAt.
func faultOnce(t *testing.T, state string, write func(*testing.T, string), loads bool, failAt int, killed bool) bool {
	path := filepath.Join(t.TempDir(), "acls")
	write(t, path)
	f := &faulty{failAt: failAt, killed: killed}
	s := saver{filesystem: f}
	err := s.save(path, acl.FormatJSON, slices.Values(Set("new", 5)))
	if len(f.calls) <= failAt {
		assert.NoError(t, err, "%s: Save without a fault: %v", state, err)
		return true
	}
	at := fmt.Sprintf("%s, failing call %d %q, killed %v", state, failAt, f.calls[failAt], killed)
	var failure *SaveError
	switch {
	case err == nil && strings.HasPrefix(f.calls[failAt], "remove") && !killed:
		failure = &SaveError{Replaced: true} // failing to clean up does not fail the save
	case !errors.As(err, &failure) || !errors.Is(err, syscall.ENOSPC):
		t.Errorf("%s: error %v", at, err)
		return false
	}
	if left := slices.DeleteFunc(folderOf(t, path), func(name string) bool { return name[0] != '.' }); len(left) > 0 &&
		!killed && !strings.HasPrefix(f.calls[failAt], "remove") {
		t.Errorf("%s: the save leaves %q", at, left)
	}
	got, err := Load(path, ChecksumOptional)
	switch {
	case failure.Replaced && (err != nil || !slices.Equal(got, Set("new", 5))):
		t.Errorf("%s: the error says that the file is replaced, but Load = %v, %v", at, got, err)
	case !failure.Replaced && loads && (err != nil || !slices.Equal(got, Set("old", 3))):
		t.Errorf("%s: Load = %v, %v, want the old set", at, got, err)
	case !failure.Replaced && !loads && err == nil:
		t.Errorf("%s: the invalid old file loads now: %v", at, got)
	}
	again := saver{filesystem: disk{}}
	err = again.save(path, acl.FormatText, slices.Values(Set("next", 1)))
	assert.NoError(t, err, "%s: the next Save: %v", at, err)
	got, err = Load(path, ChecksumRequired)
	require.NoError(t, err, "%s: after the next Save, Load", at)
	assert.Equal(t, Set("next", 1), got, "%s: after the next Save, Load", at)
	files := folderOf(t, path)
	assert.Equal(t, []string{"acls", "acls.sum"}, files, "%s: the folder then holds %q", at, files)
	return false
}

func folderOf(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Killing the process does not show what the disk would lose in a power failure. So
// this test checks in the order of the calls that each step is synced before the next.
func TestSaveSyncsBeforeItGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	oldStates[0].write(t, path)
	f := &faulty{failAt: -1}
	s := saver{filesystem: f}
	require.NoError(t, s.save(path, acl.FormatText, slices.Values(Set("new", 5))))
	want := []string{
		"create temp", "write temp", "chmod temp", "sync temp", "close temp",
		"create temp-sum", "write temp-sum", "chmod temp-sum", "sync temp-sum", "close temp-sum", "rename acls.sum", "sync folder",
		"rename acls", "sync folder",
		"create temp-sum", "write temp-sum", "chmod temp-sum", "sync temp-sum", "close temp-sum", "rename acls.sum", "sync folder",
	}
	assert.Equal(t, want, f.calls, "Save calls\n%q\nwant\n%q", f.calls, want)
}

// If a save happens between reading the checksum and reading the file, Load reads
// again, a limited number of times.
func TestLoadReadsAgain(t *testing.T) {
	for saves := range readAttempts + 1 {
		path := filepath.Join(t.TempDir(), "acls")
		saved := 0
		save := func() {
			saved++
			require.NoError(t, Save(path, acl.FormatText, slices.Values(Set("a", saved))))
		}
		save()
		c, err := readContent(path, func(name string, maxBytes int64) ([]byte, error) {
			if kind(name) == "acls" && saved <= saves {
				save()
			}
			return readFile(name, maxBytes)
		})
		var wrong *ChecksumError
		switch {
		case saves == readAttempts && !errors.As(err, &wrong):
			t.Errorf("with %d saves: %v", saves, err)
		case saves < readAttempts && err != nil:
			t.Errorf("with %d saves: %v", saves, err)
		case saves < readAttempts:
			got, err := c.bindings(path)
			assert.NoError(t, err, "with %d saves", saves)
			assert.Len(t, got, saves+1, "with %d saves", saves)
		}
	}
}
