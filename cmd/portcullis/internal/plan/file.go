package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cluster"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/diff"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// fileFormat is the first field of a plan file. Another layout has another number.
const fileFormat = "portcullis-plan-1"

// mostFileBytes limits a plan file: a million changes.
const mostFileBytes = 256 << 20

// file is the JSON form of a plan. apply reads what it needs, and checks that the rest is
// what plan would write.
type file struct {
	Format        string         `json:"format"`
	Cluster       string         `json:"cluster"`
	Release       string         `json:"release"`
	Semantics     string         `json:"semantics"`
	SuperUsers    []string       `json:"superUsers"`
	AllowEveryone bool           `json:"allowEveryoneIfNoACLFound"`
	ManagedBy     scope          `json:"managedBy"`
	Before        string         `json:"before"` // of the ACLs in the scope
	Access        []diff.Caused  `json:"access"`
	Roles         []roleChange   `json:"roles,omitempty"`
	Changes       []diff.Change  `json:"changes"`
	Interruptions []interruption `json:"interruptions"`
}

// interruption is a window: see inspect.Window. Changes are counted from 1.
type interruption struct {
	After        int           `json:"after"`
	Before       int           `json:"before"`
	ResourceType string        `json:"resourceType"`
	Names        string        `json:"names"`
	ACLs         []acl.Binding `json:"acls"`
	More         bool          `json:"more,omitempty"`
}

// newFile returns the JSON form of a plan.
func newFile(s *situation) *file {
	f := &file{
		Format: fileFormat, Cluster: s.state.ID, Release: s.state.Release(), Semantics: s.config.Semantics.String(), SuperUsers: []string{},
		AllowEveryone: s.config.AllowIfNoACL, ManagedBy: append(scope{}, s.scope...), Before: hashOf(s.managed),
		Access: []diff.Caused{}, Changes: []diff.Change{}, Interruptions: []interruption{},
	}
	for _, p := range s.config.SuperUsers {
		f.SuperUsers = append(f.SuperUsers, p.String())
	}
	f.Roles = s.roles
	for line := range diff.CausedLines(s.plan, s.changes) {
		f.Access = append(f.Access, line)
	}
	for _, step := range s.plan.Steps {
		f.Changes = append(f.Changes, diff.NewChange(step))
	}
	for _, w := range s.plan.Windows {
		f.Interruptions = append(f.Interruptions, interruption{w.First + 1, w.Last + 1, w.Type.String(), w.Names.String(), w.ACLs, w.More})
	}
	return f
}

// readFile reads a plan file, or standard input. It refuses a file that plan would not write.
func readFile(name string, stdin io.Reader) (*file, error) {
	text, err := cli.ReadFile(name, stdin, func(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, mostFileBytes+1)) })
	if err != nil {
		return nil, err
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", cli.FileName(name), fmt.Sprintf(format, args...))
	}
	if len(text) > mostFileBytes {
		return nil, fail("expected no more than %d bytes", mostFileBytes)
	}
	var f file
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, fail("expected the output of portcullis plan -o json: %v", err)
	}
	if f.Format != fileFormat {
		return nil, fail("found the format %s, expected %s: make a new plan with this version", lines.Printable(lines.Cut(f.Format, 64)), fileFormat)
	}
	for i := range f.ManagedBy {
		if err := f.ManagedBy[i].compile(); err != nil {
			return nil, fail("managedBy: %v", err)
		}
	}
	for _, c := range f.Changes {
		if c.Action != diff.Add && c.Action != diff.Remove {
			return nil, fail("found the action %s, expected add or remove", lines.Printable(lines.Cut(c.Action, 64)))
		}
	}
	var have, want bytes.Buffer
	out := &cli.Output{}
	out.Encode(f)
	if _, err := out.WriteTo(lines.NewWriter(&want)); err != nil {
		return nil, err
	}
	if err := json.Compact(&have, text); err != nil || have.String() != string(bytes.TrimSpace(want.Bytes())) {
		return nil, fail("the plan was edited, or repeats a key: make a new plan")
	}
	return &f, nil
}

// settings returns the settings that the plan was made with.
func (f *file) settings() (snapshot.Config, error) {
	semantics, err := snapshot.ParseSemantics(f.Semantics)
	config := snapshot.Config{Semantics: semantics, AllowIfNoACL: f.AllowEveryone}
	for _, text := range f.SuperUsers {
		p, errPrincipal := principal.Parse(text)
		err = errors.Join(err, errPrincipal)
		config.SuperUsers = append(config.SuperUsers, p)
	}
	return config, err
}

// desired returns the ACLs that the cluster is to have in the scope, if the plan still fits:
// the cluster has the ACLs that it had, or some of the changes are made, in the order of the
// plan's phases.
func (f *file) desired(state *cluster.State) ([]acl.Binding, error) {
	if f.Cluster != state.ID {
		return nil, fmt.Errorf("the plan is for the cluster %s, and this is %s: make a plan for this one", lines.Printable(f.Cluster), lines.Printable(state.ID))
	}
	now := make(map[acl.Binding]bool)
	for _, b := range state.ACLs {
		if f.ManagedBy.has(b) {
			now[b] = true
		}
	}
	before, after := make(map[acl.Binding]bool), make(map[acl.Binding]bool)
	for b := range now {
		before[b], after[b] = true, true
	}
	made := make(map[inspect.Phase]bool) // phases with a change that is made
	var left inspect.Phase               // the first phase with a change that is not
	for _, c := range f.Changes {
		if !f.ManagedBy.has(c.ACL) {
			return nil, fmt.Errorf("the plan changes an ACL that is not in its scope: %s: make a new plan", cli.ACLText(c.ACL))
		}
		phase := phaseOf(c)
		if now[c.ACL] == (c.Action == diff.Add) {
			made[phase] = true
		} else if left == 0 || phase < left {
			left = phase
		}
		if c.Action == diff.Add {
			delete(before, c.ACL)
			after[c.ACL] = true
		} else {
			before[c.ACL] = true
			delete(after, c.ACL)
		}
	}
	changed := hashOf(sortedKeys(before)) != f.Before
	for phase := range made {
		changed = changed || left != 0 && phase > left // somebody else made it
	}
	if changed {
		return nil, errors.New("the ACLs of the cluster are not those that the plan was made for: make a new plan")
	}
	return sortedKeys(after), nil
}

// phaseOf returns the phase of a change.
func phaseOf(c diff.Change) inspect.Phase {
	switch {
	case c.Action == diff.Add && c.ACL.Entry.Permission == acl.Deny:
		return inspect.AddDenies
	case c.Action == diff.Add:
		return inspect.AddAllows
	case c.ACL.Entry.Permission == acl.Allow:
		return inspect.RemoveAllows
	}
	return inspect.RemoveDenies
}

func sortedKeys(set map[acl.Binding]bool) []acl.Binding {
	var list []acl.Binding
	for b := range set {
		list = append(list, b)
	}
	slices.SortFunc(list, acl.Binding.Compare)
	return list
}
