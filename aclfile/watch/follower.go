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
	// DefaultQuiet is long for a program that writes a file and short for a person who
	// waits for it.
	DefaultQuiet = 200 * time.Millisecond
	// DefaultPoll is how long a change without a notification can go unnoticed. Each
	// poll reads the metadata of two files.
	DefaultPoll = 10 * time.Second
	// maxQuiets is the number of Options.Quiet after which a file is read although it
	// keeps changing.
	maxQuiets = 10
)

// Options configures [Run]. Report must be set; the zero value of every other field is
// usable.
type Options struct {
	// Report is called after each attempt to apply the file: with nil if its set is in
	// force, or with an *aclfile.ApplyError if the previous set stays in force. It is
	// also called, with another error, if a folder cannot be watched or notifications
	// are lost. Run makes one call at a time and waits for it.
	Report func(err error)

	// Checksums says whether a file without a checksum is applied. By default it is
	// not.
	Checksums aclfile.Checksums

	// Quiet is how long a file must be unchanged before it is applied. DefaultQuiet is
	// used if it is not positive.
	Quiet time.Duration

	// Poll is how often to check for changes without a notification. DefaultPoll is
	// used if it is not positive.
	Poll time.Duration
}

// Run applies the file at path to store once it has been unchanged for Options.Quiet,
// and again whenever it changes, until ctx is done. It then returns the cause. It
// returns another error only if it cannot start: without a Report, if the system cannot create a
// watcher, or if the store cannot follow the file (see [aclfile.Follow]): it has other ACLs,
// or follows something else. From the start nothing but Run and aclfile.Apply of the same file
// changes the store.
//
// Run blocks; none of its goroutines are left when it returns. Only one Run should
// watch a file for a store. Memory grows with the file while it is loaded.
func Run(ctx context.Context, store *snapshot.Store, path string, options Options) error {
	if options.Report == nil {
		return errors.New("watch: Options.Report is nil, expected a function that handles errors")
	}
	if options.Quiet <= 0 {
		options.Quiet = DefaultQuiet
	}
	if options.Poll <= 0 {
		options.Poll = DefaultPoll
	}
	applyFile, err := aclfile.Follow(store, path)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer watcher.Close()
	f := follower{Options: options, applyFile: applyFile, path: path, watcher: watcher, due: time.NewTimer(options.Quiet), unwatched: map[string]string{}}
	defer f.due.Stop()
	return f.run(ctx)
}

// follower is the state of one Run.
type follower struct {
	Options
	applyFile func(aclfile.Checksums) error
	path      string
	watcher   *fsnotify.Watcher
	unwatched map[string]string // the reported reason why a folder cannot be watched, by folder

	// seen is the stamp of the file when it last changed.
	seen stamp
	// due fires when the file must be applied. It is set while a change has not been
	// applied; first and last are then the times of the first and the last change since
	// the file was read.
	due         *time.Timer
	pending     bool
	first, last time.Time
}

func (f *follower) run(ctx context.Context) error {
	// Watch the folders first, so that changes after the file is read are noticed.
	f.watchFolders()
	f.changed()
	poll := time.NewTicker(f.Poll)
	defer poll.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx) // also if other events are always ready
		}
		select {
		case <-ctx.Done():
		case event := <-f.watcher.Events:
			f.told(event)
		case err := <-f.watcher.Errors: // some events are lost
			f.Report(fmt.Errorf("watch: %q is checked again: %w", f.path, err))
			f.changed()
		case <-poll.C:
			f.look()
		case <-f.due.C:
			f.apply()
		}
	}
}

// told handles an event. An event of another file may mean that a link was swapped;
// most events mean nothing.
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

// look checks whether the file has changed.
func (f *follower) look() {
	f.watchFolders()
	if now := stampOf(f.path); !now.same(f.seen) {
		f.changed()
	}
}

// changed schedules the file to be applied when it has been quiet, or has been changing
// for too long.
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
		f.changed() // without a notification
		return
	}
	checksums := f.Checksums
	quiet := time.Since(f.last) >= f.Quiet
	if !quiet {
		checksums = aclfile.ChecksumRequired // it may be half written
	}
	f.pending = false
	f.seen = stampOf(f.path) // before it is read, so that later changes are noticed
	err := f.applyFile(checksums)
	var sum *aclfile.ChecksumError
	if !quiet && f.Checksums == aclfile.ChecksumOptional && errors.As(err, &sum) && sum.Missing {
		f.changed() // it is still being written
		return
	}
	f.Report(err)
}

// overdue reports whether the file has been changing for too long.
func (f *follower) overdue() bool { return time.Since(f.first) >= maxQuiets*f.Quiet }
