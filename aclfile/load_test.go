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

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every truncation and every flipped bit of a file is detected, and every truncation of
// its checksum file.
func TestLoadNoticesAllDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 2))
	text, sum := readFile(t, path), readFile(t, path+".sum")
	damaged := 0
	refuse := func(what string, at int) {
		damaged++
		got, err := aclfile.Load(path, aclfile.ChecksumOptional)
		var wrong *aclfile.ChecksumError
		if got != nil || !errors.As(err, &wrong) || wrong.Missing || wrong.Found == "" || wrong.Expected == "" {
			t.Errorf("%s at %d: Load = %v, %v", what, at, got, err)
		}
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
	if damaged < 2*len(text)+len(sum) {
		t.Errorf("only %d damaged files", damaged)
	}
	writeFile(t, path+".sum", sum)
	wantLoaded(t, path, set("a", 2))
}

func TestLoadChecksumFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 2))
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
		writeFile(t, path+".sum", test.sum)
		got, err := aclfile.Load(path, aclfile.ChecksumRequired)
		var checksum *aclfile.ChecksumError
		if test.ok && (err != nil || !slices.Equal(got, set("a", 2))) || !test.ok && !errors.As(err, &checksum) {
			t.Errorf("with the checksum file %q: Load = %v, %v", test.sum, got, err)
		}
	}
	writeFile(t, path+".sum", strings.Repeat("a", 1<<20))
	if _, err := aclfile.Load(path, aclfile.ChecksumRequired); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("with a large checksum file: %v", err)
	}
}

// A file that was written by hand has no checksum.
func TestLoadWithoutChecksum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 2))
	if err := os.Remove(path + ".sum"); err != nil {
		t.Fatal(err)
	}
	got, err := aclfile.Load(path, aclfile.ChecksumOptional)
	if err != nil || !slices.Equal(got, set("a", 2)) {
		t.Errorf("Load = %v, %v", got, err)
	}
	wantMissing(t, path, aclfile.ChecksumRequired)
	wantMissing(t, path, 99)
	for _, text := range []string{"", "\n \n", "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=a, patternType=LITERAL)`:\n"} {
		writeFile(t, path, text)
		wantMissing(t, path, aclfile.ChecksumOptional)
	}
	save(t, path, nil) // an empty set is valid with a checksum
	wantLoaded(t, path, nil)
}

func wantMissing(t *testing.T, path string, checksums aclfile.Checksums) {
	t.Helper()
	got, err := aclfile.Load(path, checksums)
	var missing *aclfile.ChecksumError
	if got != nil || !errors.As(err, &missing) || !missing.Missing {
		t.Errorf("Load = %v, %v, want a missing checksum", got, err)
	}
}

func TestLoadReportsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	writeFile(t, path, "{\"a\":1}\n{}\n")
	got, err := aclfile.Load(path, aclfile.ChecksumOptional)
	var wrong acl.ParseErrors
	if got != nil || !errors.As(err, &wrong) || len(wrong) != 2 || wrong[1].Line != 2 || wrong[0].File != path {
		t.Errorf("Load = %v, %v", got, err)
	}
	for _, path := range []string{filepath.Dir(path), "/dev/null"} {
		if got, err := aclfile.Load(path, aclfile.ChecksumOptional); got != nil || err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("Load of %s = %v, %v", path, got, err)
		}
	}
	if got, err := aclfile.Load(path+"-none", aclfile.ChecksumOptional); got != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load = %v, %v", got, err)
	}
}

func TestLoadLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	writeFile(t, path, "")
	if err := os.Truncate(path, aclfile.MaxFileBytes+1); err != nil { // a sparse file, which takes no space
		t.Skip(err)
	}
	if got, err := aclfile.Load(path, aclfile.ChecksumOptional); got != nil || err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Load = %v, %v", got, err)
	}
}

// Loading while another goroutine saves returns one complete set.
func TestLoadWhileSaving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("0", 20))
	var saving sync.WaitGroup
	stop := make(chan struct{})
	saving.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := aclfile.Save(path, acl.FormatJSON, slices.Values(set(string(rune('0'+i%10)), 20))); err != nil {
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
		if !slices.Equal(got, set(name, 20)) {
			t.Errorf("Load = %v", got)
		}
	}
	close(stop)
	saving.Wait()
	if len(seen) < 5 {
		t.Errorf("only the sets %v were seen", seen)
	}
}

func TestApply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, append(set("a", 3), set("b", 2)...))
	store := snapshot.NewStore(snapshot.Config{})
	apply := func(want uint64, bindings ...acl.Binding) {
		t.Helper()
		if err := aclfile.Apply(store, path, aclfile.ChecksumRequired); err != nil {
			t.Fatal(err)
		}
		wantInForce(t, store, want, bindings)
	}
	apply(1, append(set("a", 3), set("b", 2)...)...)
	apply(1, append(set("a", 3), set("b", 2)...)...) // no change
	save(t, path, append(set("b", 3), set("b", 3)...))
	apply(2, set("b", 3)...)
	save(t, path, nil)
	apply(3)
}

func wantInForce(t *testing.T, store *snapshot.Store, generation uint64, want []acl.Binding) {
	t.Helper()
	n := store.Load()
	want = slices.SortedFunc(slices.Values(want), acl.Binding.Compare)
	if got := slices.Collect(n.All()); !n.Ready() || n.Generation() != generation || !slices.Equal(got, want) {
		t.Fatalf("generation %d, ready %v, %v\nwant generation %d, %v", n.Generation(), n.Ready(), got, generation, want)
	}
}

// If anything is wrong with the file, the set in force stays in force, and the error
// says so.
func TestApplyKeepsWhatIsInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	store := snapshot.NewStore(snapshot.Config{AllowIfNoACL: true})
	save(t, path, set("a", 3))
	if err := aclfile.Apply(store, path, aclfile.ChecksumOptional); err != nil {
		t.Fatal(err)
	}
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
		if !errors.As(err, &kept) || kept.Generation != 1 || kept.Path != path || !strings.Contains(err.Error(), "generation 1 stays in force") {
			t.Errorf("%s: Apply = %v", test.name, err)
		}
		wantInForce(t, store, 1, set("a", 3))
	}
	if !store.Check(snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("1.2.3.4")}, ops.Read, resource.Topic, "topic-1").Allowed() {
		t.Error("the set in force no longer decides")
	}
}

// Before the first file is applied, a store denies everything.
func TestApplyOfABrokenFileLeavesTheStoreNotReady(t *testing.T) {
	store := snapshot.NewStore(snapshot.Config{AllowIfNoACL: true})
	if err := aclfile.Apply(store, filepath.Join(t.TempDir(), "none"), aclfile.ChecksumOptional); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Apply = %v", err)
	}
	if store.Load().Ready() || store.Load().Generation() != 0 {
		t.Error("the store is ready")
	}
}
