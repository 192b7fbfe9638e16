package aclfile_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// Every truncation and every flipped bit of a file is detected, and every truncation of
// its checksum file.
func TestLoadNoticesAllDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, aclfile.Set("a", 2))
	text, sum := readFile(t, path), readFile(t, path+".sum")
	damaged := 0
	refuse := func(what string, at int) {
		damaged++
		got, err := aclfile.Load(path, aclfile.ChecksumOptional)
		var wrong *aclfile.ChecksumError
		assert.Nil(t, got, "%s at %d: Load", what, at)
		require.ErrorAs(t, err, &wrong, "%s at %d: Load", what, at)
		require.False(t, wrong.Missing, "%s at %d: Load", what, at)
		assert.NotEqual(t, "", wrong.Found, "%s at %d: Load", what, at)
		assert.NotEqual(t, "", wrong.Expected, "%s at %d: Load", what, at)
	}
	for i := range text {
		writeFile(t, path, text[:i])
		refuse("cut", i)
		flipped := []byte(text)
		flipped[i] ^= 1 << (i % 8)
		writeFile(t, path, string(flipped))
		refuse("bit flipped", i)
	}
	writeFile(t, path, text)
	for i := range sum {
		writeFile(t, path+".sum", sum[:i])
		refuse("checksum cut", i)
	}
	assert.GreaterOrEqual(t, damaged, 2*len(text)+len(sum), "only %d damaged files", damaged)
	writeFile(t, path+".sum", sum)
	wantLoaded(t, path, aclfile.Set("a", 2))
}

func TestLoadChecksumFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, aclfile.Set("a", 2))
	right := strings.Fields(readFile(t, path+".sum"))[0]
	wrong := strings.Repeat("0", 64)
	for _, test := range []struct {
		sum string
		ok  bool
	}{
		{right + "  acls\n", true},
		{right + " *acls\n", true}, // of sha256sum --binary
		{strings.ToUpper(right) + "  another/name\n", true},
		{"\\" + right + "  a\\nb\n", true},
		{wrong + "  acls\n" + right + "  acls\n", true},
		{right + "  acls\n" + wrong + "  acls\n", true},
		{wrong + "  acls\n", false},
		{wrong + "  acls\n" + wrong + "  acls\n" + right + "  acls\n", false},
		{right + "\n", false},
		{right[1:] + "  acls\n", false},
		{"x" + right[1:] + "  acls\n", false},
		{right + "0  acls\n", false},
		{"\n" + right + "  acls\n", false},
		{right + "  acls\n\n", false},
		{"", false},
	} {
		t.Run(test.sum, func(t *testing.T) {
			writeFile(t, path+".sum", test.sum)
			got, err := aclfile.Load(path, aclfile.ChecksumRequired)
			var checksum *aclfile.ChecksumError
			assert.False(t, test.ok && (err != nil || !slices.Equal(got, aclfile.Set("a", 2))), "with the checksum file %q: Load = %v, %v", test.sum, got, err)
			assert.False(t, !test.ok && !errors.As(err, &checksum), "with the checksum file %q: Load = %v, %v", test.sum, got, err)
		})
	}
	writeFile(t, path+".sum", strings.Repeat("a", 1<<20))
	_, err := aclfile.Load(path, aclfile.ChecksumRequired)
	assert.ErrorContains(t, err, "larger than", "with a large checksum file")
}

// A file that was written by hand has no checksum.
func TestLoadWithoutChecksum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, aclfile.Set("a", 2))
	require.NoError(t, os.Remove(path+".sum"))
	got, err := aclfile.Load(path, aclfile.ChecksumOptional)
	require.NoError(t, err, "Load")
	assert.Equal(t, aclfile.Set("a", 2), got, "Load")
	wantMissing(t, path, aclfile.ChecksumRequired)
	wantMissing(t, path, 99)
	for _, text := range []string{"", "\n \n", "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL)`:\n"} {
		t.Run(text, func(t *testing.T) {
			writeFile(t, path, text)
			wantMissing(t, path, aclfile.ChecksumOptional)
		})
	}
	save(t, path, nil) // an empty set is valid with a checksum
	wantLoaded(t, path, nil)
}

func wantMissing(t *testing.T, path string, checksums aclfile.Checksums) {
	t.Helper()
	got, err := aclfile.Load(path, checksums)
	var missing *aclfile.ChecksumError
	assert.Nil(t, got, "Load = %v, %v, want a missing checksum", got, err)
	require.ErrorAs(t, err, &missing, "Load = %v, %v, want a missing checksum", got, err)
	assert.True(t, missing.Missing, "Load = %v, %v, want a missing checksum", got, err)
}

func TestLoadReportsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	writeFile(t, path, "{\"a\":1}\n{}\n")
	got, err := aclfile.Load(path, aclfile.ChecksumOptional)
	var wrong acl.ParseErrors
	assert.Nil(t, got, "Load")
	require.ErrorAs(t, err, &wrong, "Load")
	require.Len(t, wrong, 2, "Load")
	assert.Equal(t, 2, wrong[1].Line, "Load")
	assert.Equal(t, path, wrong[0].File, "Load")
	for _, path := range []string{filepath.Dir(path), "/dev/null"} {
		t.Run(path, func(t *testing.T) {
			got, err := aclfile.Load(path, aclfile.ChecksumOptional)
			assert.Nil(t, got)
			assert.ErrorContains(t, err, "not a regular file")
		})
	}
	got, err = aclfile.Load(path+"-none", aclfile.ChecksumOptional)
	assert.Nil(t, got, "Load")
	assert.ErrorIs(t, err, fs.ErrNotExist, "Load")
}

func TestLoadLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	writeFile(t, path, "")
	if err := os.Truncate(path, aclfile.MaxFileBytes+1); err != nil { // a sparse file, which takes no space
		t.Skip(err)
	}
	got, err := aclfile.Load(path, aclfile.ChecksumOptional)
	assert.Nil(t, got, "Load")
	assert.ErrorContains(t, err, "larger than", "Load")
}

// Loading while another goroutine saves returns one complete set.
func TestLoadWhileSaving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, aclfile.Set("0", 20))
	var saving sync.WaitGroup
	stop := make(chan struct{})
	saving.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := aclfile.Save(path, acl.FormatJSON, slices.Values(aclfile.Set(string(rune('0'+i%10)), 20))); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	seen := map[string]bool{}
	for i := 0; i < 20_000 && len(seen) < 5; i++ {
		got, err := aclfile.Load(path, aclfile.ChecksumRequired)
		if err != nil || len(got) != 20 {
			t.Errorf("Load = %v, %v", got, err)
			break
		}
		name := strings.TrimPrefix(got[0].Entry.Principal, "User:")
		seen[name] = true
		assert.Equal(t, aclfile.Set(name, 20), got, "Load")
	}
	close(stop)
	saving.Wait()
	assert.GreaterOrEqual(t, len(seen), 5, "only the sets %v were seen", seen)
}

func TestApply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, append(aclfile.Set("a", 3), aclfile.Set("b", 2)...))
	store := snapshot.NewStore(snapshot.Config{})
	apply := func(want uint64, bindings ...acl.Binding) {
		t.Helper()
		require.NoError(t, aclfile.Apply(store, path, aclfile.ChecksumRequired))
		wantInForce(t, store, want, bindings)
	}
	apply(1, append(aclfile.Set("a", 3), aclfile.Set("b", 2)...)...)
	apply(1, append(aclfile.Set("a", 3), aclfile.Set("b", 2)...)...) // no change
	save(t, path, append(aclfile.Set("b", 3), aclfile.Set("b", 3)...))
	apply(2, aclfile.Set("b", 3)...)
	save(t, path, nil)
	apply(3)
}

func wantInForce(t *testing.T, store *snapshot.Store, generation uint64, want []acl.Binding) {
	t.Helper()
	n := store.Load()
	want = slices.SortedFunc(slices.Values(want), acl.Binding.Compare)
	got := slices.Collect(n.All())
	require.True(t, n.Ready(), "generation %d, ready %v, %v\nwant generation %d, %v", n.Generation(), n.Ready(), got, generation, want)
	require.Equal(t, generation, n.Generation(), "generation %d, ready %v, %v\nwant generation %d, %v", n.Generation(), n.Ready(), got, generation, want)
	require.Equal(t, want, got, "generation %d, ready %v, %v\nwant generation %d, %v", n.Generation(), n.Ready(), got, generation, want)
}

// If anything is wrong with the file, the set in force stays in force, and the error
// says so.
func TestApplyKeepsWhatIsInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	store := snapshot.NewStore(snapshot.Config{AllowIfNoACL: true})
	save(t, path, aclfile.Set("a", 3))
	require.NoError(t, aclfile.Apply(store, path, aclfile.ChecksumOptional))
	whole := readFile(t, path)
	for _, test := range []struct {
		name   string
		change func()
	}{
		{"edited", func() { writeFile(t, path, strings.ReplaceAll(whole, "User:a", "User:b")) }},
		{"cut after a line", func() { writeFile(t, path, whole[:strings.LastIndex(whole, "Current")]) }},
		{"gone", func() { os.Remove(path) }},
		{"back, cut within a line, and without a checksum", func() { os.Remove(path + ".sum"); writeFile(t, path, whole[:len(whole)-5]) }},
		{"begun", func() { writeFile(t, path, "") }},
		{"a folder", func() { os.Remove(path); os.Mkdir(path, 0o700) }},
	} {
		test.change()
		err := aclfile.Apply(store, path, aclfile.ChecksumOptional)
		var kept *aclfile.ApplyError
		require.ErrorAs(t, err, &kept, "%s: Apply", test.name)
		assert.Equal(t, uint64(1), kept.Generation, "%s: Apply", test.name)
		assert.Equal(t, path, kept.Path, "%s: Apply", test.name)
		assert.ErrorContains(t, err, "generation 1 stays in force", "%s: Apply", test.name)
		wantInForce(t, store, 1, aclfile.Set("a", 3))
	}
	assert.True(t, store.Load().Check(snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("1.2.3.4")}, ops.Read, resource.Topic, "topic-1").Allowed(), "the set in force no longer decides")
}

// Before the first file is applied, a store denies everything.
func TestApplyOfABrokenFileLeavesTheStoreNotReady(t *testing.T) {
	store := snapshot.NewStore(snapshot.Config{AllowIfNoACL: true})
	assert.ErrorIs(t, aclfile.Apply(store, filepath.Join(t.TempDir(), "none"), aclfile.ChecksumOptional), fs.ErrNotExist, "Apply")
	assert.False(t, store.Load().Ready(), "the store is ready")
	assert.Equal(t, uint64(0), store.Load().Generation(), "the store is ready")
}
