package groups

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// MaxFileBytes limits a file of groups: about a million members.
const MaxFileBytes = 64 << 20

// maxMemo is how many users a table remembers the groups of.
const maxMemo = 100_000

// DefaultPoll is how often a [File] is looked at. It costs one system call.
const DefaultPoll = 5 * time.Second

// settled is how long a file must not have changed before it is read: a file that is written in
// place may lack its end. One with a checksum, as aclfile.SaveText keeps it, is read at once.
const settled = time.Second

// Table is who is in which group. The zero Table has no groups. It is safe for concurrent use.
type Table struct {
	parents map[principal.Principal][]string // the groups that a principal is in directly
	groups  int

	mu   sync.Mutex
	memo map[principal.Principal][]principal.Principal
}

// line is a line of a file of groups.
type line struct {
	Group   *string  `json:"group"`
	Members []string `json:"members"`
}

// ParseTable reads JSON lines, one for each group:
//
//	{"group":"Group:payments","members":["User:alice","Group:payments-eu"]}
//
// Members of a group that is a member are members too. Groups may be in each other. The error has
// the line. Keys that are repeated or in another case are errors, and so is text that is not UTF-8.
func ParseTable(text []byte) (*Table, error) {
	if len(text) > MaxFileBytes {
		return nil, fmt.Errorf("expected no more than %d bytes", MaxFileBytes)
	}
	t := &Table{parents: map[principal.Principal][]string{}, memo: map[principal.Principal][]principal.Principal{}}
	seen := map[string]int{}
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		if raw = bytes.TrimSpace(raw); len(raw) == 0 {
			continue
		}
		if err := t.addLine(raw, number, seen); err != nil {
			return nil, fmt.Errorf("%d: %w", number, err)
		}
	}
	t.groups = len(seen)
	return t, nil
}

func (t *Table) addLine(raw []byte, number int, seen map[string]int) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var l line
	if err := d.Decode(&l); err != nil || l.Group == nil || l.Members == nil {
		return errors.New(`expected an object such as {"group":"Group:payments","members":["User:alice"]}`)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("expected nothing after the object")
	}
	if wrong := lines.CheckKeys(raw, &l); wrong != nil { // the members that it drops may be those of a DENY
		return fmt.Errorf("at byte %d: found %s, expected %s", wrong.Offset, wrong.Found, wrong.Expected)
	}
	group, err := parseMember(*l.Group)
	if err != nil || group.Type != GroupType {
		return fmt.Errorf("found the group %s, expected %s:name", enum.Quote(*l.Group), GroupType)
	}
	if at, twice := seen[group.Name]; twice {
		return fmt.Errorf("the group %s is on line %d already", enum.Quote(*l.Group), at)
	}
	seen[group.Name] = number
	for _, text := range l.Members {
		member, err := parseMember(text)
		if err != nil || text == principal.Wildcard {
			return fmt.Errorf("found the member %s, expected Type:name, such as User:alice or Group:devs", enum.Quote(text))
		}
		t.parents[member] = append(t.parents[member], group.Name)
	}
	return nil
}

func parseMember(text string) (principal.Principal, error) {
	p, err := principal.Parse(text)
	if err == nil && (p.Type == "" || p.Name == "") {
		err = errors.New("expected Type:name")
	}
	if err == nil && p.Type == GroupType {
		err = checkName(p.Name)
	}
	return p, err
}

// Len returns the number of groups.
func (t *Table) Len() int { return t.groups }

// Groups returns the groups of a principal, for [Source]. It costs one step for each group, and
// later a look-up.
func (t *Table) Groups(_ context.Context, who principal.Principal) ([]principal.Principal, error) {
	who.TokenAuthenticated = false
	t.mu.Lock()
	defer t.mu.Unlock()
	if list, ok := t.memo[who]; ok {
		return list, nil
	}
	var names []string
	seen := map[string]bool{}
	for todo := t.parents[who]; len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = slices.Clip(todo[:len(todo)-1])
		if seen[name] {
			continue
		}
		seen[name] = true
		if names = append(names, name); len(names) > MaxGroups {
			return nil, Unusable("%s is in more than %d groups", enum.Quote(who.String()), MaxGroups)
		}
		todo = append(todo, t.parents[principal.Principal{Type: GroupType, Name: name}]...)
	}
	list, err := Sorted(names)
	if err == nil && len(list) > 0 {
		if len(t.memo) >= maxMemo {
			clear(t.memo)
		}
		t.memo[who] = list
	}
	return list, err
}

// File is a file of groups that is read again when it changes. It is safe for concurrent use. A
// change counts for the next question after [DefaultPoll].
//
// Save it with aclfile.SaveText, or replace it by renaming another one. One that is written in
// place is read once it has not changed for a second.
type File struct {
	path       string
	poll, keep time.Duration

	mu      sync.Mutex
	table   *Table
	info    fs.FileInfo // of the file that table is from, or that could not be read
	looked  time.Time
	failing time.Time // since when it cannot be used; zero means it can
	err     error
	stats   Stats
}

// NewFile reads a file of groups. poll is how often it is looked at; 0 means [DefaultPoll]. keep is
// how long the previous groups count while it cannot be used; 0 means [DefaultKeep].
func NewFile(path string, poll, keep time.Duration) (*File, error) {
	if poll < 0 || keep < 0 {
		return nil, errors.New("groups: expected positive times")
	}
	f := &File{path: path, poll: poll, keep: keep}
	if f.poll == 0 {
		f.poll = DefaultPoll
	}
	if f.keep == 0 {
		f.keep = DefaultKeep
	}
	f.info, _ = os.Stat(path)
	f.looked = time.Now()
	var err error
	f.table, err = ReadTable(path)
	return f, err
}

// ReadTable reads a file of groups. Its checksum is compared if there is one (see package aclfile).
func ReadTable(path string) (*Table, error) {
	text, err := aclfile.LoadText(path, aclfile.ChecksumOptional)
	if err != nil {
		return nil, err
	}
	table, err := ParseTable(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", lines.Printable(path), err)
	}
	return table, nil
}

// Groups returns the groups of a principal, for [Source].
func (f *File) Groups(ctx context.Context, who principal.Principal) ([]principal.Principal, error) {
	table, err := f.current()
	var list []principal.Principal
	if err == nil {
		list, err = table.Groups(ctx, who)
	}
	if err != nil {
		f.mu.Lock()
		f.stats.Unknown++
		f.mu.Unlock()
	}
	return list, err
}

// current returns the table that counts.
func (f *File) current() (*Table, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) >= f.poll {
		f.looked = time.Now()
		f.look()
	}
	if !f.failing.IsZero() && time.Since(f.failing) > f.keep {
		return nil, f.err
	}
	return f.table, nil
}

// look reads the file if it has changed. f.mu is held.
func (f *File) look() {
	info, err := os.Stat(f.path)
	if err == nil && sameFile(info, f.info) {
		return
	}
	if _, sum := os.Lstat(f.path + ".sum"); err == nil && sum != nil && time.Since(info.ModTime()) < settled && time.Since(info.ModTime()) >= 0 {
		return // it may be half written
	}
	f.stats.Asked++
	var table *Table
	if err == nil {
		table, err = ReadTable(f.path)
	}
	if again, _ := os.Stat(f.path); err == nil && !sameFile(again, info) {
		return // it has changed meanwhile
	}
	if err != nil {
		f.stats.Failed++
		f.info, f.err = info, err
		if f.failing.IsZero() {
			f.failing = time.Now()
		}
		return
	}
	f.table, f.info, f.failing, f.err = table, info, time.Time{}, nil
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return false
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Err returns why the file cannot be used, or nil. It looks at the file, as Groups does.
func (f *File) Err() error {
	_, _ = f.current()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Len returns the number of groups.
func (f *File) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.table.Len()
}

// Stats returns what the file did so far: Asked is how often it was read.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	if !f.failing.IsZero() {
		s.Failing = time.Since(f.failing)
		s.Outdated = s.Failing > f.keep
	}
	return s
}
