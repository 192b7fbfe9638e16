package watch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	// DefaultQuiet is long for a program that writes a file and short for whoever
	// waits for it.
	DefaultQuiet = 200 * time.Millisecond
	// DefaultPoll costs a look at two files every so often. It is what a change may
	// take that the system does not tell.
	DefaultPoll = 10 * time.Second
	// maxQuiets is after how many times Options.Quiet a file is looked at although it
	// does not stop changing.
	maxQuiets = 10
)

// Options says how to follow a file. Report must be set; the zero value of every
// other field is usable.
type Options struct {
	// Report is called after each attempt to apply the file: with nil if its set is
	// in force, or with an *aclfile.ApplyError if the set before stays in force. It is
	// also called, with another error, when a folder cannot be watched. It is called
	// by Run, one call at a time, and delays what follows.
	Report func(err error)

	// Checksums says whether a file without a checksum is applied. By default it is
	// not.
	Checksums aclfile.Checksums

	// Quiet is for how long a file must not have changed before it is applied;
	// DefaultQuiet if it is not positive.
	Quiet time.Duration

	// Poll is how often to look whether the file has changed without the system
	// having told; DefaultPoll if it is not positive.
	Poll time.Duration
}

// Run applies the file at path to store, once it has been quiet, and again whenever
// it changes, until ctx is done; it then returns the cause. It returns another error only if it cannot
// begin: without a Report, or if the system has no watch left.
//
// Run blocks; it has no goroutine left when it returns. Only one Run should
// follow a file for a store. Memory grows with the file while it is loaded.
func Run(ctx context.Context, store *snapshot.Store, path string, options Options) error {
	if options.Report == nil {
		return errors.New("watch: Options.Report is nil, expected a function that hears of broken files")
	}
	if options.Quiet <= 0 {
		options.Quiet = DefaultQuiet
	}
	if options.Poll <= 0 {
		options.Poll = DefaultPoll
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer watcher.Close()
	f := follower{Options: options, store: store, path: path, watcher: watcher, due: time.NewTimer(options.Quiet), unwatched: map[string]string{}}
	defer f.due.Stop()
	return f.run(ctx)
}

// follower is one Run.
type follower struct {
	Options
	store     *snapshot.Store
	path      string
	watcher   *fsnotify.Watcher
	unwatched map[string]string // why a folder cannot be watched, as it was reported

	// seen is how the file looked when it changed last.
	seen stamp
	// due fires when the file is to be applied. It is set while a change is not
	// applied: then first and last say when the file changed first and last since it
	// was looked at.
	due         *time.Timer
	pending     bool
	first, last time.Time
}

func (f *follower) run(ctx context.Context) error {
	// The folders come first: what changes after it was looked at is then told.
	f.watchFolders()
	f.changed()
	poll := time.NewTicker(f.Poll)
	defer poll.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx) // also if there is always something else to do
		}
		select {
		case <-ctx.Done():
		case event := <-f.watcher.Events:
			f.told(event)
		case err := <-f.watcher.Errors: // some events are lost
			f.Report(fmt.Errorf("watch: %q is looked at again: %w", f.path, err))
			f.changed()
		case <-poll.C:
			f.look()
		case <-f.due.C:
			f.apply()
		}
	}
}

// told deals with an event. One of another file may tell of a link that was
// swapped; most tell of nothing.
func (f *follower) told(event fsnotify.Event) {
	name := filepath.Base(event.Name)
	for _, path := range []string{f.path, f.seen.path} {
		if base := filepath.Base(path); name == base || name == base+sumSuffix {
			f.changed()
			return
		}
	}
	f.look()
}

// look finds out whether the file looks other than before.
func (f *follower) look() {
	f.watchFolders()
	if now := stampOf(f.path); !now.same(f.seen) {
		f.changed()
	}
}

// changed sees to it that the file is applied when it has been quiet, or has been
// changing for too long.
func (f *follower) changed() {
	f.seen = stampOf(f.path)
	f.last = time.Now()
	if !f.pending {
		f.first, f.pending = f.last, true
	}
	wait := min(f.Quiet, time.Until(f.first.Add(maxQuiets*f.Quiet)))
	f.due.Reset(max(wait, 0))
}

// apply applies the file.
func (f *follower) apply() {
	f.watchFolders()
	if now := stampOf(f.path); !now.same(f.seen) && !f.overdue() {
		f.changed() // and nobody has told
		return
	}
	checksums := f.Checksums
	quiet := time.Since(f.last) >= f.Quiet
	if !quiet {
		checksums = aclfile.ChecksumRequired // it may be half written
	}
	f.pending = false
	f.seen = stampOf(f.path) // before it is read: what changes from now on is a change
	err := aclfile.Apply(f.store, f.path, checksums)
	var sum *aclfile.ChecksumError
	if !quiet && f.Checksums == aclfile.ChecksumOptional && errors.As(err, &sum) && sum.Missing {
		f.changed() // it is still being written
		return
	}
	f.Report(err)
}

// overdue reports whether the file has been changing for too long.
func (f *follower) overdue() bool { return time.Since(f.first) >= maxQuiets*f.Quiet }
