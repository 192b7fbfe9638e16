// Package report has the commands that judge a whole set of ACLs: report and lint.
package report

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// lint holds the flags of the command lint, which report has too.
type lint struct {
	acls           aclset.Flags
	principalTypes []string
}

// NewLint returns the command lint.
func NewLint() *cobra.Command {
	l := &lint{}
	cmd := cli.Command(l.run, &cobra.Command{
		Use:   "lint --acls FILE",
		Short: "Find ACLs that are not what they seem",
		Long: `lint finds ACLs that have no effect, that match nobody, that allow more than they seem
to, or that Kafka and its documentation treat differently. Each finding has the reason,
the other ACLs involved, and a fix.

An ACL is marked removable if and only if removing it changes no decision. This holds
for each ACL alone: run lint again after a removal.

With --output json each line is an object: "code", "acl", "removable", "reason", "mend"
(the fix) and "others" (the other ACLs involved).

Exit status: 0 no findings, 1 findings, 2 bad input or usage.`,
		Example: `  portcullis lint --acls acls.txt --super-users 'User:admin' --principal-type User --principal-type Group`,
	})
	l.addFlags(cmd)
	cli.AddOutput(cmd)
	return cmd
}

func (l *lint) addFlags(cmd *cobra.Command) {
	l.acls = aclset.AddFlags(cmd)
	cmd.Flags().StringArrayVar(&l.principalTypes, "principal-type", nil, "a `type` of principals that clients have; may be repeated (default User)")
}

// find returns the findings.
func (l *lint) find(cmd *cobra.Command, n *snapshot.Snapshot) ([]inspect.Finding, error) {
	bar := cli.NewProgress(cmd.ErrOrStderr(), "looking", cli.LongWait)
	defer bar.Finish()
	return inspect.Lint(n, inspect.LintOptions{PrincipalTypes: l.principalTypes, Progress: bar.Set})
}

func (l *lint) run(cmd *cobra.Command, out *cli.Output) error {
	n, err := l.acls.Read(out, nil, nil)
	if err != nil {
		return err
	}
	findings, err := l.find(cmd, n)
	if err != nil {
		return err
	}
	removable := make(map[acl.Binding]bool) // an ACL with several findings counts once
	for _, f := range findings {
		if f.Removable {
			removable[f.Binding] = true
		}
		out.Line(finding{string(f.Code), f.Binding, f.Removable, f.Reason, f.Fix, f.Others}, findingText(f))
	}
	out.Summarize("ACLs: %d, findings: %d, removable: %d\n", n.Len(), len(findings), len(removable))
	return cli.DeniedIf(len(findings) > 0)
}

// finding is a finding in JSON.
type finding struct {
	Code      string        `json:"code"`
	ACL       acl.Binding   `json:"acl"`
	Removable bool          `json:"removable"`
	Reason    string        `json:"reason"`
	Mend      string        `json:"mend"`
	Others    []acl.Binding `json:"others,omitempty"`
}

func findingText(f inspect.Finding) string {
	note := ""
	if f.Removable {
		note = " (removable)"
	}
	text := []string{string(f.Code) + ": " + cli.ACLText(f.Binding) + note, "  reason: " + f.Reason, "  fix: " + f.Fix}
	for _, o := range f.Others {
		text = append(text, "  other: "+cli.ACLText(o))
	}
	return strings.Join(text, "\n")
}
