package snapshot_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// managedFile is the file of a store, and what it should hold.
type managedFile struct {
	path     string
	exists   bool
	bindings []acl.Binding
}

// newManagedFile takes the place of a file of an earlier run.
func newManagedFile(t *rapid.T, dir string) managedFile {
	f := managedFile{path: filepath.Join(dir, "acls")}
	for _, name := range []string{f.path, f.path + ".sum"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return f
}

// canHold reports whether a file of the format can hold b.
func canHold(format acl.Format, b acl.Binding) bool {
	text := b.Pattern.Name + b.Entry.Principal + b.Entry.Host
	_, err := b.MarshalJSON() // only what Kafka can have stored
	return err == nil && (format == acl.FormatJSON || !strings.Contains(text, "\x00"))
}

// save saves the set in force, now and then, since it waits for the disk. A set that
// the format cannot hold as a whole leaves the file as it was.
func (m *management) save() {
	if rapid.IntRange(0, 2).Draw(m.t, "now") > 0 {
		return
	}
	format := rapid.SampledFrom([]acl.Format{acl.FormatJSON, acl.FormatText}).Draw(m.t, "format")
	var cannot []acl.Binding
	for _, b := range m.held() {
		if !canHold(format, b) {
			cannot = append(cannot, b)
		}
	}
	err := aclfile.Save(m.file.path, format, m.store.Load().All())
	if (err != nil) != (len(cannot) > 0) {
		m.t.Fatalf("saved %v as %v: %v", m.held(), format, err)
	}
	if err == nil {
		m.file.exists, m.file.bindings = true, m.held()
		m.done["saved"]++
	}
}

// load makes what the file holds the set in force. It publishes only what differs,
// and what stays keeps its ids.
func (m *management) load() {
	before := m.store.Load()
	if !m.file.exists {
		m.wantRefused(before)
		return
	}
	bindings, err := aclfile.Load(m.file.path, aclfile.ChecksumRequired)
	if err == nil {
		err = m.store.Replace(slices.Values(bindings))
	}
	now := m.store.Load()
	if err != nil || !slices.Equal(slices.Collect(now.All()), m.file.bindings) {
		m.t.Fatalf("loaded %v: %v, want %v", slices.Collect(now.All()), err, m.file.bindings)
	}
	held := m.held()
	if same := slices.Equal(held, m.file.bindings); same != (now == before) {
		m.t.Fatalf("generation %d after %d, the same: %t", now.Generation(), before.Generation(), same)
	}
	for _, b := range without(held, m.file.bindings) {
		m.drop(b)
	}
	for _, b := range without(m.file.bindings, held) {
		for id := range now.IDs(b) {
			m.put(id, b)
		}
	}
	m.done["applied"]++
}

// wantRefused holds that a file is not loaded: the very snapshot that was in force is in force.
func (m *management) wantRefused(before *snapshot.Snapshot) {
	bindings, err := aclfile.Load(m.file.path, aclfile.ChecksumRequired)
	if err == nil || bindings != nil || m.store.Load() != before {
		m.t.Fatalf("generation %d after %d: %v, %v", m.store.Load().Generation(), before.Generation(), bindings, err)
	}
	m.done["refused"]++
}

// loadBroken damages the file or its checksum in one place, fails to load it and
// mends it.
func (m *management) loadBroken() {
	if !m.file.exists {
		return
	}
	which := m.file.path + rapid.SampledFrom([]string{"", ".sum"}).Draw(m.t, "which")
	whole, err := os.ReadFile(which)
	if err != nil {
		m.t.Fatal(err)
	}
	broken := slices.Clone(whole)
	switch how := rapid.SampledFrom([]string{"cut", "byte", "more", "gone"}).Draw(m.t, "how"); {
	case how == "gone":
		err = os.Remove(which)
	case how == "more":
		broken = append(broken, "{}\n"...)
	case len(broken) == 0:
		return
	case how == "cut":
		broken = broken[:rapid.IntRange(0, len(broken)-1).Draw(m.t, "at")]
	case which == m.file.path:
		broken[rapid.IntRange(0, len(broken)-1).Draw(m.t, "at")] ^= 1
	default:
		broken[rapid.IntRange(0, 63).Draw(m.t, "at")] ^= 1 // within the checksum: what follows is no more than a name
	}
	if !slices.Equal(broken, whole) {
		err = os.WriteFile(which, broken, 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	before := m.store.Load()
	m.wantRefused(before)
	if err := os.WriteFile(which, whole, 0o600); err != nil {
		m.t.Fatal(err)
	}
}
