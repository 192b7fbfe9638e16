package watch_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/aclfile/watch"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	quiet = 50 * time.Millisecond
	// patience is longer than anything here takes.
	patience = 20 * time.Second
)

func set(name string, n int) []acl.Binding {
	list := make([]acl.Binding, n)
	for i := range list {
		list[i] = acl.Binding{
			Pattern: resource.LiteralPattern(resource.Topic, fmt.Sprintf("topic-%03d", i)),
			Entry:   acl.Entry{Principal: "User:" + name, Host: acl.WildcardHost, Operation: ops.Read, Permission: acl.Allow},
		}
	}
	return list
}

func text(t *testing.T, bindings []acl.Binding) string {
	t.Helper()
	var b strings.Builder
	if err := acl.Write(&b, acl.FormatText, slices.Values(bindings)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func save(t *testing.T, path string, bindings []acl.Binding) {
	t.Helper()
	if err := aclfile.Save(path, acl.FormatText, slices.Values(bindings)); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// following is a Run in a test.
type following struct {
	t       *testing.T
	path    string
	store   *snapshot.Store
	reports chan error
}

// follow starts Run, which stops at the end of the test. Poll is long unless options
// say otherwise, so that changes are noticed only through notifications.
func follow(t *testing.T, path string, options watch.Options) *following {
	f := &following{t: t, path: path, store: snapshot.NewStore(snapshot.Config{}), reports: make(chan error, 1000)}
	options.Report = func(err error) { f.reports <- err }
	options.Quiet = cmp.Or(options.Quiet, quiet)
	if options.Poll == 0 {
		options.Poll = time.Hour
	}
	ctx, cancel := context.WithCancelCause(context.Background()) // t.Context() ends before the cleanup
	stopped, done := errors.New("stopped by the test"), make(chan error)
	go func() { done <- watch.Run(ctx, f.store, path, options) }()
	t.Cleanup(func() {
		cancel(stopped)
		if err := <-done; !errors.Is(err, stopped) {
			t.Errorf("Run = %v", err)
		}
	})
	return f
}

// wantSet waits for a report that a set is in force.
func (f *following) wantSet(want []acl.Binding) {
	f.t.Helper()
	var last error
	for end := time.After(patience); ; {
		select {
		case last = <-f.reports:
			if last == nil && slices.Equal(slices.Collect(f.store.Load().All()), want) {
				return
			}
		case <-end:
			f.t.Fatalf("in force is generation %d with %d bindings, want %d; the last report was %v",
				f.store.Load().Generation(), f.store.Load().Len(), len(want), last)
		}
	}
}

// wantKept waits for a report that a set stays in force, and returns the error.
func (f *following) wantKept(want []acl.Binding) *aclfile.ApplyError {
	f.t.Helper()
	for end := time.After(patience); ; {
		select {
		case err := <-f.reports:
			var kept *aclfile.ApplyError
			if !errors.As(err, &kept) {
				continue
			}
			if n := f.store.Load(); !slices.Equal(slices.Collect(n.All()), want) || kept.Generation != n.Generation() {
				f.t.Fatalf("%v, and generation %d with %d bindings is in force", err, n.Generation(), n.Len())
			}
			return kept
		case <-end:
			f.t.Fatal("no broken file is reported")
		}
	}
}

func TestRunFollowsSaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 1))
	f := follow(t, path, watch.Options{})
	f.wantSet(set("a", 1))
	for n := 2; n < 6; n++ {
		save(t, path, set("a", n))
		f.wantSet(set("a", n))
	}
	save(t, path, nil)
	f.wantSet(nil)
}

// A broken, missing or half-written file leaves the old set in force until it is valid
// again.
func TestRunKeepsTheOldSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	f := follow(t, path, watch.Options{})
	if kept := f.wantKept(nil); !errors.Is(kept, fs.ErrNotExist) || f.store.Load().Ready() {
		t.Errorf("before there is a file: %v", kept)
	}
	old := set("a", 0)
	for i, test := range []struct {
		name    string
		spoil   func() error
		because func(error) bool
	}{
		{"gone", func() error { return os.Remove(path) }, isNotExist},
		{"truncated", func() error { return os.Truncate(path, 0) }, isChecksum},
		{"cut after a line", func() error { return os.Truncate(path, int64(len(text(t, set("a", 2))))) }, isChecksum},
		{"without its checksum", func() error { return os.Remove(path + ".sum") }, isChecksum},
		{"a folder", func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, func(err error) bool {
			return strings.Contains(err.Error(), "not a regular file")
		}},
	} {
		old = set("a", 3+i)
		save(t, path, old)
		f.wantSet(old)
		do(t, test.spoil())
		if kept := f.wantKept(old); !test.because(kept) {
			t.Errorf("%s: %v", test.name, kept)
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			do(t, os.Remove(path))
		}
	}
	save(t, path, old)
	f.wantSet(old)
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func isChecksum(err error) bool {
	var sum *aclfile.ChecksumError
	return errors.As(err, &sum)
}

func isParse(err error) bool {
	var wrong acl.ParseErrors
	return errors.As(err, &wrong)
}

// A file without a checksum is written in place, for longer than Quiet. It is applied
// when it is complete and not before.
func TestRunWaitsForWritersInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	old, whole := set("a", 3), set("b", 60)
	const longQuiet = 200 * time.Millisecond // this writer pauses for less than that
	do(t, os.WriteFile(path, []byte(text(t, old)), 0o600))
	f := follow(t, path, watch.Options{Checksums: aclfile.ChecksumOptional, Quiet: longQuiet})
	f.wantSet(old)

	file, err := os.Create(path) // truncates it
	do(t, err)
	defer file.Close()
	longest, begin, last := time.Duration(0), time.Now(), time.Now()
	for line := range strings.Lines(text(t, whole)) {
		now := time.Now()
		longest, last = max(longest, now.Sub(last)), now
		if n := f.store.Load(); n.Generation() != 1 || n.Len() != len(old) {
			if longest >= longQuiet {
				t.Skipf("the machine paused for %v", longest)
			}
			t.Fatalf("half a file is in force: generation %d, %d bindings", n.Generation(), n.Len())
		}
		_, err := file.WriteString(line)
		do(t, err)
		time.Sleep(longQuiet / 10)
	}
	if took := time.Since(begin); took < 12*longQuiet {
		t.Errorf("the writer took only %v", took)
	}
	f.wantSet(whole)
	if g := f.store.Load().Generation(); g != 2 {
		t.Errorf("generation %d, want 2", g)
	}

	do(t, os.WriteFile(path, []byte(text(t, whole)[:100]), 0o600)) // as if its writer had died
	if kept := f.wantKept(whole); !isParse(kept) {
		t.Errorf("half a file: %v", kept)
	}
	do(t, os.WriteFile(path, nil, 0o600))
	if kept := f.wantKept(whole); !isChecksum(kept) {
		t.Errorf("an empty file: %v", kept)
	}
}

// Many changes in a short time are applied once.
func TestRunIsDebounced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	f := follow(t, path, watch.Options{})
	f.wantKept(nil)
	save(t, path, set("a", 1))
	f.wantSet(set("a", 1))
	start := time.Now()
	const saves = 50
	for n := range saves {
		save(t, path, set("b", n))
	}
	// Each attempt comes after at least one Quiet.
	most := int(time.Since(start)/quiet) + 2
	f.wantSet(set("b", saves-1))
	if g := f.store.Load().Generation() - 1; int(g) > most {
		t.Errorf("%d saves made %d generations, want %d at the most", saves, g, most)
	}
	time.Sleep(3 * quiet)
	if n := len(f.reports); n > 2 {
		t.Errorf("%d more reports", n)
	}
}

// A file that never stops changing is still applied.
func TestRunIsNotStarved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 1))
	const longQuiet = 300 * time.Millisecond // this test pauses for less than that
	f := follow(t, path, watch.Options{Quiet: longQuiet})
	f.wantSet(set("a", 1))
	save(t, path, set("b", 2))
	longest, last := time.Duration(0), time.Now()
	for start := last; f.store.Load().Generation() < 2; time.Sleep(longQuiet / 100) {
		now := time.Now()
		if now.Sub(start) > patience {
			t.Fatalf("not applied after %v", patience)
		}
		longest, last = max(longest, now.Sub(last)), now
		do(t, os.Chtimes(path, now, now))
	}
	if longest >= longQuiet {
		t.Skipf("the machine paused for %v", longest)
	}
}

// Kubernetes swaps a link to the folder that holds all files.
func TestRunFollowsLinks(t *testing.T) {
	folder := t.TempDir()
	for i, name := range []string{"..1", "..2", "..3"} {
		do(t, os.Mkdir(filepath.Join(folder, name), 0o700))
		save(t, filepath.Join(folder, name, "acls"), set("a", i+1))
	}
	do(t, os.Symlink("..1", filepath.Join(folder, "..data")))
	path := filepath.Join(folder, "acls")
	do(t, os.Symlink("..data/acls", path))
	f := follow(t, path, watch.Options{})
	f.wantSet(set("a", 1))
	for i, name := range []string{"..2", "..3"} {
		do(t, os.Symlink(name, filepath.Join(folder, "..tmp")))
		do(t, os.Rename(filepath.Join(folder, "..tmp"), filepath.Join(folder, "..data")))
		f.wantSet(set("a", i+2))
	}
	save(t, path, set("b", 7)) // the link's current target
	f.wantSet(set("b", 7))
}

// Changes without a notification are found by polling.
func TestRunLooks(t *testing.T) {
	above := t.TempDir()
	folder := filepath.Join(above, "folder")
	path := filepath.Join(folder, "acls")
	f := follow(t, path, watch.Options{Poll: quiet})
	f.wantKept(nil) // there is no folder
	do(t, os.Mkdir(folder, 0o700))
	save(t, path, set("a", 1))
	f.wantSet(set("a", 1))

	do(t, os.Mkdir(folder+"2", 0o700))
	save(t, folder+"2/acls", set("a", 2))
	do(t, os.Rename(folder, folder+"1"))
	do(t, os.Rename(folder+"2", folder))
	f.wantSet(set("a", 2))

	do(t, os.RemoveAll(folder))
	if kept := f.wantKept(set("a", 2)); !isNotExist(kept) {
		t.Errorf("without the folder: %v", kept)
	}
	do(t, os.Mkdir(folder, 0o700))
	save(t, path, set("a", 3))
	f.wantSet(set("a", 3))
}

// A folder that cannot be watched is reported once.
func TestRunSaysWhatItCannotWatch(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "none")
	f := follow(t, filepath.Join(folder, "acls"), watch.Options{Poll: quiet / 10})
	f.wantKept(nil)
	time.Sleep(2 * quiet)
	if n := len(f.reports); n > 0 {
		t.Errorf("%d more reports of the same", n)
	}
}

// TestRunNeedsAStoreOfItsOwn: a store with ACLs of another origin is not followed, and says so at
// the start. While Run follows a file, nothing else changes the store.
func TestRunNeedsAStoreOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 1))
	full := snapshot.NewStore(snapshot.Config{})
	do(t, full.Replace(slices.Values(set("b", 1))))
	err := watch.Run(t.Context(), full, path, watch.Options{Report: func(error) { t.Error("it has begun") }})
	if kept := new(aclfile.ApplyError); !errors.As(err, &kept) || full.Load().Len() != 1 {
		t.Errorf("a store with ACLs: %v", err)
	}
	f := follow(t, path, watch.Options{})
	f.wantSet(set("a", 1))
	if refused := new(snapshot.RefusedError); !errors.As(f.store.Replace(slices.Values(set("b", 1))), &refused) {
		t.Error("another writer")
	}
}

func TestRunNeedsAReport(t *testing.T) {
	if err := watch.Run(t.Context(), snapshot.NewStore(snapshot.Config{}), "acls", watch.Options{}); err == nil || !strings.Contains(err.Error(), "Report") {
		t.Errorf("Run = %v", err)
	}
}

func TestRunLeavesNoGoroutine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	save(t, path, set("a", 1))
	before := runtime.NumGoroutine()
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		err := watch.Run(ctx, snapshot.NewStore(snapshot.Config{}), path, watch.Options{Quiet: time.Millisecond, Report: func(error) { cancel() }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
