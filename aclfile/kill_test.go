//go:build unix

package aclfile_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
)

const (
	// killFile is the environment variable that makes TestKilledWriter a writer of the
	// named file.
	killFile = "PORTCULLIS_KILL_TEST_FILE"
	// maxKills and killTime end the test when either is reached, but not before
	// expectedKills kills.
	maxKills      = 300
	killTime      = 12 * time.Second
	expectedKills = 200
	// expectedInside is how many of the kills must hit a save. A writer does little
	// else, so nearly all do.
	expectedInside = 150
)

// numbered returns the set with a number. Its size depends on the number, so that a
// part of one set never equals another.
func numbered(n int) []acl.Binding {
	return aclfile.Set(strconv.Itoa(n), 1+n*37%211)
}

// TestKilledWriter is not a test but the program that TestKill kills. It saves one set
// after another, and reports when each save begins and ends.
func TestKilledWriter(t *testing.T) {
	path := os.Getenv(killFile)
	if path == "" {
		t.Skip("TestKill runs it")
	}
	n := 0
	if loaded, err := aclfile.Load(path, aclfile.ChecksumRequired); err == nil {
		n = numberOf(t, loaded)
	}
	for {
		n++
		fmt.Printf("begin %d\n", n)
		if err := aclfile.Save(path, []acl.Format{acl.FormatText, acl.FormatJSON}[n%2], slices.Values(numbered(n))); err != nil {
			fmt.Printf("error %v\n", err)
			os.Exit(1)
		}
		fmt.Printf("done %d\n", n)
	}
}

// numberOf returns the number of a set, and fails unless the set is complete.
func numberOf(t *testing.T, loaded []acl.Binding) int {
	t.Helper()
	require.NotEmpty(t, loaded, "the set is empty")
	n, err := strconv.Atoi(strings.TrimPrefix(loaded[0].Entry.Principal, "User:"))
	require.NoError(t, err, "the %d bindings loaded are not a complete set", len(loaded))
	require.Equal(t, numbered(n), loaded, "the %d bindings loaded are not a complete set", len(loaded))
	return n
}

// A writer is killed hundreds of times. Each time the file contains the set of the last
// completed save, or that of the save in progress.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	seed := uint64(1)
	random := rand.New(rand.NewPCG(seed, seed))
	path := filepath.Join(t.TempDir(), "acls.txt")
	last, kills, inside, replaced := 0, 0, 0, 0
	missed := func() bool { return replaced == 0 || replaced == inside } // a save takes longer than the kills wait
	for start := time.Now(); kills < expectedKills || kills < maxKills && (missed() || time.Since(start) < killTime); kills++ {
		longest := 25_000 * (1 + kills/100)
		begun, done := runAndKill(t, path, last, time.Duration(random.IntN(longest))*time.Microsecond)
		loaded, err := aclfile.Load(path, aclfile.ChecksumRequired)
		if done == 0 && errors.Is(err, fs.ErrNotExist) {
			continue // killed in the very first save
		}
		require.NoError(t, err, "seed %d: killed in save %d: Load: %v", seed, begun, err)
		last = numberOf(t, loaded)
		if last != begun && last != done {
			t.Fatalf("seed %d: save %d had ended and %d had begun, but set %d is loaded", seed, done, begun, last)
		}
		if begun != done {
			inside++
			if last == begun {
				replaced++
			}
		}
	}
	t.Logf("survived %d kills, %d of them in a save, of which %d had replaced the file; %d sets saved", kills, inside, replaced, last)
	assert.GreaterOrEqual(t, kills, expectedKills, "want at least %d kills, %d of them in a save, some before and some after the file is replaced", expectedKills, expectedInside)
	assert.GreaterOrEqual(t, inside, expectedInside, "want at least %d kills, %d of them in a save, some before and some after the file is replaced", expectedKills, expectedInside)
	assert.NotEqual(t, 0, replaced, "want at least %d kills, %d of them in a save, some before and some after the file is replaced", expectedKills, expectedInside)
	assert.NotEqual(t, inside, replaced, "want at least %d kills, %d of them in a save, some before and some after the file is replaced", expectedKills, expectedInside)
}

// runAndKill starts a writer, kills it some time after its first save has begun, and
// returns the numbers of the last save that began and the last that ended. Saves of
// earlier writers count.
func runAndKill(t *testing.T, path string, last int, after time.Duration) (begun, done int) {
	t.Helper()
	begun, done = last, last
	writer := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	writer.Env = append(os.Environ(), killFile+"="+path)
	out, err := writer.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, writer.Start())
	scanner := bufio.NewScanner(out)
	read := func() bool {
		if !scanner.Scan() {
			return false
		}
		what, number, _ := strings.Cut(scanner.Text(), " ")
		n, err := strconv.Atoi(number)
		switch {
		case err == nil && what == "begin":
			begun = n
		case err == nil && what == "done":
			done = n
		default:
			t.Errorf("the writer says %q", scanner.Text())
		}
		return true
	}
	read()
	time.Sleep(after)
	require.NoError(t, writer.Process.Kill())
	for read() {
	}
	_, _ = io.Copy(io.Discard, out)
	_ = writer.Wait() // returns the error of the kill
	return begun, done
}
