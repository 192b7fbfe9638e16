// Package diff has the command diff.
package diff

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/access"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// diff holds the flags of the command diff.
type diff struct {
	acls         aclset.Flags
	newACLs      *aclset.Source
	newSemantics *cli.Once
}

// New returns the command diff.
func New() *cobra.Command {
	d := &diff{}
	cmd := cli.Command(d.run, &cobra.Command{
		Use:   "diff --acls OLD --new-acls NEW",
		Short: "Show the access that a change of the ACLs grants and revokes",
		Long: `diff compares what two sets of ACLs allow, not their lines. It shows which principals
gain (+) and lose (-) which operations, on which names and from which hosts. What
everyone gains or loses is shown once. It does not apply to principals with a line of
their own on the same names; "=" marks a principal that neither gains nor loses anything
else there. Changes of ACLs without effect are not shown. --new-semantics compares two
sets of rules; without --new-acls, both sides have the same ACLs. With the rules of two
releases of Kafka, that is what an upgrade of the brokers changes.

With --output json each line is an object: "change" (gained, lost, or kept for =),
"principals" or "everyone": true, and the "operations", "resourceType", "names" and
"hosts" of what-can. Lines with "kept" have only the type and the names. With --roles and
--new-roles, "roles" are the bindings because of which access is gained or lost.

Exit status: 0 no difference, 1 differences, 2 bad input or usage.`,
		Example: `  portcullis diff --acls old.txt --new-acls new.txt
  portcullis diff --roles old.json --new-roles new.json --kafka-cluster abc123
  portcullis diff --acls acls.txt --semantics kafka-exact=4.2 --new-semantics kafka-exact=4.4`,
	})
	d.acls = aclset.AddFlags(cmd)
	d.newACLs = aclset.Add(cmd, "new-", "`file` of the ACLs to compare with, or -; may be repeated", "a broker of a live cluster to compare with")
	d.newSemantics = cli.OnceFlag(cmd, "new-semantics", "", "`rules` for decisions of the new side; default those of --semantics, and of a live cluster its release", aclset.Semantics...)
	cli.AddOutput(cmd)
	return cmd
}

func (d *diff) run(cmd *cobra.Command, out *cli.Output) error {
	from, to, err := d.load(out)
	if err != nil {
		return err
	}
	bar := cli.NewProgress(cmd.ErrOrStderr(), "comparing", cli.LongWait)
	changes, err := inspect.Diff(from, to, bar.Set)
	bar.Finish()
	if err != nil {
		return err
	}
	for line := range Lines(changes) {
		line.Roles = d.roles(line, from, to)
		out.Line(line, line.Text+aclset.RolesText(line.Roles))
	}
	return cli.DeniedIf(len(changes) > 0)
}

// roles returns the role bindings because of which access is gained or lost: those of ALLOW
// entries that are new or gone, and of DENY entries that are gone or new.
func (d *diff) roles(line Line, from, to *snapshot.Snapshot) []role.Binding {
	if line.Change == Kept {
		return nil
	}
	old, new := d.acls.Source, d.newACLs
	if line.Change == Lost {
		from, to, old, new = to, from, new, old
	}
	lacks := func(n *snapshot.Snapshot, permission acl.PermissionType) func(acl.Binding) bool {
		return func(b acl.Binding) bool { return b.Entry.Permission == permission && !n.Has(b) }
	}
	list := append(new.RolesFor(line.Principals, line.Region, to.Config().Semantics, lacks(from, acl.Allow)),
		old.RolesFor(line.Principals, line.Region, from.Config().Semantics, lacks(to, acl.Deny))...)
	slices.SortFunc(list, role.Binding.Compare)
	return slices.Compact(list)
}

// load returns both sides. It refuses an empty side if no ACLs would allow everything.
func (d *diff) load(out *cli.Output) (from, to *snapshot.Snapshot, err error) {
	var errs cli.Errors
	semantics, err := aclset.ParseSemantics(d.newSemantics, "new-semantics")
	if d.newSemantics.Given {
		errs.Add(err)
	} else if !d.newACLs.Given() {
		errs.Refuse("nothing to compare with: expected %s, --new-semantics, or both", d.newACLs.Flags())
	}
	errs.Add(d.newACLs.CheckUsage())
	config, err := d.acls.Check(out, errs.Join(), d.newACLs.Inputs()...)
	if err != nil {
		return nil, nil, err
	}
	newConfig := config
	if d.newSemantics.Given {
		newConfig.Semantics = semantics
	}
	store, errFrom := d.acls.Load(out, config, d.acls.Follow())
	newStore, errTo := store, error(nil)
	if errFrom == nil && !d.newSemantics.Given {
		newConfig.Semantics = store.Load().Config().Semantics
	}
	if d.newACLs.Given() {
		newStore, errTo = d.newACLs.Load(out, newConfig, d.acls.Follow() && !d.newSemantics.Given)
	} else if errFrom == nil {
		newStore, errTo = aclset.NewStore(newConfig, slices.Collect(store.Load().All()))
	}
	if err := errors.Join(errFrom, errTo); err != nil {
		return nil, nil, err
	}
	from, to = store.Load(), newStore.Load()
	newSource := d.newACLs
	if !newSource.Given() {
		newSource = d.acls.Source
	}
	return from, to, errors.Join(d.acls.RefuseEmpty(d.acls.Source, from), d.acls.RefuseEmpty(newSource, to))
}

// Line is a region of access that is gained or lost, as JSON and as text. "kept" marks names
// on which the change for everyone does not apply to the principals.
type Line struct {
	Change     string   `json:"change"`
	Principals []string `json:"principals,omitempty"`
	Everyone   bool     `json:"everyone,omitempty"`
	access.Access
	Roles  []role.Binding `json:"roles,omitempty"` // because of which it is, as far as it is because of roles
	Text   string         `json:"-"`
	Region inspect.Access `json:"-"` // without operations if it is kept
}

// The values of Line.Change.
const (
	Gained = "gained"
	Lost   = "lost"
	Kept   = "kept"
)

// Lines yields a line for each region that is gained or lost. Where everyone gains or loses
// something, it also yields a line for each principal to which that does not apply.
func Lines(changes []inspect.Change) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		forEveryone := make(map[resource.Type]*nameIndex)
		for _, c := range changes {
			if c.IsEveryoneElse() {
				forEveryone[c.Type] = newNameIndex(changedNames(c))
			}
		}
		for _, c := range changes {
			var kept []inspect.Access
			if everyone := forEveryone[c.Type]; everyone != nil && !c.IsEveryoneElse() && everyone.overlaps(c.Names) {
				kept = []inspect.Access{{Type: c.Type, Names: c.Names}}
			}
			for _, side := range []struct {
				sign, change string
				regions      []inspect.Access
			}{{"+", Gained, c.Gained}, {"-", Lost, c.Lost}, {"=", Kept, kept}} {
				for _, a := range side.regions {
					text := access.Text(a)
					if a.Operations == 0 {
						text = "nothing else on " + a.Type.DisplayName() + " " + a.Names.String()
					}
					text = fmt.Sprintf("%s %s: %s", side.sign, access.PrincipalsText(c.Principals, nil), text)
					if !yield(Line{side.change, c.Principals, c.IsEveryoneElse(), access.New(a), nil, text, a}) {
						return
					}
				}
			}
		}
	}
}

// changedNames returns the names in c, sorted. Parts may overlap.
func changedNames(c inspect.Change) inspect.NameSet {
	var names inspect.NameSet
	for _, a := range slices.Concat(c.Gained, c.Lost) {
		names = append(names, a.Names...)
	}
	slices.SortFunc(names, func(a, b inspect.NameRange) int { return strings.Compare(a.Name, b.Name) })
	return names
}

// nameIndex finds which of its parts share a name with a set, without scanning all
// parts. The parts may overlap.
type nameIndex struct {
	parts    inspect.NameSet            // sorted by name
	prefixes map[string]inspect.NameSet // the prefixes, by name
}

func newNameIndex(set inspect.NameSet) *nameIndex {
	i := &nameIndex{parts: set, prefixes: make(map[string]inspect.NameSet)}
	for _, n := range set {
		if n.Prefix {
			i.prefixes[n.Name] = append(i.prefixes[n.Name], n)
		}
	}
	return i
}

// overlaps reports whether a name of the set is in one of the parts. It does not detect
// that several exceptions together exclude a whole prefix.
func (i *nameIndex) overlaps(set inspect.NameSet) bool {
	return slices.ContainsFunc(set, i.overlapsPart)
}

func (i *nameIndex) overlapsPart(n inspect.NameRange) bool {
	for length := range len(n.Name) + 1 {
		for _, above := range i.prefixes[n.Name[:length]] {
			if !excepts(above, n) && (length < len(n.Name) || !excepts(n, above)) {
				return true
			}
		}
	}
	from, _ := slices.BinarySearchFunc(i.parts, n.Name, func(p inspect.NameRange, name string) int { return strings.Compare(p.Name, name) })
	for _, below := range i.parts[from:] {
		if below.Name != n.Name && !(n.Prefix && strings.HasPrefix(below.Name, n.Name)) {
			return false
		}
		if (n.Prefix || !below.Prefix) && !excepts(n, below) {
			return true
		}
	}
	return false
}

// excepts reports whether one exception of n contains all names of other, ignoring the
// exceptions of other.
func excepts(n, other inspect.NameRange) bool {
	return slices.ContainsFunc(n.Except, func(e inspect.NameRange) bool {
		if e.Prefix {
			return strings.HasPrefix(other.Name, e.Name)
		}
		return !other.Prefix && e.Name == other.Name
	})
}
