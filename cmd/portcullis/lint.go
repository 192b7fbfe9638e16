package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
)

// lint holds the flags of the command lint.
type lint struct {
	acls           *aclInput
	cluster        *clusterFlags
	principalTypes []string
	json           func() (bool, error)
}

func newLintCommand() *cobra.Command {
	l := &lint{}
	cmd := &cobra.Command{
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
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return l.run(cmd) },
	}
	l.acls = newACLInput(cmd)
	l.cluster = newClusterFlags(cmd)
	cmd.Flags().StringArrayVar(&l.principalTypes, "principal-type", nil, "a `type` of principals that clients have; may be repeated (default User)")
	l.json = outputFlag(cmd)
	return cmd
}

func (l *lint) run(cmd *cobra.Command) error {
	asJSON, errJSON := l.json()
	config, errConfig := l.cluster.config()
	if err := errors.Join(errJSON, errConfig, checkStandardInput(l.acls.files...)); err != nil {
		return err
	}
	store, err := l.acls.load(cmd.InOrStdin(), config)
	if err != nil {
		return err
	}
	n := store.Load()
	if err := l.cluster.refuseEmpty(n); err != nil {
		return err
	}
	bar := newWork(cmd.ErrOrStderr(), "looking")
	findings, err := inspect.Lint(n, inspect.LintOptions{PrincipalTypes: l.principalTypes, Progress: bar.set})
	bar.finish()
	if err != nil {
		return err
	}

	var out bytes.Buffer
	if err := writeFindings(&out, findings, asJSON); err != nil {
		return err
	}
	if _, err := out.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "ACLs: %d, findings: %d, removable: %d\n", n.Len(), len(findings), countRemovable(findings))
	if len(findings) > 0 {
		return errDenied
	}
	return nil
}

// countRemovable returns the number of removable ACLs. An ACL with several findings
// counts once.
func countRemovable(findings []inspect.Finding) int {
	removable := make(map[acl.Binding]struct{})
	for _, f := range findings {
		if f.Removable {
			removable[f.Binding] = struct{}{}
		}
	}
	return len(removable)
}

// findingObject is a finding in JSON.
type findingObject struct {
	Code      string        `json:"code"`
	ACL       acl.Binding   `json:"acl"`
	Removable bool          `json:"removable"`
	Reason    string        `json:"reason"`
	Mend      string        `json:"mend"`
	Others    []acl.Binding `json:"others,omitempty"`
}

func writeFindings(out *bytes.Buffer, findings []inspect.Finding, asJSON bool) error {
	encoder := newLineEncoder(out)
	for _, f := range findings {
		if asJSON {
			if err := encoder.Encode(findingObject{string(f.Code), f.Binding, f.Removable, f.Reason, f.Fix, f.Others}); err != nil {
				return err
			}
			continue
		}
		note := ""
		if f.Removable {
			note = " (removable)"
		}
		fmt.Fprintf(out, "%s: %s%s\n  reason: %s\n  fix: %s\n", f.Code, aclText(f.Binding), note, f.Reason, f.Fix)
		for _, o := range f.Others {
			fmt.Fprintf(out, "  other: %s\n", aclText(o))
		}
	}
	return nil
}
