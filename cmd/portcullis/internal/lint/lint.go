// Package lint has the command lint, which judges a whole set of ACLs.
package lint

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Flags are the flags of a command that looks for findings.
type Flags struct {
	ACLs           aclset.Flags
	principalTypes []string
}

// AddFlags adds the flags.
func (f *Flags) AddFlags(cmd *cobra.Command) {
	f.ACLs = aclset.AddFlags(cmd)
	cmd.Flags().StringArrayVar(&f.principalTypes, "principal-type", nil, "a `type` of principals that clients have; may be repeated (default User)")
}

// Find returns the findings, the most dangerous first.
func (f *Flags) Find(cmd *cobra.Command, n *snapshot.Snapshot) ([]inspect.Finding, error) {
	bar := cli.NewProgress(cmd.ErrOrStderr(), "looking", cli.LongWait)
	defer bar.Finish()
	return inspect.Lint(n, inspect.LintOptions{PrincipalTypes: f.principalTypes, Progress: bar.Set})
}

// command holds the flags of the command lint.
type command struct {
	Flags
	gate *Gate
}

const asSARIF = "sarif"

// New returns the command lint.
func New() *cobra.Command {
	l := &command{}
	cmd := cli.Command(l.run, &cobra.Command{
		Use:   "lint --acls FILE",
		Short: "Find ACLs that are not what they seem",
		Long: `lint finds ACLs that have no effect, that match nobody, that allow more than they seem
to, or that Kafka and its documentation treat differently. Findings have one of three
levels, and the most dangerous come first:

  error    somebody may do what the ACLs seem not to allow, or seem to deny
  warning  somebody is refused, or an ACL is not what it seems
  note     nothing is decided differently from what the ACL says

A mistake in a DENY is an error: what it was written to deny is not denied. Findings with
the same cause are printed together, with a fix, the ACLs, and the other ACLs involved.

An ACL is marked removable if and only if removing it changes no decision. This holds
for each ACL alone: run lint again after a removal.

With --output json each line is an object: "code", "level", "acl" or "superUser" (what it
is about), "removable", "reason", "mend" (the fix), "others" (the other ACLs involved) and
"roles" (the role bindings that the ACL comes from).
With --output sarif it is a log of SARIF 2.1.0, as code scanning reads it.

As a gate: --baseline names a file with an earlier output of lint -o json. Its findings
are known: they are counted and not printed, except in SARIF, and do not fail. --fail-on
is the least level at which a new finding fails.

Exit status: 0 no new findings of that level, 1 findings, 2 bad input or usage.`,
		Example: `  portcullis lint --acls acls.txt --super-users 'User:admin' --principal-type User --principal-type Group
  portcullis lint --acls acls.txt -o json > known.jsonl
  portcullis lint --acls acls.txt --baseline known.jsonl --fail-on warning -o sarif > lint.sarif`,
	})
	l.AddFlags(cmd)
	l.gate = AddGate(cmd)
	return cmd
}

func (l *command) run(cmd *cobra.Command, out *cli.Output) error {
	errUsage := l.gate.Check()
	config, err := l.ACLs.Check(out, errUsage, l.gate.Baseline())
	if err != nil {
		return err
	}
	known, errBaseline := l.gate.Known(cmd)
	l.ACLs.KeepOrigins()
	n, err := l.ACLs.LoadAll(out, config, errBaseline)
	if err != nil {
		return err
	}
	findings, err := l.Find(cmd, n)
	if err != nil {
		return err
	}
	items := make([]Item, len(findings))
	for i, f := range findings {
		items[i] = newItem(f, l.ACLs.Source)
	}
	return l.gate.Report(out, fmt.Sprintf("ACLs: %d", n.Len()), rules(), items, known)
}

// rules are those of findings about ACLs.
func rules() (list []Rule) {
	for _, code := range inspect.Codes() {
		list = append(list, Rule{string(code), code.Summary(), code.Level()})
	}
	return list
}

// newItem returns a finding about an ACL or a super user.
func newItem(f inspect.Finding, source *aclset.Source) Item {
	j := newFinding(f)
	if f.SuperUser == "" {
		if j.Roles = source.Roles(f.Binding); len(j.Roles) > 0 {
			f.Fix += "; it is there by a role: change the binding or the role, see iam lint"
			j.Mend = f.Fix
		}
	}
	item := Item{Code: j.Code, Level: f.Level, Removable: f.Removable, Reason: f.Reason, Fix: f.Fix, JSON: j}
	item.Identity = &known{Code: j.Code, ACL: j.ACL, SuperUser: j.SuperUser}
	if f.SuperUser != "" {
		item.Kind, item.About = "super user", lines.Printable(f.SuperUser)
		return item
	}
	item.Kind, item.About, item.File = "acl", source.ACLText(f.Binding), source.Origin(f.Binding)
	for _, o := range f.Others {
		item.Others = append(item.Others, source.ACLText(o))
	}
	return item
}

// finding is a finding in JSON.
type finding struct {
	Code      string        `json:"code"`
	Level     string        `json:"level"`
	ACL       *acl.Binding  `json:"acl,omitempty"`
	SuperUser string        `json:"superUser,omitempty"`
	Removable bool          `json:"removable"`
	Reason    string        `json:"reason"`
	Mend      string        `json:"mend"`
	Others    []acl.Binding `json:"others,omitempty"`
	// Roles are the role bindings that the ACL comes from.
	Roles []role.Binding `json:"roles,omitempty"`
}

func newFinding(f inspect.Finding) finding {
	j := finding{Code: string(f.Code), Level: f.Level.String(), SuperUser: f.SuperUser, Removable: f.Removable, Reason: f.Reason, Mend: f.Fix, Others: f.Others}
	if f.SuperUser == "" {
		j.ACL = &f.Binding
	}
	return j
}
